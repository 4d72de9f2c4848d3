//! A gate against figures that were stored.

use super::samples::{blocks, costing, fail, plan};
use super::*;
use crate::gate::{Outcome, Verdict};
use crate::metrics::ErrorKind;
use crate::result::{ArmBlock, Block};
use crate::scenario::plan::gate::{Answers, GateMetric, GatePlan, Limits};

const CPU: GateMetric = GateMetric::CpuPerRequest;

#[test]
fn a_stored_baseline_tells_large_changes_alone() {
    let mut plan = plan(&[CPU]);
    let kept = |plan: &GatePlan, count| {
        let blocks = blocks(count);
        let measured = Measured {
            blocks: &blocks,
            confirming: &[],
        };
        stored(plan, measured)
    };
    let before = kept(&plan, 10);
    assert_eq!(before.figures["cpu_per_request"].len(), 10);
    let held = |plan: &GatePlan, times: f64, stored: &Stored| {
        // Both arms are the same now.
        let mut blocks = costing(10, times);
        blocks
            .iter_mut()
            .for_each(|block| block.arms.base = block.arms.head.clone());
        let measured = Measured {
            blocks: &blocks,
            confirming: &[],
        };
        against(plan, measured, Ended::Planned, stored)
    };
    for (times, outcome) in [
        (1.0, Outcome::Inconclusive),
        (1.1, Outcome::Inconclusive),
        (1.3, Outcome::Fail),
        (0.8, Outcome::Pass),
    ] {
        let found = held(&plan, times, &before);
        assert_eq!(found.outcome, outcome, "{times}: {found:#?}");
        let change = found.metrics[0].change.unwrap();
        assert!((change.by - (times - 1.0)).abs() < 0.01, "{change:?}");
    }
    let needs = held(&plan, 1.0, &before).metrics[0].needs.clone().unwrap();
    assert!(
        needs.contains("a `catch` of 10.4 % or more would pass"),
        "{needs}"
    );
    plan.metrics[0].limits = Some(Limits {
        catch: 0.15,
        tolerate: 0.1,
    });
    assert_eq!(held(&plan, 1.0, &before).outcome, Outcome::Pass);
    // What this gate does not judge, nobody judges unless it was asked for.
    let mut memory = super::samples::plan(&[CPU, GateMetric::PeakMemory]);
    memory.metrics[0].limits = plan.metrics[0].limits;
    let judged = |plan: &GatePlan| held(plan, 1.0, &before).metrics[1].verdict;
    assert_eq!(judged(&memory), None);
    assert_eq!(held(&memory, 1.0, &before).outcome, Outcome::Pass);
    memory.metrics[1].asked = true;
    assert_eq!(judged(&memory), Some(Verdict::Inconclusive));
    // What is not stored, or on too few launches, does not pass.
    let nothing = Stored {
        figures: Figures::new(),
        ..before.clone()
    };
    for stored in [nothing, kept(&plan, 9)] {
        let found = held(&plan, 0.5, &stored);
        assert_eq!(found.outcome, Outcome::Inconclusive);
    }
}

/// A plan that tells what differs from one time to another.
fn coarse() -> GatePlan {
    let mut plan = plan(&[CPU]);
    plan.metrics[0].limits = Some(Limits {
        catch: 0.15,
        tolerate: 0.1,
    });
    plan
}

/// Blocks in which both arms are the same.
fn twice(count: u32, change: impl Fn(u32, &mut ArmBlock)) -> Vec<Block> {
    let mut blocks = blocks(count);
    for block in &mut blocks {
        change(block.number, &mut block.arms.head);
        block.arms.base = block.arms.head.clone();
    }
    blocks
}

/// The verdict on blocks beside what a baseline stores of others.
fn beside(plan: &GatePlan, now: &[Block], before: &Stored) -> GateVerdict {
    let measured = Measured {
        blocks: now,
        confirming: &[],
    };
    against(plan, measured, Ended::Planned, before)
}

fn kept(blocks: &[Block]) -> Stored {
    let measured = Measured {
        blocks,
        confirming: &[],
    };
    stored(&coarse(), measured)
}

#[test]
fn errors_that_the_baseline_did_not_have_are_no_pass() {
    let clean = kept(&blocks(10));
    let answered = clean.answered.unwrap();
    assert_eq!((answered.failed, answered.ended), (0, 2_000));
    assert_eq!(answered.body, Some(100.0));
    let erring = |from: u32, count| {
        twice(10, move |number, arm| {
            if number > from {
                fail(&mut arm.closed.tallies[0], count, ErrorKind::Reset, None);
            }
        })
    };
    // One launch is chance, two are none; both arms err alike, which no comparison of the two shows.
    let judged = |now: &[Block], before: &Stored| beside(&coarse(), now, before);
    assert_eq!(judged(&erring(10, 1), &clean).outcome, Outcome::Pass);
    assert_eq!(judged(&erring(9, 1), &clean).outcome, Outcome::Pass);
    for now in [erring(8, 1), erring(9, 5)] {
        let found = judged(&now, &clean);
        assert_eq!(found.outcome, Outcome::Inconclusive);
        let reason = &found.reasons[0];
        let says = " of the head's requests failed, 0 % of the baseline's";
        assert!(reason.contains(says), "{reason}");
    }
    // As many as there were, or fewer, are no news.
    let before = kept(&erring(0, 1));
    assert_eq!(judged(&erring(0, 1), &before).outcome, Outcome::Pass);
    assert_eq!(judged(&erring(5, 1), &before).outcome, Outcome::Pass);
    // More than twice as many are.
    let little = Answered {
        failed: 1,
        ended: 1_000,
        body: None,
    };
    let of = |answered| Stored {
        answered,
        ..clean.clone()
    };
    let found = judged(&erring(0, 1), &of(Some(little)));
    assert_eq!(found.outcome, Outcome::Inconclusive);
    let found = judged(&erring(0, 1), &of(None));
    assert_eq!(found.outcome, Outcome::Inconclusive);
    assert!(
        found.reasons[0].contains("is not stored"),
        "{:?}",
        found.reasons
    );
    assert_eq!(judged(&erring(10, 1), &of(None)).outcome, Outcome::Pass);
}

#[test]
fn other_answers_than_those_of_the_baseline_are_no_improvement() {
    let before = kept(&blocks(10));
    let smaller = twice(10, |_, arm| {
        arm.closed.tallies[0].received_body /= 2;
        let open = arm.open.as_mut().unwrap();
        open.tallies[0].received_body /= 2;
    });
    let found = beside(&coarse(), &smaller, &before);
    assert_eq!(found.outcome, Outcome::Inconclusive);
    let says = "its bodies have 50 bytes, the baseline's 100; needs make the head answer";
    let reason = &found.reasons[0];
    assert!(reason.contains(says), "{reason}");
    assert_eq!(found.errors.verdict, Some(Verdict::Inconclusive));
    let meant = GatePlan {
        answers: Answers::MayDiffer,
        ..coarse()
    };
    assert_eq!(beside(&meant, &smaller, &before).outcome, Outcome::Pass);
    // Larger ones are no work less.
    let larger = kept(&smaller);
    assert_eq!(
        beside(&coarse(), &blocks(10), &larger).outcome,
        Outcome::Pass
    );
}

/// The verdict on a metric with these limits, whose head is changed since.
fn held(metric: GateMetric, (catch, tolerate): (f64, f64), change: fn(&mut ArmBlock)) -> Verdict {
    let mut plan = plan(&[metric]);
    plan.metrics[0].limits = Some(Limits { catch, tolerate });
    let before = twice(10, |_, _| ());
    let measured = Measured {
        blocks: &before,
        confirming: &[],
    };
    let before = stored(&plan, measured);
    let now = twice(10, |_, arm| change(arm));
    let found = beside(&plan, &now, &before).metrics.remove(0);
    assert_eq!(
        found.needs.is_some(),
        found.verdict == Some(Verdict::Inconclusive)
    );
    found.verdict.unwrap()
}

#[test]
fn what_is_surely_worse_and_not_tolerated_fails() {
    let usual = (0.15, 0.1);
    let capacity = GateMetric::Capacity;
    let slower = |arm: &mut ArmBlock| arm.closed.active = arm.closed.active.mul_f64(1.5);
    let faster = |arm: &mut ArmBlock| arm.closed.active = arm.closed.active.mul_f64(0.6);
    assert_eq!(held(capacity, usual, slower), Verdict::Fail);
    assert_eq!(held(capacity, usual, faster), Verdict::Pass);
    // A machine is assumed to differ by 6 % from one time to another, and by 12 % in latencies.
    let costly = |arm: &mut ArmBlock| arm.cpu = arm.cpu.map(|cpu| cpu.mul_f64(1.3));
    assert_eq!(held(CPU, usual, costly), Verdict::Fail);
    let late = |arm: &mut ArmBlock| arm.open = Some(super::samples::turns(100, 13_000));
    let p50 = GateMetric::Latency(0.5);
    assert_eq!(held(p50, usual, late), Verdict::Inconclusive);
    let later = |arm: &mut ArmBlock| arm.open = Some(super::samples::turns(100, 15_000));
    assert_eq!(held(p50, usual, later), Verdict::Fail);
    // Surely worse, and tolerated; not tolerated, and not surely worse.
    let by_a_fifth = |arm: &mut ArmBlock| arm.cpu = arm.cpu.map(|cpu| cpu.mul_f64(1.2));
    assert_eq!(held(CPU, (0.5, 0.3), by_a_fifth), Verdict::Pass);
    let by_little = |arm: &mut ArmBlock| arm.cpu = arm.cpu.map(|cpu| cpu.mul_f64(1.15));
    assert_eq!(held(CPU, usual, by_little), Verdict::Inconclusive);
}
