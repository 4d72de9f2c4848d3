//! How a gate ends as a whole: exit codes, what is advisory, what the machine did, what arms answer.

use std::time::Duration;

use super::samples::{blocks, changed, costing, plan, verdict, wobble};
use super::*;
use crate::gate::Outcome;
use crate::result::{ArmBlock, Block};
use crate::scenario::plan::gate::{
    Answers, GateMetric, GatePlan, Limits, OnInconclusive, Relaunch,
};

const CPU: GateMetric = GateMetric::CpuPerRequest;

#[test]
fn blocks_are_observations_where_nobody_launches() {
    let mut one_launch = costing(16, 1.2);
    one_launch.iter_mut().for_each(|block| block.launch = 1);
    let never = GatePlan {
        relaunch: Relaunch::Never,
        ..plan(&[CPU])
    };
    let found = verdict(&never, &one_launch);
    assert_eq!(found.outcome, Outcome::Fail);
    // As one launch they are one observation.
    let found = verdict(&plan(&[CPU]), &one_launch);
    assert_eq!(found.outcome, Outcome::Inconclusive);
    assert_eq!((found.used.launches, found.used.blocks), (1, 16));
}

#[test]
fn exit_codes_are_those_of_the_outcome_unless_told_otherwise() {
    let code = |blocks: &[Block], on_inconclusive, advisory: Option<&str>| {
        let plan = GatePlan {
            on_inconclusive,
            ..plan(&[CPU])
        };
        let measured = Measured {
            blocks,
            confirming: &blocks[..blocks.len().min(8)],
        };
        let advisory = advisory.map(str::to_owned);
        conclude(&plan, measured, Ended::Planned, advisory).exit_code()
    };
    let (pass, fail, unsure) = (blocks(10), costing(10, 1.2), blocks(9));
    let (exit, as_pass, as_fail) = (
        OnInconclusive::Exit,
        OnInconclusive::Pass,
        OnInconclusive::Fail,
    );
    for (on, advisory, expected) in [
        (exit, None, [0, 1, 3]),
        (as_pass, None, [0, 1, 0]),
        (as_fail, None, [0, 1, 1]),
        (exit, Some("it is"), [0, 3, 3]),
        (as_pass, Some("it is"), [0, 3, 0]),
        (as_fail, Some("it is"), [0, 3, 3]),
    ] {
        let found = [&pass, &fail, &unsure].map(|blocks| code(blocks, on, advisory));
        assert_eq!(found, expected, "{on:?} {advisory:?}");
    }
}

#[test]
fn an_early_end_keeps_what_was_found() {
    let measured = Measured {
        blocks: &costing(12, 1.2),
        confirming: &[],
    };
    let ended = Ended::Early(Outcome::Interrupted);
    let found = conclude(&plan(&[CPU]), measured, ended, None);
    assert_eq!(found.exit_code(), 130);
    assert!(found.metrics[0].change.unwrap().by > 0.19);
    let ended = Ended::Early(Outcome::Invalid("the base does not start".to_owned()));
    let found = conclude(&plan(&[CPU]), measured, ended, None);
    assert_eq!(
        (found.exit_code(), found.reasons[0].as_str()),
        (4, "the base does not start")
    );
}

#[test]
fn a_gate_that_measured_nothing_says_so_once() {
    let measured = Measured {
        blocks: &[],
        confirming: &[],
    };
    let ended = Ended::Early(Outcome::Internal("no base".to_owned()));
    let found = conclude(&plan(&[CPU]), measured, ended, None);
    assert_eq!((found.exit_code(), found.reasons.len()), (5, 1));
    let metric = &found.metrics[0];
    assert_eq!((metric.verdict, metric.needs.as_deref()), (None, None));
    assert_eq!(metric.reason.as_deref(), Some("nothing was measured"));
    let found = conclude(&plan(&[CPU]), measured, Ended::Planned, None);
    assert_eq!(found.reasons, ["no block was measured"]);
}

#[test]
fn odd_figures_neither_pass_nor_panic() {
    let mut odd = plan(&[CPU]);
    for limits in [
        Limits {
            catch: f64::NAN,
            tolerate: f64::NAN,
        },
        Limits {
            catch: f64::INFINITY,
            tolerate: f64::INFINITY,
        },
    ] {
        odd.metrics[0].limits = Some(limits);
        let found = verdict(&odd, &costing(16, 100.0));
        assert_ne!(found.outcome, Outcome::Fail);
        if limits.catch.is_nan() {
            assert_eq!(found.outcome, Outcome::Inconclusive);
        }
    }
    // All alike to the last digit: no spread, no doubt.
    let exact = |times: f64| {
        let mut blocks = costing(16, times);
        for block in &mut blocks {
            let cpu = block.arms.head.cpu.unwrap();
            block.arms.head.cpu = Some(cpu.div_f64(wobble(block.number)));
        }
        verdict(&plan(&[CPU]), &blocks).outcome
    };
    assert_eq!(exact(1.0), Outcome::Pass);
    assert_eq!(exact(1.2), Outcome::Fail);
}

#[test]
fn evidence_is_of_all_blocks() {
    let mut blocks = blocks(10);
    for (at, block) in blocks.iter_mut().enumerate() {
        block.around.foreign_cores = Some(at as f64 / 100.0);
        block.around.throttled = Duration::from_millis(100);
        block.around.dispatch_lag_p99 = Duration::from_micros(50);
    }
    blocks[0].around.foreign_cores = None;
    let measured = Measured {
        blocks: &blocks[..8],
        confirming: &blocks[8..],
    };
    let found = conclude(&plan(&[CPU]), measured, Ended::Planned, None).evidence;
    let spread = |median: f64, most: f64| Some(Spread { median, most });
    assert_eq!(found.foreign_cores, spread(0.05, 0.09));
    assert_eq!(found.dispatch_lag_us, spread(50.0, 50.0));
    assert_eq!(found.steal, None);
    assert!((found.throttled_seconds - 1.0).abs() < 1e-9);
}

#[test]
fn answers_that_differ_are_no_improvement() {
    let mut plan = plan(&[CPU]);
    let smaller = |arm: &mut ArmBlock| {
        arm.cpu = arm.cpu.map(|cpu| cpu / 2);
        arm.closed.tallies[0].received_body /= 2;
    };
    let found = verdict(&plan, &changed(10, smaller));
    assert_eq!(found.outcome, Outcome::Inconclusive);
    let metric = &found.metrics[0];
    let (reason, needs) = (metric.reason.as_deref(), metric.needs.as_deref());
    assert!(
        reason
            .unwrap()
            .contains("its bodies have 75 bytes, the base's 100"),
        "{reason:?}"
    );
    assert!(needs.unwrap().contains("`answers = \"may-differ\"`"));
    plan.answers = Answers::MayDiffer;
    let found = verdict(&plan, &changed(10, smaller));
    assert_eq!(found.outcome, Outcome::Pass);
    assert!(found.errors.reason.unwrap().contains("something else"));
}
