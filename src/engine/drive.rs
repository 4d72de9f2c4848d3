//! What an engine is told to do: an immutable value, the same for every worker.

use std::sync::Arc;
use std::time::Duration;

use super::start::Appointment;
use crate::metrics::{OwnTime, Timetable, Window};
use crate::scenario::{Load, Request};
use crate::shard::{Lane, Shard, Workers};
use crate::traffic::fleet::Roster;
use crate::traffic::template::Secrets;
use crate::transport::stream::Endpoint;

/// What is to be sent where.
#[derive(Debug, Clone)]
pub struct Drive {
    /// Where each instance of the target listens, and whether it speaks TLS: at least one, and no more than each worker has
    /// connections. Requests are spread over them by a seeded hash of their numbers, connections take prerequisites.
    pub endpoints: Vec<Endpoint>,
    /// The other hosts that requests go to, in the order that they refer to.
    pub hosts: Vec<Endpoint>,
    /// The target as named in the Host header, whichever instance answers.
    pub authority: String,
    /// The load.
    pub load: Load,
    /// Which part of the load is this process's: its workers are a block of all.
    pub shard: Shard,
    /// When the schedule begins, if that is not as soon as all workers are ready.
    pub appointment: Option<Appointment>,
    /// When it may send, if it takes turns with another one: its rate, its warm-up and its duration are of its own turns then.
    pub turns: Option<Timetable>,
    /// The requests.
    pub requests: Arc<[Request]>,
    /// The fleets, in the order that the requests refer to.
    pub rosters: Arc<[Roster]>,
    /// Seed of schedule and values.
    pub seed: u64,
    /// Interval of the series.
    pub interval: Duration,
    /// Whether the words of failures show secrets.
    pub secrets: Secrets,
}

impl Drive {
    /// The place of this process's worker `worker` among all that follow the schedule.
    pub(super) fn lane(&self, worker: u32) -> Lane {
        Workers::of(self.shard, self.load.workers).lane(worker)
    }

    /// Which time of the load counts if that begins at `begin` (ns).
    pub fn own_time(&self, begin: u64) -> OwnTime {
        OwnTime::of(begin, self.turns)
    }

    /// The window of the load if that begins at `begin` (ns).
    pub(super) fn window(&self, begin: u64) -> Window {
        let (start, end) = match self.turns {
            Some(turns) => (turns.start(), turns.end()),
            None => {
                let warmup = self.load.warmup.as_nanos() as u64;
                let duration = self.load.duration.as_nanos() as u64;
                (warmup, warmup.saturating_add(duration))
            }
        };
        Window {
            start: begin.saturating_add(start),
            end: begin.saturating_add(end),
        }
    }
}
