//! What the profiled repetition of a phase found.

use std::sync::Arc;

use super::profiled_launch::{ProfiledLaunch, known};
use crate::profile::{Bounds, FunctionTable, Profile, Scale, Share};
use crate::scenario::Also;

/// What the profiled phase found: as one, if several launches were profiled.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileResult {
    /// Samples that were taken.
    pub samples: u64,
    /// Slices of all captures.
    pub slices: usize,
    /// Samples a second that were asked for.
    pub hz: u32,
    /// CPU time in the profile by CPU time of the target while it was taken; `None` if that is not known.
    pub capture_ratio: Option<f64>,
    /// CPU of the target per OK request in the profiled phase, µs; the mean of launches.
    pub us_per_request: Option<f64>,
    /// OK responses a second in the profiled phase, the mean of launches; `None` if its load ended before its window began.
    pub throughput_rps: Option<f64>,
    /// Share of the machine's CPU time that its host took in the profiled phase, in the worst launch.
    pub steal_share: Option<f64>,
    /// As in [`Round`](super::Round), in the profiled phase.
    pub neighbour_cores: Option<f64>,
    /// Relative standard error of `us_per_request`: between launches; of one between slices, or between intervals if the slices are too few.
    pub us_error: f64,
    /// Each launch that was profiled; none in results of earlier versions, which hold one.
    pub launches: Vec<ProfiledLaunch>,
    /// The samples themselves; `None` for a stored profile that was not read.
    pub taken: Option<Samples>,
    /// What was captured beside the CPU.
    pub also: Vec<AlsoResult>,
    /// What kinds of requests cost, by a label of the samples; empty if none was named.
    pub by_request: Vec<RequestCost>,
}

/// A profile that was captured beside that of the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct AlsoResult {
    /// What it is of.
    pub kind: Also,
    /// Delays, objects, goroutines or waits that were seen.
    pub samples: u64,
    /// Slices of all captures.
    pub slices: usize,
    /// Per OK request: bytes that were allocated, ns that goroutines or threads waited, or goroutines were there.
    pub per_request: Option<f64>,
    /// Its relative standard error, between launches or slices; `None` if these are too few to show one.
    pub error: Option<f64>,
    /// Each launch of which it was captured, as in [`ProfileResult`].
    pub launches: Vec<ProfiledLaunch>,
    /// The samples themselves; `None` for a stored profile that was not read.
    pub taken: Option<Samples>,
}

/// The CPU time of one kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestCost {
    /// Its name; `None` for samples that have the label of none, such as those of a collector.
    pub request: Option<String>,
    /// Samples.
    pub samples: u64,
    /// Their share of all samples, with its 95 % interval.
    pub share: (f64, f64, f64),
    /// CPU per OK request of this kind, µs, with the interval of the share. For samples of no request: per OK request of any kind.
    pub us_per_request: Option<(f64, f64, f64)>,
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

impl AlsoResult {
    /// What a share is multiplied with to be its part per request.
    pub fn scale(&self) -> Option<Scale> {
        let amount = self.per_request.filter(|amount| *amount > 0.0)?;
        let scale = Scale::amount(amount);
        Some(match self.error {
            Some(error) => known(scale, error, self.slices, &self.launches),
            None => scale,
        })
    }

    /// The 95 % interval of a share of the amount per request; `None` if nothing shows it.
    pub fn interval_of(&self, share: Share) -> Option<Bounds> {
        self.error?;
        self.scale().map(|scale| scale.interval_of(share))
    }

    /// The same of all of it.
    pub fn interval(&self) -> Option<Bounds> {
        self.interval_of(Share::WHOLE)
    }

    /// What amounts per request are in.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Also::Heap => "bytes",
            Also::Block | Also::Mutex | Also::Goroutine | Also::OffCpu => "nanoseconds",
        }
    }
}

impl ProfileResult {
    /// What shares are multiplied with to be CPU-µs per request.
    pub fn scale(&self) -> Option<Scale> {
        let factor = self.us_per_request.filter(|us| *us > 0.0)?;
        let scale = Scale::cost(factor);
        Some(known(scale, self.us_error, self.slices, &self.launches))
    }
}
