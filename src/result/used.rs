//! What processes of a target, and services beside it, used and did within the windows of a phase.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::per;
use crate::metrics::Served;

/// What a process with its children used within the windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessUse {
    /// CPU time, s; `None` if it is not known, as of one that ended by itself.
    pub cpu_seconds: Option<f64>,
    /// Largest memory, bytes.
    pub peak_bytes: Option<u64>,
}

impl ProcessUse {
    /// That of no window.
    pub(crate) const NOTHING: Self = Self {
        cpu_seconds: Some(0.0),
        peak_bytes: None,
    };

    /// Adds what was used in another window.
    pub(crate) fn add(&mut self, other: Self) {
        let both = self.cpu_seconds.zip(other.cpu_seconds);
        self.cpu_seconds = both.map(|(before, now)| before + now);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }

    /// CPU per OK response, µs.
    fn us_per_request(self, completed_ok: u64) -> Option<f64> {
        per(self.cpu_seconds? * 1e6, completed_ok as f64)
    }
}

/// One instance of several, pooled over rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceUse {
    /// Where it listened in the last launch.
    pub address: String,
    /// What it used.
    pub used: ProcessUse,
    /// What it answered.
    pub served: Served,
    /// Increase of its counters, by name; empty if they are not known.
    pub counters: BTreeMap<String, u64>,
}

impl InstanceUse {
    /// Adds what it did in another launch, after which it listens there.
    pub(crate) fn add(&mut self, launch: &Self) {
        self.address.clone_from(&launch.address);
        self.used.add(launch.used);
        self.served.add(launch.served);
        for (name, count) in &launch.counters {
            *self.counters.entry(name.clone()).or_default() += count;
        }
    }

    /// CPU per OK response, µs.
    pub fn us_per_request(&self) -> Option<f64> {
        self.used.us_per_request(self.served.completed_ok)
    }
}

/// What a service used within the windows.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceUse {
    /// Its name.
    pub name: String,
    /// What it used.
    pub used: ProcessUse,
}

impl ServiceUse {
    /// CPU per OK response of the target, which `charged` were, µs.
    pub fn us_per_request(&self, charged: u64) -> Option<f64> {
        self.used.us_per_request(charged)
    }
}

/// A file of ids of what a target acknowledged, of one phase of one launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedFile {
    /// Its path within the run directory.
    pub file: PathBuf,
    /// Its lines.
    pub ids: u64,
    /// Where the target stored what it acknowledged, if that is known and outlives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
}
