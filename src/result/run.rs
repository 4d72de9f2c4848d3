//! A run and its variants.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MergedShard, PhaseResult, ShardResult};
use crate::process::machine::Fingerprint;

/// A run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// What it is a run of.
    pub scenario: ScenarioId,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// The machine it ran on.
    pub machine: Fingerprint,
    /// If it is a part of a run that was split.
    pub shard: Option<ShardResult>,
    /// If it was merged from such parts, each of them by index.
    pub shards: Vec<MergedShard>,
    /// In the order of the plan.
    pub variants: Vec<VariantResult>,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// What ended it before its time, other than the user.
    pub failure: Option<Failure>,
}

/// Which scenario: runs of one are comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioId {
    /// Its name.
    pub name: String,
    /// The hash of its text.
    pub sha256: String,
    /// Of its random values; `None` in results of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The target could not be started or reached, or it died.
    Target(String),
    /// telemload or its machine failed.
    Internal(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(message) | Self::Internal(message) => f.write_str(message),
        }
    }
}

/// One variant's results.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantResult {
    /// Its name.
    pub name: String,
    /// What was loaded, for people.
    pub target: String,
    /// Phases that were at least begun, pooled over rounds.
    pub phases: Vec<PhaseResult>,
}
