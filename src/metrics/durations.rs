//! A distribution of durations that belongs to no request, such as those of opening connections. No clock.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::packed;

/// Durations in ns, three digits. Grows on use and costs nothing until then.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations(#[serde(with = "packed")] Histogram<u64>);

impl Default for Durations {
    fn default() -> Self {
        let mut histogram = Histogram::new(3).expect("three digits are valid");
        histogram.auto(true);
        Self(histogram)
    }
}

impl Durations {
    /// Counts one.
    pub fn record(&mut self, ns: u64) {
        // Fails only where it may not grow.
        let _ = self.0.record(ns);
    }

    /// Adds those of another.
    ///
    /// # Panics
    /// Never: it grows to what the other holds.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows as needed");
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The distribution, ns.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl From<Histogram<u64>> for Durations {
    fn from(mut histogram: Histogram<u64>) -> Self {
        histogram.auto(true);
        Self(histogram)
    }
}

/// Without the buckets, whose counts fill pages.
impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durations")
            .field("count", &self.0.len())
            .field("max_ns", &self.0.max())
            .finish()
    }
}
