//! What the profiled repetition of a phase found.

use std::sync::Arc;

use crate::profile::{FunctionTable, Profile, Scale};

/// What the profiled phase found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileResult {
    /// Samples that were taken.
    pub samples: u64,
    /// Slices of the capture.
    pub slices: usize,
    /// Samples a second that were asked for.
    pub hz: u32,
    /// CPU time in the profile by CPU time of the target while it was taken; `None` if that is not known.
    pub capture_ratio: Option<f64>,
    /// CPU of the target per OK request in the profiled phase, µs.
    pub us_per_request: Option<f64>,
    /// OK responses a second in the profiled phase; `None` if its load ended before its window began.
    pub throughput_rps: Option<f64>,
    /// Share of the machine's CPU time that its host took in the profiled phase.
    pub steal_share: Option<f64>,
    /// As in [`Round`](super::Round), in the profiled phase.
    pub neighbour_cores: Option<f64>,
    /// Relative standard error of `us_per_request`, between slices, or between intervals if the slices are too few.
    pub us_error: f64,
    /// The samples themselves; `None` for a stored profile that was not read.
    pub taken: Option<Samples>,
}

/// Samples with what they hold.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The profile, which a picture may be drawn of meanwhile.
    pub profile: Arc<Profile>,
    /// All functions.
    pub functions: FunctionTable,
}

/// Two are the same if they hold the same.
impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        self.functions == other.functions
    }
}

impl Samples {
    /// Of a profile.
    pub fn of(profile: Arc<Profile>) -> Self {
        Self {
            functions: FunctionTable::of(&profile),
            profile,
        }
    }
}

impl ProfileResult {
    /// What shares are multiplied with to be CPU-µs per request.
    pub fn scale(&self) -> Option<Scale> {
        let factor = self.us_per_request.filter(|us| *us > 0.0)?;
        Some(Scale::cost(factor).known_to(self.us_error, self.slices))
    }
}
