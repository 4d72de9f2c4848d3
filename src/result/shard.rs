//! Which part of a run that was split over processes a result is.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shard::Shard;

/// The identity of a shard's result, and when its stretches of load began. All but `shard`, `attempt`, `clock_bound` and `begun_at` are
/// the same in all shards of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardResult {
    /// Which of how many.
    #[serde(flatten)]
    pub shard: Shard,
    /// Names the run of which it is a part.
    pub key: String,
    /// Hash of the scenario and of the flags that override it.
    pub plan_sha256: String,
    /// Of telemload.
    pub version: String,
    /// Drawn by each process: two that ran the same shard differ in it.
    pub attempt: String,
    /// When the run was to begin.
    pub starts_at: Timestamp,
    /// How far the machine's clock is off at most, as its kernel says; `None` if that is not known.
    #[serde(rename = "clock_bound_s", with = "seconds")]
    pub clock_bound: Option<Duration>,
    /// All that were planned, in their order.
    pub stretches: Vec<ShardStretch>,
}

/// A stretch of load of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStretch {
    /// Its variant.
    pub variant: String,
    /// Its phase.
    pub phase: String,
    /// Launch of the variant, from 1.
    pub round: u32,
    /// Whether it is the profiled repetition of the phase.
    pub profiled: bool,
    /// Workers of each shard.
    pub workers: u32,
    /// When its schedule was to begin.
    pub begins_at: Timestamp,
    /// When it began by the machine's clock; `None` if it did not.
    pub begun_at: Option<Timestamp>,
}

/// As seconds, or null.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(from)?;
        let time = seconds.map(Duration::try_from_secs_f64).transpose();
        time.map_err(serde::de::Error::custom)
    }
}
