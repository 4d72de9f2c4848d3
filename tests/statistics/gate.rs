//! The verdict of a gate on arms of which the truth is known: false alarms, power, and what must never happen.
//!
//! What blocks differ by was measured: SD 0.8 % of CPU per request, 1.8 % of capacity, correlated by 0.64; two builds of one source are
//! assumed to differ by SD 0.7 % for their layout, which no launch averages out.

use std::collections::BTreeMap;
use std::time::Duration;

use telemload::gate::Outcome;
use telemload::gate::paired::{
    CONFIRMING, Ended, FIRST_LOOK, GateVerdict, LAST_LOOK, Measured, Next, Time, conclude, next,
};
use telemload::metrics::{Outcome as Answer, Tally, Times};
use telemload::result::{ArmBlock, Arms, Around, Block, Turns};
use telemload::scenario::plan::gate::{
    Answers, Confirm, GateMetric, GatePlan, Gated, Limits, OnInconclusive, Relaunch,
};

use super::chance::Chance;
use super::{Share, count};

/// How the logarithms of blocks differ that are not worse.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    Normal,
    /// Student's t of three degrees, as wide: now and then far off.
    Heavy,
    /// A block has 0.5 of what the block before it was off.
    Alike,
    /// From one end of the run to the other by as much as blocks differ.
    Drift,
}

/// What the arms are, and what the machine does.
#[derive(Debug, Clone, Copy)]
struct Truth {
    /// How much worse the head is in everything, as a share.
    worse: f64,
    /// SD of ln of CPU per request between blocks; that of capacity is 2.25 times as large, that of the median 2.5 times.
    spread: f64,
    noise: Noise,
    /// SD of what two builds differ by.
    layout: f64,
    /// SD of what two launches differ by.
    launch: f64,
}

const MACHINE: Truth = Truth {
    worse: 0.0,
    spread: 0.008,
    noise: Noise::Normal,
    layout: 0.007,
    launch: 0.0,
};

const CPU: GateMetric = GateMetric::CpuPerRequest;

fn plan(metrics: &[(GateMetric, f64, f64)]) -> GatePlan {
    let gated = metrics.iter().map(|&(metric, catch, tolerate)| Gated {
        metric,
        limits: Some(Limits { catch, tolerate }),
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

/// CPU per request alone, with the family of the figures that were measured: three metrics beside it have no data.
fn cpu_alone() -> GatePlan {
    let mut plan = plan(&[(CPU, 0.05, 0.03)]);
    let unknown = [0.5, 0.6, 0.7].map(|quantile| Gated {
        metric: GateMetric::Latency(quantile),
        ..plan.metrics[0]
    });
    plan.metrics.extend(unknown);
    plan
}

/// Blocks of a machine, one after the other.
struct Arm {
    truth: Truth,
    shift: f64,
    launch: (u32, f64),
    last: f64,
    number: u32,
    chance: Chance,
}

impl Arm {
    fn new(truth: Truth, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let shift = truth.worse.ln_1p() + truth.layout * chance.normal();
        Self {
            truth,
            shift,
            launch: (0, 0.0),
            last: chance.normal(),
            number: 0,
            chance,
        }
    }

    fn noise(&mut self) -> f64 {
        let normal = self.chance.normal();
        match self.truth.noise {
            Noise::Normal => normal,
            Noise::Heavy => {
                let squares: f64 = (0..3).map(|_| self.chance.normal().powi(2)).sum();
                // The variance of t with three degrees is 3.
                normal / (squares / 3.0).sqrt() / 3_f64.sqrt()
            }
            Noise::Alike => {
                self.last = 0.5 * self.last + 0.75_f64.sqrt() * normal;
                self.last
            }
            Noise::Drift => normal + f64::from(self.number) / 24.0 - 0.5,
        }
    }

    /// Sets a block to what comes next, the `each`-th blocks of which run on a fresh launch.
    fn set(&mut self, block: &mut Block, each: u32) {
        let launch = self.number / each + 1;
        self.number += 1;
        if launch != self.launch.0 {
            self.launch = (launch, self.truth.launch * self.chance.normal());
        }
        let cpu = self.noise();
        let capacity = 0.64 * cpu + (1.0_f64 - 0.64 * 0.64).sqrt() * self.noise();
        let slow = self.shift + self.launch.1;
        let spread = self.truth.spread;
        (block.number, block.launch) = (self.number, launch);
        let stretched = |by: f64| Duration::from_secs_f64(by.exp());
        block.arms.head.cpu = Some(stretched(slow + spread * cpu));
        block.arms.head.closed.active = stretched(slow + 2.25 * spread * capacity);
    }
}

/// A block of two arms that do the same.
fn block() -> Block {
    let mut tally = Tally::default();
    for _ in 0..10 {
        let times = Times {
            intended: 0,
            startable: 0,
            sent: 0,
            done: 1_000,
        };
        tally.record(Answer::Ok { status: 200 }, times, 2_000_000);
    }
    (tally.completed_ok, tally.received_body) = (10_000, 1_000_000);
    let arm = ArmBlock {
        cpu: Some(Duration::from_secs(1)),
        open_cpu: None,
        peak_bytes: Some(50_000_000),
        closed: Turns {
            active: Duration::from_secs(1),
            count: 12,
            are_short: false,
            outruns_generator: false,
            tallies: vec![tally],
            exemplars: BTreeMap::new(),
            by_turn: Vec::new(),
        },
        open: None,
        died: None,
    };
    Block {
        number: 1,
        launch: 1,
        head_first: false,
        arms: Arms {
            base: arm.clone(),
            head: arm,
        },
        around: Around::default(),
    }
}

/// Room for the blocks of one gate.
struct Room {
    blocks: Vec<Block>,
    confirming: Vec<Block>,
}

impl Room {
    fn new(each: u32) -> Self {
        let blocks = |launches: usize| vec![block(); launches * each as usize];
        Self {
            blocks: blocks(LAST_LOOK),
            confirming: blocks(CONFIRMING),
        }
    }

    /// Runs a gate as the command does: asks after each launch what comes next.
    fn gate(&mut self, plan: &GatePlan, truth: Truth, seed: u64) -> GateVerdict {
        let each = match plan.relaunch {
            Relaunch::Every(each) => each,
            Relaunch::Never => 1,
        };
        let mut arm = Arm::new(truth, seed);
        let (mut measured, mut confirming) = (0, 0);
        let launch = each as usize;
        loop {
            let so_far = Measured {
                blocks: &self.blocks[..measured],
                confirming: &self.confirming[..confirming],
            };
            match next(plan, so_far, Time::Left) {
                Next::Stop => return conclude(plan, so_far, Ended::Planned, None),
                Next::Measure => {
                    let room = &mut self.blocks[measured..measured + launch];
                    room.iter_mut().for_each(|block| arm.set(block, each));
                    measured += launch;
                }
                Next::Confirm { .. } => {
                    let room = &mut self.confirming[confirming..confirming + launch];
                    room.iter_mut().for_each(|block| arm.set(block, each));
                    confirming += launch;
                }
            }
        }
    }
}

/// How often gates of one kind end in each way.
#[derive(Debug, Default)]
struct Ends {
    fail: Share,
    unsure: Share,
    pass: Share,
}

fn simulate(plan: &GatePlan, truth: Truth, usually: u64) -> Ends {
    let each = match plan.relaunch {
        Relaunch::Every(each) => each,
        Relaunch::Never => 1,
    };
    let (mut room, mut ends) = (Room::new(each), Ends::default());
    for seed in 0..count(usually) {
        let outcome = room.gate(plan, truth, seed * 7_919 + 17).outcome;
        ends.fail.add(outcome == Outcome::Fail);
        ends.unsure.add(outcome == Outcome::Inconclusive);
        ends.pass.add(outcome == Outcome::Pass);
    }
    ends
}

impl Ends {
    #[track_caller]
    fn are(&self, case: &str, fail: (f64, f64), unsure: (f64, f64), pass: (f64, f64)) {
        self.fail.is_within(fail, case, "fail");
        self.unsure.is_within(unsure, case, "inconclusive");
        self.pass.is_within(pass, case, "pass");
    }
}

/// The table of the design: noise of the machine by change of the head. What is expected of +3 % is what was found there, within a few
/// per cent: it is the tolerated change, on which a coin decides.
#[test]
fn the_gate_fails_what_is_worse_and_passes_what_is_not() {
    type Row = (f64, f64, (f64, f64), (f64, f64), (f64, f64));
    const TABLE: [Row; 15] = [
        (1.0, 0.00, (0.0, 0.001), (0.0, 0.005), (0.99, 1.0)),
        (1.0, 0.03, (0.38, 0.48), (0.04, 0.10), (0.45, 0.55)),
        (1.0, 0.05, (0.985, 1.0), (0.0, 0.01), (0.0, 0.01)),
        (1.0, 0.10, (0.999, 1.0), (0.0, 0.001), (0.0, 0.001)),
        (2.0, 0.00, (0.0, 0.001), (0.0, 0.005), (0.99, 1.0)),
        (2.0, 0.03, (0.31, 0.41), (0.10, 0.18), (0.45, 0.55)),
        (2.0, 0.05, (0.97, 0.99), (0.005, 0.03), (0.0, 0.015)),
        (2.0, 0.10, (0.999, 1.0), (0.0, 0.001), (0.0, 0.001)),
        (3.0, 0.00, (0.0, 0.005), (0.0, 0.005), (0.99, 1.0)),
        (3.0, 0.03, (0.28, 0.38), (0.12, 0.20), (0.46, 0.56)),
        (3.0, 0.05, (0.93, 0.97), (0.02, 0.06), (0.0, 0.03)),
        (3.0, 0.10, (0.999, 1.0), (0.0, 0.001), (0.0, 0.001)),
        (4.0, 0.00, (0.0, 0.005), (0.0, 0.02), (0.97, 1.0)),
        (4.0, 0.05, (0.82, 0.91), (0.06, 0.13), (0.02, 0.07)),
        (4.0, 0.10, (0.99, 1.0), (0.0, 0.005), (0.0, 0.005)),
    ];
    for (noise, worse, fail, unsure, pass) in TABLE {
        let truth = Truth {
            worse,
            spread: MACHINE.spread * noise,
            ..MACHINE
        };
        let case = format!(
            "gate, CPU, SD {:.1} %, head {:+.0} %",
            truth.spread * 100.0,
            worse * 100.0
        );
        simulate(&cpu_alone(), truth, 300).are(&case, fail, unsure, pass);
    }
}

const NEVER: (f64, f64) = (0.0, 0.0);
const RARELY: (f64, f64) = (0.0, 0.005);
const ANY: (f64, f64) = (0.0, 1.0);

/// What is asked of the gate on a machine three times as noisy as the one that was measured, for other kinds of noise too.
#[test]
fn noise_of_any_kind_is_no_failure_and_hides_none() {
    for (noise, unsure, power) in [
        (Noise::Normal, (0.0, 0.01), (0.97, 1.0)),
        (Noise::Heavy, (0.0, 0.03), (0.93, 1.0)),
        (Noise::Alike, (0.0, 0.02), (0.90, 1.0)),
        (Noise::Drift, (0.0, 0.02), (0.93, 1.0)),
    ] {
        let truth = Truth {
            noise,
            spread: 0.024,
            layout: 0.0,
            ..MACHINE
        };
        let case = format!("gate, CPU, SD 2.4 %, {noise:?}");
        let equal = format!("{case}, head +0 %");
        simulate(&cpu_alone(), truth, 400).are(&equal, RARELY, unsure, (0.97, 1.0));
        let worse = Truth {
            worse: 0.05,
            ..truth
        };
        let case = format!("{case}, head +5 %");
        simulate(&cpu_alone(), worse, 300).are(&case, power, (0.0, 0.07), (0.0, 0.03));
    }
}

#[test]
fn two_metrics_together_fail_as_rarely_and_find_as_much() {
    let both = plan(&[(CPU, 0.05, 0.03), (GateMetric::Capacity, 0.05, 0.03)]);
    let case = "gate, CPU and capacity, SD 0.8 and 1.8 %";
    let equal = simulate(&both, MACHINE, 300);
    equal.are(
        &format!("{case}, head +0 %"),
        RARELY,
        (0.0, 0.01),
        (0.99, 1.0),
    );
    let worse = Truth {
        worse: 0.05,
        ..MACHINE
    };
    let found = simulate(&both, worse, 300);
    found.are(&format!("{case}, head +5 %"), (0.98, 1.0), ANY, (0.0, 0.01));
    // Faster is no failure, however sure it is.
    let better = Truth {
        worse: -0.05,
        ..MACHINE
    };
    let passed = simulate(&both, better, 100);
    passed.are(&format!("{case}, head -5 %"), NEVER, NEVER, (1.0, 1.0));
}

/// The better a machine, the more surely a gate must fail what is worse than tolerated: an early pass must not come before it.
#[test]
fn a_quiet_machine_fails_what_is_a_little_worse_than_tolerated() {
    let strict = plan(&[(CPU, 0.05, 0.025)]);
    for (worse, fail) in [
        (0.03, (0.99, 1.0)),
        (0.04, (0.99, 1.0)),
        (0.02, (0.0, 0.01)),
    ] {
        let truth = Truth {
            worse,
            spread: 0.005,
            layout: 0.0,
            ..MACHINE
        };
        let case = format!(
            "gate, CPU, SD 0.5 %, tolerate 2.5 %, head {:+.0} %",
            worse * 100.0
        );
        simulate(&strict, truth, 300).are(&case, fail, ANY, ANY);
    }
}

/// Launches that differ by 2 %: as many blocks on fewer launches are no more observations.
#[test]
fn blocks_of_one_launch_are_one_observation() {
    let few_launches = GatePlan {
        relaunch: Relaunch::Every(3),
        ..cpu_alone()
    };
    let truth = Truth {
        launch: 0.02,
        layout: 0.0,
        ..MACHINE
    };
    let case = "gate, CPU, launches SD 2 %, three blocks each";
    let equal = simulate(&few_launches, truth, 200);
    equal.are(
        &format!("{case}, head +0 %"),
        RARELY,
        (0.0, 0.01),
        (0.98, 1.0),
    );
    let worse = Truth {
        worse: 0.05,
        ..truth
    };
    let found = simulate(&few_launches, worse, 150);
    found.are(&format!("{case}, head +5 %"), (0.95, 1.0), ANY, (0.0, 0.03));
}

#[test]
fn fewer_than_ten_launches_never_fail_and_never_pass() {
    let mut room = Room::new(1);
    for worse in [0.0, 0.05, 1.0, 100.0] {
        for launches in 1..FIRST_LOOK {
            let truth = Truth { worse, ..MACHINE };
            let mut arm = Arm::new(truth, 5);
            let blocks = &mut room.blocks[..launches];
            blocks.iter_mut().for_each(|block| arm.set(block, 1));
            let so_far = Measured {
                blocks: &room.blocks[..launches],
                confirming: &[],
            };
            assert_eq!(next(&cpu_alone(), so_far, Time::Left), Next::Measure);
            assert_eq!(next(&cpu_alone(), so_far, Time::Over), Next::Stop);
            let verdict = conclude(&cpu_alone(), so_far, Ended::Planned, None);
            assert_eq!(
                verdict.outcome,
                Outcome::Inconclusive,
                "{launches} launches"
            );
            let needs = verdict.metrics[0].needs.as_deref().unwrap();
            assert!(needs.starts_with("10 launches of both arms"), "{needs}");
        }
    }
}

#[test]
fn the_same_blocks_have_the_same_verdict() {
    let (mut room, mut again) = (Room::new(1), Room::new(1));
    for seed in 0..5 {
        let truth = Truth {
            worse: 0.03,
            ..MACHINE
        };
        let verdict = room.gate(&cpu_alone(), truth, seed);
        assert_eq!(verdict, again.gate(&cpu_alone(), truth, seed));
    }
}
