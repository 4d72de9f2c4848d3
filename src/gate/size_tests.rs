//! How far doubts reach: what is judged in spite of them.

use std::path::Path;

use super::tests::judged;
use super::trust_tests::allowing;
use super::*;
use crate::metrics::{Outcome as Ended, Times};
use crate::result::samples::{concluded, ok, phase};
use crate::result::{Answering, Quiet, Round};
use crate::scenario::{self, Arrivals, LoadModel, Overrides, Pace};
use crate::units::Rate;

/// Whether a threshold holds in spite of doubts, by its interval and by its value.
#[track_caller]
fn check(phase: &PhaseResult, expr: &str, expected: [Verdict; 2]) {
    let found = [Judge::Interval, Judge::Value].map(|judge| {
        let threshold = Threshold {
            judge,
            allow_untrusted: false,
            ..allowing(expr)
        };
        judged(&threshold, phase)
    });
    let verdicts = [found[0].verdict, found[1].verdict];
    assert_eq!(verdicts, expected, "{expr}: {found:?}");
}

#[test]
fn a_backlog_is_the_targets_though_requests_were_sent_a_little_late() {
    use Verdict::{Fail, Inconclusive};
    let of = |queue_ns: u64, lag_ns: u64, service_ns: u64| {
        let mut phase = phase(|tally| {
            for _ in 0..1_000 {
                let sent = queue_ns + lag_ns;
                let times = Times {
                    intended: 0,
                    startable: queue_ns,
                    sent,
                    done: sent + service_ns,
                };
                tally.record(Ended::Ok { status: 200 }, times, u64::MAX);
            }
        });
        phase.load.connections = 10;
        phase.load.model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(500.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        phase
    };
    const MS: u64 = 1_000_000;
    // 100 requests on each connection, each of which was 1.6 ms late: 160 ms of 3 s.
    let backlog = of(2_900 * MS, 1_600_000, 100 * MS);
    check(&backlog, "latency.p50 < 1s", [Fail; 2]);
    check(&backlog, "latency.p99 < 2.5s", [Inconclusive, Fail]);
    check(&backlog, "latency.p99 < 2.9s", [Inconclusive; 2]);
    // Nobody waited for a connection: what was sent late before is nothing to a request.
    let slow = of(0, 20 * MS, 500 * MS);
    check(&slow, "latency.p50 < 50ms", [Fail; 2]);
    check(&slow, "latency.p50 < 490ms", [Inconclusive; 2]);
    // Half of it is the generator's.
    let late = of(0, 50 * MS, 50 * MS);
    check(&late, "latency.p50 < 60ms", [Inconclusive; 2]);
    check(&late, "latency.p50 < 30ms", [Inconclusive; 2]);
}

#[test]
fn a_stop_moves_latencies_by_its_length_and_no_further() {
    use Verdict::{Fail, Inconclusive, Pass};
    let of = |how: &dyn Fn(&mut Round)| {
        let mut phase = phase(|tally| ok(tally, 400, 502_000));
        phase.load.connections = 100;
        how(&mut phase.rounds[0]);
        phase
    };
    let stopped = of(&|round| round.stopped_seconds = Some(0.06));
    check(&stopped, "latency.p50 < 50ms", [Fail; 2]);
    check(&stopped, "latency.p50 < 600ms", [Inconclusive, Pass]);
    check(&stopped, "latency.p50 < 480ms", [Inconclusive; 2]);
    check(&stopped, "latency.p50 > 200ms", [Pass; 2]);
    // The worker waited for 500 ms of 2 s: no more than so many requests can have met a large part of that.
    let waited = of(&|round| round.worker_wait = Some(0.25));
    check(&waited, "latency.p50 < 50ms", [Fail; 2]);
    check(&waited, "latency.p50 < 300ms", [Inconclusive; 2]);
    let saturated = of(&|round| round.busiest_worker = Some(0.97));
    check(&saturated, "latency.p50 < 50ms", [Inconclusive; 2]);
}

#[test]
fn what_a_stall_hides_of_a_percentile_is_its_share_of_the_time() {
    use Verdict::{Inconclusive, Pass};
    let mut stalled = phase(|tally| ok(tally, 4_000, 1_000));
    stalled.rounds[0].answerings.whole = Answering {
        window: 2.0,
        answered: 1.8,
        stall: Some(Quiet {
            from: 0.5,
            seconds: 0.2,
        }),
        ..Answering::default()
    };
    check(&stalled, "latency.p50 < 5ms", [Pass; 2]);
    check(&stalled, "latency.p95 < 5ms", [Inconclusive; 2]);
}

#[test]
fn throughput_is_judged_by_what_doubts_can_have_cost() {
    use Verdict::{Fail, Inconclusive};
    let of = |how: &dyn Fn(&mut Round)| {
        let mut phase = phase(|tally| ok(tally, 10_000, 100));
        how(&mut phase.rounds[0]);
        phase
    };
    // 5,000/s and an interval of ±14 %.
    let waited = of(&|round| round.worker_wait = Some(0.2));
    check(&waited, "throughput >= 20000/s", [Fail; 2]);
    check(&waited, "throughput >= 6000/s", [Inconclusive; 2]);
    check(&waited, "throughput >= 6500/s", [Inconclusive, Fail]);
    // All of what a host took of two CPUs may have been that of one.
    let stolen = of(&|round| round.steal_share = Some(0.6));
    check(&stolen, "throughput >= 20000/s", [Inconclusive; 2]);
}

/// What a neighbour may do to the shipped main job, and what it must not be called.
#[test]
fn the_main_job_never_fails_because_of_a_neighbour() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/200-to-20000.toml");
    let plan = scenario::load(&path, &Overrides::default()).unwrap();
    for neighbour_cores in [0.2, 0.5, 1.0, 3.0] {
        for planned in &plan.variants[1].phases {
            let mut phase = phase(|tally| {
                // A tenth waited for the neighbour's slices.
                ok(tally, 9_000, 2_000);
                ok(tally, 1_000, 20_000);
            });
            phase.name.clone_from(&planned.name);
            phase.load = planned.load.clone();
            phase.rounds[0].neighbour_cores = Some(neighbour_cores);
            // 70 µs a request.
            phase.rounds[0].target_cpu_seconds = Some(0.7);
            phase.rounds[0].seconds = planned.load.duration.as_secs_f64();
            phase.tallies[0].completed_ok = match planned.name.as_str() {
                "capacity" => 31 * 19_000,
                _ => 10_000,
            };
            let phase = concluded(phase);
            let thresholds = &plan.thresholds;
            for threshold in thresholds
                .iter()
                .filter(|of| of.looks_at("after", &phase.name))
            {
                if matches!(threshold.expr.metric, Metric::Share(_) | Metric::Cost(_)) {
                    continue;
                }
                let found = judged(threshold, &phase);
                assert_ne!(found.verdict, Verdict::Fail, "{found:?}");
            }
        }
    }
}
