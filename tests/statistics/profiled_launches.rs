//! Functions of several launches: launches with effects of their own are not called changed, and what changed is found.

use telemload::compare::{FunctionComparison, Profiled, functions};
use telemload::profile::{DeltaFinding, Profile};
use telemload::result::{ProfileResult, ProfiledLaunch, Samples, over_launches};

use crate::chance::Chance;
use crate::{Share, count};

/// Functions of one cost each, µs.
const FUNCTIONS: usize = 30;
const COST: f64 = 5.0;
/// Samples of a launch, in slices of this number: so many that launches differ more than chance in sampling does.
const SAMPLES: f64 = 40_000.0;
const SLICES: usize = 10;

/// By how much a function differs from launch to launch: 3 to 8 %.
fn spread(function: usize) -> f64 {
    0.03 + 0.05 * function as f64 / (FUNCTIONS - 1) as f64
}

/// A launch whose last function but one costs `odd` µs a request: its samples, and its µs per request.
fn launch(odd: f64, chance: &mut Chance) -> (Profile, f64) {
    let whole = (0.03 * chance.normal()).exp();
    let cost = |at: usize| if at == FUNCTIONS - 2 { odd } else { COST };
    let costs: Vec<f64> = (0..FUNCTIONS)
        .map(|at| cost(at) * (spread(at) * chance.normal()).exp())
        .collect();
    let sum: f64 = costs.iter().sum();
    let mut profile = Profile::new("cpu", "nanoseconds", 10);
    for slice in 0..SLICES {
        let counts = costs.iter().map(|cost| {
            let mean = SAMPLES / SLICES as f64 * cost / sum;
            (mean + mean.sqrt() * chance.normal()).round().max(1.0) as u64
        });
        let mut of = Profile::new("cpu", "nanoseconds", 10);
        for (at, samples) in counts.enumerate() {
            let name = format!("f{at}");
            of.add(["main", &name], samples, samples * 10).unwrap();
        }
        profile.merge_slice(&of, slice).unwrap();
    }
    (profile, sum * whole)
}

/// What a run finds of so many launches.
fn profiled(rounds: u32, odd: f64, chance: &mut Chance) -> ProfileResult {
    let (mut all, us) = launch(odd, chance);
    let found = |round, us| ProfiledLaunch {
        round,
        samples: SAMPLES as u64,
        slices: SLICES,
        per_request: Some(us),
        error: Some(0.002),
    };
    let mut launches = vec![found(1, us)];
    for round in 2..=rounds {
        let (next, us) = launch(odd, chance);
        all = all.with_launch(&next, 1).unwrap();
        launches.push(found(round, us));
    }
    let (us_per_request, us_error) = over_launches(&launches);
    ProfileResult {
        samples: all.samples(),
        slices: SLICES * launches.len(),
        hz: 99,
        capture_ratio: None,
        us_per_request,
        throughput_rps: None,
        steal_share: None,
        neighbour_cores: None,
        us_error: us_error.unwrap(),
        launches,
        taken: Some(Samples::of(all.into())),
        also: Vec::new(),
        by_request: Vec::new(),
    }
}

fn compared(rounds: u32, odd: f64, chance: &mut Chance) -> FunctionComparison {
    let base = profiled(rounds, COST, chance);
    let head = profiled(rounds, odd, chance);
    let side = |of: &ProfileResult| of.scale();
    let (of_base, of_head) = (side(&base), side(&head));
    functions(
        Profiled::of(base.taken.as_ref().unwrap(), of_base),
        Profiled::of(head.taken.as_ref().unwrap(), of_head),
        &mut Vec::new(),
    )
    .unwrap()
}

fn changed(found: &FunctionComparison) -> impl Iterator<Item = &str> {
    let changed = found.diff.functions.iter();
    let changed = changed.filter(|of| of.own_finding == DeltaFinding::Changed);
    changed.map(|of| of.function.as_str())
}

#[test]
fn launches_of_one_program_have_no_more_findings_than_promised() {
    for rounds in [2, 3, 5, 8] {
        let mut chance = Chance::new(21);
        let (mut alarms, mut covered) = (Share::default(), Share::default());
        for _ in 0..count(60) {
            let found = compared(rounds, COST, &mut chance);
            alarms.add(changed(&found).next().is_some());
            for of in &found.diff.functions {
                let interval = of.own.interval;
                covered.add(interval.low <= 0.0 && interval.high >= 0.0);
            }
            assert_eq!(found.launches.launches(), rounds as usize);
        }
        let case =
            format!("functions that differ by 3 to 8 % from launch to launch, {rounds} launches");
        alarms.is_within((0.0, 0.01), &case, "equal, called changed");
        covered.is_within((0.92, 1.0), &case, "truth in the interval");
    }
}

#[test]
fn a_function_that_costs_half_as_much_again_is_found_from_few_launches_on() {
    for (rounds, at_least) in [(2, 0.5), (3, 0.85), (5, 0.95), (8, 0.95)] {
        let mut chance = Chance::new(22);
        let mut found = Share::default();
        for _ in 0..count(30) {
            let odd = format!("f{}", FUNCTIONS - 2);
            let compared = compared(rounds, 1.5 * COST, &mut chance);
            found.add(changed(&compared).any(|name| name == odd));
        }
        let case = format!("a function that costs half as much again, {rounds} launches");
        found.is_within((at_least, 1.0), &case, "found");
    }
}
