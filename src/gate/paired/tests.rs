//! What the decision makes of blocks whose figures are known.

use std::time::Duration;

use super::samples::{blocks, changed, costing, plan, turns, verdict};
use super::*;
use crate::gate::{Outcome, Verdict};
use crate::result::{ArmBlock, Block, Down, Turns};
use crate::scenario::plan::gate::{Confirm, GateMetric, GatePlan};

/// What is asked for if a figure of turns without a rate fails.
const CONFIRM: Next = Next::Confirm { at_rate: false };

const CPU: GateMetric = GateMetric::CpuPerRequest;
const P50: GateMetric = GateMetric::Latency(0.5);
const ALL: [GateMetric; 4] = [CPU, GateMetric::Capacity, P50, GateMetric::PeakMemory];

/// An arm that is worse by 20 % in one metric.
fn worsen(metric: GateMetric) -> impl Fn(&mut ArmBlock) {
    move |arm| match metric {
        GateMetric::CpuPerRequest => arm.cpu = arm.cpu.map(|cpu| cpu.mul_f64(1.2)),
        GateMetric::CpuAtRate => arm.open_cpu = arm.open_cpu.map(|cpu| cpu.mul_f64(1.2)),
        GateMetric::Capacity => arm.closed.active = arm.closed.active.mul_f64(1.25),
        GateMetric::Latency(_) => arm.open = Some(turns(100, 12_000)),
        GateMetric::PeakMemory => arm.peak_bytes = Some((1 << 20) * 6 / 5),
        GateMetric::Function(_) => panic!("no block tells it"),
    }
}

fn of(verdict: &GateVerdict, metric: GateMetric) -> &MetricVerdict {
    let found = verdict.metrics.iter().find(|of| of.metric == metric);
    found.unwrap()
}

#[test]
fn each_metric_fails_for_what_is_worse_in_it_alone() {
    let plan = plan(&ALL);
    let alike = verdict(&plan, &blocks(10));
    assert_eq!(alike.outcome, Outcome::Pass, "{alike:#?}");
    for metric in ALL {
        let verdict = verdict(&plan, &changed(16, worsen(metric)));
        assert_eq!(verdict.outcome, Outcome::Fail, "{verdict:#?}");
        for other in &verdict.metrics {
            let expected = if other.metric == metric {
                Verdict::Fail
            } else {
                Verdict::Pass
            };
            assert_eq!(other.verdict, Some(expected), "{metric:?}: {other:#?}");
        }
        let found = of(&verdict, metric);
        let by = if metric == GateMetric::Capacity {
            -0.2
        } else {
            0.2
        };
        let change = found.change.unwrap();
        assert!((change.by - by).abs() < 0.002, "{change:?}");
        assert!(change.low <= change.by && change.by <= change.high);
        let reason = found.reason.as_deref().unwrap();
        let sign = if by < 0.0 { "-20 %" } else { "+20 %" };
        assert!(reason.starts_with(sign), "{reason}");
        assert!(reason.contains("8 fresh launches confirm it"), "{reason}");
        assert_eq!(verdict.reasons.len(), 1);
        let (base, head) = (found.base.unwrap(), found.head.unwrap());
        assert!((head / base - 1.0 - by).abs() < 0.002);
    }
}

#[test]
fn figures_are_in_their_units() {
    let verdict = verdict(&plan(&ALL), &blocks(10));
    for (metric, base) in ALL.into_iter().zip([100.0, 100.0, 10_000.0, 1_048_576.0]) {
        let found = of(&verdict, metric).base.unwrap();
        assert!((found / base - 1.0).abs() < 0.002, "{metric:?}: {found}");
    }
}

#[test]
fn swapped_arms_have_the_mirrored_verdict() {
    let plan = plan(&ALL);
    for metric in ALL {
        let blocks = changed(16, worsen(metric));
        let mut swapped = blocks.clone();
        for block in &mut swapped {
            std::mem::swap(&mut block.arms.base, &mut block.arms.head);
        }
        let (worse, better) = (verdict(&plan, &blocks), verdict(&plan, &swapped));
        assert_eq!(worse.outcome, Outcome::Fail);
        assert_eq!(better.outcome, Outcome::Pass, "{better:#?}");
        let (worse, better) = (of(&worse, metric), of(&better, metric));
        let factor = (1.0 + worse.change.unwrap().by) * (1.0 + better.change.unwrap().by);
        assert!((factor - 1.0).abs() < 1e-9);
        assert!((worse.p.unwrap() + better.p.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(better.sign_flip_p, Some(1.0));
        assert_eq!((worse.base, worse.head), (better.head, better.base));
    }
}

/// What is asked after each number of launches.
fn steps(plan: &GatePlan, blocks: &[Block]) -> Vec<Next> {
    let ask = |count: usize| {
        let (blocks, confirming) = blocks.split_at(count.min(16));
        let measured = Measured {
            blocks,
            confirming: &confirming[..count - blocks.len()],
        };
        next(plan, measured, Time::Left)
    };
    (0..=blocks.len()).map(ask).collect()
}

#[test]
fn looks_are_after_ten_and_sixteen_launches() {
    let plan = plan(&[CPU]);
    // Plainly no worse, or plainly worse: the first look tells.
    let alike = steps(&plan, &blocks(10));
    assert!(alike[..10].iter().all(|next| *next == Next::Measure));
    assert_eq!(alike[10], Next::Stop);
    assert_eq!(steps(&plan, &costing(10, 1.2))[10], CONFIRM);
    // Between both limits the second one does, and fresh launches follow.
    let slightly = steps(&plan, &costing(24, 1.0315));
    assert!(
        slightly[..16].iter().all(|next| *next == Next::Measure),
        "{slightly:?}"
    );
    assert!(slightly[16..24].iter().all(|next| *next == CONFIRM));
    assert_eq!(slightly[24], Next::Stop);
    let hasty = GatePlan {
        confirm: Confirm::No,
        ..plan
    };
    assert_eq!(steps(&hasty, &costing(10, 1.2))[10], Next::Stop);
    let unconfirmed = Measured {
        blocks: &costing(10, 1.2),
        confirming: &[],
    };
    let verdict = conclude(&hasty, unconfirmed, Ended::Planned, None);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert_eq!(of(&verdict, CPU).confirmation, None);
}

#[test]
fn time_that_is_over_is_the_last_look() {
    let plan = plan(&[CPU]);
    let ask = |blocks: &[Block]| {
        let measured = Measured {
            blocks,
            confirming: &[],
        };
        next(&plan, measured, Time::Over)
    };
    assert_eq!(ask(&costing(13, 1.0315)), CONFIRM);
    assert_eq!(ask(&blocks(13)), Next::Stop);
    assert_eq!(ask(&costing(9, 1.2)), Next::Stop);
}

#[test]
fn a_failure_that_fresh_launches_do_not_confirm_is_none() {
    let plan = plan(&[CPU]);
    let failing = costing(16, 1.2);
    let judged = |confirming: &[Block]| {
        let measured = Measured {
            blocks: &failing,
            confirming,
        };
        conclude(&plan, measured, Ended::Planned, None)
    };
    for (confirming, says) in [
        (vec![], "no time was left to confirm it"),
        (
            costing(7, 1.2),
            "only 7 of 8 fresh launches could confirm it",
        ),
        (blocks(8), "8 fresh launches do not confirm it: "),
        (costing(8, 0.8), "8 fresh launches do not confirm it: -20 %"),
        // Surely worse, but less than is tolerated.
        (costing(8, 1.02), "8 fresh launches do not confirm it: +2 %"),
    ] {
        let verdict = judged(&confirming);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{says}");
        let reason = of(&verdict, CPU).reason.as_deref().unwrap();
        assert!(reason.contains(says), "{reason}");
    }
    assert_eq!(judged(&costing(8, 1.2)).outcome, Outcome::Fail);
    assert_eq!(judged(&costing(8, 1.04)).outcome, Outcome::Fail);
}

#[test]
fn what_the_budget_had_no_time_for_says_which_one_has() {
    let plan = plan(&[CPU]);
    let short = |blocks: &[Block], confirming: &[Block]| {
        let measured = Measured { blocks, confirming };
        let ended = Ended::Short(Duration::from_secs(140));
        let found = conclude(&plan, measured, ended, None);
        assert_eq!(found.outcome, Outcome::Inconclusive);
        of(&found, CPU).needs.clone().unwrap()
    };
    let says =
        "a `--budget` of 140s, which has time for 10 launches and for 8 that confirm a failure";
    assert_eq!(short(&costing(10, 1.2), &[]), says);
    assert_eq!(short(&costing(10, 1.2), &costing(7, 1.2)), says);
    assert_eq!(short(&blocks(9), &[]), says);
    // A failure that was not confirmed needs something else than time, and so does noise.
    assert!(short(&costing(10, 1.2), &blocks(8)).contains("measure again"));
    let pass = Measured {
        blocks: &blocks(10),
        confirming: &[],
    };
    let ended = Ended::Short(Duration::from_secs(140));
    let found = conclude(&plan, pass, ended, None);
    assert_eq!(found.outcome, Outcome::Pass);
    assert_eq!(of(&found, CPU).needs, None);
}

#[test]
fn what_is_below_the_tolerated_change_never_fails() {
    let plan = plan(&[CPU]);
    for times in [1.0, 1.01, 1.02, 1.028, 0.5] {
        let verdict = verdict(&plan, &costing(16, times));
        assert_eq!(verdict.outcome, Outcome::Pass, "{times}");
        let reason = &verdict.reasons;
        assert!(
            reason[0].contains("no change for the worse of 5 % or more"),
            "{reason:?}"
        );
    }
}

#[test]
fn noise_is_inconclusive_and_says_what_would_settle_it() {
    let mut noisy = blocks(16);
    for (at, block) in noisy.iter_mut().enumerate() {
        let by = [0.2, -0.15, -0.18, 0.22][at % 4];
        block.arms.head.cpu = Some(Duration::from_secs_f64(0.01 * f64::exp(by)));
    }
    let measured = Measured {
        blocks: &noisy,
        confirming: &[],
    };
    let short = Ended::Short(Duration::from_secs(140));
    let short = conclude(&plan(&[CPU]), measured, short, None);
    assert_eq!(
        of(&short, CPU).needs,
        of(&verdict(&plan(&[CPU]), &noisy), CPU).needs
    );
    let verdict = verdict(&plan(&[CPU]), &noisy);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    let found = of(&verdict, CPU);
    assert!(
        found
            .reason
            .as_deref()
            .unwrap()
            .contains("may be 5 % worse")
    );
    let needs = found.needs.as_deref().unwrap();
    assert!(needs.contains("here they differ by 19.4 %"), "{needs}");
    // Some 1.33 standard deviations at 16 launches for one metric.
    let smallest = found.smallest_effect.unwrap();
    assert!((0.2..0.35).contains(&smallest), "{smallest}");
}

#[test]
fn the_smallest_effect_is_what_the_design_says() {
    // Four metrics: 1.3 standard deviations, and at least the tolerated change.
    let level = FALSE_FAILS / 4.0;
    for (spread, expected) in [(0.04, 0.052), (0.008, 0.0296 + 0.0027)] {
        let values: Vec<f64> = (0..16)
            .map(|at| if at % 2 == 0 { spread } else { -spread })
            .collect();
        let paired = crate::statistics::Paired::of(&values).unwrap();
        let limits = look::LogLimits::of(CPU, CPU.default_limits());
        let found = look::seen_from(&paired, limits, level);
        assert!((found / expected - 1.0).abs() < 0.06, "{spread}: {found}");
    }
}

#[test]
fn figures_at_a_fixed_rate_do_not_count_beside_neighbours() {
    let plan = plan(&[CPU, P50, GateMetric::CpuAtRate]);
    for disturb in [
        |block: &mut Block| block.around.foreign_cores = Some(0.16),
        |block: &mut Block| block.around.steal = Some(0.06),
        |block: &mut Block| block.around.throttled = Duration::from_millis(1),
    ] {
        let mut disturbed = blocks(16);
        disturbed[..7].iter_mut().for_each(disturb);
        let verdict = verdict(&plan, &disturbed);
        assert_eq!(verdict.outcome, Outcome::Pass);
        assert_eq!(of(&verdict, CPU).verdict, Some(Verdict::Pass));
        let found = of(&verdict, P50);
        assert_eq!((found.verdict, found.n), (None, 9));
        let mut asked = plan.clone();
        asked.metrics[1].asked = true;
        let asked = super::samples::verdict(&asked, &disturbed);
        assert_eq!(asked.outcome, Outcome::Inconclusive);
        assert_eq!(of(&asked, P50).verdict, Some(Verdict::Inconclusive));
        let reason = found.reason.as_deref().unwrap();
        assert!(reason.contains("7 more do not count"), "{reason}");
        // A coarse figure that nobody asked for keeps nothing from a verdict.
        assert_eq!(of(&verdict, GateMetric::CpuAtRate).verdict, None);
        let disturbed_less = {
            let mut blocks = blocks(16);
            blocks[..6].iter_mut().for_each(disturb);
            blocks
        };
        assert_eq!(
            super::samples::verdict(&plan, &disturbed_less).outcome,
            Outcome::Pass
        );
    }
    let mut below = blocks(10);
    for block in &mut below {
        block.around.foreign_cores = Some(0.15);
        block.around.steal = Some(0.05);
    }
    assert_eq!(verdict(&plan, &below).outcome, Outcome::Pass);
}

#[test]
fn no_data_never_passes() {
    let asked = |metric: GateMetric| {
        let mut plan = plan(&[metric]);
        plan.metrics[0].asked = true;
        plan
    };
    type Lose = fn(&mut ArmBlock);
    let gone: [(GateMetric, Lose); 6] = [
        (CPU, |arm| arm.cpu = None),
        (CPU, |arm| arm.cpu = Some(Duration::ZERO)),
        (GateMetric::Capacity, |arm| {
            arm.closed.active = Duration::ZERO
        }),
        (P50, |arm| arm.open = None),
        (P50, |arm| arm.open = Some(turns(0, 1))),
        (GateMetric::PeakMemory, |arm| arm.peak_bytes = None),
    ];
    for (metric, lose) in gone {
        for plan in [plan(&[metric]), asked(metric)] {
            let found = verdict(&plan, &changed(16, lose));
            assert_eq!(found.outcome, Outcome::Inconclusive, "{metric:?}");
            assert_eq!(found.exit_code(), 3);
        }
        // Beside another metric that is known, it is not gated unless it was asked for.
        let mut both = plan(&[metric, GateMetric::CpuAtRate]);
        let at_rate = |arm: &mut ArmBlock| {
            let open = arm.open.clone();
            lose(arm);
            arm.open = arm.open.take().filter(|of| of.tallies[0].ok > 0).or(open);
        };
        if metric != P50 {
            assert_eq!(verdict(&both, &changed(16, at_rate)).outcome, Outcome::Pass);
            both.metrics[0].asked = true;
            let found = verdict(&both, &changed(16, at_rate));
            assert_eq!(found.outcome, Outcome::Inconclusive);
        }
    }
    let nothing = verdict(&plan(&[CPU]), &[]);
    assert_eq!(nothing.exit_code(), 4, "{nothing:#?}");
    let no_metrics = verdict(&plan(&[]), &blocks(16));
    assert_eq!(no_metrics.exit_code(), 3);
}

#[test]
fn capacity_is_not_judged_in_turns_that_are_too_short() {
    let mut plan = plan(&[CPU, GateMetric::Capacity]);
    let short = |arm: &mut ArmBlock| {
        arm.closed.are_short = true;
        arm.closed.active = arm.closed.active.mul_f64(1.25);
    };
    let found = verdict(&plan, &changed(10, short));
    assert_eq!(found.outcome, Outcome::Pass, "{found:#?}");
    let capacity = of(&found, GateMetric::Capacity);
    let says = "turns are too short for its answers to tell capacity";
    assert_eq!(capacity.verdict, None);
    assert_eq!(capacity.reason.as_deref(), Some(says));
    plan.metrics[1].asked = true;
    let found = verdict(&plan, &changed(10, short));
    assert_eq!(found.outcome, Outcome::Inconclusive);
}

#[test]
fn what_keeps_figures_at_a_fixed_rate_away_is_told() {
    let plan = plan(&[CPU, P50]);
    let says = |change: fn(&mut ArmBlock)| {
        let found = verdict(&plan, &changed(10, change));
        of(&found, P50).reason.clone().unwrap()
    };
    assert!(says(|arm| arm.open = None).contains("the budget left no time"));
    let ended =
        says(|arm| (arm.open, arm.died) = (None, Some(Down::Ended("exit code 1".to_owned()))));
    assert!(ended.contains("an arm ended"), "{ended}");
    let mute = says(|arm| (arm.open, arm.closed) = (None, turns(0, 1)));
    assert!(mute.contains("an arm gave no OK answer"), "{mute}");
}

#[test]
fn no_more_launches_are_named_where_what_there_is_should_do() {
    let values: Vec<f64> = (0..16).map(|at| f64::from(at % 2) * 0.001).collect();
    let paired = crate::statistics::Paired::of(&values).unwrap();
    let limits = look::LogLimits::of(CPU, CPU.default_limits());
    assert_eq!(look::times_needed(&paired, limits, FALSE_FAILS), None);
}

/// Turns at a fixed rate, of 250 requests each and so many slow ones.
fn with_slow(slow: [u64; 4]) -> Turns {
    let mut all = turns(0, 1);
    for slow in slow {
        all.tallies[0].add(&turns(250, 1_000).tallies[0]);
        all.tallies[0].add(&turns(slow, 50_000).tallies[0]);
        let mut turn = vec![(1_000_000, 250)];
        if slow > 0 {
            turn.push((50_000_000, slow));
        }
        all.by_turn.push(turn);
    }
    all
}

#[test]
fn the_tail_is_gated_from_twenty_bursts_on() {
    let p99 = GateMetric::Latency(0.99);
    let judged = |slow: fn(usize) -> [u64; 4]| {
        let mut blocks = blocks(16);
        for (at, block) in blocks.iter_mut().enumerate() {
            for arm in [&mut block.arms.base, &mut block.arms.head] {
                arm.open = Some(with_slow(slow(at)));
            }
        }
        verdict(&plan(&[CPU, p99]), &blocks)
    };
    // A stall in each block, whatever its size, is one event of each block.
    let found = judged(|at| [0, 8 + at as u64 % 2, 0, 0]);
    let of_tail = of(&found, p99);
    assert_eq!(of_tail.verdict, None, "{of_tail:#?}");
    let (reason, needs) = (of_tail.reason.as_deref(), of_tail.needs.as_deref());
    let says = "its tail rests on 16 and 16 bursts of slow requests";
    assert!(reason.unwrap().contains(says), "{reason:?}");
    assert!(needs.unwrap().contains("some 2 times as long"), "{needs:?}");
    assert_eq!(found.outcome, Outcome::Pass);
    // What follows each other without a quiet turn is one event.
    let found = judged(|at| {
        if at % 2 == 0 {
            [0, 0, 0, 8]
        } else {
            [8, 0, 0, 0]
        }
    });
    let bursts = of(&found, p99).bursts.unwrap();
    assert_eq!((bursts.base, bursts.head), (8.0, 8.0));
    // A few of them, whose turns say nothing of how they come.
    let found = judged(|at| [if at == 3 { 8 } else { 0 }, 0, 0, 0]);
    let bursts = of(&found, p99).bursts.unwrap();
    assert!((0.9..1.1).contains(&bursts.base), "{bursts:?}");
    // Some in each turn are as many as they are.
    let found = judged(|_| [2; 4]);
    assert_eq!(of(&found, p99).bursts.unwrap().head, 128.0);
    assert_eq!(of(&found, p99).verdict, Some(Verdict::Pass), "{found:#?}");
    // In every other turn four: twice as uneven as independent ones.
    let found = judged(|_| [0, 4, 0, 4]);
    let bursts = of(&found, p99).bursts.unwrap();
    assert!((62.5..63.5).contains(&bursts.head), "{bursts:?}");
    let found = judged(|_| [0; 4]);
    assert_eq!(of(&found, p99).bursts.unwrap().base, 0.0);
}
