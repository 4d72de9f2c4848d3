//! What shares of a profile are of: samples, or the values that they carry.

use super::{Observed, Profile, Weight};

/// How many samples are taken for one where nothing shows whether they come in bursts: with fewer, 3 to 100 % of comparisons of one and the
/// same program find something.
const DESIGN_EFFECT: f64 = 10.0;

impl Profile {
    /// The same profile of counts that do not stand for its values, such as samples of time on the wall beside CPU times.
    pub(in crate::profile) fn unevenly(mut self, is_uneven: bool) -> Self {
        self.is_uneven = is_uneven;
        self
    }

    pub(in crate::profile) fn is_uneven(&self) -> bool {
        self.is_uneven
    }

    /// How many samples are taken for one where slices do not show how they follow each other: those of a heap do not, for each byte is drawn.
    pub fn design_effect(&self) -> f64 {
        let is_heap = self.unit == "bytes"
            || (self.observed() == Observed::Estimated && self.sample_type.contains("objects"));
        if is_heap { 1.0 } else { DESIGN_EFFECT }
    }

    /// Whether shares are of values (bytes, delays, CPU time of which no samples are known) and not of samples, which stand for
    /// CPU time.
    pub fn is_of_values(&self) -> bool {
        let observed = self.observed();
        let counted = match &*self.unit {
            "count" => observed == Observed::Samples,
            _ => self.cpu_ns().is_some() && observed != Observed::Records && !self.is_uneven,
        };
        !counted && self.total.value > 0
    }

    /// The weight of which shares are taken: values or samples.
    pub(in crate::profile) fn weighed(&self, weight: Weight) -> u64 {
        if self.is_of_values() {
            weight.value
        } else {
            weight.samples
        }
    }

    /// The squares of the same.
    pub(in crate::profile) fn squared(&self, weight: Weight) -> f64 {
        if self.is_part {
            weight.squares
        } else if self.is_of_values() {
            weight.squares - weight.certain
        } else {
            weight.samples as f64
        }
    }

    /// The squares of the whole.
    pub(in crate::profile) fn whole_squared(&self) -> f64 {
        self.squared(self.total)
    }

    /// The whole of which shares are taken.
    pub(in crate::profile) fn whole(&self) -> u64 {
        self.weighed(self.total)
    }
}
