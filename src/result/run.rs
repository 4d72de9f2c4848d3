//! A run and its variants.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MergedShard, PhaseResult, ShardResult};
use crate::process::machine::Fingerprint;
use crate::units::format_count;

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

impl RunResult {
    /// Why a merged run is not whole: which shards are lost, and what their part was.
    pub fn incomplete(&self) -> Option<String> {
        let lost = self.shards.iter();
        let lost: Vec<_> = lost
            .filter_map(|shard| Some((shard.index, shard.lost.as_ref()?)))
            .collect();
        if lost.is_empty() {
            return None;
        }
        let count = self.shards.len();
        let words = lost
            .iter()
            .map(|(index, lost)| format!("shard {index} of {count} {}", lost.words));
        let words: Vec<_> = words.collect();
        let due: Option<u64> = lost.iter().map(|(_, lost)| lost.due).sum();
        let part = due.map_or_else(
            || "their load has no schedule that tells how many requests were their part".to_owned(),
            |due| {
                format!(
                    "{} requests were their part and are in no figure",
                    format_count(due as f64)
                )
            },
        );
        let part = if lost.len() == 1 {
            part.replace("their load", "its load")
                .replace("their part", "its part")
        } else {
            part
        };
        Some(format!("incomplete: {}; {part}", words.join("; ")))
    }
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
