//! A variant's life: start the target, drive its phases, profile it, stop it, collect. Rounds repeat that with fresh
//! launches, in alternating order.
//!
//! It prints nothing; an [`Observer`] is told how it goes.

mod background;
mod blocks;
mod drive;
mod expected;
mod files;
mod gather;
mod instance;
mod instances;
mod late;
mod launch;
mod ledger;
mod mark;
mod phase;
mod probe;
mod profiled;
mod published;
mod reach;
mod readings;
mod result;
mod run_dir;
#[cfg(test)]
pub(crate) mod samples;
mod sampling;
mod services;
mod started;
mod trust;
mod uncertainty;
mod warning;
mod watch;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch::Receiver;

pub use instances::InstanceUse;
pub use late::{Late, Planned};
pub use phase::port_warning;
pub use result::{
    AcknowledgedFile, BcryptRate, Estimates, Failure, PhaseResult, ProfileResult, Round, RunResult,
    ServiceUse, VariantResult,
};
pub use run_dir::{CreateError, RunDir, WriteError};
pub use trust::{Bias, Cause, Doubt, Figure, Trust, TrustLevel};
pub use uncertainty::Uncertainty;
pub use warning::Warning;

use crate::process::machine::Fingerprint;
use crate::scenario::{Load, Plan, Variant};
use crate::traffic::fleet::{Hashes, Roster};
use crate::traffic::template::Stamp;
use launch::{Launched, Start};
use phase::{Ended, PhaseRun, Stretch};

/// Is told how a run goes; what it does with it is not the experiment's business.
pub trait Observer: Sync {
    /// Hashes of secrets are computed: `total` of them.
    fn hashing(&self, total: u64);
    /// One of them is done.
    fn hashed(&self);
    /// A stretch of load begins.
    fn phase(&self, phase: &PhaseStart<'_>);
    /// An interval of it is over.
    fn live(&self, live: &Live);
    /// It is over.
    fn phase_over(&self);
}

/// A stretch of load that begins.
#[derive(Debug, Clone, Copy)]
pub struct PhaseStart<'a> {
    /// The variant.
    pub variant: &'a str,
    /// The phase.
    pub phase: &'a str,
    /// Launch of the variant, from 1, and how many there will be.
    pub round: (u32, u32),
    /// Whether this is the profiled repetition of the phase.
    pub profiled: bool,
    /// Its load.
    pub load: &'a Load,
    /// Warm-up and window; `None` if it ends with a number of requests.
    pub length: Option<Duration>,
}

/// Figures of the last interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live {
    /// OK responses a second.
    pub throughput_rps: f64,
    /// Median latency, µs; `None` if there is none.
    pub p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub p99_us: Option<f64>,
    /// Failed requests.
    pub failed: u64,
    /// CPU of the target, cores.
    pub target_cores: Option<f64>,
}

/// The user's wish to end, and how often it was said; cloned to whoever has to know.
#[derive(Debug, Clone)]
pub struct Stop(pub Receiver<u32>);

impl Stop {
    /// Whether the run is to end.
    pub fn is_asked(&self) -> bool {
        self.times() > 0
    }

    /// Returns when the run is to end.
    pub async fn asked(&mut self) {
        self.more_often_than(0).await;
    }

    /// Returns when nobody waits for an orderly end any more.
    pub async fn hurried(&mut self) {
        self.more_often_than(1).await;
    }

    /// How often the user has asked until now.
    pub fn times(&self) -> u32 {
        *self.0.borrow()
    }

    /// Whether the run is to end, or is so within a moment: what stops telemload and its target at once may reach the target
    /// first.
    async fn is_asked_meanwhile(&self) -> bool {
        let mut stop = self.clone();
        tokio::time::timeout(MOMENT, stop.asked()).await.is_ok()
    }

    /// Returns when the user has asked so often, and once more.
    pub async fn more_often_than(&mut self, times: u32) {
        if self.0.wait_for(|&asked| asked > times).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}

/// How far apart two processes may learn that both are to end.
const MOMENT: Duration = Duration::from_millis(250);

/// Runs a plan. Whatever ends it early, what was found until then is in the result.
pub async fn run(
    plan: &Plan,
    dir: &RunDir,
    observer: &dyn Observer,
    stop: &Stop,
    started_at: jiff::Timestamp,
) -> RunResult {
    let mut result = RunResult {
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
    };
    let mut hashes = Hashes::default();
    let stamps = Stamps {
        run: u64::try_from(started_at.as_millisecond()).unwrap_or(0),
        next: AtomicU32::new(0),
    };
    let mut stopping = stop.clone();
    let rehearsed = tokio::select! {
        rehearsed = sampling::rehearse(plan) => rehearsed,
        () = stopping.asked() => Ok(()),
    };
    result.failure = rehearsed.err();
    let rounds = if result.failure.is_some() || stop.is_asked() {
        result.interrupted = true;
        0
    } else {
        plan.rounds
    };
    let mut dead = vec![false; plan.variants.len()];
    'rounds: for round in 1..=rounds {
        // There and back again: what drifts over time falls on all variants alike.
        let forward = 0..plan.variants.len();
        let order: Vec<usize> = if round % 2 == 1 {
            forward.collect()
        } else {
            forward.rev().collect()
        };
        for at in order {
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
                Ok(None) => true,
                // It was stopped along with telemload.
                Ok(Some(Failure::Target(_))) | Err(Failure::Target(_))
                    if stop.is_asked_meanwhile().await =>
                {
                    true
                }
                // Its own launches end with it; the other variants have nothing to do with that.
                Ok(Some(died)) => {
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
    result
}

/// Numbers the stretches of load of a run.
struct Stamps {
    /// When the run began, ms since 1970.
    run: u64,
    next: AtomicU32,
}

impl Stamps {
    fn next(&self) -> Stamp {
        Stamp {
            run: self.run,
            stretch: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// One launch of a variant.
struct VariantRun<'a> {
    plan: &'a Plan,
    variant: &'a Variant,
    dir: &'a RunDir,
    observer: &'a dyn Observer,
    round: u32,
    stamps: &'a Stamps,
}

impl VariantRun<'_> {
    /// Returns how the target died, unless its load was meant to be too much for it.
    async fn run(
        &self,
        hashes: &mut Hashes,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Option<Failure>, Failure> {
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
            return Ok(None);
        };
        if let Some(place) = &target.found_at {
            result.target = format!("{} at {place}", self.variant.target.describe());
        }
        let driven = self.phases(&mut target, &rosters, result, stop).await;
        let complaint = target.stop(stop).await;
        let Some(at) = driven? else {
            // One that ended before it was stopped has told so already.
            if let (Some(complaint), Some(last)) = (complaint, result.phases.last_mut()) {
                last.warnings.push(Warning::BadStop(complaint));
            }
            return Ok(None);
        };
        let phase = &result.phases[at];
        let failure = phase.died.clone().filter(|_| !phase.load.overload);
        Ok(failure.map(Failure::Target))
    }

    /// Returns the phase in which the target died.
    async fn phases(
        &self,
        target: &mut Launched,
        rosters: &Arc<[Roster]>,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Option<usize>, Failure> {
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
            if run.measure(target, &mut result.phases[at]).await? == Ended::WithTarget {
                return Ok(Some(at));
            }
            if stop.is_asked() {
                return Ok(None);
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
                    return Ok(Some(at));
                }
            }
            if stop.is_asked() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Where this launch's own files go, within the run directory.
    fn directory(&self) -> PathBuf {
        let variant = PathBuf::from(&self.variant.name);
        if self.plan.rounds > 1 {
            variant.join(format!("round-{}", self.round))
        } else {
            variant
        }
    }

    fn start<'a>(&'a self, stretch: &Stretch<'a>) -> PhaseStart<'a> {
        PhaseStart {
            variant: &self.variant.name,
            phase: stretch.phase,
            round: (self.round, self.plan.rounds),
            profiled: stretch.profiled,
            load: stretch.load,
            length: (stretch.load.requests.is_none()).then_some(stretch.length),
        }
    }
}
