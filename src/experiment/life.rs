//! One launch of a variant: its phases in order, and how it ended.

use std::sync::Arc;

use super::launch::{Launched, Start};
use super::notes;
use super::phase::{Ended, PhaseRun};
use super::stop::Stop;
use super::variant::VariantRun;
use crate::result::{Failure, VariantResult};
use crate::traffic::fleet::{Hashes, Roster};

/// How a launch ended.
pub(super) enum Launch {
    /// As planned, or when the user wished so.
    Over,
    /// With its target, unless its load was meant to be too much for it.
    Died(Failure),
    /// By figures that end the run.
    Hopeless,
}

/// How far the phases of a launch came.
pub(super) enum Driven {
    /// To the end, or to where the user stopped them.
    ToEnd,
    /// To the phase in which the target died, by index.
    WithTarget(usize),
    /// To one whose figures end the run.
    Hopeless,
}

impl Driven {
    /// What the end of the phase with this index means for the launch; `None` if that goes on.
    pub(super) fn after(ended: Ended, at: usize) -> Option<Self> {
        match ended {
            Ended::InTime => None,
            Ended::WithTarget => Some(Self::WithTarget(at)),
            Ended::Hopeless => Some(Self::Hopeless),
        }
    }
}

impl VariantRun<'_> {
    /// Launches the target, drives all phases, stops it.
    pub(super) async fn run(
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
        self.found(&target, result);
        let driven = self.phases(&mut target, &rosters, result, stop).await;
        self.conclude(&mut target, driven, result, stop).await
    }

    /// Notes where the target was found.
    pub(super) fn found(&self, target: &Launched, result: &mut VariantResult) {
        if let Some(place) = &target.found_at {
            result.target = format!("{} at {place}", self.variant.target.describe());
        }
    }

    /// Stops the target, and says how the launch ended.
    pub(super) async fn conclude(
        &self,
        target: &mut Launched,
        driven: Result<Driven, Failure>,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Launch, Failure> {
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
        for at in 0..self.variant.phases.len() {
            let ended = self.measure(at, target, rosters, result, stop).await?;
            if let Some(driven) = Driven::after(ended, at) {
                return Ok(driven);
            }
            if let Some(driven) = self.profile(at, target, rosters, result, stop).await? {
                return Ok(driven);
            }
            if stop.is_asked() {
                break;
            }
        }
        Ok(Driven::ToEnd)
    }

    /// Measures the phase with this index alone. One that took turns before is left out: its figures are of another kind, and are not
    /// pooled with those of launches that were loaded alone.
    pub(super) async fn measure(
        &self,
        at: usize,
        target: &mut Launched,
        rosters: &Arc<[Roster]>,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Ended, Failure> {
        let run = self.phase(at, rosters, result, stop);
        let phase = &mut result.phases[at];
        if let Some(turns) = &phase.turns {
            let left_out = notes::left_out(&turns.with);
            phase.note([left_out]);
            return Ok(Ended::InTime);
        }
        run.measure(target, phase).await
    }

    /// The phase with this index, which has a place in the result from then on.
    pub(super) fn phase<'b>(
        &'b self,
        at: usize,
        rosters: &'b Arc<[Roster]>,
        result: &mut VariantResult,
        stop: &'b Stop,
    ) -> PhaseRun<'b> {
        let run = PhaseRun {
            launch: self,
            phase: &self.variant.phases[at],
            rosters,
            stop,
            turns: None,
        };
        if result.phases.len() == at {
            result.phases.push(run.blank());
        }
        run
    }

    /// Drives the profiled repetition of the phase with this index, if it is profiled: its numbers are never mixed with the measured ones.
    pub(super) async fn profile(
        &self,
        at: usize,
        target: &mut Launched,
        rosters: &Arc<[Roster]>,
        result: &mut VariantResult,
        stop: &Stop,
    ) -> Result<Option<Driven>, Failure> {
        let plan = self.variant.profile.as_ref();
        let plan = plan.filter(|_| !stop.is_asked());
        let Some(plan) = plan else { return Ok(None) };
        let run = self.phase(at, rosters, result, stop);
        let ended = run.profile(target, plan, &mut result.phases[at]).await?;
        Ok(Driven::after(ended, at).filter(|driven| matches!(driven, Driven::WithTarget(_))))
    }
}
