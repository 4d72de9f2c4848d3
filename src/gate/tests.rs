//! Verdicts of phases with known counts.

use super::*;
use crate::metrics::ErrorKind;
use crate::profile::Profile;
use crate::result::samples::{concluded, failed, ok, phase, run};
use crate::result::{Answering, Answerings, Failure, Gone, ProfileResult, Samples};
use crate::scenario::plan::threshold::Expression;
use crate::scenario::{Arrivals, Judge, LoadModel, Pace};
use crate::units::Rate;

pub(super) fn judged(threshold: &Threshold, phase: &PhaseResult) -> Judgement {
    let total = phase.total();
    judge_one(threshold, &concluded(phase.clone()), &total, 2)
}

pub(super) fn verdict(phase: &PhaseResult, expr: &str) -> Judgement {
    let threshold = Threshold {
        expr: Expression::parse(expr).unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent: false,
        allow_untrusted: false,
        judge: Judge::Interval,
        line: None,
        abort: None,
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
        ("errors.rate < 2%", Verdict::Pass),
        ("errors.rate < 0.1%", Verdict::Fail),
        ("throughput > 400/s", Verdict::Pass),
        ("throughput > 600/s", Verdict::Fail),
        ("cpu_per_request < 600us", Verdict::Pass),
        ("share(\"x\") < 1%", Verdict::Inconclusive),
    ] {
        assert_eq!(verdict(&phase, expr).verdict, expected, "{expr}");
    }
}

/// A threshold that is judged by the value alone.
pub(super) fn by_value(phase: &PhaseResult, expr: &str) -> Verdict {
    let threshold = Threshold {
        expr: Expression::parse(expr).unwrap(),
        variant: None,
        phase: None,
        request: None,
        allow_absent: false,
        allow_untrusted: false,
        judge: Judge::Value,
        line: None,
        abort: None,
    };
    judged(&threshold, phase).verdict
}

#[test]
fn a_limit_within_an_interval_is_not_judged_unless_by_value() {
    let mut phase = phase(|tally| {
        ok(tally, 995, 100);
        failed(tally, 5, ErrorKind::Reset);
    });
    // 0.16 % to 1.16 % fail; 498/s and 503 µs are known to ±14 % from a window that shows no error of its own.
    for (expr, value, says) in [
        (
            "errors.rate < 1%",
            Verdict::Pass,
            "5 of 1000 failed, 95 % interval 0.16 % to 1.16 %",
        ),
        ("errors.rate < 0.4%", Verdict::Fail, "5 of 1000 failed"),
        (
            "throughput > 450/s",
            Verdict::Pass,
            "95 % interval 433/s to 571/s",
        ),
        ("throughput > 550/s", Verdict::Fail, "95 % interval"),
        ("cpu_per_request < 520us", Verdict::Pass, "95 % interval"),
    ] {
        let found = verdict(&phase, expr);
        let reason = found.reason.unwrap();
        assert_eq!(found.verdict, Verdict::Inconclusive, "{expr}: {reason}");
        assert!(reason.contains(says), "{expr}: {reason}");
        assert!(
            reason.ends_with("set `judge = \"value\"` to judge the value alone"),
            "{reason}"
        );
        assert_eq!(by_value(&phase, expr), value, "{expr}");
    }
    // Three launches show how they differ.
    let round = |(rate, number): (f64, u32)| {
        let mut round = phase.rounds[0].clone();
        round.number = number;
        round.whole.throughput_rps = Some(rate);
        round
    };
    let rounds = [(497.0, 1), (498.0, 2), (499.0, 3)].map(round);
    phase.rounds = rounds.into();
    phase.tallies[0].completed_ok *= 3;
    assert_eq!(verdict(&phase, "throughput > 490/s").verdict, Verdict::Pass);
    assert_eq!(verdict(&phase, "throughput > 505/s").verdict, Verdict::Fail);
}

#[test]
fn no_failure_at_all_passes_however_few_requests_there_were() {
    let phase = phase(|tally| ok(tally, 20, 100));
    let found = verdict(&phase, "errors.rate < 1%");
    assert_eq!((found.verdict, found.reason), (Verdict::Pass, None));
    assert_eq!(verdict(&phase, "errors.rate > 1%").verdict, Verdict::Fail);
}

#[test]
fn an_open_loop_that_keeps_up_has_the_throughput_of_its_plan_on_any_machine() {
    let mut phase = phase(|tally| ok(tally, 1_000, 100));
    phase.load.model = LoadModel::Open {
        pace: Pace::Constant(Rate::new(500.0).unwrap()),
        arrivals: Arrivals::Constant,
    };
    phase.rounds[0].uncertainty.throughput = Some(0.001);
    assert_eq!(verdict(&phase, "throughput > 495/s").verdict, Verdict::Pass);
    assert_eq!(verdict(&phase, "throughput > 505/s").verdict, Verdict::Fail);
}

#[test]
fn a_window_in_which_no_answer_fits_has_no_throughput() {
    let mut phase = phase(|tally| {
        ok(tally, 8, 3_000_000);
        tally.completed_ok = 0;
    });
    phase.load.connections = 8;
    let found = verdict(&phase, "throughput > 1/s");
    assert_eq!(found.verdict, Verdict::Inconclusive);
    let reason = found.reason.unwrap();
    let says = "0/s to 4/s, for one answer of each connection is under way at the end of a window: measure";
    assert!(reason.starts_with(says), "{reason}");
    assert_eq!(by_value(&phase, "throughput > 1/s"), Verdict::Inconclusive);
    // More than one of each connection cannot have been cut off.
    assert_eq!(verdict(&phase, "throughput > 5/s").verdict, Verdict::Fail);
    // A warm-up's answers may be too many.
    phase.tallies[0].completed_ok = 8;
    assert_eq!(verdict(&phase, "throughput > 2/s").verdict, Verdict::Pass);
    phase.load.warmup = std::time::Duration::from_secs(1);
    let found = verdict(&phase, "throughput > 2/s").verdict;
    assert_eq!(found, Verdict::Inconclusive);
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
        samples: profile.samples(),
        slices: 0,
        taken: Some(Samples::of(profile.into())),
        hz: 99,
        capture_ratio: None,
        us_per_request: Some(1_000.0),
        throughput_rps: Some(1.0),
        steal_share: None,
        neighbour_cores: None,
        us_error: 0.0,
        launches: Vec::new(),
        also: Vec::new(),
        by_request: Vec::new(),
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
        judge: Judge::Interval,
        line: None,
        abort: None,
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
        line: None,
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
    // One that a threshold ended early never passes.
    let mut ended = run(phase(|tally| ok(tally, 1, 1)), None);
    ended.interrupted = true;
    let found = outcome(&ended, &[judgement(Verdict::Pass)], false);
    assert_eq!(found, Outcome::Inconclusive);
    let reasons = found.reasons(&ended, &vec![vec![vec![]]]);
    assert!(
        reasons[0].starts_with("a threshold ended the run"),
        "{reasons:?}"
    );
    let found = outcome(&ended, &[judgement(Verdict::Fail)], false);
    assert_eq!(found, Outcome::Fail);
}

#[test]
fn a_target_that_answers_no_more_is_invalid_and_says_since_when() {
    let gone = Some(Gone {
        from: 1.5,
        answers: false,
    });
    let answering = |gone| Answering {
        window: 2.0,
        gone,
        ..Answering::default()
    };
    let check = |set: &dyn Fn(&mut Answerings), says: &str| {
        let mut phase = phase(|tally| ok(tally, 1_000, 100));
        phase.rounds[0].answerings.whole = answering(None);
        set(&mut phase.rounds[0].answerings);
        match outcome(&run(phase, None), &[], false) {
            Outcome::Invalid(message) => assert_eq!(message, says),
            other => panic!("{other:?}, and not {says}"),
        }
        let mut meant = self::phase(|tally| ok(tally, 1_000, 100));
        set(&mut meant.rounds[0].answerings);
        meant.load.overload = true;
        assert_eq!(outcome(&run(meant, None), &[], false), Outcome::Pass);
    };
    check(
        &|of| of.whole = answering(gone),
        "v, load: nothing answered from 1.5 s on",
    );
    check(
        &|of| of.process_ended = Some(1.0),
        "v, load: the target's process ended in the window (seen last at 1.0 s)",
    );
    check(
        &|of| of.lost_share = Some(0.9),
        "v, load: requests without an OK answer in the window took 90 % of the time of 1 connections",
    );
}
