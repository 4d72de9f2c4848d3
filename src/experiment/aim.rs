//! What is sent to a launched target: the engine's orders for one stretch of load.

use std::sync::Arc;
use std::time::Duration;

use super::launch::Launched;
use super::reach::from;
use crate::engine::Drive;
use crate::metrics::Timetable;
use crate::result::Failure;
use crate::scenario::{Load, Plan, Variant};
use crate::traffic::fleet::Roster;
use crate::traffic::template::Stamp;

/// What is to be sent.
pub(super) struct Aim<'a> {
    pub(super) plan: &'a Plan,
    pub(super) variant: &'a Variant,
    pub(super) rosters: &'a Arc<[Roster]>,
    pub(super) load: &'a Load,
    pub(super) turns: Option<Timetable>,
    pub(super) stamp: Stamp,
    /// Of the series.
    pub(super) interval: Duration,
}

impl Aim<'_> {
    /// The orders for this target.
    pub(super) fn at(self, target: &Launched) -> Result<Drive, Failure> {
        let endpoints = target.instances.iter();
        let endpoints = endpoints.map(|of| from(&of.endpoint, self.variant.sources.as_ref()));
        Ok(Drive {
            endpoints: endpoints.collect::<Result<_, _>>()?,
            authority: target.instances[0].authority.clone(),
            load: self.load.clone(),
            turns: self.turns,
            requests: self.variant.requests_of(self.load, self.stamp).into(),
            rosters: self.rosters.clone(),
            seed: self.plan.seed,
            interval: self.interval,
            secrets: self.plan.secrets,
        })
    }
}
