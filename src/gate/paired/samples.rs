//! Blocks with known figures, for tests of what is made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Ended, GateVerdict, Measured, conclude};
use crate::metrics::{ErrorKind, Outcome as Answer, Tally, Times};
use crate::result::{ArmBlock, Arms, Around, Block, Turns};
use crate::scenario::plan::gate::{
    Answers, Confirm, GateMetric, GatePlan, Gated, OnInconclusive, Relaunch,
};

/// A plan that gates some metrics with their usual limits.
pub(super) fn plan(metrics: &[GateMetric]) -> GatePlan {
    let gated = metrics.iter().map(|metric| Gated {
        metric: *metric,
        limits: Some(metric.default_limits()),
        asked: false,
    });
    GatePlan {
        phase: "load".to_owned(),
        budget: Duration::from_secs(120),
        metrics: gated.collect(),
        functions: Vec::new(),
        relaunch: Relaunch::Every(1),
        confirm: Confirm::Fresh,
        on_inconclusive: OnInconclusive::Exit,
        answers: Answers::Alike,
        rate: None,
    }
}

/// OK answers with a latency, and failed requests beside them.
pub(super) fn turns(ok: u64, latency_us: u64) -> Turns {
    let mut tally = Tally::default();
    let times = Times {
        intended: 0,
        startable: 0,
        sent: 0,
        done: latency_us * 1_000,
    };
    for _ in 0..ok {
        tally.record(Answer::Ok { status: 200 }, times, u64::MAX);
    }
    tally.completed_ok = ok;
    tally.received_body = ok * 100;
    Turns {
        active: Duration::from_secs(1),
        count: 12,
        are_short: false,
        outruns_generator: false,
        tallies: vec![tally],
        exemplars: BTreeMap::new(),
        by_turn: Vec::new(),
    }
}

/// Adds so many requests that failed.
pub(super) fn fail(tally: &mut Tally, count: u64, kind: ErrorKind, status: Option<u16>) {
    let times = Times {
        intended: 0,
        startable: 0,
        sent: 0,
        done: 1,
    };
    for _ in 0..count {
        tally.record(Answer::Failed { kind, status }, times, u64::MAX);
    }
}

/// What an arm does that costs 100 µs a request: 100 requests a second, 10 ms each at a fixed rate.
pub(super) fn arm() -> ArmBlock {
    ArmBlock {
        cpu: Some(Duration::from_millis(10)),
        open_cpu: Some(Duration::from_millis(20)),
        peak_bytes: Some(1 << 20),
        closed: turns(100, 1_000),
        open: Some(turns(100, 10_000)),
        died: None,
    }
}

/// Blocks, each on a launch of its own, of arms that do the same up to a small difference that is no difference on average.
pub(super) fn blocks(count: u32) -> Vec<Block> {
    let of = |number: u32| Block {
        number,
        launch: number,
        head_first: number.is_multiple_of(2),
        arms: Arms {
            base: arm(),
            head: ArmBlock {
                cpu: Some(Duration::from_millis(10).mul_f64(wobble(number))),
                ..arm()
            },
        },
        around: Around::default(),
    };
    (1..=count).map(of).collect()
}

/// By 0.3 % more or less, half of the time each.
pub(super) fn wobble(number: u32) -> f64 {
    let signs: [f64; 4] = [1.0, -1.0, -1.0, 1.0];
    (0.003 * signs[number as usize % 4]).exp()
}

/// Blocks in which the CPU time of the head is so many times as much.
pub(super) fn costing(count: u32, times: f64) -> Vec<Block> {
    changed(count, |arm| arm.cpu = arm.cpu.map(|cpu| cpu.mul_f64(times)))
}

/// Blocks with a change in each head.
pub(super) fn changed(count: u32, change: impl Fn(&mut ArmBlock)) -> Vec<Block> {
    let mut blocks = blocks(count);
    blocks
        .iter_mut()
        .for_each(|block| change(&mut block.arms.head));
    blocks
}

/// The verdict where nothing should confirm a failure that is not confirmed by the same.
pub(super) fn verdict(plan: &GatePlan, blocks: &[Block]) -> GateVerdict {
    let confirming = &blocks[..blocks.len().min(8)];
    conclude(plan, Measured { blocks, confirming }, Ended::Planned, None)
}
