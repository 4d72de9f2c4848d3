//! One of two variants of a run while both are up: its result, how far it came, and what it does alone.

use std::sync::Arc;

use super::super::Stop;
use super::super::launch::Launched;
use super::super::life::{Driven, Launch};
use super::super::notes;
use super::super::over::StretchEnd;
use super::super::phase::PhaseRun;
use super::super::variant::VariantRun;
use crate::result::{Failure, VariantResult};
use crate::traffic::fleet::Roster;

/// One of the two while they are up.
pub(super) struct Side<'a> {
    pub(super) run: &'a VariantRun<'a>,
    pub(super) rosters: Arc<[Roster]>,
    pub(super) result: &'a mut VariantResult,
    /// How far its phases came, if there is nothing left to drive.
    pub(super) driven: Option<Driven>,
}

impl<'a> Side<'a> {
    pub(super) fn of(
        run: &'a VariantRun<'a>,
        rosters: Arc<[Roster]>,
        result: &'a mut VariantResult,
    ) -> Self {
        Self {
            run,
            rosters,
            result,
            driven: None,
        }
    }

    pub(super) fn is_hopeless(&self) -> bool {
        matches!(self.driven, Some(Driven::Hopeless))
    }

    /// Whether launches of a phase were loaded alone.
    pub(super) fn was_alone(&self, at: usize) -> bool {
        let phase = self.result.phases.get(at);
        phase.is_some_and(|phase| phase.turns.is_none())
    }

    /// How its target died, in words.
    pub(super) fn death(&self) -> Option<String> {
        match self.driven {
            Some(Driven::WithTarget(at)) => self.result.phases[at].died.clone(),
            _ => None,
        }
    }

    /// Says why a phase was loaded alone, if it was.
    pub(super) fn note_alone(&mut self, at: usize, with: &str, why: Option<&str>) {
        let alone = self.result.phases.get_mut(at);
        let alone = alone.filter(|of| of.turns.is_none() && of.died.is_none());
        if let Some((phase, why)) = alone.zip(why) {
            phase.note([notes::alone(with, why)]);
        }
    }

    /// Adds what turns measured of a phase.
    pub(super) fn keep(
        &mut self,
        run: &PhaseRun<'_>,
        over: StretchEnd,
        target: &Launched,
        at: usize,
    ) -> Result<(), Failure> {
        let ended = run.keep(over, target, &mut self.result.phases[at])?;
        self.driven = Driven::after(ended, at);
        Ok(())
    }

    /// Measures a phase of it alone, if it still goes on.
    pub(super) async fn measure(
        &mut self,
        at: usize,
        target: &mut Option<Launched>,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let goes_on = self.driven.is_none() && !stop.is_asked();
        let Some(target) = target.as_mut().filter(|_| goes_on) else {
            return Ok(());
        };
        let ended = self
            .run
            .measure(at, target, &self.rosters, self.result, stop);
        self.driven = Driven::after(ended.await?, at);
        Ok(())
    }

    /// Profiles it, if it still goes on.
    pub(super) async fn profile(
        &mut self,
        at: usize,
        target: &mut Option<Launched>,
        stop: &Stop,
    ) -> Result<(), Failure> {
        if let Some(target) = target.as_mut().filter(|_| self.driven.is_none()) {
            let profiled = self
                .run
                .profile(at, target, &self.rosters, self.result, stop);
            self.driven = profiled.await?;
        }
        Ok(())
    }

    pub(super) async fn conclude(
        self,
        target: Option<Launched>,
        stop: &Stop,
    ) -> Result<Launch, Failure> {
        let Some(mut target) = target else {
            return Ok(Launch::Over);
        };
        self.run.found(&target, self.result);
        let driven = Ok(self.driven.unwrap_or(Driven::ToEnd));
        let concluded = self.run.conclude(&mut target, driven, self.result, stop);
        concluded.await
    }
}
