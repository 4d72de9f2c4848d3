//! The part of a run that this process is, with all that it shares with the others.

use std::time::Duration;

use jiff::Timestamp;

use super::Shard;

/// A part of a run, settled before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which of how many.
    pub shard: Shard,
    /// Names the run.
    pub key: String,
    /// Hash of the scenario and of the flags that override it.
    pub plan_sha256: String,
    /// Drawn by this process alone.
    pub attempt: String,
    /// When the first stretch of load begins.
    pub starts_at: Timestamp,
    /// How far this machine's clock is off at most; `None` if that is not known.
    pub clock_bound: Option<Duration>,
    /// How much later than planned it begins each stretch, to try out what clocks that disagree do.
    pub skew: Duration,
}

/// How long before the start a shard must be ready.
pub const READY_BEFORE: Duration = Duration::from_secs(1);

impl Part {
    /// Whether a shard that is ready at `now` still keeps the start.
    pub fn is_in_time(&self, now: Timestamp) -> bool {
        self.starts_at.duration_since(now) >= READY_BEFORE.try_into().expect("it is short")
    }
}
