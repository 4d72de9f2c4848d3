//! What is sent to a launched target: the engine's orders for one stretch of load.

use std::sync::Arc;
use std::time::Duration;

use super::launch::Launched;
use super::reach::from;
use crate::engine::Drive;
use crate::metrics::Timetable;
use crate::result::Failure;
use crate::scenario::{Load, Plan, Variant};
use crate::shard::Shard;
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
        let sources = self.variant.sources.as_ref();
        let instances = target.instances.iter().map(|of| &of.endpoint);
        Ok(Drive {
            endpoints: instances
                .map(|endpoint| from(endpoint, sources))
                .collect::<Result<_, _>>()?,
            hosts: (target.hosts.iter())
                .map(|endpoint| from(endpoint, sources))
                .collect::<Result<_, _>>()?,
            authority: target.instances[0].authority.clone(),
            load: self.load.clone(),
            shard: (self.plan.part.as_ref()).map_or(Shard::WHOLE, |part| part.shard),
            appointment: None,
            turns: self.turns,
            requests: self.variant.requests_of(self.load, self.stamp).into(),
            rosters: self.rosters.clone(),
            seed: self.plan.seed,
            interval: self.interval,
            secrets: self.plan.secrets,
        })
    }
}
