//! One launch of a variant: what it is a launch of, and where its files go.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::observer::{Observer, PhaseStart};
use super::run_dir::RunDir;
use super::sharded::{Sharded, Which};
use super::stretch::Stretch;
use crate::scenario::{Plan, Variant};
use crate::traffic::template::Stamp;

/// Numbers the stretches of load of a run.
pub(super) struct Stamps {
    /// When the run began, ms since 1970.
    run: u64,
    next: AtomicU32,
}

impl Stamps {
    /// Of a run that began at this time.
    pub(super) fn of(started_at: jiff::Timestamp) -> Self {
        Self {
            run: u64::try_from(started_at.as_millisecond()).unwrap_or(0),
            next: AtomicU32::new(0),
        }
    }

    /// When the run began, ms since 1970.
    pub(super) fn run(&self) -> u64 {
        self.run
    }

    pub(super) fn next(&self) -> Stamp {
        Stamp {
            run: self.run,
            stretch: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// One launch of a variant.
pub(super) struct VariantRun<'a> {
    pub(super) plan: &'a Plan,
    pub(super) variant: &'a Variant,
    pub(super) dir: &'a RunDir,
    pub(super) observer: &'a dyn Observer,
    pub(super) round: u32,
    pub(super) stamps: &'a Stamps,
    /// If this process is a part of the run.
    pub(super) sharded: Option<&'a Sharded<'a>>,
}

impl VariantRun<'_> {
    /// Whether this process reads the target: of several shards one does.
    pub(super) fn reads_target(&self) -> bool {
        let part = self.plan.part.as_ref();
        part.is_none_or(|part| part.shard.reads_target())
    }

    /// Names a stretch of this launch.
    pub(super) fn which<'a>(&'a self, stretch: &Stretch<'a>) -> Which<'a> {
        Which {
            variant: &self.variant.name,
            phase: stretch.phase,
            round: self.round,
            profiled: stretch.profiled,
        }
    }

    /// Where this launch's own files go, within the run directory.
    pub(super) fn directory(&self) -> PathBuf {
        let variant = PathBuf::from(&self.variant.name);
        if self.plan.rounds > 1 {
            variant.join(format!("round-{}", self.round))
        } else {
            variant
        }
    }

    pub(super) fn start<'a>(&'a self, stretch: &Stretch<'a>, target_cpus: f64) -> PhaseStart<'a> {
        PhaseStart {
            variant: &self.variant.name,
            with: None,
            phase: stretch.phase,
            round: (self.round, self.plan.rounds),
            profiled: stretch.profiled,
            forecast: stretch.forecast,
            load: stretch.load,
            length: (stretch.load.requests.is_none()).then_some(stretch.length),
            target_cpus,
        }
    }
}
