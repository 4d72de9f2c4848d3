//! How requests are started, and for how long.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::units::Rate;

/// A stretch of load with its own results.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Unique within the variant.
    pub name: String,
    /// Its load.
    pub load: Load,
}

/// How requests are started and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// When requests start.
    pub model: LoadModel,
    /// Connections in all, at least one per worker.
    pub connections: u32,
    /// Length of the measured window.
    pub duration: Duration,
    /// Stops earlier after this many requests in the window.
    pub requests: Option<u64>,
    /// Load before the window that is not measured.
    pub warmup: Duration,
    /// Longest a request may take from its sending.
    pub timeout: Duration,
    /// Worker threads.
    pub workers: u32,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
    /// Weights of requests in this load, by their names; the others have their own.
    pub weights: BTreeMap<String, u32>,
    /// Whether it is meant to be more than the target takes: that the target falls behind or dies is a finding then, and no
    /// failure of the run.
    pub overload: bool,
    /// Stops earlier if nothing has answered for so long although requests waited.
    pub silent_for: Option<Duration>,
}

/// When requests start.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadModel {
    /// Every connection sends its next request when the last one is answered.
    Closed,
    /// Requests start by a schedule, whatever the target does.
    Open {
        /// How many are due, and when.
        pace: Pace,
        /// Spacing of the schedule.
        arrivals: Arrivals,
    },
}

/// The rate of an open loop over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// The same all the time.
    Constant(Rate),
    /// In stages, which are the window.
    Staged {
        /// Where it begins, and what the warm-up holds: requests per second, 0 or more.
        begin: f64,
        /// At least one; the rate is above 0 in some.
        stages: Arc<[Stage]>,
    },
}

/// A stretch in which the rate goes linearly to where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Where it ends, requests per second, 0 or more; where it began if the rate is held.
    pub to: f64,
    /// How long it lasts; zero for a step.
    pub over: Duration,
}

/// Spacing of an open schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Constant,
    /// Independent of each other (exponential gaps).
    Poisson,
    /// So many at the same instant, and then none until the next as many are due.
    Burst(NonZeroU32),
}

impl Pace {
    /// The highest rate that it reaches.
    pub fn highest(&self) -> Rate {
        match self {
            Self::Constant(rate) => *rate,
            Self::Staged { begin, stages } => {
                let highest = stages.iter().map(|stage| stage.to).fold(*begin, f64::max);
                Rate::new(highest).expect("stages have a rate above 0, and each is in range")
            }
        }
    }
}
