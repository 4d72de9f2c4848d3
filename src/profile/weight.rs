//! What is counted of a stack, and what the counts are.

use super::Error;

/// What is counted of one stack.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weight {
    pub(super) samples: u64,
    pub(super) value: u64,
    /// The sum of the squares of what each sample weighs.
    pub(super) squares: f64,
    /// Those of samples that did not come by chance, such as of objects which no heap sampler misses.
    pub(super) certain: f64,
}

/// Samples of one slice, and the sum of their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct InSlice {
    pub(super) samples: u64,
    pub(super) value: u64,
}

impl InSlice {
    /// Bounded by the total of a profile, which is checked.
    pub(super) fn add(&mut self, weight: Weight) {
        self.samples += weight.samples;
        self.value += weight.value;
    }
}

/// What the samples of a profile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// Counted by who took them.
    Samples,
    /// Worked out from the values.
    Estimated,
    /// Entries of the profile, for nobody knows how many samples are in each.
    Records,
}

impl Observed {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Estimated => "estimated",
            Self::Records => "records",
        }
    }
}

impl Weight {
    /// Samples that share a value evenly.
    pub(super) fn of(samples: u64, value: u64) -> Self {
        Self {
            samples,
            value,
            squares: (value as f64).powi(2) / samples.max(1) as f64,
            certain: 0.0,
        }
    }

    /// The same as what was there for certain.
    pub(super) fn certain(self) -> Self {
        Self {
            certain: self.squares,
            ..self
        }
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, Error> {
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(Error::Overflow);
        Ok(Self {
            samples: sum(self.samples, other.samples)?,
            value: sum(self.value, other.value)?,
            squares: self.squares + other.squares,
            certain: self.certain + other.certain,
        })
    }
}
