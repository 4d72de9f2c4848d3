//! What processes of a target, and services beside it, used and did within the windows of a phase.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::per;
use crate::metrics::{Served, Tally};

/// One instance of several, pooled over rounds.
#[derive(Debug, Clone)]
pub struct InstanceUse {
    /// Where it listened in the last launch.
    pub address: String,
    /// What it answered.
    pub served: Served,
    /// CPU time, s; `None` if it is not known.
    pub cpu_seconds: Option<f64>,
    /// Largest memory, bytes.
    pub peak_bytes: Option<u64>,
    /// Increase of its counters, by name; empty if they are not known.
    pub counters: BTreeMap<&'static str, u64>,
}

impl InstanceUse {
    /// One that has done nothing yet.
    pub(crate) fn blank(address: String) -> Self {
        Self {
            address,
            served: Served::default(),
            cpu_seconds: Some(0.0),
            peak_bytes: None,
            counters: BTreeMap::new(),
        }
    }

    /// CPU per OK response, µs.
    pub fn us_per_request(&self) -> Option<f64> {
        let cpu = self.cpu_seconds.filter(|_| self.served.completed_ok > 0)?;
        Some(cpu * 1e6 / self.served.completed_ok as f64)
    }
}

/// What a service used within the windows.
#[derive(Debug, Clone)]
pub struct ServiceUse {
    /// Its name.
    pub name: String,
    /// CPU time, s; `None` if it is not known, for one that ended by itself.
    pub cpu_seconds: Option<f64>,
    /// Largest memory, bytes.
    pub peak_bytes: Option<u64>,
}

impl ServiceUse {
    /// CPU per OK response of the target, µs.
    pub fn us_per_request(&self, total: &Tally) -> Option<f64> {
        per(self.cpu_seconds? * 1e6, total.completed_ok as f64)
    }

    /// Adds what it used in a window.
    pub(crate) fn add(&mut self, cpu_seconds: Option<f64>, peak_bytes: Option<u64>) {
        let both = self.cpu_seconds.zip(cpu_seconds);
        self.cpu_seconds = both.map(|(before, now)| before + now);
        self.peak_bytes = self.peak_bytes.max(peak_bytes);
    }
}

/// A file of ids of what a target acknowledged, of one phase of one launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgedFile {
    /// Its path within the run directory.
    pub file: PathBuf,
    /// Its lines.
    pub ids: u64,
    /// Where the bundled gateway stored what it acknowledged, if it outlives the gateway.
    pub sink: Option<String>,
}

/// bcrypts a second that devices, TTL and instances imply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BcryptRate {
    /// If no instance computes what another one of its shared store has.
    pub least: f64,
    /// If each computes for itself, which is what requests lead to that come within the time of one bcrypt.
    pub most: f64,
}
