//! The loop over rounds, variants and phases.

use std::sync::Arc;

use super::hints::hints;
use super::launch::{Launched, Start};
use super::notes;
use super::observer::Observer;
use super::phase::{Ended, PhaseRun};
use super::run_dir::RunDir;
use super::sampling;
use super::stop::Stop;
use super::timeline::{order, timeline};
use super::variant::{Stamps, VariantRun};
use crate::process::machine::Fingerprint;
use crate::result::{Failure, RunResult, ScenarioId, VariantResult};
use crate::scenario::Plan;
use crate::traffic::fleet::{Hashes, Roster};

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
    let mut hashes = Hashes::default();
    let stamps = Stamps::of(started_at);
    result.failure = rehearse(plan, stop).await.err();
    let rounds = if result.failure.is_some() || stop.is_asked() {
        result.interrupted = true;
        0
    } else {
        plan.rounds
    };
    let mut dead = vec![false; plan.variants.len()];
    'rounds: for round in 1..=rounds {
        for at in order(round, plan.variants.len()) {
            if dead[at] {
                continue;
            }
            let launch = VariantRun {
                plan,
                variant: &plan.variants[at],
                dir,
                observer,
                round,
                stamps: &stamps,
            };
            let variant = &mut result.variants[at];
            let ended = launch.run(&mut hashes, variant, stop).await;
            let goes_on = match ended {
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
                    dead[at] = true;
                    result.failure.get_or_insert(died);
                    true
                }
                Err(failure) => {
                    result.failure = Some(failure);
                    false
                }
            };
            if stop.is_asked() || !goes_on {
                result.interrupted = true;
                break 'rounds;
            }
        }
    }
    result.interrupted |= result.failure.is_some();
    result.variants.retain(|variant| !variant.phases.is_empty());
    let phases = result.variants.iter_mut().flat_map(|of| &mut of.phases);
    for phase in phases {
        phase.note(hints(phase));
    }
    result
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

/// How a launch ended.
enum Launch {
    /// As planned, or when the user wished so.
    Over,
    /// With its target, unless its load was meant to be too much for it.
    Died(Failure),
    /// By figures that end the run.
    Hopeless,
}

/// How far the phases of a launch came.
enum Driven {
    /// To the end, or to where the user stopped them.
    ToEnd,
    /// To the phase in which the target died, by index.
    WithTarget(usize),
    /// To one whose figures end the run.
    Hopeless,
}

impl VariantRun<'_> {
    async fn run(
        &self,
        hashes: &mut Hashes,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Launch, Failure> {
        let rosters: Arc<[Roster]> = self
            .variant
            .fleets
            .iter()
            .map(Roster::new)
            .collect::<Vec<_>>()
            .into();
        let directory = self.directory();
        let start = Start {
            variant: self.variant,
            rosters: &rosters,
            dir: self.dir,
            directory: &directory,
            observer: self.observer,
        };
        let Some(mut target) = Launched::start(&start, hashes, stop).await? else {
            return Ok(Launch::Over);
        };
        if let Some(place) = &target.found_at {
            result.target = format!("{} at {place}", self.variant.target.describe());
        }
        let driven = self.phases(&mut target, &rosters, result, stop).await;
        let complaint = target.stop(stop).await;
        if let Some(last) = result.phases.last_mut() {
            last.note(target.cut_logs().iter().map(|words| notes::cut_log(words)));
        }
        let driven = driven?;
        if let Driven::WithTarget(at) = driven {
            let phase = &result.phases[at];
            let failure = phase.died.clone().filter(|_| !phase.load.overload);
            let died = |words| Launch::Died(Failure::Target(words));
            return Ok(failure.map_or(Launch::Over, died));
        }
        // One that ended before it was stopped has told so already.
        if let (Some(complaint), Some(last)) = (complaint, result.phases.last_mut()) {
            last.note([notes::bad_stop(&complaint)]);
        }
        Ok(match driven {
            Driven::Hopeless => Launch::Hopeless,
            _ => Launch::Over,
        })
    }

    async fn phases(
        &self,
        target: &mut Launched,
        rosters: &Arc<[Roster]>,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Driven, Failure> {
        for (at, phase) in self.variant.phases.iter().enumerate() {
            let run = PhaseRun {
                launch: self,
                phase,
                rosters,
                stop,
            };
            if result.phases.len() == at {
                result.phases.push(run.blank());
            }
            match run.measure(target, &mut result.phases[at]).await? {
                Ended::WithTarget => return Ok(Driven::WithTarget(at)),
                Ended::Hopeless => return Ok(Driven::Hopeless),
                Ended::InTime => {}
            }
            if stop.is_asked() {
                return Ok(Driven::ToEnd);
            }
            // Profiles are taken once, in the last round: their numbers are never mixed with the measured ones.
            if let Some(profile) = self
                .variant
                .profile
                .as_ref()
                .filter(|_| self.round == self.plan.rounds)
            {
                let ended = run.profile(target, profile, &mut result.phases[at]).await?;
                if ended == Ended::WithTarget {
                    return Ok(Driven::WithTarget(at));
                }
            }
            if stop.is_asked() {
                return Ok(Driven::ToEnd);
            }
        }
        Ok(Driven::ToEnd)
    }
}
