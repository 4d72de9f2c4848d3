//! Estimated shares and how well they are known. Pure arithmetic: it must not know of what they are shares.
//!
//! Samples that follow each other are not independent: one call of 250 ms gives 25 of them at 100 Hz. So the spread between the
//! slices of a capture is measured, and the wider of that and of chance in sampling is used. Where slices are too few to show it, comparisons
//! assume how many samples are worth one.

use std::sync::LazyLock;

use super::bounds::{Bounds, Z95, wilson_share};
use super::stacks::MAX_SLICES;
use crate::statistics::{poisson_reach, t_quantile};

/// Slices from which the spread between them says enough to assume nothing; of fewer, from two on, it is the least that is believed.
pub const ENOUGH_SLICES: usize = 5;

/// Samples of both sides together below which nothing is judged.
pub const FEWEST_SAMPLES: u64 = 5;

/// Below this many samples of a profile its shares are rough.
pub const FEW_SAMPLES: u64 = 200;

/// Bursts below which the share that they make is known no better than how many there were.
const FEWEST_BURSTS: f64 = 5.0;

/// What a share is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Whole {
    /// The sum of all values.
    pub(super) value: f64,
    /// The sum of their squares, by observation: what is certain has none.
    pub(super) squares: f64,
    /// How many observations are taken for one where slices do not show how they follow each other.
    pub(super) effect: f64,
}

/// What a share is the share of, out of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Part {
    pub(super) value: f64,
    pub(super) squares: f64,
}

/// Something below and above a figure.
type Sides = (f64, f64);

/// A share (0..=1) and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The estimate.
    pub value: f64,
    /// Its 95 % interval: the wider of Wilson's and the one between slices.
    pub interval: Bounds,
    /// Standard errors towards lower and towards higher values, which differ near 0 and 1, as comparisons take them.
    pub(super) errors: Sides,
    /// How far the 95 % interval that comparisons take reaches.
    pub(super) reach: Sides,
    /// The errors of what it is the share of, by the whole: as `errors`, but that the whole is no part of what may vary.
    pub(super) amount_errors: Sides,
    /// Degrees of freedom of the errors; infinite if they are those of sampling.
    pub(super) degrees: f64,
    /// How many observations of equal value it rests on.
    pub(super) hits: f64,
    /// The value of one of them; 0 if nothing of it came by chance.
    pub(super) grain: f64,
    /// Bursts that make it, if they are so few that their number is what is not known; else 0.
    pub bursts: u32,
    /// Its standard error from what launches differ by, if there are several.
    pub(super) between: Option<f64>,
    /// What slices show of how its observations follow each other.
    spread: Option<Spread>,
}

/// How a share differs from slice to slice.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    slices: usize,
    /// Standard error of the share, from that.
    error: f64,
    /// How many bursts hold most of it, where these are few.
    bursts: Option<f64>,
}

/// The 97.5 % quantiles of Student's t by number of slices: searching for one takes longer than all else here.
static QUANTILES_975: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=MAX_SLICES)
        .map(|slices| t_quantile(0.975, slices as f64 - 1.0))
        .collect()
});

impl Share {
    /// The whole, which is known.
    pub const WHOLE: Self = Self {
        value: 1.0,
        interval: Bounds {
            low: 1.0,
            high: 1.0,
        },
        errors: (0.0, 0.0),
        reach: (0.0, 0.0),
        amount_errors: (0.0, 0.0),
        degrees: f64::INFINITY,
        hits: f64::INFINITY,
        grain: 0.0,
        bursts: 0,
        between: None,
        spread: None,
    };

    /// The share of a part of which `by_slice` tells hits and samples of each slice.
    ///
    /// Of values that differ the variance of the ratio p = x / V is ((1 − p)² S + p² (S_V − S)) / V², with S the squares of the part and S_V
    /// those of the whole (W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 6.4); Wilson's interval is of as many equal observations
    /// as have that variance. Between slices (eq. 6.9, without the correction for a finite population):
    /// var = K/(K − 1) Σ(x_k − p n_k)² / (Σ n_k)², t with K − 1 degrees of freedom.
    pub(super) fn estimate(
        part: Part,
        whole: Whole,
        by_slice: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> Self {
        if part.value <= 0.0 {
            return Self::absent(whole, whole.squares / whole.value, by_slice);
        }
        let value = part.value / whole.value;
        let spread = (1.0 - value).powi(2) * part.squares
            + value.powi(2) * (whole.squares - part.squares).max(0.0);
        let observations = if part.value >= whole.value {
            whole.value.powi(2) / whole.squares
        } else {
            value * (1.0 - value) * whole.value.powi(2) / spread
        };
        let hits = part.value.powi(2) / part.squares;
        // Of a few large ones the next may as well be missing, which no variance at the share tells: Kish's number (Survey Sampling, 1965,
        // section 8.2) is what all observations are worth.
        let observations = if hits < FEWEST_SAMPLES as f64 {
            observations.min(whole.value.powi(2) / whole.squares)
        } else {
            observations
        };
        let share = Self::sampled(value, observations, whole.effect);
        let (below, above) = poisson(hits / whole.effect);
        let grain = part.squares / part.value;
        Self {
            amount_errors: (value * below, value * above),
            hits,
            grain,
            ..share
        }
        .with_spread(Spread::of(value, grain, by_slice), whole.effect)
    }

    /// The same if its observations had the value of the grain, as those of both sides of a comparison have together.
    pub(super) fn with_grain(self, whole: Whole, grain: f64) -> Self {
        let value = self.value * whole.value;
        let part = Part {
            value,
            squares: value * grain,
        };
        let estimate = Self::estimate(part, whole, std::iter::empty());
        Self {
            between: self.between,
            ..estimate.with_spread(self.spread, whole.effect)
        }
    }

    /// The same with what it and the whole weigh in each launch, if there are several.
    pub(super) fn between(self, launches: impl Iterator<Item = (u64, u64)> + Clone) -> Self {
        let spread = Spread::of(self.value, self.grain, launches);
        Self {
            between: spread.map(|spread| spread.error),
            ..self
        }
    }

    /// The share of what was not seen, and of which an observation would have the value of the grain.
    pub(super) fn absent(
        whole: Whole,
        grain: f64,
        by_slice: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> Self {
        if whole.value <= 0.0 {
            return Self::sampled(0.0, 0.0, 1.0);
        }
        Self {
            amount_errors: (0.0, Z95 * grain * whole.effect / whole.value),
            hits: 0.0,
            grain,
            ..Self::sampled(0.0, whole.value / grain, whole.effect)
        }
        .with_spread(Spread::of(0.0, grain, by_slice), whole.effect)
    }

    fn sampled(value: f64, observations: f64, effect: f64) -> Self {
        let interval = wilson_share(value, observations);
        let cautious = wilson_share(value, observations / effect);
        let reach = (value - cautious.low, cautious.high - value);
        let errors = (reach.0 / Z95, reach.1 / Z95);
        Self {
            value,
            interval,
            errors,
            reach,
            amount_errors: errors,
            degrees: f64::INFINITY,
            hits: value * observations,
            grain: 0.0,
            bursts: 0,
            between: None,
            spread: None,
        }
    }

    /// With what slices show of how samples follow each other.
    fn with_spread(mut self, spread: Option<Spread>, effect: f64) -> Self {
        let Some(spread) = spread else { return self };
        self.spread = Some(spread);
        let (count, error) = (spread.slices, spread.error);
        let slices = count as f64;
        let half = QUANTILES_975[count.min(MAX_SLICES)] * error;
        let sampled = (
            self.value - self.interval.low,
            self.interval.high - self.value,
        );
        self.interval.low = self.interval.low.min(self.value - half).max(0.0);
        self.interval.high = self.interval.high.max(self.value + half).min(1.0);
        if count >= ENOUGH_SLICES {
            // Also where slices differ less than sampling explains: few slices may by chance not show their bursts. Were sampling taken
            // for exact then, 5 % of comparisons of one program found something (bursts of 4 samples, 12,000 in 6 slices).
            self.degrees = slices - 1.0;
            self.reach = sampled;
            self.errors = (sampled.0 / Z95, sampled.1 / Z95);
        } else if error > self.errors.0.max(self.errors.1) {
            // What is assumed (of all that is sampled) holds until slices show more.
            self.degrees = slices - 1.0;
        }
        self.errors = (self.errors.0.max(error), self.errors.1.max(error));
        self.reach = (self.reach.0.max(half), self.reach.1.max(half));
        self.amount_errors = (
            self.amount_errors.0.max(error),
            self.amount_errors.1.max(error),
        );
        if let Some(bursts) = spread.bursts.filter(|_| effect > 1.0) {
            self.in_bursts(bursts);
        }
        self
    }

    /// Of a share that few bursts make their number is what is not known: Poisson's interval of it, by Wilson's score.
    fn in_bursts(&mut self, bursts: f64) {
        self.bursts = bursts as u32;
        let (below, above) = poisson(bursts);
        let (below, above) = (self.value * below * Z95, self.value * above * Z95);
        self.interval.low = self.interval.low.min(self.value - below).max(0.0);
        self.interval.high = self.interval.high.max(self.value + above).min(1.0);
        self.reach = (
            self.reach.0.max(below.min(self.value)),
            self.reach.1.max(above.min(1.0 - self.value)),
        );
        self.errors = (
            self.errors.0.max(below.min(self.value) / Z95),
            self.errors.1.max(above.min(1.0 - self.value) / Z95),
        );
    }
}

impl Spread {
    /// Of a share by what it and the whole weigh in each slice, of observations of the value of the grain.
    fn of(
        value: f64,
        grain: f64,
        by_slice: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> Option<Self> {
        let used = by_slice.filter(|(_, whole)| *whole > 0);
        let count = used.clone().count();
        if count < 2 {
            return None;
        }
        let slices = count as f64;
        let whole: f64 = used.clone().map(|(_, n)| n as f64).sum();
        let squares: f64 = used
            .clone()
            .map(|(hits, n)| (hits as f64 - value * n as f64).powi(2))
            .sum();
        Some(Self {
            slices: count,
            error: (slices / (slices - 1.0) * squares).sqrt() / whole,
            bursts: Self::bursts(value, if grain > 0.0 { grain } else { 1.0 }, used, whole),
        })
    }

    /// How many neighbouring slices with far more than their part hold most of a share, if they are few.
    fn bursts(
        value: f64,
        grain: f64,
        used: impl Iterator<Item = (u64, u64)>,
        whole: f64,
    ) -> Option<f64> {
        let excess = |(hits, n): (u64, u64)| {
            let (hits, mean) = (hits as f64 / grain, value * n as f64 / grain);
            hits - mean > 2.0 * mean.sqrt() && hits >= FEWEST_SAMPLES as f64
        };
        let (mut bursts, mut held) = (0.0, 0.0);
        let mut inside = false;
        for slice in used {
            let is_excess = excess(slice);
            if is_excess {
                held += slice.0 as f64;
                bursts += if inside { 0.0 } else { 1.0 };
            }
            inside = is_excess;
        }
        // Bursts make a share if most of it lies in few slices; one that is steady beside them is not theirs.
        let is_of_few = bursts > 0.0 && bursts < FEWEST_BURSTS && held >= 0.5 * value * whole;
        is_of_few.then_some(bursts)
    }
}

/// Relative standard errors below and above a count of so many by chance.
fn poisson(hits: f64) -> Sides {
    let (below, above) = poisson_reach(hits);
    (below / Z95, above / Z95)
}

/// The 97.5 % quantile of Student's t, by degrees of freedom that are whole or infinite.
pub(super) fn quantile_975(degrees: f64) -> f64 {
    if degrees.is_finite() {
        QUANTILES_975[(degrees as usize + 1).min(MAX_SLICES)]
    } else {
        Z95
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
