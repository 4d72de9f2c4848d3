//! What no metric judges does not pass where it is plain, and says so.

use super::samples::{blocks, changed, plan, turns, verdict, wobble};
use super::*;
use crate::gate::{Outcome, Verdict};
use crate::result::{ArmBlock, Block};
use crate::scenario::plan::gate::{GateMetric, GatePlan, Limits};

const CPU: GateMetric = GateMetric::CpuPerRequest;
const CAPACITY: GateMetric = GateMetric::Capacity;
const P50: GateMetric = GateMetric::Latency(0.5);
const P99: GateMetric = GateMetric::Latency(0.99);

/// The usual plan: the tail is shown and not gated.
fn usual() -> GatePlan {
    let mut plan = plan(&[CPU, CAPACITY, P50, P99]);
    plan.metrics[3].limits = None;
    plan
}

/// Launches of slow answers beside a neighbour: neither capacity nor latencies can be judged. The head takes so many times as long.
fn disturbed(count: u32, times: impl Fn(u32) -> f64) -> Vec<Block> {
    let mut blocks = blocks(count);
    for block in &mut blocks {
        let us = |latency: f64| (latency * times(block.number)) as u64;
        block.arms.head.closed = turns(100, us(60_000.0));
        block.arms.base.closed = turns(100, 60_000);
        block.arms.head.open = Some(turns(100, us(50_000.0)));
        block.arms.base.open = Some(turns(100, 50_000));
        for arm in [&mut block.arms.base, &mut block.arms.head] {
            arm.closed.are_short = true;
        }
        block.around.foreign_cores = Some(1.5);
    }
    blocks
}

fn of(verdict: &GateVerdict, metric: GateMetric) -> &MetricVerdict {
    let mut metrics = verdict.metrics.iter();
    metrics.find(|of| of.metric == metric).unwrap()
}

#[test]
fn a_head_that_sleeps_does_not_pass_by_its_cpu_time() {
    let found = verdict(&usual(), &disturbed(10, |_| 3.0));
    assert_eq!(found.outcome, Outcome::Inconclusive, "{found:#?}");
    assert_eq!(of(&found, CPU).verdict, Some(Verdict::Pass));
    let capacity = of(&found, CAPACITY);
    assert_eq!(
        capacity.reason.as_deref(),
        Some(
            "turns are too short for its answers to tell capacity; the head is plainly slower all the same: it takes 3.0 times as long on average in turns in which connections are never idle (60 ms → 180 ms)"
        )
    );
    let needs = capacity.needs.as_deref().unwrap();
    assert!(needs.contains("a longer `--budget`"), "{needs}");
    let p50 = of(&found, P50).reason.clone().unwrap();
    let says = "the head is plainly slower all the same: it takes 3.0 times as long by latency.p50 at the fixed rate (50 ms → 150 ms)";
    assert!(p50.ends_with(says), "{p50}");
    // What is only shown is named with its key.
    let p99 = of(&found, P99).needs.clone().unwrap();
    assert!(p99.contains("`name = \"latency.p99\"`"), "{p99}");
    // A scenario that names CPU alone does not hide it.
    let mut named = usual();
    named.metrics[1].limits = None;
    named.metrics[2].limits = None;
    let mut quiet = disturbed(10, |_| 3.0);
    for block in &mut quiet {
        block.around.foreign_cores = None;
    }
    let found = verdict(&named, &quiet);
    assert_eq!(found.outcome, Outcome::Inconclusive);
    let reason = of(&found, P50).reason.clone().unwrap();
    assert!(
        reason.starts_with("it is not gated; the head is plainly slower"),
        "{reason}"
    );
}

#[test]
fn latencies_without_turns_at_a_fixed_rate_are_those_of_the_others() {
    let mut blocks = disturbed(10, |_| 2.0);
    for block in &mut blocks {
        (block.arms.base.open, block.arms.head.open) = (None, None);
    }
    let found = verdict(&usual(), &blocks);
    let reason = of(&found, P50).reason.clone().unwrap();
    let says = "by latency.p50 in turns in which connections are never idle (60 ms → 120 ms)";
    assert!(reason.ends_with(says), "{reason}");
}

#[test]
fn a_tail_that_is_plainly_worse_does_not_pass_unseen() {
    let slow = |arm: &mut ArmBlock| {
        let open = arm.open.as_mut().unwrap();
        open.tallies[0].add(&turns(4, 500_000).tallies[0]);
    };
    let found = verdict(&usual(), &changed(10, slow));
    assert_eq!(of(&found, P50).verdict, Some(Verdict::Pass));
    assert_eq!(of(&found, P99).verdict, Some(Verdict::Inconclusive));
    assert_eq!(found.outcome, Outcome::Inconclusive);
    // What is not twice as much is nothing to a tail.
    let longer = |arm: &mut ArmBlock| {
        let open = arm.open.as_mut().unwrap();
        open.tallies[0].add(&turns(4, 18_000).tallies[0]);
    };
    let found = verdict(&usual(), &changed(10, longer));
    assert_eq!(found.outcome, Outcome::Pass, "{found:#?}");
}

#[test]
fn equal_arms_never_trip_however_noisy_they_are() {
    // ln of the change of each launch, SD 0.5: some launches differ by a factor of 3.
    let mut state = 1_u64;
    let mut normal = || {
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let sum: f64 = (0..12).map(|_| uniform()).sum();
        sum - 6.0
    };
    for gate in 0..50 {
        for count in [10, 16] {
            let noise: Vec<f64> = (0..=count).map(|_| (0.5 * normal()).exp()).collect();
            let found = verdict(&usual(), &disturbed(count, |at| noise[at as usize]));
            assert_eq!(found.outcome, Outcome::Pass, "{gate}: {found:#?}");
        }
    }
}

#[test]
fn what_is_plainly_better_and_what_fewer_launches_show_is_no_reason() {
    let faster = verdict(&usual(), &disturbed(10, |_| 0.3));
    assert_eq!(faster.outcome, Outcome::Pass);
    // Slower by less than is plain.
    let little = verdict(&usual(), &disturbed(10, |at| 1.2 * wobble(at)));
    assert_eq!(little.outcome, Outcome::Pass);
    let surely = verdict(&usual(), &disturbed(10, |at| 1.3 * wobble(at)));
    assert_eq!(surely.outcome, Outcome::Inconclusive);
    // Why nothing is shown is told.
    let p99 = of(&little, P99).reason.as_deref();
    let says = "10 launches do not count, for something else used the machine";
    assert_eq!(p99, Some(says));
    // Nine launches are inconclusive anyway, and nothing is called plain.
    let few = verdict(&usual(), &disturbed(9, |_| 3.0));
    assert_eq!(few.outcome, Outcome::Inconclusive);
    assert_eq!(of(&few, CAPACITY).verdict, None);
}

#[test]
fn answers_that_never_came_count_where_the_head_lacks_them() {
    let unanswered = |turns: &mut crate::result::Turns| {
        let censored = &mut turns.tallies[0].censored;
        censored.record_n(1_000_000_000, 100).unwrap();
    };
    let mut head = disturbed(10, |_| 1.0);
    head.iter_mut()
        .for_each(|block| unanswered(&mut block.arms.head.closed));
    let found = verdict(&usual(), &head);
    assert_eq!(of(&found, CAPACITY).verdict, Some(Verdict::Inconclusive));
    // Of a base that lacks them nothing is known.
    let mut both = head;
    both.iter_mut()
        .for_each(|block| unanswered(&mut block.arms.base.closed));
    assert_eq!(of(&verdict(&usual(), &both), CAPACITY).verdict, None);
}

#[test]
fn a_pass_says_what_it_is_of() {
    let reasons = |plan: &GatePlan, blocks: &[Block]| {
        let found = verdict(plan, blocks);
        assert_eq!(found.outcome, Outcome::Pass);
        found.reasons[0].clone()
    };
    let alone = "of CPU per request alone: capacity and latency.p50 were not judged";
    let mut apart = disturbed(10, |_| 1.0);
    assert_eq!(reasons(&usual(), &apart), alone);
    let scope = |blocks: &[Block]| verdict(&usual(), blocks).scope();
    assert_eq!(scope(&apart).as_deref(), Some(alone));
    // What does not pass is of nothing.
    for block in &mut apart {
        block.arms.head.cpu = block.arms.head.cpu.map(|cpu| cpu.mul_f64(1.3));
    }
    assert_eq!(scope(&apart), None);
    let mut quiet = disturbed(10, |_| 1.0);
    for block in &mut quiet {
        block.around.foreign_cores = None;
    }
    let both = "of CPU per request and latency.p50 alone: capacity was not judged";
    assert_eq!(reasons(&usual(), &quiet), both);
    // Where all of it was judged there is nothing to say.
    let all = reasons(&usual(), &blocks(10));
    assert!(all.starts_with("cpu_per_request: no change"), "{all}");
}

/// Beside a stored baseline there is no other arm that meets the same neighbours: what is ten times as slow is plain all the same.
#[test]
fn a_head_that_sleeps_does_not_pass_beside_a_stored_baseline() {
    let mut plan = usual();
    // Beyond what a machine is assumed to differ by, so that CPU time passes.
    plan.metrics[0].limits = Some(Limits {
        catch: 0.15,
        tolerate: 0.1,
    });
    let before = disturbed(10, |_| 1.0);
    let before = Measured {
        blocks: &before,
        confirming: &[],
    };
    let before = stored(&plan, before);
    let held = |times: f64, stored: &Stored| {
        let mut blocks = disturbed(10, |_| times);
        for block in &mut blocks {
            block.arms.base = block.arms.head.clone();
        }
        let measured = Measured {
            blocks: &blocks,
            confirming: &[],
        };
        against(&plan, measured, Ended::Planned, stored)
    };
    let found = held(10.0, &before);
    assert_eq!(found.outcome, Outcome::Inconclusive, "{found:#?}");
    assert_eq!(of(&found, CPU).verdict, Some(Verdict::Pass));
    for (metric, says) in [
        (CAPACITY, "it takes 10.0 times as long on average"),
        (
            P50,
            "it takes 10.0 times as long by latency.p50 at the fixed rate (50 ms → 500 ms)",
        ),
    ] {
        let found = of(&found, metric);
        let (reason, needs) = (found.reason.clone().unwrap(), found.needs.clone().unwrap());
        assert!(reason.contains(says), "{reason}");
        assert!(needs.contains("both versions side by side"), "{needs}");
    }
    let p99 = of(&found, P99).needs.clone().unwrap();
    assert!(p99.contains("`name = \"latency.p99\"`"), "{p99}");
    // What a machine may differ by at another time is not plain, nor is what no baseline has.
    let mut cpu_alone = before.clone();
    let figures = &mut cpu_alone.figures;
    figures.retain(|name, _| name == "cpu_per_request");
    for (times, stored) in [(1.0, before.clone()), (1.4, before), (10.0, cpu_alone)] {
        let found = held(times, &stored);
        assert_eq!(found.outcome, Outcome::Pass, "{times}: {found:#?}");
        assert!(
            found.reasons[0].starts_with("of CPU per request alone"),
            "{:?}",
            found.reasons
        );
    }
}
