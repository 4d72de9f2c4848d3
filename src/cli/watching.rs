//! Who is told how a run goes: progress, and thresholds that may end it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::experiment::{Live, Observer, PhaseStart, Planned};
use crate::gate::{Early, SoFar};
use crate::process::machine::Fingerprint;
use crate::report::terminal::progress::Progress;
use crate::result::PhaseResult;
use crate::scenario::Threshold;

/// Shows progress, and judges thresholds that end a run.
pub(super) struct Watching<'a> {
    progress: Progress,
    thresholds: &'a [Threshold],
    /// Of the window that goes on, by variant: two may take turns.
    early: Mutex<BTreeMap<String, Early>>,
    cpus: usize,
}

impl<'a> Watching<'a> {
    pub(super) fn new(progress: Progress, thresholds: &'a [Threshold]) -> Self {
        Self {
            progress,
            thresholds,
            early: Mutex::default(),
            cpus: Fingerprint::read().logical_cpus,
        }
    }
}

impl Observer for Watching<'_> {
    fn planned(&self, stretches: &[Planned]) {
        self.progress.planned(stretches);
    }

    fn hashing(&self, total: u64) {
        self.progress.hashing(total);
    }

    fn hashed(&self) {
        self.progress.hashed();
    }

    fn phase(&self, phase: &PhaseStart<'_>) {
        *self
            .early
            .lock()
            .expect("nothing panics while it holds this") = BTreeMap::new();
        self.progress.phase(phase);
    }

    fn live(&self, variant: &str, live: &Live<'_>) {
        self.progress.live(variant, live);
    }

    fn hopeless(&self, variant: &str, phase: &PhaseResult, at: Duration) -> Option<String> {
        let found = SoFar {
            variant,
            phase,
            at,
            cpus: self.cpus,
        };
        let mut early = self
            .early
            .lock()
            .expect("nothing panics while it holds this");
        let early = early.entry(variant.to_owned()).or_default();
        early.look(self.thresholds, found)
    }

    fn phase_over(&self, found: &[(&str, &PhaseResult)]) {
        self.progress.phase_over(found);
    }
}
