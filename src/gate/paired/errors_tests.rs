//! Errors are judged before speed.

use super::samples::{blocks, changed, costing, fail, plan, verdict};
use super::*;
use crate::gate::{Outcome, Verdict};
use crate::metrics::{ErrorKind, Tally};
use crate::result::{ArmBlock, Arms, Block, Down, Turns};
use crate::scenario::plan::gate::GateMetric;

/// So many of the requests of an arm fail beside 100 that are OK.
fn erring(count: u64) -> impl Fn(&mut ArmBlock) {
    move |arm| {
        let tally = &mut arm.closed.tallies[0];
        fail(tally, count, ErrorKind::Reset, None);
        let words = "reset by peer".to_owned();
        arm.closed.exemplars.insert(ErrorKind::Reset, words);
    }
}

fn mute(arm: &mut ArmBlock) {
    for turns in [Some(&mut arm.closed), arm.open.as_mut()]
        .into_iter()
        .flatten()
    {
        let mut tally = Tally::default();
        fail(&mut tally, 50, ErrorKind::Status, Some(500));
        turns.tallies = vec![tally];
    }
}

fn judged(blocks: &[Block]) -> GateVerdict {
    verdict(&plan(&[GateMetric::CpuPerRequest]), blocks)
}

#[track_caller]
fn check(blocks: &[Block], outcome: &Outcome, says: &str) {
    let found = judged(blocks);
    let name = found.outcome.name();
    assert_eq!(name, outcome.name(), "{found:#?}");
    assert!(found.reasons[0].contains(says), "{:?}", found.reasons);
}

fn next_of(blocks: &[Block]) -> Next {
    let measured = Measured {
        blocks,
        confirming: &[],
    };
    next(&plan(&[GateMetric::CpuPerRequest]), measured, Time::Left)
}

#[test]
fn a_head_that_errs_where_the_base_does_not_has_failed_however_fast() {
    let mut fast = costing(16, 0.5);
    fast.iter_mut()
        .for_each(|block| erring(1)(&mut block.arms.head));
    let says = "errors: 0.5 % of the head's requests failed, 0 % of the base's; the head failed more in 24 of 24 launches; 24 × reset, such as: reset by peer";
    check(&fast, &Outcome::Fail, says);
    let found = judged(&fast);
    assert_eq!(found.errors.head, (24, 24 * 201));
    assert_eq!(found.errors.base, (0, 24 * 200));
    assert_eq!(found.metrics[0].verdict, Some(Verdict::Pass));
    // Errors that both have are nobody's fault.
    let mut both = blocks(16);
    for block in &mut both {
        erring(1)(&mut block.arms.head);
        erring(1)(&mut block.arms.base);
    }
    check(&both, &Outcome::Pass, "");
    // A head that no longer errs is none of that either.
    both.iter_mut()
        .for_each(|block| block.arms.head = block.arms.base.clone());
    let mut mended = blocks(16);
    mended
        .iter_mut()
        .for_each(|block| erring(1)(&mut block.arms.base));
    check(&mended, &Outcome::Pass, "");
}

#[test]
fn errors_in_few_launches_are_inconclusive() {
    let erring_in = |launches: usize, count: u64| {
        let mut blocks = blocks(16);
        // Not among those that confirm.
        let arms = blocks[8..8 + launches].iter_mut();
        arms.for_each(|block| erring(count)(&mut block.arms.head));
        blocks
    };
    check(
        &erring_in(7, 1),
        &Outcome::Inconclusive,
        "the head failed more in 7 of 24",
    );
    check(
        &erring_in(8, 1),
        &Outcome::Fail,
        "the head failed more in 8 of 24",
    );
    check(&erring_in(2, 1), &Outcome::Inconclusive, "more in 2 of 24");
    // One launch is chance, unless it is much.
    check(&erring_in(1, 1), &Outcome::Pass, "more in 1 of 24");
    check(
        &erring_in(1, 100),
        &Outcome::Inconclusive,
        "more in 1 of 24",
    );
}

#[test]
fn errors_that_do_not_tell_yet_ask_for_more_launches() {
    let mut erring_twice = blocks(16);
    let arms = erring_twice[3..5].iter_mut();
    arms.for_each(|block| erring(1)(&mut block.arms.head));
    assert_eq!(next_of(&blocks(10)), Next::Stop);
    assert_eq!(next_of(&erring_twice[..10]), Next::Measure);
    assert_eq!(next_of(&erring_twice), Next::Stop);
}

#[test]
fn an_arm_that_ends_ends_the_confirmation() {
    let failing = costing(16, 1.2);
    let ask = |confirming: &[Block]| {
        let measured = Measured {
            blocks: &failing,
            confirming,
        };
        next(&plan(&[GateMetric::CpuPerRequest]), measured, Time::Left)
    };
    let mut confirming = costing(2, 1.2);
    assert_eq!(ask(&confirming), Next::Confirm { at_rate: false });
    let died = || Some(Down::Ended("exit code 1".to_owned()));
    confirming[1].arms.head.died = died();
    assert_eq!(ask(&confirming), Next::Stop);
    let mut confirming = costing(2, 1.2);
    confirming[1].arms.base.died = died();
    assert_eq!(ask(&confirming), Next::Stop);
    // Errors of these launches count with the others.
    let mut erring_head = costing(7, 1.2);
    let mut failing = costing(16, 1.2);
    for block in failing[..2].iter_mut().chain(&mut erring_head) {
        erring(1)(&mut block.arms.head);
    }
    let measured = Measured {
        blocks: &failing,
        confirming: &erring_head,
    };
    let next = next(&plan(&[GateMetric::CpuPerRequest]), measured, Time::Left);
    assert_eq!(next, Next::Stop);
}

#[test]
fn a_base_that_errs_is_nothing_to_compare_with() {
    let mut both = blocks(16);
    for block in &mut both {
        erring(10)(&mut block.arms.head);
        erring(10)(&mut block.arms.base);
    }
    let says = "4.76 % of the base's requests failed, so that it was not loaded as planned";
    check(&both, &Outcome::Inconclusive, says);
    let mut silent = blocks(10);
    silent
        .iter_mut()
        .for_each(|block| mute(&mut block.arms.base));
    check(
        &silent,
        &Outcome::Invalid(String::new()),
        "the base gave no OK answer at all",
    );
    assert_eq!(next_of(&silent[..1]), Next::Stop);
    let mut ended = blocks(10);
    ended[4].arms.base.died = Some(Down::Ended("exit code 1".to_owned()));
    check(
        &ended,
        &Outcome::Invalid(String::new()),
        "the base ended by itself: exit code 1",
    );
    assert_eq!(next_of(&ended[..5]), Next::Stop);
    assert_eq!(next_of(&ended[..4]), Next::Measure);
}

#[test]
fn a_head_that_ends_or_says_nothing_twice_has_failed_at_once() {
    let end = |arm: &mut ArmBlock| arm.died = Some(Down::Ended("signal 11".to_owned()));
    for (what, says) in [
        (end as fn(&mut ArmBlock), "the head ended by itself in 2 of"),
        (mute, "the head gave no OK answer in 2 of"),
    ] {
        let mut blocks = blocks(16);
        what(&mut blocks[9].arms.head);
        assert_eq!(next_of(&blocks[..9]), Next::Measure);
        let once = judged(&blocks);
        assert_eq!(once.outcome, Outcome::Inconclusive, "{once:#?}");
        what(&mut blocks[11].arms.head);
        assert_eq!(next_of(&blocks[..12]), Next::Stop);
        check(&blocks, &Outcome::Fail, says);
    }
    // An arm that is not up keeps the other one from being loaded, which is not that one's fault.
    let mut down = changed(2, end);
    for block in &mut down {
        for arm in [&mut block.arms.base, &mut block.arms.head] {
            (arm.closed, arm.open) = (Turns::nothing(), None);
        }
    }
    assert_eq!(next_of(&down[..1]), Next::Measure);
    assert_eq!(next_of(&down), Next::Stop);
    check(
        &down,
        &Outcome::Fail,
        "the head ended by itself in 4 of 4 launches: signal 11",
    );
    // What was never asked for anything did not answer everything well.
    let unready = |words: &str| Some(Down::Unready(words.to_owned()));
    for block in &mut down {
        block.arms.head.died = unready("connection refused");
    }
    let says = "the head never became ready in 4 of 4 launches: connection refused";
    check(&down, &Outcome::Fail, says);
    let reason = judged(&down).metrics[0].reason.clone().unwrap();
    assert_eq!(reason, "neither arm was loaded, for one was not up");
    for block in &mut down {
        block.arms.base.died = block.arms.head.died.take();
    }
    let says = "the base never became ready: connection refused";
    check(&down, &Outcome::Invalid(String::new()), says);
    let found = judged(&down);
    assert_eq!(found.errors.verdict, None);
    assert!(found.metrics.iter().all(|of| of.verdict.is_none()));
    let both = changed(2, mute);
    assert_eq!(next_of(&both), Next::Stop);
    let measured = Measured {
        blocks: &both,
        confirming: &[],
    };
    let plan = plan(&[GateMetric::CpuPerRequest]);
    let found = conclude(&plan, measured, Ended::Planned, None);
    assert_eq!(
        (found.outcome, found.errors.verdict),
        (Outcome::Fail, Some(Verdict::Fail))
    );
}

/// Launches with this many requests of each arm, of which so many fail: (base, head).
fn failing(requests: u64, launches: &[(u64, u64)]) -> Vec<Block> {
    let mut blocks = blocks(launches.len() as u32);
    for (block, (base, head)) in blocks.iter_mut().zip(launches) {
        for (arm, failed) in [(&mut block.arms.base, *base), (&mut block.arms.head, *head)] {
            arm.open = None;
            let tally = &mut arm.closed.tallies[0];
            (tally.ok, tally.failed) = (requests - failed, failed);
        }
    }
    blocks
}

#[track_caller]
fn errors_are(blocks: &[Block], expected: Verdict) {
    let measured = Measured {
        blocks,
        confirming: &[],
    };
    let plan = plan(&[GateMetric::CpuPerRequest]);
    let found = conclude(&plan, measured, Ended::Planned, None).errors;
    assert_eq!(found.verdict, Some(expected), "{found:?}");
}

#[test]
fn errors_count_from_their_limits_on() {
    let all = |first: (u64, u64), second: (u64, u64)| {
        let mut launches = [(0, 0); 10];
        (launches[3], launches[4]) = (first, second);
        failing(1_000, &launches)
    };
    // A thousandth of the head's requests, and more than twice as many as the base's.
    errors_are(&all((4, 10), (0, 0)), Verdict::Inconclusive);
    errors_are(&all((5, 10), (0, 0)), Verdict::Pass);
    errors_are(&all((4, 9), (0, 0)), Verdict::Pass);
    // Where the base has none, two launches do.
    errors_are(&all((0, 1), (0, 0)), Verdict::Pass);
    errors_are(&all((0, 1), (0, 1)), Verdict::Inconclusive);
    errors_are(&all((1, 1), (0, 1)), Verdict::Pass);
    // A hundredth of the base's is another load than was planned.
    errors_are(&all((50, 50), (50, 50)), Verdict::Inconclusive);
    errors_are(&all((50, 50), (49, 49)), Verdict::Pass);
}

#[test]
fn more_launches_with_errors_are_no_failure_where_there_are_fewer_errors() {
    let mut launches = vec![(0, 1); 11];
    errors_are(&failing(100_000, &launches), Verdict::Fail);
    launches.push((12, 0));
    errors_are(&failing(100_000, &launches), Verdict::Pass);
    launches[11] = (10, 0);
    errors_are(&failing(100_000, &launches), Verdict::Fail);
}

#[test]
fn an_arm_that_answered_late_is_not_mute() {
    let late = |arm: &mut ArmBlock| {
        mute(arm);
        arm.closed.tallies[0].completed_ok = 1;
    };
    assert_eq!(next_of(&changed(2, mute)), Next::Stop);
    assert_eq!(next_of(&changed(2, late)), Next::Measure);
}

#[test]
fn answers_differ_from_their_limits_on() {
    let differs = |change: &dyn Fn(&mut ArmBlock), of_base: bool| {
        let mut blocks = blocks(10);
        for block in &mut blocks {
            let Arms { base, head } = &mut block.arms;
            change(if of_base { base } else { head });
        }
        let found = judged(&blocks);
        found.errors.reason.unwrap_or_default()
    };
    let other = |count: u64| {
        move |arm: &mut ArmBlock| {
            let tally = &mut arm.closed.tallies[0];
            tally.status = [(200, 100 - count), (304, count)].into();
        }
    };
    // Of 200 answers on each launch.
    assert_eq!(differs(&other(1), false), "");
    // The class that is found first is the one that lacks them.
    let found = differs(&other(3), false);
    let says = "98.5 % of its answers have a status of 2xx, 100 %";
    assert!(found.contains(says), "{found}");
    let found = differs(&other(3), true);
    assert!(
        found.contains("100 % of its answers have a status of 2xx, 98.5 %"),
        "{found}"
    );
    let bodies = |bytes: u64| {
        move |arm: &mut ArmBlock| {
            for turns in [Some(&mut arm.closed), arm.open.as_mut()]
                .into_iter()
                .flatten()
            {
                turns.tallies[0].received_body = bytes;
            }
        }
    };
    assert_eq!(differs(&bodies(9_500), false), "");
    let found = differs(&bodies(9_400), false);
    assert!(
        found.contains("its bodies have 94 bytes, the base's 100"),
        "{found}"
    );
    assert_eq!(differs(&bodies(9_400), true), "");
}

#[test]
fn the_end_of_a_log_is_one_line_of_a_reason() {
    let mut ended = blocks(10);
    let words = "exit code 1; its last lines:\n  no table\n\tat main";
    ended[0].arms.base.died = Some(Down::Ended(words.to_owned()));
    let says = "the base ended by itself: exit code 1; its last lines: no table at main";
    check(&ended, &Outcome::Invalid(String::new()), says);
}
