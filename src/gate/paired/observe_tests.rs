//! What blocks say of a metric, at the edges of the rules by which they do.

use std::time::Duration;

use super::observe::{Series, by_launch, void};
use super::samples::{blocks, changed, plan, turns, verdict};
use super::*;
use crate::gate::Verdict;
use crate::result::{ArmBlock, Arms, Block};
use crate::scenario::plan::gate::{GateMetric, Relaunch};

const CPU: GateMetric = GateMetric::CpuPerRequest;
const P50: GateMetric = GateMetric::Latency(0.5);

fn one(change: impl Fn(&mut Block)) -> Block {
    let mut block = blocks(1).remove(0);
    change(&mut block);
    block
}

/// All blocks on one launch.
fn series(metric: GateMetric, blocks: &[Block]) -> Series {
    Series::of(metric, &[blocks.iter().collect()])
}

/// The figures of base and head on one launch.
#[track_caller]
fn figures(metric: GateMetric, blocks: &[Block]) -> (f64, f64) {
    let series = series(metric, blocks);
    let [logs] = series.logs[..] else {
        panic!("{series:?}");
    };
    (logs.base.exp(), logs.head.exp())
}

#[track_caller]
fn close((base, head): (f64, f64), expected: (f64, f64)) {
    let is_close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.002;
    assert!(
        is_close(base, expected.0) && is_close(head, expected.1),
        "{base} {head}, not {expected:?}"
    );
}

#[test]
fn a_block_is_void_behind_a_limit_and_not_at_it() {
    type Change = fn(&mut Block);
    let rules: [(Change, Option<&str>); 7] = [
        (|of| of.around.foreign_cores = Some(0.15), None),
        (
            |of| of.around.foreign_cores = Some(0.151),
            Some("other programs used the CPU"),
        ),
        (|of| of.around.steal = Some(0.05), None),
        (
            |of| of.around.steal = Some(0.051),
            Some("the hypervisor took CPU time"),
        ),
        (|of| of.around.throttled = Duration::ZERO, None),
        (
            |of| of.around.throttled = Duration::from_nanos(1),
            Some("the control group was throttled"),
        ),
        (
            |of| (of.around.foreign_cores, of.around.steal) = (None, None),
            None,
        ),
    ];
    for (at, (change, expected)) in rules.into_iter().enumerate() {
        assert_eq!(void(&one(change)), expected, "{at}");
    }
}

#[test]
fn a_block_is_void_if_a_late_generator_sent_too_little() {
    let sent = |of_base: u64, of_head: u64, lag: u64| {
        one(|block| {
            block.around.dispatch_lag_p99 = Duration::from_millis(lag);
            let arms = [&mut block.arms.base, &mut block.arms.head];
            for (arm, sent) in arms.into_iter().zip([of_base, of_head]) {
                let tally = &mut arm.open.as_mut().unwrap().tallies[0];
                (tally.due, tally.sent_in_window) = (1_000, sent);
            }
        })
    };
    let late = Some("the generator was late");
    for (block, expected) in [
        (sent(989, 1_000, 10), late),
        (sent(1_000, 989, 10), late),
        (sent(990, 990, 10), None),
        // What the arm did not take in time is its own affair.
        (sent(0, 0, 9), None),
    ] {
        assert_eq!(void(&block), expected);
    }
}

#[test]
fn blocks_of_one_launch_are_one_figure() {
    // Sums are divided by sums: 10 ms for 100 answers and 90 ms for 300.
    let mut two = blocks(2);
    let Arms { base, head } = &mut two[1].arms;
    for arm in [base, head] {
        (arm.cpu, arm.open_cpu) = (
            Some(Duration::from_millis(90)),
            Some(Duration::from_millis(90)),
        );
        (arm.closed, arm.open) = (turns(300, 1_000), Some(turns(300, 30_000)));
        arm.peak_bytes = Some(3 << 20);
    }
    close(figures(CPU, &two[1..]), (300.0, 300.0));
    close(figures(GateMetric::CpuAtRate, &two), (275.0, 275.0));
    close(figures(GateMetric::Capacity, &two), (200.0, 200.0));
    close(figures(P50, &two), (30_000.0, 30_000.0));
    let most = f64::from(3 << 20);
    close(figures(GateMetric::PeakMemory, &two), (most, most));
    two[0].arms.head.cpu = two[0].arms.base.cpu;
    close(figures(CPU, &two), (250.0, 250.0));
    // A void one is left out of figures at the fixed rate alone.
    two[1].around.steal = Some(1.0);
    close(figures(P50, &two), (10_000.0, 10_000.0));
    close(figures(CPU, &two), (250.0, 250.0));
    two[0].around.steal = Some(1.0);
    let found = series(P50, &two);
    assert_eq!(
        (found.logs.len(), found.voided, found.unknown),
        (0, 1, None)
    );
    // One of them whose turns are short says nothing of the other's.
    two[1].arms.base.closed.are_short = true;
    let found = series(GateMetric::Capacity, &two);
    assert!(found.logs.is_empty() && found.unknown.unwrap().0 == 1);
}

#[test]
fn launches_that_say_nothing_are_counted_with_their_reason() {
    let mut all = blocks(3);
    all[0].arms.head.cpu = None;
    all[2].arms.base.cpu = None;
    let launches = by_launch(&all, Relaunch::Every(1));
    let found = Series::of(CPU, &launches);
    let why = "the CPU time of an arm cannot be read, or was read too late";
    assert_eq!((found.logs.len(), found.unknown), (1, Some((2, why))));
    let reason = |blocks: &[Block], metric| {
        let series = series(metric, blocks);
        series.unknown.map(|(_, why)| why)
    };
    // One arm that was loaded is enough to say more than that none was.
    let alone = one(|block| block.arms.head.closed = crate::result::Turns::nothing());
    let why = "an arm gave no OK answer";
    assert_eq!(reason(&[alone], CPU), Some(why));
    let neither = one(|block| {
        for arm in [&mut block.arms.base, &mut block.arms.head] {
            arm.closed = crate::result::Turns::nothing();
        }
    });
    let why = "neither arm was loaded, for one was not up";
    assert_eq!(reason(std::slice::from_ref(&neither), CPU), Some(why));
    assert_eq!(reason(&[one(|_| ()), neither], CPU), Some(why));
    // No time at all is no figure, and endless capacity is none either.
    let nothing = "nothing was counted";
    let idle = one(|block| block.arms.base.cpu = Some(Duration::ZERO));
    assert_eq!(reason(&[idle], CPU), Some(nothing));
    let endless = one(|block| block.arms.base.closed.active = Duration::ZERO);
    assert_eq!(reason(&[endless], GateMetric::Capacity), Some(nothing));
}

#[test]
fn a_percentile_is_known_up_to_what_was_never_answered() {
    // Half of the requests were answered within 10 ms, the others not within a second.
    let half = |quantile: f64| {
        let block = one(|block| {
            let open = block.arms.head.open.as_mut().unwrap();
            open.tallies[0]
                .censored
                .record_n(1_000_000_000, 100)
                .unwrap();
        });
        series(GateMetric::Latency(quantile), &[block])
    };
    assert_eq!(half(0.5).logs.len(), 1);
    let why = "requests that were never answered make it a lower bound";
    assert_eq!(half(0.51).unknown, Some((1, why)));
}

#[test]
fn answers_that_came_between_turns_are_charged_and_no_capacity() {
    let late = |arm: &mut ArmBlock| {
        let tally = &mut arm.closed.tallies[0];
        (tally.ok, tally.completed_ok) = (200, 100);
    };
    let block = one(|block| late(&mut block.arms.head));
    let (base, head) = figures(CPU, std::slice::from_ref(&block));
    assert!((base / head / 2.0 - 1.0).abs() < 0.004, "{base} {head}");
    close(figures(GateMetric::Capacity, &[block]), (100.0, 100.0));
}

#[test]
fn the_tail_is_judged_at_twenty_bursts() {
    // A stall in one of three turns of each block.
    let stalled = |count: u32| {
        let mut blocks = blocks(count);
        for block in &mut blocks {
            for arm in [&mut block.arms.base, &mut block.arms.head] {
                let mut open = turns(999, 1_000);
                open.tallies[0].add(&turns(8, 50_000).tallies[0]);
                let quick = (1_000_000, 333);
                let stall = vec![quick, (50_000_000, 8)];
                open.by_turn = vec![vec![quick], stall, vec![quick]];
                arm.open = Some(open);
            }
        }
        let p99 = GateMetric::Latency(0.99);
        let found = verdict(&plan(&[p99]), &blocks).metrics.remove(0);
        (found.bursts.unwrap().base, found.verdict)
    };
    assert_eq!(stalled(19), (19.0, None));
    assert_eq!(stalled(20), (20.0, Some(Verdict::Pass)));
    // The middle of the distribution rests on no bursts.
    let middle = plan(&[GateMetric::Latency(0.75)]);
    assert_eq!(verdict(&middle, &blocks(10)).metrics[0].bursts, None);
}

/// A metric with so many launches that count, of which the head's figure differs by far.
fn noisy(blocks: &mut [Block], metric: GateMetric) -> MetricVerdict {
    for (at, block) in blocks.iter_mut().enumerate() {
        let us = [20_000, 5_000, 6_000, 16_000][at % 4];
        block.arms.head.open = Some(turns(100, us));
    }
    verdict(&plan(&[CPU, metric]), blocks).metrics.remove(1)
}

#[test]
fn ten_launches_are_enough_to_be_unsure() {
    let disturbed = |count: usize| {
        let mut blocks = blocks(16);
        let void = blocks[..count].iter_mut();
        void.for_each(|block| block.around.steal = Some(1.0));
        noisy(&mut blocks, P50)
    };
    let found = disturbed(6);
    assert_eq!((found.n, found.verdict), (10, Some(Verdict::Inconclusive)));
    assert!(found.reason.unwrap().contains("may be 10 % worse"));
    // Fewer are the neighbour's doing.
    let found = disturbed(7);
    assert_eq!((found.n, found.verdict), (9, None));
    // Without one nine launches are too few, and that is no reason to leave a metric out.
    let found = verdict(&plan(&[CPU]), &blocks(9)).metrics.remove(0);
    assert_eq!((found.n, found.verdict), (9, Some(Verdict::Inconclusive)));
    assert_eq!(found.smallest_effect, None);
    // One launch that says nothing takes none of the others away.
    let mut lost = blocks(16);
    lost[3].arms.head.cpu = None;
    let found = verdict(&plan(&[CPU]), &lost).metrics.remove(0);
    assert_eq!((found.n, found.verdict), (15, Some(Verdict::Pass)));
}

#[test]
fn a_capacity_that_is_the_generators_does_not_pass() {
    let capacity = GateMetric::Capacity;
    type Arm = fn(&mut Block) -> &mut ArmBlock;
    let (base, head): (Arm, Arm) = (|of| &mut of.arms.base, |of| &mut of.arms.head);
    let outrun = |arm: Arm, launches: usize| {
        let mut blocks = blocks(10);
        let outrun = blocks[..launches].iter_mut();
        outrun.for_each(|block| arm(block).closed.outruns_generator = true);
        blocks
    };
    let judged = |blocks: &[Block]| verdict(&plan(&[CPU, capacity]), blocks);
    let of = |blocks: &[Block]| judged(blocks).metrics.remove(1);
    // As long as it is so in most launches: a base that takes more hides a head that takes less.
    let found = judged(&outrun(base, 6));
    assert_eq!(found.outcome, crate::gate::Outcome::Pass);
    let scope = "of CPU per request alone: capacity was not judged";
    assert_eq!(found.scope().as_deref(), Some(scope));
    let found = of(&outrun(base, 6));
    assert_eq!(found.verdict, None);
    assert!(found.reason.unwrap().contains("a worker of the generator"));
    assert!(found.needs.unwrap().contains("more `workers`"));
    assert_eq!(of(&outrun(base, 5)).verdict, Some(Verdict::Pass));
    // A head that outruns it is no slower than a base that does not.
    assert_eq!(of(&outrun(head, 10)).verdict, Some(Verdict::Pass));
    // Slower all the same is slower, and what was asked for is no pass.
    let mut slower = outrun(base, 10);
    for block in &mut slower {
        let head = &mut block.arms.head.closed;
        head.active = head.active.mul_f64(1.25);
    }
    assert_eq!(of(&slower).verdict, Some(Verdict::Fail));
    let mut asked = plan(&[capacity]);
    asked.metrics[0].asked = true;
    let found = verdict(&asked, &outrun(base, 10));
    assert_eq!(found.outcome, crate::gate::Outcome::Inconclusive);
    // Nor is it a figure for a baseline.
    let kept = |blocks: &[Block]| {
        let measured = Measured {
            blocks,
            confirming: &[],
        };
        stored(&plan(&[capacity]), measured)
            .figures
            .contains_key("capacity")
    };
    assert!(!kept(&outrun(head, 6)) && kept(&outrun(head, 5)) && kept(&outrun(base, 10)));
    // CPU time is what it is.
    assert_eq!(
        judged(&outrun(base, 10)).metrics[0].verdict,
        Some(Verdict::Pass)
    );
}

/// What passes at the first look stays a pass as long as all launches say so.
#[test]
fn later_launches_take_a_pass_back_and_give_none() {
    let costing = |later: f64| {
        let mut blocks = changed(16, |_| ());
        for block in &mut blocks[10..] {
            let head = &mut block.arms.head;
            head.cpu = head.cpu.map(|cpu| cpu.mul_f64(later));
        }
        verdict(&plan(&[CPU]), &blocks).metrics.remove(0)
    };
    assert_eq!(costing(1.0).verdict, Some(Verdict::Pass));
    assert_eq!(costing(0.5).verdict, Some(Verdict::Pass));
    for times in [1.5, 10.0] {
        let found = costing(times);
        assert_eq!(found.verdict, Some(Verdict::Inconclusive), "{found:#?}");
        assert!(found.reason.unwrap().contains("may be 5 % worse"));
    }
}
