//! Ablations of services whose costs are known: factors that cost nothing and are said to, intervals of trials that end at different looks, and
//! costs that a first look does not find.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use telemload::ablation::{Ablation, Choice, Course, Effect, trials};
use telemload::compare::{Finding, Untrusted};
use telemload::metrics::{Outcome, Tally, Times};
use telemload::process::machine::Fingerprint;
use telemload::result::{InTurns, PhaseResult, Round, RunResult, ScenarioId, VariantResult};
use telemload::scenario::{self, Overrides, Plan, Variant};

use crate::chance::Chance;
use crate::launches::{CALM, World, in_turns};
use crate::{Share, count};

static MACHINE: LazyLock<Fingerprint> = LazyLock::new(Fingerprint::read);

/// Launches that differ by as much as is assumed of two of them, and by three times as much.
const WORLDS: [World; 2] = [
    World {
        name: "launches that differ by 1 %",
        noise: 0.03,
        launch: 0.01,
        ..CALM
    },
    World {
        name: "launches that differ by 3 %",
        noise: 0.03,
        launch: 0.03,
        ..CALM
    },
];

/// A scenario whose requests have headers X-0, X-1, …
fn plan(headers: usize) -> Plan {
    let headers: Vec<String> = (0..headers).map(|at| format!("X-{at} = \"1\"")).collect();
    let text = format!(
        "name = \"s\"\ntarget.command = \"serve {{port}}\"\nload = {{ model = \"closed\", connections = 1, duration = \"1s\" }}\n[[request]]\nname = \"r\"\npath = \"/\"\nheaders = {{ {} }}\n",
        headers.join(", ")
    );
    scenario::parse("s.toml", &text, Path::new("."), &Overrides::default()).unwrap()
}

/// What the headers of a variant cost together, as a factor.
fn factor(variant: &Variant, costs: &[f64]) -> f64 {
    let headers = variant.requests[0].headers.iter();
    let costs =
        headers.map(|(name, _)| costs[name.strip_prefix("X-").unwrap().parse::<usize>().unwrap()]);
    costs.product()
}

/// A phase that was answered, without figures.
fn blank(variant: &Variant, with: &str) -> PhaseResult {
    let mut tally = Tally::default();
    for _ in 0..20 {
        let times = Times {
            intended: 0,
            startable: 0,
            sent: 0,
            done: 100_000,
        };
        tally.record(Outcome::Ok { status: 200 }, times, u64::MAX);
        tally.completed_ok += 1;
    }
    let phase = &variant.phases[0];
    PhaseResult {
        tallies: vec![tally],
        turns: Some(InTurns {
            with: with.to_owned(),
            slice: Duration::from_millis(100),
            gap: Duration::from_millis(2),
            count: 50,
        }),
        ..PhaseResult::blank(phase.name.clone(), phase.load.clone(), vec!["r".to_owned()])
    }
}

/// What a run of trials finds.
fn run(plan: &Plan, world: &World, costs: &[f64], chance: &mut Chance) -> RunResult {
    let mut variants = Vec::new();
    for pair in plan.variants.chunks(2) {
        let factors = [0, 1].map(|side| factor(&pair[side], costs));
        let found = in_turns(world, plan.rounds, 5, factors[1] / factors[0], chance);
        for (side, rounds) in found.into_iter().enumerate() {
            let rounds = rounds.into_iter().map(|figures| {
                let mut whole = figures.whole;
                whole.us_per_request = whole.us_per_request.map(|us| us * factors[0]);
                Round {
                    number: figures.round,
                    seconds: 5.0,
                    missed_share: Some(0.0),
                    whole,
                    uncertainty: figures.uncertainty,
                    ratio_errors: figures.ratio_errors,
                    ..Round::default()
                }
            });
            variants.push(VariantResult {
                name: pair[side].name.clone(),
                target: String::new(),
                phases: vec![PhaseResult {
                    rounds: rounds.collect(),
                    ..blank(&pair[side], &pair[1 - side].name)
                }],
            });
        }
    }
    RunResult {
        scenario: ScenarioId {
            name: "s".to_owned(),
            sha256: "0".to_owned(),
            seed: None,
        },
        started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        machine: MACHINE.clone(),
        shard: None,
        shards: Vec::new(),
        variants,
        interrupted: false,
        failure: None,
    }
}

/// An ablation from its first look to its last one.
fn ablated(plan: &Plan, world: &World, costs: &[f64], chance: &mut Chance) -> Ablation {
    let choice = Choice {
        window: Duration::from_secs(5),
        blocks: 2,
        most_blocks: 8,
        ..Choice::default()
    };
    let mut course = Course::new(trials(plan, &choice).unwrap());
    while let Some(stage) = course.next() {
        let result = run(&course.plan(&stage), world, costs, chance);
        course.took(&stage, &result, Untrusted::NotJudged);
    }
    course.found()
}

fn is_found(effect: &Effect) -> bool {
    let finding = effect.cost.as_ref().map(|cost| cost.finding);
    matches!(finding, Some(Finding::Better | Finding::Worse))
}

fn holds(effect: &Effect, ratio: f64) -> bool {
    let (low, high) = effect.cost.as_ref().unwrap().interval;
    low <= ratio && ratio <= high
}

/// Effects of each factor that was tried by itself, with the true ratio.
fn effects<'a>(found: &'a Ablation, costs: &'a [f64]) -> impl Iterator<Item = (&'a Effect, f64)> {
    found.rows.iter().flat_map(|row| {
        let at: usize = row.factor.name.strip_prefix("X-").unwrap().parse().unwrap();
        [&row.dropped, &row.added].map(|effect| (effect, costs[at]))
    })
}

#[test]
fn factors_that_cost_nothing_are_not_called_costly_at_any_look() {
    let plan = plan(4);
    for world in WORLDS {
        let mut chance = Chance::new(11);
        let (mut nothing, mut alarms, mut covered) =
            (Share::default(), Share::default(), Share::default());
        for _ in 0..count(100) {
            let found = ablated(&plan, &world, &[1.0; 4], &mut chance);
            nothing.add(is_found(&found.whole));
            let costs = [1.5, 1.0, 1.0, 1.0];
            let found = ablated(&plan, &world, &costs, &mut chance);
            let wrong = effects(&found, &costs).any(|(of, ratio)| ratio == 1.0 && is_found(of));
            alarms.add(wrong);
            // One trial of each report: those of a report share their spread.
            let (dropped, ratio) = effects(&found, &costs).nth(2).unwrap();
            covered.add(holds(dropped, ratio));
        }
        let case = format!("ablation, up to 3 looks, {}", world.name);
        nothing.is_within(
            (0.0, 0.05),
            &case,
            "all together cost nothing, called costly",
        );
        alarms.is_within(
            (0.0, 0.05),
            &case,
            "one of four costs, another one called costly",
        );
        covered.is_within((0.95, 1.0), &case, "truth in the interval of a factor");
    }
}

#[test]
fn a_second_look_finds_what_a_first_one_leaves_open() {
    let plan = plan(3);
    let costs = [1.5, 1.08, 1.0];
    let (mut covered, mut found_small, mut again) =
        (Share::default(), Share::default(), Share::default());
    let mut chance = Chance::new(12);
    let world = WORLDS[0];
    for _ in 0..count(100) {
        let found = ablated(&plan, &world, &costs, &mut chance);
        let mut small = effects(&found, &costs).filter(|(_, ratio)| *ratio == 1.08);
        let (effect, ratio) = small.next().unwrap();
        covered.add(holds(effect, ratio));
        found_small.add(is_found(effect));
        again.add(effect.launches > 2);
    }
    let case = format!("ablation, up to 3 looks, a factor of 8 %, {}", world.name);
    covered.is_within((0.95, 1.0), &case, "truth in the interval");
    found_small.is_within((0.8, 1.0), &case, "found");
    again.is_within((0.05, 1.0), &case, "launched again");
}
