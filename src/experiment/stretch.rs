//! A stretch of load of a phase: the measured one, or the profiled repetition.

use std::time::Duration;

use crate::metrics::Timetable;
use crate::profile::Forecast;
use crate::result::InTurns;
use crate::scenario::Load;

/// Interval of a profiled stretch: short, for only intervals that lie within a slice count.
const SAMPLED_INTERVAL: Duration = Duration::from_millis(100);

/// A stretch of load.
pub(super) struct Stretch<'a> {
    pub(super) phase: &'a str,
    pub(super) load: &'a Load,
    /// Warm-up and window as they are expected to be.
    pub(super) length: Duration,
    pub(super) profiled: bool,
    /// How long samples take, if these end it.
    pub(super) forecast: Option<Forecast>,
}

/// The turns of a stretch of load.
#[derive(Debug, Clone, Copy)]
pub(super) struct TakesTurns<'a> {
    pub(super) table: Timetable,
    /// Name of the variant that has the other turns.
    pub(super) with: &'a str,
}

impl TakesTurns<'_> {
    /// What a result says of them.
    pub(super) fn told(&self) -> InTurns {
        InTurns {
            with: self.with.to_owned(),
            slice: self.table.slice(),
            gap: self.table.gap(),
            count: self.table.measured(),
        }
    }
}

/// Why a stretch ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndedEarly {
    /// Its figures end the run, in words.
    Hopeless(String),
    /// Nothing answered from one instant of the window to another.
    Silent(Duration, Duration),
}

impl Stretch<'_> {
    pub(super) fn interval(&self, planned: Duration) -> Duration {
        if self.profiled {
            planned.min(SAMPLED_INTERVAL)
        } else {
            planned
        }
    }
}
