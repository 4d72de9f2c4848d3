//! The loop over rounds, variants and phases.

use super::hints::hints;
use super::life::Launch;
use super::observer::Observer;
use super::paired::{Pacings, Together};
use super::run_dir::RunDir;
use super::sampling;
use super::sharded::Sharded;
use super::stop::Stop;
use super::timeline::{Unit, order, timeline};
use super::variant::{Stamps, VariantRun};
use crate::process::machine::Fingerprint;
use crate::result::{Arms, Failure, RunResult, ScenarioId, VariantResult};
use crate::scenario::Plan;
use crate::traffic::fleet::Hashes;

/// Runs a plan. Whatever ends it early, what was found until then is in the result.
pub async fn run(
    plan: &Plan,
    dir: &RunDir,
    observer: &dyn Observer,
    stop: &Stop,
    started_at: jiff::Timestamp,
) -> RunResult {
    let mut result = blank(plan, started_at);
    observer.planned(&timeline(plan));
    result.failure = rehearse(plan, stop).await.err();
    let rounds = if result.failure.is_some() || stop.is_asked() {
        result.interrupted = true;
        0
    } else {
        plan.rounds
    };
    let sharded = (plan.part.as_ref()).map(|part| Sharded::new(part, plan));
    let stamped = plan.part.as_ref().map_or(started_at, |part| part.starts_at);
    let mut course = Course {
        plan,
        dir,
        observer,
        stamps: &Stamps::of(stamped),
        sharded: sharded.as_ref(),
        stop,
        hashes: Hashes::default(),
        dead: vec![false; plan.variants.len()],
        pacings: Pacings::default(),
    };
    'rounds: for round in 1..=rounds {
        for unit in order(plan, round) {
            let mut goes_on = true;
            for (at, ended) in course.launch(unit, round, &mut result.variants).await {
                goes_on &= match ended {
                    Ok(Launch::Over) => true,
                    Ok(Launch::Hopeless) => false,
                    // It was stopped along with telemload.
                    Ok(Launch::Died(Failure::Target(_))) | Err(Failure::Target(_))
                        if stop.is_asked_meanwhile().await =>
                    {
                        true
                    }
                    // Its own launches end with it; the other variants have nothing to do with that.
                    Ok(Launch::Died(died)) => {
                        course.dead[at] = true;
                        let died = of_variant(plan, at, died);
                        result.failure.get_or_insert(died);
                        true
                    }
                    Err(failure) => {
                        result.failure = Some(failure);
                        false
                    }
                };
            }
            if stop.is_asked() || !goes_on {
                result.interrupted = true;
                break 'rounds;
            }
        }
    }
    result.shard = sharded.as_ref().map(Sharded::result);
    result.interrupted |= result.failure.is_some();
    result.variants.retain(|variant| !variant.phases.is_empty());
    let phases = result.variants.iter_mut().flat_map(|of| &mut of.phases);
    for phase in phases {
        phase.note(hints(phase));
    }
    result
}

/// A failure that says whose it is, where there are several.
fn of_variant(plan: &Plan, at: usize, failure: Failure) -> Failure {
    if plan.variants.len() < 2 {
        return failure;
    }
    let name = &plan.variants[at].name;
    match failure {
        Failure::Target(words) => Failure::Target(format!("variant {name}: {words}")),
        Failure::Internal(words) => Failure::Internal(format!("variant {name}: {words}")),
    }
}

/// A result without any phase.
fn blank(plan: &Plan, started_at: jiff::Timestamp) -> RunResult {
    RunResult {
        scenario: ScenarioId {
            name: plan.name.clone(),
            sha256: plan.sha256.clone(),
            seed: Some(plan.seed),
        },
        started_at,
        shard: None,
        machine: Fingerprint::read(),
        variants: plan
            .variants
            .iter()
            .map(|variant| VariantResult {
                name: variant.name.clone(),
                target: variant.target.describe(),
                phases: Vec::new(),
            })
            .collect(),
        shards: Vec::new(),
        interrupted: false,
        failure: None,
    }
}

/// Whether the profiles of the plan can be taken, unless the user wishes to end before that is known.
async fn rehearse(plan: &Plan, stop: &Stop) -> Result<(), Failure> {
    let mut stopping = stop.clone();
    tokio::select! {
        rehearsed = sampling::rehearse(plan) => rehearsed,
        () = stopping.asked() => Ok(()),
    }
}

/// What all launches of a run share.
struct Course<'a> {
    plan: &'a Plan,
    dir: &'a RunDir,
    observer: &'a dyn Observer,
    stamps: &'a Stamps,
    sharded: Option<&'a Sharded<'a>>,
    stop: &'a Stop,
    hashes: Hashes,
    /// Variants whose targets have died, by index.
    dead: Vec<bool>,
    pacings: Pacings,
}

impl<'a> Course<'a> {
    /// How the launches ended of those of a unit that still live, by index.
    async fn launch(
        &mut self,
        unit: Unit,
        round: u32,
        results: &mut [VariantResult],
    ) -> Vec<(usize, Result<Launch, Failure>)> {
        let one = match unit {
            Unit::Two(pair) if !self.dead[pair.base] && !self.dead[pair.head] => {
                let together = Together {
                    runs: Arms {
                        base: self.run(pair.base, round),
                        head: self.run(pair.head, round),
                    },
                    stop: self.stop,
                };
                let both = results.get_disjoint_mut([pair.base, pair.head]);
                let [base, head] = both.expect("a variant is not compared with itself");
                let results = Arms { base, head };
                let ended = together.run(&mut self.hashes, &mut self.pacings, results);
                return match ended.await {
                    Ok(Arms { base, head }) => vec![(pair.base, Ok(base)), (pair.head, Ok(head))],
                    Err(failure) => vec![(pair.base, Err(failure))],
                };
            }
            Unit::Two(pair) if self.dead[pair.base] => pair.head,
            Unit::Two(pair) => pair.base,
            Unit::One(at) => at,
        };
        if self.dead[one] {
            return Vec::new();
        }
        let run = self.run(one, round);
        let ended = run.run(&mut self.hashes, &mut results[one], self.stop);
        let ended = ended.await;
        vec![(
            one,
            ended.map_err(|failure| of_variant(self.plan, one, failure)),
        )]
    }

    fn run(&self, at: usize, round: u32) -> VariantRun<'a> {
        VariantRun {
            plan: self.plan,
            variant: &self.plan.variants[at],
            dir: self.dir,
            observer: self.observer,
            round,
            stamps: self.stamps,
            sharded: self.sharded,
        }
    }
}
