//! What doubts about a phase do to its thresholds, and to the run.

use std::path::Path;

use super::tests::{judged, verdict};
use super::*;
use crate::metrics::ErrorKind;
use crate::profile::Profile;
use crate::result::samples::{concluded, failed, ok, phase, run};
use crate::result::{Answering, Cause, Figure, Gone, ProfileResult, Quiet, Samples};
use crate::scenario::{self, Arrivals, Judge, LoadModel, Overrides, Pace};
use crate::units::Rate;

/// A phase in which one cause is at work, and in which every figure is known.
fn doubtful(cause: Cause) -> PhaseResult {
    let mut phase = phase(|tally| {
        ok(tally, 900, 1_500);
        failed(tally, 40, ErrorKind::Timeout);
        failed(tally, 60, ErrorKind::Reset);
    });
    let mut of_profile = profile(&[("f", 50), ("g", 50)], 1_000.0);
    match cause {
        Cause::Steal => of_profile.steal_share = Some(0.1),
        Cause::Neighbour => of_profile.neighbour_cores = Some(0.3),
        _ => {}
    }
    phase.profile = Some(of_profile);
    let round = &mut phase.rounds[0];
    match cause {
        Cause::WorkerSaturated => round.busiest_worker = Some(0.97),
        Cause::WorkerBusy => round.busiest_worker = Some(0.9),
        Cause::WaitedForCpu => round.worker_wait = Some(0.3),
        Cause::Stopped => round.stopped_seconds = Some(1.0),
        Cause::Throttled => round.throttled_seconds = Some(1.0),
        Cause::Steal => round.steal_share = Some(0.1),
        Cause::Neighbour => round.neighbour_cores = Some(0.3),
        Cause::LateReadings => round.missed_share = Some(0.5),
        Cause::Stalled => {
            round.answerings.whole = Answering {
                window: 2.0,
                stall: Some(Quiet {
                    from: 0.5,
                    seconds: 1.2,
                }),
                ..Answering::default()
            };
        }
        Cause::LostTime => round.answerings.lost_share = Some(0.9),
        Cause::Gone => {
            round.answerings.whole = Answering {
                window: 2.0,
                gone: Some(Gone {
                    from: 1.5,
                    answers: false,
                }),
                ..Answering::default()
            };
        }
        Cause::RequestGone => {
            round.answerings.requests = vec![Answering {
                window: 2.0,
                gone: Some(Gone {
                    from: 0.0,
                    answers: true,
                }),
                ..Answering::default()
            }];
        }
        Cause::SentLate => {
            phase.load.model = LoadModel::Open {
                pace: Pace::Constant(Rate::new(500.0).unwrap()),
                arrivals: Arrivals::Constant,
            };
            phase.tallies[0]
                .dispatch_lag
                .record_n(5_000_000, 50)
                .unwrap();
        }
        Cause::Skewed | Cause::Unstated(_) => {
            unreachable!("a phase that was measured has stated reasons")
        }
    }
    phase
}

#[test]
fn a_cost_is_doubted_by_what_disturbed_the_profiled_phase_alone() {
    let judged = |of_window: Option<f64>, of_profile: Option<f64>| {
        let mut phase = doubtful(Cause::Stopped);
        phase.rounds[0].steal_share = of_window;
        phase.profile.as_mut().unwrap().steal_share = of_profile;
        verdict(&phase, "cost(\"^f$\") < 1us").verdict
    };
    assert_eq!(judged(Some(0.2), Some(0.0)), Verdict::Fail);
    assert_eq!(judged(Some(0.0), Some(0.2)), Verdict::Inconclusive);
}

/// A profile of functions with these shares, per cent.
fn profile(shares: &[(&str, u64)], us_per_request: f64) -> ProfileResult {
    let mut profile = Profile::new("cpu", "nanoseconds", 10_000_000);
    for &(function, share) in shares {
        let samples = share * 10;
        profile
            .add([function], samples, samples * 10_000_000)
            .unwrap();
    }
    ProfileResult {
        samples: profile.samples(),
        slices: 0,
        taken: Some(Samples::of(profile.into())),
        hz: 99,
        capture_ratio: None,
        us_per_request: Some(us_per_request),
        throughput_rps: Some(1.0),
        steal_share: None,
        neighbour_cores: None,
        us_error: 0.0,
        launches: Vec::new(),
        also: Vec::new(),
        by_request: Vec::new(),
    }
}

/// Thresholds on each figure that hold and fail, in both directions: below and above what is found.
const AROUND: [(Figure, [&str; 4]); 6] = [
    (
        Figure::Latency,
        [
            "latency.p50 < 9ms",
            "latency.p50 < 1ms",
            "latency.p50 > 1ms",
            "latency.p50 >= 9ms",
        ],
    ),
    (
        Figure::ErrorRate,
        [
            "errors.rate < 20%",
            "errors.rate <= 7%",
            "errors.rate > 7%",
            "errors.rate > 20%",
        ],
    ),
    (
        Figure::Throughput,
        [
            "throughput < 550/s",
            "throughput <= 100/s",
            "throughput > 100/s",
            "throughput >= 550/s",
        ],
    ),
    (
        Figure::CpuPerRequest,
        [
            "cpu_per_request < 900us",
            "cpu_per_request < 450us",
            "cpu_per_request >= 450us",
            "cpu_per_request > 900us",
        ],
    ),
    (
        Figure::Share,
        [
            "share(\"^f$\") < 90%",
            "share(\"^f$\") < 10%",
            "share(\"^f$\") > 10%",
            "share(\"^f$\") > 90%",
        ],
    ),
    (
        Figure::Cost,
        [
            "cost(\"^f$\") < 900us",
            "cost(\"^f$\") < 100us",
            "cost(\"^f$\") > 100us",
            "cost(\"^f$\") > 900us",
        ],
    ),
];

#[test]
fn a_threshold_is_judged_where_the_doubt_cannot_explain_it() {
    use Verdict::{Fail, Inconclusive, Pass};
    // That of shards is concluded where they are merged.
    let causes = Cause::ALL.into_iter().filter(|of| *of != Cause::Skewed);
    for cause in causes {
        let phase = doubtful(cause);
        for (figure, expressions) in AROUND {
            let bias = cause.bias(figure);
            // Upper limits that hold and fail, lower limits that hold and fail.
            let expected = match (bias.higher, bias.lower) {
                (false, false) => [Pass, Fail, Pass, Fail],
                (true, false) => [Pass, Inconclusive, Inconclusive, Fail],
                (false, true) => [Inconclusive, Fail, Pass, Inconclusive],
                (true, true) => [Inconclusive; 4],
            };
            for (expr, expected) in expressions.into_iter().zip(expected) {
                let found = verdict(&phase, expr);
                let reason = found.reason.unwrap_or_default();
                assert_eq!(found.verdict, expected, "{cause:?}: {expr}: {reason}");
                let is_doubted = expected == Inconclusive;
                assert_eq!(
                    found.doubts,
                    if is_doubted {
                        vec![cause.code()]
                    } else {
                        vec![]
                    }
                );
                let says = format!(
                    "not judged: the phase is {} ({}), which can make ",
                    cause.level(),
                    cause.code()
                );
                assert_eq!(reason.contains(&says), is_doubted, "{reason}");
                let allowed = judged(&allowing(expr), &phase);
                let reason = allowed.reason.unwrap_or_default();
                assert_ne!(allowed.verdict, Inconclusive, "{reason}");
                let says = format!(
                    "judged by `allow_untrusted` although the phase is {}",
                    cause.level()
                );
                assert_eq!(reason.contains(&says), is_doubted, "{reason}");
            }
        }
    }
}

pub(super) fn allowing(expr: &str) -> Threshold {
    Threshold {
        expr: Expression::parse(expr).unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent: false,
        allow_untrusted: true,
        judge: Judge::Interval,
        line: None,
        abort: None,
    }
}

#[test]
fn a_request_that_is_gone_makes_no_threshold_of_one_request_doubtful() {
    let of_one = Threshold {
        request: Some("telemetry".to_owned()),
        allow_untrusted: false,
        ..allowing("errors.rate < 20%")
    };
    let phase = doubtful(Cause::RequestGone);
    assert_eq!(judged(&of_one, &phase).verdict, Verdict::Pass);
}

#[test]
fn a_late_generator_explains_time_outs_and_no_other_failure() {
    let late = |kinds: &[(ErrorKind, u64)]| {
        let mut phase = phase(|tally| {
            ok(tally, 900, 100);
            for &(kind, count) in kinds {
                failed(tally, count, kind);
            }
        });
        phase.rounds[0].stopped_seconds = Some(1.0);
        verdict(&phase, "errors.rate < 1%").verdict
    };
    let (timeout, prerequisite) = (ErrorKind::Timeout, ErrorKind::Prerequisite);
    assert_eq!(late(&[(timeout, 100)]), Verdict::Inconclusive);
    assert_eq!(
        late(&[(ErrorKind::ConnectTimeout, 100)]),
        Verdict::Inconclusive
    );
    assert_eq!(late(&[(ErrorKind::Status, 100)]), Verdict::Fail);
    assert_eq!(
        late(&[(timeout, 50), (ErrorKind::Reset, 50)]),
        Verdict::Fail
    );
    // What needs an answer that came too late was not sent either.
    assert_eq!(late(&[(prerequisite, 100)]), Verdict::Fail);
    let both = [(timeout, 5), (prerequisite, 95)];
    assert_eq!(late(&both), Verdict::Inconclusive);
}

#[test]
fn a_doubt_adds_to_what_is_uncertain_already() {
    let mut phase = phase(|tally| {
        ok(tally, 90, 100);
        failed(tally, 10, ErrorKind::Timeout);
    });
    phase.rounds[0].busiest_worker = Some(0.97);
    // A lower bound that is above the limit fails, unless the generator may have made it that high.
    let found = verdict(&phase, "latency.p99 < 1ms");
    assert_eq!(found.verdict, Verdict::Inconclusive);
    let reason = found.reason.unwrap();
    assert!(reason.contains("lower bound; not judged: "), "{reason}");
    // What could not be judged anyway is not the doubt's doing.
    let found = verdict(&phase, "latency.p99 < 5s");
    assert_eq!(
        (found.verdict, found.doubts.len()),
        (Verdict::Inconclusive, 0)
    );
    // A pattern without a function is wrong whatever disturbed the phase.
    let found = verdict(&doubtful(Cause::LateReadings), "cost(\"^gone$\") < 1us");
    assert_eq!(found.verdict, Verdict::Fail);
}

#[test]
fn an_untrusted_run_ends_by_what_could_be_judged() {
    let code = |exprs: &[&str], allow_untrusted| {
        let thresholds: Vec<_> = exprs
            .iter()
            .map(|expr| Threshold {
                allow_untrusted,
                ..allowing(expr)
            })
            .collect();
        let result = run(doubtful(Cause::WorkerSaturated), None);
        let variant = &result.variants[0];
        let phase = &variant.phases[0];
        let judged = judge(&thresholds, variant, phase, &phase.total(), 2);
        outcome(&result, &judged, false).exit_code()
    };
    let (holds, fails) = ("throughput > 100/s", "throughput > 900/s");
    assert_eq!(code(&[holds], false), 0);
    assert_eq!(code(&[fails], false), 3);
    assert_eq!(code(&[fails], true), 1);
    // What fails beyond doubt fails the run.
    assert_eq!(code(&[fails, "cpu_per_request < 1us"], false), 1);
}

#[test]
fn a_planned_rate_that_was_not_sent_is_the_targets_unless_a_busy_machine_explains_it() {
    let ended = |sent: u64, how: &dyn Fn(&mut crate::result::Round)| {
        let mut phase = phase(|tally| {
            ok(tally, sent, 100);
            (sent..1_000).for_each(|_| tally.record_not_sent(1));
        });
        phase.load.model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(500.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        how(&mut phase.rounds[0]);
        let result = run(phase, None);
        let found = outcome(&result, &[], false);
        let reasons = found.reasons(&result, &Vec::new()).join("; ");
        (found.exit_code(), reasons)
    };
    let stopped = |sent, seconds| ended(sent, &|round| round.stopped_seconds = Some(seconds));
    let (code, reasons) = stopped(700, 0.0);
    assert!(code == 4 && !reasons.contains("the generator"), "{reasons}");
    let says = "; the generator itself may have been in the way (stopped)";
    for (seconds, code) in [(0.2, 4), (0.6, 3)] {
        let (found, reasons) = stopped(700, seconds);
        assert_eq!(found, code, "{seconds}: {reasons}");
        let begins = "v, load: only 70.0 % of the planned requests could be sent in time";
        assert!(
            reasons.starts_with(begins) && reasons.ends_with(says),
            "{reasons}"
        );
    }
    let crowded = |sent| ended(sent, &|round| round.neighbour_cores = Some(1.5)).0;
    assert_eq!([crowded(400), crowded(100)], [3, 4]);
}

/// The shipped main job measures with generator and gateway on the same two cores, where a worker waits for a CPU.
#[test]
fn the_main_job_passes_although_its_phases_are_suspect() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/200-to-20000.toml");
    let plan = scenario::load(&path, &Overrides::default()).unwrap();
    let mut judgements = Vec::new();
    let mut result = run(phase(|_| {}), None);
    result.variants.clear();
    for (variant, planned) in plan.variants.iter().zip([(400, 97), (60_000, 1)]) {
        let (count, bcrypt) = planned;
        let phases = variant.phases.iter().map(|planned| {
            let mut phase = phase(|tally| ok(tally, count, 2_000));
            phase.name.clone_from(&planned.name);
            let round = &mut phase.rounds[0];
            (round.worker_wait, round.steal_share) = (Some(0.3), Some(0.05));
            phase.profile = Some(profile(
                &[("bcrypt::hash", bcrypt), ("main", 100 - bcrypt)],
                20.0,
            ));
            concluded(phase)
        });
        let variant = VariantResult {
            name: variant.name.clone(),
            target: String::new(),
            phases: phases.collect(),
        };
        for phase in &variant.phases {
            let judged = judge(&plan.thresholds, &variant, phase, &phase.total(), 2);
            assert_eq!(phase.trust.level().name(), "suspect");
            judgements.extend(judged);
        }
        result.variants.push(variant);
    }
    assert!(judgements.len() > plan.thresholds.len(), "{judgements:?}");
    assert_eq!(
        outcome(&result, &judgements, false),
        Outcome::Pass,
        "{judgements:?}"
    );
}
