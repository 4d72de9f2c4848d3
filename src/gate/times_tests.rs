//! Percentiles, parts of latency and kinds of failures with known counts.

use super::tests::{by_value, verdict};
use super::*;
use crate::metrics::ErrorKind;
use crate::result::Tail;
use crate::result::samples::{failed, ok, phase};

#[test]
fn a_percentile_is_judged_by_how_many_requests_are_beyond_the_limit() {
    use Verdict::{Fail, Inconclusive, Pass};
    let of = |slow: u64, count: u64, inflation: Option<f64>| {
        let mut phase = phase(|tally| {
            ok(tally, count - slow, 1_000);
            ok(tally, slow, 20_000);
        });
        let tails = inflation.map(|inflation| Tail {
            limit_us: 10_000.0,
            inflation,
            bursts: None,
        });
        phase.rounds[0].tails = tails.into_iter().collect();
        let found = verdict(&phase, "latency.p99 < 10ms");
        assert_eq!(
            by_value(&phase, "latency.p99 < 10ms"),
            if slow * 100 < count { Pass } else { Fail }
        );
        (found.verdict, found.reason.unwrap_or_default())
    };
    assert_eq!(of(0, 1_000, None).0, Pass);
    assert_eq!(of(50, 10_000, None).0, Pass);
    assert_eq!(of(90, 10_000, None).0, Inconclusive);
    assert_eq!(of(150, 10_000, None).0, Fail);
    // The same counts, which come in bursts.
    let (found, reason) = of(50, 10_000, Some(6.0));
    assert_eq!(found, Inconclusive);
    assert!(
        reason.contains("0.5 % of 10,000 requests took longer than 10 ms, 95 % interval 0 % to ")
            && reason.contains(", and 1 % may"),
        "{reason}"
    );
    assert_eq!(of(150, 10_000, Some(6.0)).0, Inconclusive);
    // Of too few requests a percentile is not known, but that it is far beyond the limit is.
    let (found, reason) = of(0, 200, None);
    assert_eq!(found, Inconclusive);
    assert!(
        reason.starts_with("200 requests are too few to judge it: 368 or more tell"),
        "{reason}"
    );
    assert_eq!(of(100, 200, None).0, Fail);
    // What the machine's speed may have done is no verdict, and a maximum is one of what was seen.
    let phase = phase(|tally| ok(tally, 1_000, 950));
    assert_eq!(verdict(&phase, "latency.p50 < 1ms").verdict, Inconclusive);
    assert_eq!(verdict(&phase, "latency.p50 < 1.2ms").verdict, Pass);
    assert_eq!(verdict(&phase, "latency.p50 > 700us").verdict, Pass);
    assert_eq!(verdict(&phase, "latency.max < 1ms").verdict, Pass);
}

#[test]
fn a_tail_of_few_bursts_is_judged_by_their_number() {
    use Verdict::{Fail, Inconclusive, Pass};
    let of = |slow: u64, bursts: Option<usize>| {
        let mut phase = phase(|tally| {
            ok(tally, 10_000 - slow, 1_000);
            ok(tally, slow, 20_000);
        });
        phase.rounds[0].tails = vec![Tail {
            limit_us: 10_000.0,
            inflation: 1.0,
            bursts,
        }];
        verdict(&phase, "latency.p99 < 10ms")
    };
    // 0.5 % and 2 % of the requests, and 1 % may.
    assert_eq!(of(50, None).verdict, Pass);
    assert_eq!(of(200, None).verdict, Fail);
    for bursts in 1..5 {
        assert_eq!(of(50, Some(bursts)).verdict, Inconclusive, "{bursts}");
        assert_eq!(of(200, Some(bursts)).verdict, Inconclusive, "{bursts}");
    }
    let reason = of(50, Some(2)).reason.unwrap();
    let says =
        "they come in 2 bursts, and fewer than 5 tell no part: measure 3 times as long or longer";
    assert!(reason.contains(says), "{reason}");
    assert_eq!(of(50, Some(5)).verdict, Pass);
    // Not even five times as many would be too many.
    assert_eq!(of(10, Some(1)).verdict, Pass);
    assert_eq!(of(9_000, Some(1)).verdict, Fail);
}

#[test]
fn a_tail_of_unanswered_requests_can_fail_a_threshold_but_not_pass_it() {
    let phase = phase(|tally| {
        ok(tally, 90, 100);
        failed(tally, 10, ErrorKind::Timeout);
    });
    assert_eq!(verdict(&phase, "latency.p50 < 1ms").verdict, Verdict::Pass);
    assert_eq!(verdict(&phase, "latency.p99 < 1ms").verdict, Verdict::Fail);
    let judgement = verdict(&phase, "latency.p99 < 5s");
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.reason.unwrap().contains("lower bound"));
}

#[test]
fn a_first_byte_that_never_came_is_beyond_those_that_did() {
    let of = |record: fn(&mut Tally)| {
        phase(|tally| {
            ok(tally, 90, 100);
            (0..90).for_each(|_| tally.record_first_byte(100_000));
            record(tally);
        })
    };
    let timed_out = of(|tally| failed(tally, 10, ErrorKind::Timeout));
    for (expr, expected) in [
        ("first_byte.p50 < 1ms", Verdict::Pass),
        ("first_byte.p99 < 500ms", Verdict::Fail),
        ("first_byte.p99 < 5s", Verdict::Inconclusive),
        ("first_byte.max < 500ms", Verdict::Fail),
    ] {
        assert_eq!(verdict(&timed_out, expr).verdict, expected, "{expr}");
    }
    let reason = verdict(&timed_out, "first_byte.p99 < 5s").reason.unwrap();
    assert!(reason.contains("lower bound"), "{reason}");
    // What was never sent waited for no byte.
    let unsent = of(|tally| (0..10).for_each(|_| tally.record_not_sent(9_000_000_000)));
    let verdicts = ["first_byte.p50 < 1ms", "first_byte.p99 < 500ms"].map(|expr| {
        let judgement = verdict(&unsent, expr);
        judgement.verdict
    });
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Inconclusive]);
}

#[test]
fn parts_of_latency_and_kinds_of_failures_are_judged_by_what_was_counted() {
    use Verdict::{Fail, Inconclusive, Pass};
    let mut phase = phase(|tally| {
        ok(tally, 970, 2_000);
        failed(tally, 20, ErrorKind::Status);
        failed(tally, 10, ErrorKind::Timeout);
        tally.status.insert(503, 15);
        tally.status.insert(500, 5);
        tally.dispatch_lag.record_n(300_000, 10_000).unwrap();
        tally.queue_wait.record_n(40_000_000, 10_000).unwrap();
    });
    for (expr, expected) in [
        ("service_time.p50 < 3ms", Pass),
        ("service_time.p50 < 1ms", Fail),
        ("queue_wait.p99 < 50ms", Pass),
        ("queue_wait.p99 < 30ms", Fail),
        ("dispatch_lag.p99 < 1ms", Pass),
        ("dispatch_lag.p99 < 100us", Fail),
        ("errors.status < 5%", Pass),
        ("errors.status < 0.5%", Fail),
        ("errors.status < 2.1%", Inconclusive),
        ("errors.status == 20", Pass),
        ("errors.status_503 <= 15", Pass),
        ("errors.status_503 < 15", Fail),
        ("errors.status_502 == 0", Pass),
        ("errors.tls == 0", Pass),
        ("timeouts == 0", Fail),
        ("timeouts <= 10", Pass),
        ("errors.timeout < 0.1%", Fail),
    ] {
        let found = verdict(&phase, expr);
        assert_eq!(found.verdict, expected, "{expr}: {found:?}");
    }
    // A stopped generator explains time-outs, and its lag is what it is.
    phase.rounds[0].stopped_seconds = Some(1.0);
    for (expr, expected) in [
        ("timeouts == 0", Inconclusive),
        ("errors.timeout < 0.1%", Inconclusive),
        ("errors.status == 0", Fail),
        ("dispatch_lag.p99 < 100us", Fail),
        ("queue_wait.p99 < 30ms", Inconclusive),
        ("service_time.p50 < 1ms", Inconclusive),
    ] {
        let found = verdict(&phase, expr);
        assert_eq!(found.verdict, expected, "{expr}: {found:?}");
    }
    // What never ended may have failed in any way.
    (0..30).for_each(|_| phase.tallies[0].record_not_sent(1));
    assert_eq!(verdict(&phase, "errors.tls == 0").verdict, Inconclusive);
}
