//! Verdicts of phases with known counts.

use super::*;
use crate::experiment::samples::{failed, ok, phase, run};
use crate::experiment::{Cause, Failure, Figure, ProfileResult};
use crate::metrics::ErrorKind;
use crate::profile::{FunctionTable, Profile};
use crate::scenario::threshold::Expression;
use crate::scenario::{Arrivals, LoadModel, Pace};
use crate::units::Rate;

fn judged(threshold: &Threshold, phase: &PhaseResult) -> Judgement {
    let total = phase.total();
    judge_one(threshold, phase, &total, &phase.trust(&total))
}

fn verdict(phase: &PhaseResult, expr: &str) -> Judgement {
    let threshold = Threshold {
        expr: Expression::parse(expr).unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent: false,
        allow_untrusted: false,
    };
    judged(&threshold, phase)
}

#[test]
fn thresholds_are_judged_by_what_was_counted() {
    let phase = phase(|tally| {
        ok(tally, 995, 100);
        failed(tally, 5, ErrorKind::Reset);
    });
    for (expr, expected) in [
        ("latency.p99 < 1ms", Verdict::Pass),
        ("latency.p99 < 50us", Verdict::Fail),
        ("errors.rate < 1%", Verdict::Pass),
        ("errors.rate < 0.5%", Verdict::Fail),
        ("throughput > 400/s", Verdict::Pass),
        ("throughput > 600/s", Verdict::Fail),
        ("cpu_per_request < 600us", Verdict::Pass),
        ("share(\"x\") < 1%", Verdict::Inconclusive),
    ] {
        assert_eq!(verdict(&phase, expr).verdict, expected, "{expr}");
    }
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
fn requests_without_an_end_leave_the_error_rate_open() {
    let mut overloaded = phase(|tally| {
        ok(tally, 900, 100);
        (0..100).for_each(|_| tally.record_not_sent(1));
    });
    let judgement = verdict(&overloaded, "errors.rate < 1%");
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(judgement.reason.unwrap(), "100 more were never answered");
    assert_eq!(
        verdict(&overloaded, "errors.rate < 20%").verdict,
        Verdict::Pass
    );
    failed(&mut overloaded.tallies[0], 500, ErrorKind::Reset);
    assert_eq!(
        verdict(&overloaded, "errors.rate < 1%").verdict,
        Verdict::Fail
    );
}

#[test]
fn shares_are_judged_by_their_interval() {
    let mut with_profile = phase(|tally| ok(tally, 10, 100));
    let mut profile = Profile::new("cpu", "nanoseconds", 10_000_000);
    profile
        .add(["main", "bcrypt::verify"], 50, 500_000_000)
        .unwrap();
    profile.add(["main", "other"], 950, 9_500_000_000).unwrap();
    with_profile.profile = Some(ProfileResult {
        functions: FunctionTable::of(&profile),
        profile,
        hz: 99,
        capture_ratio: None,
        us_per_request: Some(1_000.0),
        throughput_rps: 1.0,
        us_error: 0.0,
    });
    for (expr, expected) in [
        ("share(\"^bcrypt::\") < 7%", Verdict::Pass),
        ("share(\"^bcrypt::\") < 5%", Verdict::Inconclusive),
        ("share(\"^bcrypt::\") < 3%", Verdict::Fail),
        ("cost(\"^bcrypt::\") < 70us", Verdict::Pass),
    ] {
        assert_eq!(verdict(&with_profile, expr).verdict, expected, "{expr}");
    }
    // A cost is no surer than the CPU per request that the share is of.
    if let Some(profile) = &mut with_profile.profile {
        profile.us_error = 0.3;
    }
    let found = verdict(&with_profile, "cost(\"^bcrypt::\") < 70us");
    assert_eq!(found.verdict, Verdict::Inconclusive);
    // A rename must not pass silently.
    let threshold = |allow_absent| Threshold {
        expr: Expression::parse("share(\"^argon2::\") < 5%").unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent,
        allow_untrusted: false,
    };
    let of = |allow_absent| judged(&threshold(allow_absent), &with_profile);
    assert_eq!(of(true).verdict, Verdict::Pass);
    let absent = of(false);
    assert_eq!(absent.verdict, Verdict::Fail);
    let reason = absent.reason.unwrap();
    assert!(
        reason.contains("no function of the profile matches \"^argon2::\""),
        "{reason}"
    );
    assert!(reason.contains("allow_absent = true"), "{reason}");
}

#[test]
fn a_run_that_says_nothing_is_invalid_whatever_its_thresholds() {
    let all_failing = || {
        let mut phase = phase(|tally| failed(tally, 10, ErrorKind::Status));
        phase
            .exemplars
            .insert(ErrorKind::Status, "status 401: refused".to_owned());
        phase
    };
    let Outcome::Invalid(message) = outcome(&run(all_failing(), None), &[], false) else {
        panic!("not invalid")
    };
    assert_eq!(
        message,
        "v, load: no OK response at all; 10 × status, such as: status 401: refused"
    );
    let mut overloaded = phase(|tally| {
        ok(tally, 980, 100);
        (0..20).for_each(|_| tally.record_not_sent(1));
    });
    overloaded.load.model = LoadModel::Open {
        pace: Pace::Constant(Rate::new(500.0).unwrap()),
        arrivals: Arrivals::Constant,
    };
    assert_eq!(outcome(&run(overloaded, None), &[], false).exit_code(), 4);
    assert_eq!(
        outcome(
            &run(all_failing(), Some(Failure::Internal("disk".to_owned()))),
            &[],
            false
        )
        .exit_code(),
        5
    );
}

#[test]
fn a_planned_rate_that_was_not_sent_names_what_was_in_the_way() {
    const RATE: &str = "lower the rate, or allow more connections";
    const LOGIN: &str = "; make the request that others need succeed first: 230 × prerequisite, such as: `login`, which `r` needs, failed: status 500";
    let cases = [
        // Prerequisites that failed, late ones, connections that were refused; what is said, what is not.
        (230, 0, 0, vec!["only 77.0 %", LOGIN], vec![RATE]),
        (0, 230, 0, vec!["only 77.0 %", RATE], vec!["such as"]),
        (230, 100, 0, vec!["only 67.0 %", LOGIN, RATE], vec![]),
        // The rest is within the share that may be missing.
        (230, 5, 0, vec!["only 76.5 %", LOGIN], vec![RATE]),
        (5, 230, 0, vec!["only 76.5 %", RATE], vec!["such as"]),
        (230, 0, 20, vec![LOGIN], vec![RATE, "connect_refused"]),
    ];
    for (unmet, late, refused, said, unsaid) in cases {
        let mut phase = phase(|tally| {
            ok(tally, 1_000 - unmet - late - refused, 100);
            failed(tally, unmet, ErrorKind::Prerequisite);
            failed(tally, refused, ErrorKind::ConnectRefused);
            (0..late).for_each(|_| tally.record_not_sent(1));
        });
        phase.exemplars = [
            (
                ErrorKind::Prerequisite,
                "`login`, which `r` needs, failed: status 500",
            ),
            (ErrorKind::ConnectRefused, "nothing listens there"),
            (ErrorKind::Status, "status 500"),
        ]
        .map(|(kind, words)| (kind, words.to_owned()))
        .into();
        phase.load.model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(500.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        let Outcome::Invalid(message) = outcome(&run(phase, None), &[], false) else {
            panic!("not invalid: {unmet} {late} {refused}")
        };
        for part in said {
            assert!(message.contains(part), "{part}: {message}");
        }
        for part in unsaid {
            assert!(!message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn verdicts_take_precedence_in_order() {
    let judgement = |verdict| Judgement {
        expr: String::new(),
        request: None,
        value: None,
        verdict,
        reason: None,
        doubts: Vec::new(),
    };
    let code = |judgements: &[Judgement], stopped| {
        outcome(
            &run(phase(|tally| ok(tally, 1, 1)), None),
            judgements,
            stopped,
        )
        .exit_code()
    };
    assert_eq!(code(&[], false), 0);
    assert_eq!(code(&[judgement(Verdict::Inconclusive)], false), 3);
    assert_eq!(
        code(
            &[judgement(Verdict::Inconclusive), judgement(Verdict::Fail)],
            false
        ),
        1
    );
    assert_eq!(code(&[judgement(Verdict::Fail)], true), 130);
}

/// A phase in which one cause is at work, and in which every figure is known.
fn doubtful(cause: Cause) -> PhaseResult {
    let mut phase = phase(|tally| {
        ok(tally, 900, 1_500);
        failed(tally, 40, ErrorKind::Timeout);
        failed(tally, 60, ErrorKind::Reset);
    });
    let mut profile = Profile::new("cpu", "nanoseconds", 10_000_000);
    profile.add(["main", "f"], 500, 5_000_000_000).unwrap();
    profile.add(["main", "g"], 500, 5_000_000_000).unwrap();
    phase.profile = Some(ProfileResult {
        functions: FunctionTable::of(&profile),
        profile,
        hz: 99,
        capture_ratio: None,
        us_per_request: Some(1_000.0),
        throughput_rps: 1.0,
        us_error: 0.0,
    });
    let round = &mut phase.rounds[0];
    match cause {
        Cause::WorkerSaturated => round.busiest_worker = 0.97,
        Cause::WorkerBusy => round.busiest_worker = 0.9,
        Cause::WaitedForCpu => round.worker_wait = Some(0.3),
        Cause::Stopped => round.stopped_seconds = 1.0,
        Cause::Throttled => round.throttled_seconds = Some(1.0),
        Cause::Steal => round.steal_share = Some(0.1),
        Cause::LateReadings => round.late_readings = (5, 10),
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
        Cause::Unstated(_) => unreachable!("a phase that was measured has stated reasons"),
    }
    phase
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
            "throughput < 900/s",
            "throughput <= 100/s",
            "throughput > 100/s",
            "throughput >= 900/s",
        ],
    ),
    (
        Figure::CpuPerRequest,
        [
            "cpu_per_request < 900us",
            "cpu_per_request < 100us",
            "cpu_per_request >= 100us",
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
    for cause in Cause::ALL {
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

fn allowing(expr: &str) -> Threshold {
    Threshold {
        expr: Expression::parse(expr).unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent: false,
        allow_untrusted: true,
    }
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
        phase.rounds[0].stopped_seconds = 1.0;
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
    phase.rounds[0].worker_wait = Some(0.5);
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
        let judged = judge(&thresholds, variant, phase, &phase.total());
        outcome(&result, &judged, false).exit_code()
    };
    let (holds, fails) = ("throughput > 100/s", "throughput > 900/s");
    assert_eq!(code(&[holds], false), 0);
    assert_eq!(code(&[fails], false), 3);
    assert_eq!(code(&[fails], true), 1);
    // What fails beyond doubt fails the run.
    assert_eq!(code(&[fails, "cpu_per_request < 1us"], false), 1);
}
