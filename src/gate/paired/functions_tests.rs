//! What the decision makes of functions, from what profiles show of them.

use regex::Regex;

use super::samples::{blocks, costing, plan, verdict};
use super::*;
use crate::gate::{Outcome, Verdict};
use crate::scenario::plan::gate::{
    Confirm, FunctionFigure, GateMetric, GatePlan, GatedFunction, Limits,
};

const NAME: &str = "cost(\"^f$\")";

/// A plan that gates CPU per request and a function.
fn with_function() -> GatePlan {
    GatePlan {
        functions: vec![GatedFunction {
            name: NAME.to_owned(),
            figure: FunctionFigure::Cost,
            pattern: Regex::new("^f$").unwrap(),
            limits: Limits {
                catch: 0.3,
                tolerate: 0.18,
            },
        }],
        ..plan(&[GateMetric::CpuPerRequest])
    }
}

/// A function that costs so much more than 20 µs, known to 4 %.
fn seen(by: f64) -> FunctionSeen {
    FunctionSeen {
        launches: 5,
        samples: 1_000,
        base: 20.0,
        head: 20.0 * (1.0 + by),
        change: Some(Change {
            by,
            low: by - 0.09,
            high: by + 0.09,
        }),
        upper: Some(by + 0.075),
        p: if by > 0.15 { 1e-4 } else { 0.2 },
        error: Some(0.04),
        degrees: 8.0,
    }
}

fn judged(plan: &GatePlan, first: FunctionSeen, fresh: Option<FunctionSeen>) -> MetricVerdict {
    let fresh = fresh.map(|fresh| Ok(vec![fresh]));
    let mut all = functions(plan, &Ok(vec![first]), fresh.as_ref());
    all.remove(0)
}

#[track_caller]
fn check(of: &MetricVerdict, verdict: Verdict, says: &str) {
    assert_eq!(of.verdict, Some(verdict), "{of:#?}");
    let reason = of.reason.as_deref().unwrap();
    assert!(reason.contains(says), "{reason}");
    assert_eq!(of.needs.is_some(), verdict == Verdict::Inconclusive);
}

#[test]
fn a_function_fails_if_fresh_launches_confirm_it() {
    let plan = with_function();
    let half = seen(0.5);
    let found = judged(&plan, half, Some(seen(0.45)));
    check(
        &found,
        Verdict::Fail,
        "+50 % (95 %: +41 % to +59 %) is worse than the tolerated 18 %; 5 fresh launches confirm it: +45 %",
    );
    assert_eq!((found.name().as_str(), found.n), (NAME, 5));
    assert_eq!((found.base, found.head), (Some(20.0), Some(30.0)));
    assert_eq!(found.p, Some(1e-4));
    let confirmation = found.confirmation.unwrap();
    assert!(confirmation.agrees);
    assert_eq!((confirmation.n, confirmation.p), (5, Some(1e-4)));
    for (fresh, says) in [
        (None, "no time was left to confirm it"),
        (
            Some(seen(0.17)),
            "5 fresh launches do not confirm it: +17 %",
        ),
        (Some(FunctionSeen { p: 0.051, ..half }), "do not confirm it"),
        (
            Some(FunctionSeen { samples: 4, ..half }),
            "do not confirm it",
        ),
        (
            Some(FunctionSeen {
                launches: 4,
                p: 1.0,
                ..half
            }),
            "only 4 of 5 fresh launches",
        ),
    ] {
        check(&judged(&plan, half, fresh), Verdict::Inconclusive, says);
    }
    for edge in [
        FunctionSeen { p: 0.05, ..half },
        FunctionSeen { samples: 5, ..half },
        seen(0.18),
    ] {
        check(
            &judged(&plan, half, Some(edge)),
            Verdict::Fail,
            "confirm it",
        );
    }
    let hasty = GatePlan {
        confirm: Confirm::No,
        ..plan
    };
    let found = judged(&hasty, half, None);
    check(&found, Verdict::Fail, "is worse than the tolerated 18 %");
    assert_eq!(found.confirmation, None);
}

#[test]
fn a_function_passes_if_it_is_surely_below_what_is_caught() {
    let plan = with_function();
    let pass = |of: &FunctionSeen| judged(&plan, *of, None);
    check(
        &pass(&seen(0.0)),
        Verdict::Pass,
        "no change for the worse of 30 % or more: at most 7.5 % worse",
    );
    check(&pass(&seen(-0.4)), Verdict::Pass, "not worse (95 %)");
    let edge = FunctionSeen {
        upper: Some(0.3),
        ..seen(0.0)
    };
    check(&pass(&edge), Verdict::Inconclusive, "may be 30 % worse");
    // Surely worse, but less than is tolerated.
    let slight = FunctionSeen {
        p: 1e-9,
        ..seen(0.16)
    };
    check(&pass(&slight), Verdict::Pass, "no change for the worse");
    // Worse than is tolerated, but not surely: one of two figures has half of the level.
    let unsure = FunctionSeen {
        p: 0.002_01,
        ..seen(0.25)
    };
    check(&pass(&unsure), Verdict::Inconclusive, "may be 30 % worse");
    let sure = FunctionSeen {
        p: 0.002,
        ..seen(0.25)
    };
    check(&judged(&plan, sure, Some(sure)), Verdict::Fail, "+25 %");
}

#[test]
fn what_no_sample_holds_is_no_pass() {
    let plan = with_function();
    let few = FunctionSeen {
        samples: 4,
        ..seen(-0.5)
    };
    let found = judged(&plan, few, None);
    check(
        &found,
        Verdict::Inconclusive,
        "4 samples of both arms hold it, of 5 launches each",
    );
    assert!(found.needs.unwrap().contains("a pattern that matches"));
    assert_eq!(found.smallest_effect, None);
    let enough = FunctionSeen { samples: 5, ..few };
    check(&judged(&plan, enough, None), Verdict::Pass, "not worse");
    for first in [Err("perf is missing".to_owned()), Ok(Vec::new())] {
        let found = &functions(&plan, &first, None)[0];
        assert_eq!(found.verdict, Some(Verdict::Inconclusive));
        assert_eq!((found.base, found.n), (None, 0));
        let why = found.reason.as_deref().unwrap();
        assert!(
            why == "perf is missing" || why == "it was not profiled",
            "{why}"
        );
    }
}

#[test]
fn what_the_base_does_not_spend_at_all_fails_if_it_is_seen() {
    let plan = with_function();
    let new = |p, head| FunctionSeen {
        base: 0.0,
        head,
        change: None,
        upper: None,
        error: None,
        p,
        ..seen(0.5)
    };
    let found = judged(&plan, new(1e-4, 5.0), Some(new(1e-4, 5.0)));
    check(
        &found,
        Verdict::Fail,
        "the head spends CPU time in it, and the base does not",
    );
    assert_eq!(found.smallest_effect, None);
    check(
        &judged(&plan, new(0.1, 5.0), None),
        Verdict::Inconclusive,
        "may be 30 % worse",
    );
    check(
        &judged(&plan, new(1e-4, 0.0), None),
        Verdict::Inconclusive,
        "may be 30 % worse",
    );
}

#[test]
fn a_confirmation_is_asked_for_where_something_fails() {
    let plan = with_function();
    assert!(asks_to_confirm(&plan, &[seen(0.5)]));
    assert!(!asks_to_confirm(&plan, &[seen(0.0)]));
    assert!(!asks_to_confirm(&plan, &[]));
    let hasty = GatePlan {
        confirm: Confirm::No,
        ..plan
    };
    assert!(!asks_to_confirm(&hasty, &[seen(0.5)]));
}

#[test]
fn the_smallest_effect_is_of_the_test_or_of_the_estimate() {
    let plan = with_function();
    let smallest = |error| {
        let of = FunctionSeen {
            error: Some(error),
            degrees: f64::INFINITY,
            ..seen(0.0)
        };
        judged(&plan, of, None).smallest_effect.unwrap()
    };
    // z(0.998) + z(0.9) is 4.16, z(0.9) 1.28.
    assert!((smallest(0.1) - 0.416).abs() < 0.002, "{}", smallest(0.1));
    assert!(
        (smallest(0.01) - 0.1928).abs() < 0.000_1,
        "{}",
        smallest(0.01)
    );
}

#[test]
fn functions_are_a_part_of_the_verdict() {
    let plan = with_function();
    let whole = |blocks: &[crate::result::Block], of: FunctionSeen| {
        let fresh = Ok(vec![of]);
        let functions = functions(&plan, &Ok(vec![of]), Some(&fresh));
        verdict(&plan, blocks).with_functions(functions, Ended::Planned)
    };
    let found = whole(&blocks(10), seen(0.0));
    assert_eq!(found.outcome, Outcome::Pass);
    assert_eq!((found.metrics.len(), found.reasons.len()), (2, 2));
    let found = whole(&blocks(10), seen(0.5));
    assert_eq!(found.outcome, Outcome::Fail);
    assert!(
        found.reasons[0].starts_with("cost(\"^f$\"): +50 %"),
        "{:?}",
        found.reasons
    );
    assert!(found.names_functions());
    assert_eq!(whole(&costing(16, 1.2), seen(0.0)).outcome, Outcome::Fail);
    // Nothing else is judged.
    let alone = GatePlan {
        metrics: Vec::new(),
        ..plan.clone()
    };
    let of = |first| {
        let functions = functions(&alone, &first, None);
        verdict(&alone, &blocks(10))
            .with_functions(functions, Ended::Planned)
            .outcome
    };
    assert_eq!(of(Ok(vec![seen(0.0)])), Outcome::Pass);
    assert_eq!(of(Err("no".to_owned())), Outcome::Inconclusive);
    // What ended early is no verdict, whatever functions say.
    let measured = Measured {
        blocks: &blocks(10),
        confirming: &[],
    };
    let ended = conclude(&plan, measured, Ended::Early(Outcome::Interrupted), None);
    let ended = ended.with_functions(functions(&plan, &Ok(vec![seen(0.5)]), None), Ended::Planned);
    assert_eq!(ended.outcome, Outcome::Interrupted);
    assert_eq!(ended.metrics.len(), 2);
    let not_profiled = functions(&plan, &Err("it was ended".to_owned()), None);
    let early = Ended::Early(Outcome::Interrupted);
    let ended = verdict(&plan, &blocks(10)).with_functions(not_profiled, early);
    assert_eq!(ended.exit_code(), 130);
    assert!(
        ended.reasons[0].contains("ended before its time"),
        "{:?}",
        ended.reasons
    );
}

#[test]
fn why_a_failure_could_not_be_confirmed_is_told() {
    let why = Err("the head could not be profiled: it ended with status 3".to_owned());
    let first = Ok(vec![seen(0.5)]);
    let found = functions(&with_function(), &first, Some(&why)).remove(0);
    check(
        &found,
        Verdict::Inconclusive,
        "+50 % (95 %: +41 % to +59 %) would fail, but could not be confirmed: the head could not be profiled: it ended with status 3",
    );
    let needs = found.needs.unwrap();
    assert!(
        needs.contains("can be profiled") && !needs.contains("budget"),
        "{needs}"
    );
}
