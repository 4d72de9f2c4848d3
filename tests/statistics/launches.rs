//! Throughput and CPU per request of launches: what is called different, and how often intervals hold the truth.

use telemload::compare::{Finding, Metric, MetricChange, RoundFigures};
use telemload::result::{Estimates, RatioErrors, Uncertainty};
use telemload::statistics::{Z95, nested_half};

use crate::chance::{Chance, Machine};
use crate::sides::{Runs, compared};
use crate::{Share, count};

/// What makes figures differ, as standard deviations of logarithms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) name: &'static str,
    /// Of a second, by itself.
    pub(crate) noise: f64,
    /// Of the machine's speed, and for how many seconds it lasts.
    pub(crate) drift: (f64, f64),
    /// Of launches of one program.
    pub(crate) launch: f64,
    /// Of seconds that cost half as much again: how many there are each second.
    pub(crate) bursts: f64,
}

pub(crate) const CALM: World = World {
    name: "independent seconds (5 %)",
    noise: 0.05,
    drift: (0.0, 1.0),
    launch: 0.0,
    bursts: 0.0,
};
const DRIFT: World = World {
    name: "drift of 6 % that lasts 10 s",
    noise: 0.01,
    drift: (0.06, 10.0),
    launch: 0.0,
    bursts: 0.0,
};
const BURSTS: World = World {
    name: "bursts: each fifth second costs half as much again",
    noise: 0.01,
    drift: (0.0, 1.0),
    launch: 0.0,
    bursts: 0.2,
};
const LAUNCHES: World = World {
    name: "launches that differ by 3 %",
    noise: 0.02,
    drift: (0.0, 1.0),
    launch: 0.03,
    bursts: 0.0,
};
const WORLDS: [World; 4] = [CALM, DRIFT, BURSTS, LAUNCHES];

/// A launch in a closed loop, whose target costs 100 µs a request times `factor`.
fn launch(
    world: &World,
    machine: &mut Machine,
    round: u32,
    seconds: u32,
    factor: f64,
    chance: &mut Chance,
) -> RoundFigures {
    const CORES: f64 = 0.9;
    // Until the next launch is ready.
    machine.after(3.0, chance);
    let own = world.launch * chance.normal();
    let rates: Vec<f64> = (0..seconds)
        .map(|_| {
            let ln = own + machine.after(1.0, chance) + world.noise * chance.normal();
            let burst = if chance.happens(world.bursts) {
                1.5
            } else {
                1.0
            };
            CORES * 1e6 / (100.0 * factor * ln.exp() * burst)
        })
        .collect();
    let sum: f64 = rates.iter().sum();
    let spent: Vec<_> = rates.iter().map(|rate| (CORES, *rate)).collect();
    let served: Vec<_> = rates.iter().map(|rate| (*rate, 1.0)).collect();
    RoundFigures {
        ratio_errors: None,
        round,
        whole: Estimates {
            throughput_rps: Some(sum / f64::from(seconds)),
            us_per_request: Some(CORES * 1e6 * f64::from(seconds) / sum),
            p50_us: None,
            p99_us: None,
        },
        uncertainty: Uncertainty {
            throughput: nested_half(&served).map(|half| half / Z95),
            us_per_request: nested_half(&spent).map(|half| half / Z95),
            ..Uncertainty::default()
        },
    }
}

/// Launches of both sides in one run, in alternating order.
fn run(
    world: &World,
    rounds: u32,
    seconds: u32,
    factor: f64,
    chance: &mut Chance,
) -> [Vec<RoundFigures>; 2] {
    let mut machine = Machine::new(world.drift.0, world.drift.1, chance);
    let mut found = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        let order = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for side in order {
            let factor = if side == 1 { factor } else { 1.0 };
            found[side].push(launch(world, &mut machine, round, seconds, factor, chance));
        }
    }
    found
}

/// Launches of both sides in one run, a pair in each round, in turns of 0.1 s that go A B B A, B A A B.
pub(crate) fn in_turns(
    world: &World,
    rounds: u32,
    seconds: u32,
    factor: f64,
    chance: &mut Chance,
) -> [Vec<RoundFigures>; 2] {
    const CORES: f64 = 0.9;
    const FIRST: [usize; 8] = [0, 1, 1, 0, 1, 0, 0, 1];
    // Ten turns of each in a second of its own.
    const TURNS: usize = 20;
    let mut machine = Machine::new(world.drift.0, world.drift.1, chance);
    let mut found = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        machine.after(3.0, chance);
        let own = [(); 2].map(|()| world.launch * chance.normal());
        let mut rates = [Vec::new(), Vec::new()];
        for second in 0..seconds as usize {
            let mut sums = [0.0; 2];
            let noise = [(); 2].map(|()| world.noise * chance.normal());
            let burst = [(); 2].map(|()| match chance.happens(world.bursts) {
                true => 1.5,
                false => 1.0,
            });
            for turn in 0..TURNS {
                let side = FIRST[(second * TURNS + turn) % 8];
                let factor = if side == 1 { factor } else { 1.0 };
                let ln = own[side] + machine.after(0.102, chance) + noise[side];
                sums[side] += CORES * 1e6 / (100.0 * factor * ln.exp() * burst[side]);
            }
            for (side, sum) in sums.into_iter().enumerate() {
                rates[side].push(sum / (TURNS / 2) as f64);
            }
        }
        let ratios = |of: fn(f64) -> f64| {
            let both = rates[0].iter().zip(&rates[1]);
            let ratios: Vec<_> = both.map(|(base, head)| (of(head / base), 1.0)).collect();
            nested_half(&ratios).map(|half| half / Z95)
        };
        let errors = RatioErrors {
            throughput: ratios(|ratio| ratio),
            us_per_request: ratios(|ratio| 1.0 / ratio),
        };
        for (side, rates) in rates.iter().enumerate() {
            let sum: f64 = rates.iter().sum();
            found[side].push(RoundFigures {
                ratio_errors: Some(errors),
                round,
                whole: Estimates {
                    throughput_rps: Some(sum / f64::from(seconds)),
                    us_per_request: Some(CORES * 1e6 * f64::from(seconds) / sum),
                    p50_us: None,
                    p99_us: None,
                },
                uncertainty: Uncertainty::default(),
            });
        }
    }
    found
}

fn is_finding(change: &MetricChange) -> bool {
    matches!(change.finding, Finding::Better | Finding::Worse)
}

fn cost(changes: &[MetricChange]) -> &MetricChange {
    let mut changes = changes.iter();
    changes
        .find(|change| change.metric == Metric::CpuPerRequest)
        .unwrap()
}

fn holds(change: &MetricChange, ratio: f64) -> bool {
    change.interval.0 <= ratio && ratio <= change.interval.1
}

/// Sides that are equal are called different at most in one of twenty comparisons, and intervals hold the truth as often as they say:
/// in 92 % of them at least, and in `most` of them.
fn equal_is_equal(case: &str, most: f64, mut compared: impl FnMut() -> Vec<MetricChange>) {
    let (mut alarms, mut covered) = (Share::default(), Share::default());
    for _ in 0..count(200) {
        let changes = compared();
        alarms.add(changes.iter().any(is_finding));
        covered.add(holds(cost(&changes), 1.0));
    }
    alarms.is_within((0.0, 0.05), case, "equal, called different");
    covered.is_within((0.92, most), case, "truth in the interval");
}

#[test]
fn stored_runs_of_one_program_are_not_called_different() {
    for speed in [0.0, 0.03, 0.06] {
        for rounds in [1, 2, 3, 5, 10] {
            let mut chance = Chance::new(1);
            let case = format!(
                "two stored runs of {rounds} rounds, runs differ by {:.0} %",
                speed * 100.0
            );
            equal_is_equal(&case, 1.0, || {
                // Rounds of a run differ by 1 %, and runs by the machine's speed on their day.
                let mut run = || {
                    let world = World {
                        noise: 0.02,
                        launch: 0.01,
                        ..CALM
                    };
                    let day = (speed * chance.normal()).exp();
                    let mut machine = Machine::new(0.0, 1.0, &mut chance);
                    let launches = (1..=rounds)
                        .map(|round| launch(&world, &mut machine, round, 10, day, &mut chance));
                    launches.collect::<Vec<_>>()
                };
                let (base, head) = (run(), run());
                compared(Runs::Two, &base, &head)
            });
        }
    }
}

#[test]
fn launches_of_one_run_are_not_called_different() {
    for world in WORLDS {
        for (rounds, seconds) in [
            (1, 5),
            (1, 10),
            (1, 30),
            (2, 10),
            (3, 10),
            (5, 10),
            (10, 10),
        ] {
            let mut chance = Chance::new(2);
            let case = format!("one run, {rounds} × {seconds} s, {}", world.name);
            // What is assumed of few launches is more than there is where the machine is calm.
            let most = if rounds >= 3 { 0.99 } else { 1.0 };
            equal_is_equal(&case, most, || {
                let [base, head] = run(&world, rounds, seconds, 1.0, &mut chance);
                compared(Runs::One, &base, &head)
            });
        }
    }
}

#[test]
fn launches_that_take_turns_are_not_called_different() {
    let launches = |spread| World {
        name: "launches that differ by 1 %",
        launch: spread,
        ..CALM
    };
    for world in [CALM, DRIFT, BURSTS, launches(0.01)] {
        for (rounds, seconds) in [(1, 5), (1, 10), (1, 30), (2, 10), (3, 10), (5, 10)] {
            let mut chance = Chance::new(4);
            let case = format!("in turns, {rounds} × {seconds} s, {}", world.name);
            let most = if rounds >= 3 { 0.99 } else { 1.0 };
            equal_is_equal(&case, most, || {
                let [base, head] = in_turns(&world, rounds, seconds, 1.0, &mut chance);
                compared(Runs::Turns, &base, &head)
            });
        }
    }
}

#[test]
fn turns_find_a_change_that_is_lost_in_the_drift_of_a_machine() {
    let mut chance = Chance::new(5);
    let (mut one_by_one, mut turns) = (Share::default(), Share::default());
    for _ in 0..count(200) {
        let [base, head] = run(&DRIFT, 3, 10, 1.05, &mut chance);
        one_by_one.add(is_finding(cost(&compared(Runs::One, &base, &head))));
        let [base, head] = in_turns(&DRIFT, 3, 10, 1.05, &mut chance);
        turns.add(is_finding(cost(&compared(Runs::Turns, &base, &head))));
    }
    let case = "5 % dearer, 3 × 10 s, drift of 6 % that lasts 10 s";
    one_by_one.is_within((0.0, 0.5), case, "found one by one");
    turns.is_within((0.9, 1.0), case, "found in turns");
}

#[test]
fn what_would_have_been_found_is_found_as_often_as_is_said() {
    let spread = World {
        noise: 0.01,
        launch: 0.05,
        ..CALM
    };
    for (runs, rounds) in [
        (Runs::Turns, 1),
        (Runs::Turns, 5),
        (Runs::One, 1),
        (Runs::One, 5),
        (Runs::One, 10),
        (Runs::Two, 1),
        (Runs::Two, 5),
    ] {
        let mut chance = Chance::new(3);
        // As far apart as is assumed.
        let world = match runs {
            Runs::One => spread,
            Runs::Turns => World {
                launch: 0.01,
                ..spread
            },
            Runs::Two => World {
                launch: 0.01,
                ..spread
            },
        };
        let mut pair = |factor: f64| {
            let [base, head] = match runs {
                Runs::Turns => in_turns(&world, rounds, 10, factor, &mut chance),
                _ => run(&world, rounds, 10, factor, &mut chance),
            };
            let day = match runs {
                Runs::Turns | Runs::One => [1.0, 1.0],
                Runs::Two => [(); 2].map(|()| (0.06 * chance.normal()).exp()),
            };
            let at = |launches: Vec<RoundFigures>, day: f64| -> Vec<RoundFigures> {
                let slower = |of: RoundFigures| RoundFigures {
                    whole: Estimates {
                        throughput_rps: of.whole.throughput_rps.map(|rate| rate / day),
                        us_per_request: of.whole.us_per_request.map(|us| us * day),
                        ..of.whole
                    },
                    ..of
                };
                launches.into_iter().map(slower).collect()
            };
            compared(runs, &at(base, day[0]), &at(head, day[1]))
        };
        let stated: Vec<f64> = (0..count(200) / 4)
            .filter_map(|_| cost(&pair(1.0)).detectable)
            .collect();
        let effect = 1.0 + stated.iter().sum::<f64>() / stated.len() as f64;
        let mut found = Share::default();
        for _ in 0..count(200) {
            found.add(is_finding(cost(&pair(effect))));
        }
        let sides = match runs {
            Runs::Turns => "in turns",
            Runs::One => "one run",
            Runs::Two => "two stored runs",
        };
        let case =
            format!("{sides}, {rounds} rounds, a change of the size that would have been found");
        found.is_within((0.7, 0.9), &case, "found, promised 80 %");
    }
}
