//! What is left of a finding, by what disturbed which side.

use super::*;
use crate::compare::change::Metric;
use crate::compare::metrics::{Apart, Between, RoundFigures, measured};
use crate::result::{Cause, Estimates, TrustLevel, Uncertainty};
use crate::statistics::Family;

/// Three launches of a side with these figures.
fn rounds(throughput: f64, us_per_request: f64, latency_us: f64) -> Vec<RoundFigures> {
    let round = |(off, round): (f64, u32)| RoundFigures {
        ratio_errors: None,
        round,
        whole: Estimates {
            throughput_rps: Some(throughput * off),
            us_per_request: Some(us_per_request * off),
            p50_us: Some(latency_us * off),
            p99_us: Some(latency_us * 2.0 * off),
        },
        uncertainty: Uncertainty::default(),
    };
    [(0.999, 1), (1.0, 2), (1.001, 3)].map(round).into()
}

/// Each figure judged alone.
fn metrics(
    base: &[RoundFigures],
    head: &[RoundFigures],
    doubtful: &Doubtful<'_>,
) -> Vec<MetricChange> {
    let between = Between {
        apart: Apart::Rounds,
        speed: None,
    };
    let measured = measured(base, head, between).into_iter();
    measured
        .map(|figure| doubtful.judge(figure.judged(&Family::of([figure.p()]))))
        .collect()
}

fn trust(causes: &[(Cause, Option<f64>)]) -> Trust {
    let doubts = causes.iter().map(|&(cause, share)| Doubt {
        cause,
        share,
        words: String::new(),
    });
    Trust {
        doubts: doubts.collect(),
    }
}

type Causes<'a> = &'a [(Cause, Option<f64>)];

/// What is found of two sides of which the head has twice the figures of the base, and the other way round.
fn twice(
    metric: Metric,
    base: Causes<'_>,
    head: Causes<'_>,
    untrusted: Untrusted,
) -> [MetricChange; 2] {
    let (base, head) = (trust(base), trust(head));
    let doubtful = Doubtful {
        trust: (&base, &head),
        cpus: (2, 2),
        untrusted,
    };
    let (one, two) = (rounds(100.0, 10.0, 1_000.0), rounds(200.0, 20.0, 2_000.0));
    let of = |base: &[RoundFigures], head: &[RoundFigures]| {
        let found = metrics(base, head, &doubtful).into_iter();
        found
            .clone()
            .find(|change| change.metric == metric)
            .unwrap()
    };
    [of(&one, &two), of(&two, &one)]
}

#[test]
fn a_finding_is_judged_where_the_doubt_cannot_explain_it() {
    let unstated = Cause::Unstated(TrustLevel::Suspect);
    for cause in Cause::ALL.into_iter().chain([unstated]) {
        for metric in Metric::ALL {
            let bias = cause.bias(metric.figure());
            let doubt: Causes<'_> = &[(cause, None)];
            // Whether "the head is higher" and "the head is lower" are judged.
            let cases = [
                (doubt, &[] as Causes<'_>, [!bias.lower, !bias.higher]),
                (&[], doubt, [!bias.higher, !bias.lower]),
                (doubt, doubt, [!bias.is_any(); 2]),
                (&[], &[], [true; 2]),
            ];
            for (base, head, judged) in cases {
                let found = twice(metric, base, head, Untrusted::NotJudged);
                let trusted = twice(metric, &[], &[], Untrusted::NotJudged);
                let allowed = twice(metric, base, head, Untrusted::Allowed);
                for at in 0..2 {
                    let which = format!("{cause:?} {metric:?} {base:?} {head:?} {at}");
                    let (found, trusted, allowed) = (&found[at], &trusted[at], &allowed[at]);
                    assert_ne!(trusted.finding, Finding::NotDetected, "{which}");
                    let expected = if judged[at] {
                        trusted.finding
                    } else {
                        Finding::NotJudged
                    };
                    assert_eq!(found.finding, expected, "{which}");
                    assert_eq!(found.doubts.is_empty(), judged[at], "{which}");
                    assert!(found.doubts.iter().all(|doubt| doubt.cause == cause));
                    assert_eq!(allowed.finding, trusted.finding, "{which}");
                    assert_eq!(allowed.doubts, found.doubts, "{which}");
                    // What was measured is what was measured.
                    assert_eq!(
                        (found.ratio, found.interval),
                        (trusted.ratio, trusted.interval)
                    );
                }
            }
        }
    }
}

#[test]
fn a_head_that_is_faster_than_a_disturbed_base_is_not_judged() {
    let base: Causes<'_> = &[(Cause::Stopped, Some(0.6))];
    let [faster, _] = twice(Metric::Throughput, base, &[], Untrusted::NotJudged);
    assert_eq!(faster.finding, Finding::NotJudged);
    let doubt = DoubtedSide {
        side: "base",
        cause: Cause::Stopped,
    };
    assert_eq!(faster.doubts, [doubt]);
    // The other way round it would have been still faster.
    let [faster, slower] = twice(Metric::Throughput, &[], base, Untrusted::NotJudged);
    assert_eq!(faster.finding, Finding::Better);
    assert_eq!(slower.finding, Finding::NotJudged);
}

#[test]
fn a_change_beyond_what_a_doubt_can_explain_is_found() {
    let of = |cause, base: Option<f64>, head: Option<f64>| {
        let (base, head) = ([(cause, base)], [(cause, head)]);
        twice(Metric::Throughput, &base, &head, Untrusted::NotJudged).map(|change| change.finding)
    };
    let wait = Cause::WaitedForCpu;
    // A quarter more on either side is no factor of two.
    assert_eq!(
        of(wait, Some(0.2), Some(0.2)),
        [Finding::Better, Finding::Worse]
    );
    // Three times as much on the base's would be.
    assert_eq!(
        of(wait, Some(0.67), Some(0.2)),
        [Finding::NotJudged, Finding::Worse]
    );
    // Together they may be: doubts of one side add up.
    let base = [(wait, Some(0.2)), (Cause::Steal, Some(0.2))];
    let [faster, slower] = twice(Metric::Throughput, &base, &[], Untrusted::NotJudged);
    assert_eq!(
        (faster.finding, faster.doubts.len()),
        (Finding::NotJudged, 2)
    );
    assert_eq!((slower.finding, slower.doubts.len()), (Finding::Worse, 0));
    // A client that sets the pace may hide any factor, and percentiles have no bound.
    assert_eq!(
        of(Cause::WorkerSaturated, Some(0.96), None)[0],
        Finding::NotJudged
    );
    let [_, faster] = twice(
        Metric::P99,
        &[(wait, Some(0.11))],
        &[],
        Untrusted::NotJudged,
    );
    assert_eq!(faster.finding, Finding::NotJudged);
}

#[test]
fn what_is_not_detected_names_the_doubts_that_could_hide_it() {
    let same = rounds(100.0, 10.0, 1_000.0);
    let (base, head) = (trust(&[(Cause::Steal, Some(0.1))]), trust(&[]));
    let doubtful = Doubtful {
        trust: (&base, &head),
        cpus: (2, 2),
        untrusted: Untrusted::NotJudged,
    };
    for change in metrics(&same, &same, &doubtful) {
        assert_eq!(
            (change.finding, change.doubts.len()),
            (Finding::NotDetected, 1)
        );
    }
}
