//! Estimated shares, and when two of them differ. Pure arithmetic: it must not know of what they are shares.
//!
//! Samples that follow each other are not independent: one call of 250 ms gives 25 of them at 100 Hz. So the spread between the
//! slices of a capture is measured where there are enough, and the wider of that and of chance in sampling is used.

use std::collections::HashMap;
use std::sync::LazyLock;

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::interval::{Interval, Z95, wilson_share};
use super::stacks::MAX_SLICES;

/// Slices from which the spread between them is used; the t quantile of fewer is too wide to say anything.
pub const ENOUGH_SLICES: usize = 5;

/// The part of the findings of one table that may be chance.
pub const FALSE_DISCOVERIES: f64 = 0.01;

/// Samples of both sides together below which nothing is judged.
pub const FEWEST_SAMPLES: u64 = 5;

/// Below this many samples of a profile its shares are rough.
pub const FEW_SAMPLES: u64 = 200;

/// Relative spread from launch to launch that is assumed of the CPU time per request, of the whole and of each function: no slice of one
/// launch shows it, and byte-identical programs were seen to differ by 1 to 3 %.
pub const ASSUMED_LAUNCH_SPREAD: f64 = 0.03;

/// The power at which the smallest detectable change is stated.
const POWER: f64 = 0.8;

/// Degrees of freedom beyond which Student's t is taken for normal; the library's is less exact there.
const NORMAL_FROM: f64 = 1e4;

/// A share (0..=1) and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The estimate.
    pub value: f64,
    /// Its 95 % interval: the wider of Wilson's and the one between slices.
    pub interval: Interval,
    /// Standard errors towards lower and towards higher values, which differ near 0 and 1.
    errors: (f64, f64),
    /// Degrees of freedom of the errors; infinite if there are too few slices, so that they are those of sampling.
    degrees: f64,
}

/// The 97.5 % quantiles of Student's t by number of slices: searching for one takes longer than all else here.
static QUANTILES_975: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=MAX_SLICES)
        .map(|slices| t_quantile(0.975, slices as f64 - 1.0))
        .collect()
});

impl Share {
    /// The whole, which is known.
    pub(super) const WHOLE: Self = Self {
        value: 1.0,
        interval: Interval {
            low: 1.0,
            high: 1.0,
        },
        errors: (0.0, 0.0),
        degrees: f64::INFINITY,
    };

    /// A share of `n` samples of which `by_slice` tells hits and samples of each slice; fewer than [`ENOUGH_SLICES`] are not used.
    ///
    /// Between slices (ratio estimate; W. G. Cochran, Sampling Techniques, 3rd ed., 1977, eq. 6.9, without the correction for a finite
    /// population): var = K/(K − 1) Σ(x_k − p n_k)² / (Σ n_k)², t with K − 1 degrees of freedom.
    pub fn estimate(
        value: f64,
        n: f64,
        by_slice: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> Self {
        let sampling = wilson_share(value, n);
        let mut share = Self {
            value,
            interval: sampling,
            errors: ((value - sampling.low) / Z95, (sampling.high - value) / Z95),
            degrees: f64::INFINITY,
        };
        let used = by_slice.filter(|(_, samples)| *samples > 0);
        let count = used.clone().count();
        if count < ENOUGH_SLICES {
            return share;
        }
        let (slices, samples) = (
            count as f64,
            used.clone().map(|(_, n)| n as f64).sum::<f64>(),
        );
        let squares: f64 = used
            .map(|(hits, n)| (hits as f64 - value * n as f64).powi(2))
            .sum();
        let error = (slices / (slices - 1.0) * squares).sqrt() / samples;
        let half = QUANTILES_975[count.min(MAX_SLICES)] * error;
        share.interval.low = share.interval.low.min(value - half).max(0.0);
        share.interval.high = share.interval.high.max(value + half).min(1.0);
        // Also where slices differ less than sampling explains: few slices may by chance not show their bursts. Were sampling taken
        // for exact then, 5 % of comparisons of one program found something (bursts of 4 samples, 12,000 in 6 slices).
        share.degrees = slices - 1.0;
        share.errors = (share.errors.0.max(error), share.errors.1.max(error));
        share
    }
}

/// One side of a comparison: what a share is multiplied with, such as µs of CPU per request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The factor; not negative.
    pub factor: f64,
    /// Its relative standard error within the launch.
    error: f64,
    /// Degrees of freedom of the error.
    degrees: f64,
    /// Whether shares of it sum to one, or to a whole that differs from launch to launch.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Share,
    Cost,
}

impl Scale {
    /// Shares as they are.
    pub const SHARE: Self = Self {
        factor: 1.0,
        error: 0.0,
        degrees: f64::INFINITY,
        kind: Kind::Share,
    };

    /// A cost of which is not known how sure it is: without an error of its own.
    pub const fn cost(factor: f64) -> Self {
        Self {
            factor,
            kind: Kind::Cost,
            ..Self::SHARE
        }
    }

    /// The same with a relative standard error, known from this many slices; with fewer than [`ENOUGH_SLICES`] it rests on shorter
    /// and more numerous stretches.
    #[must_use]
    pub fn known_to(self, error: f64, slices: usize) -> Self {
        let degrees = if slices < ENOUGH_SLICES {
            f64::INFINITY
        } else {
            slices as f64 - 1.0
        };
        Self {
            error,
            degrees,
            ..self
        }
    }

    /// Standard error of a share of it, without that of the share.
    fn error_of(self, share: Share) -> f64 {
        share.value * self.factor * self.error
    }

    /// Half of the 95 % interval of the same.
    fn half_of(self, share: Share) -> f64 {
        let quantile = if self.degrees.is_finite() {
            QUANTILES_975[(self.degrees as usize + 1).min(MAX_SLICES)]
        } else {
            Z95
        };
        quantile * self.error_of(share)
    }

    /// By how much the same launch again would differ. A share can only change against the rest: of a whole that is one, the odds
    /// have the spread, and p has p(1 − p) of it.
    fn launch_error_of(self, share: Share) -> f64 {
        let rest = match self.kind {
            Kind::Share => 1.0 - share.value,
            Kind::Cost => 1.0,
        };
        ASSUMED_LAUNCH_SPREAD * share.value * self.factor * rest
    }

    /// The 95 % interval of a share of it, in its unit: what is true of this launch.
    pub fn interval_of(self, share: Share) -> Interval {
        let half = self.half_of(share);
        let below = ((share.value - share.interval.low) * self.factor).hypot(half);
        let above = ((share.interval.high - share.value) * self.factor).hypot(half);
        let value = share.value * self.factor;
        Interval {
            low: (value - below).max(0.0),
            high: value + above,
        }
    }
}

/// Head minus base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// In the unit of the scales.
    pub delta: f64,
    /// Its 95 % interval by Newcombe's square-and-add; the errors of the scales and what launches are assumed to differ by are added as
    /// squares.
    pub interval: Interval,
    /// How probable so large a difference is by chance, two-sided.
    pub p: f64,
    error: f64,
    degrees: f64,
}

impl Difference {
    pub(super) const NONE: Self = Self::unjudged(0.0);

    /// One of which nothing else is known.
    pub(super) const fn unjudged(delta: f64) -> Self {
        Self {
            delta,
            interval: Interval {
                low: 0.0,
                high: 0.0,
            },
            p: 1.0,
            error: 0.0,
            degrees: f64::INFINITY,
        }
    }

    /// The difference of two scaled shares.
    pub fn of(base: (Share, Scale), head: (Share, Scale)) -> Self {
        let ((before, b), (after, h)) = (base, head);
        let delta = after.value * h.factor - before.value * b.factor;
        let launches = b.launch_error_of(before).hypot(h.launch_error_of(after));
        let beside = b.half_of(before).hypot(h.half_of(after));
        let beside = beside.hypot(Z95 * launches);
        let sampling = newcombe((before, b.factor), (after, h.factor));
        // Towards zero: what would have to be by chance.
        let (of_base, of_head) = if delta > 0.0 {
            (before.errors.1 * b.factor, after.errors.0 * h.factor)
        } else {
            (before.errors.0 * b.factor, after.errors.1 * h.factor)
        };
        let parts = [
            (of_base, before.degrees),
            (of_head, after.degrees),
            (b.error_of(before), b.degrees),
            (h.error_of(after), h.degrees),
            (launches, f64::INFINITY),
        ];
        let error = parts.iter().fold(0.0, |sum: f64, part| sum.hypot(part.0));
        // Welch and Satterthwaite; an assumption has no limit on its degrees.
        let limited: f64 = parts
            .iter()
            .map(|(error, degrees)| error.powi(4) / degrees)
            .sum();
        let degrees = error.powi(4) / limited;
        Self {
            delta,
            interval: Interval {
                low: delta - (delta - sampling.low).hypot(beside),
                high: delta + (sampling.high - delta).hypot(beside),
            },
            p: if delta == 0.0 {
                1.0
            } else if error > 0.0 {
                2.0 * t_tail(delta.abs() / error, degrees)
            } else {
                0.0
            },
            error,
            degrees: if degrees.is_nan() {
                f64::INFINITY
            } else {
                degrees
            },
        }
    }
}

/// Newcombe's square-and-add interval of a difference of scaled shares (R. G. Newcombe, Stat. Med. 17, 1998, p. 873, method 10).
fn newcombe((before, b): (Share, f64), (after, h): (Share, f64)) -> Interval {
    let delta = after.value * h - before.value * b;
    let half = |before: f64, after: f64| (before * b).hypot(after * h);
    Interval {
        low: delta
            - half(
                before.interval.high - before.value,
                after.value - after.interval.low,
            ),
        high: delta
            + half(
                before.value - before.interval.low,
                after.interval.high - after.value,
            ),
    }
}

/// The changes that differences could have hidden, in ascending order: what would have been found with 80 % power where findings
/// need a p of at most `limit`. Degrees of freedom are rounded down, so that few quantiles have to be searched for.
pub(super) fn detectable<'a>(of: impl Iterator<Item = &'a Difference>, limit: f64) -> Vec<f64> {
    let mut reaches: HashMap<u64, f64> = HashMap::new();
    let mut reach = |degrees: u64| {
        *reaches.entry(degrees).or_insert_with(|| {
            let degrees = degrees as f64;
            t_quantile(1.0 - limit / 2.0, degrees) + t_quantile(POWER, degrees)
        })
    };
    let change = |difference: &Difference| {
        let degrees = difference.degrees.min(NORMAL_FROM).floor() as u64;
        reach(degrees) * difference.error
    };
    let mut changes: Vec<f64> = of.map(change).collect();
    changes.sort_unstable_by(f64::total_cmp);
    changes
}

/// The largest p that is a finding when at most [`FALSE_DISCOVERIES`] of the findings may be chance, by the procedure of Benjamini and
/// Hochberg (J. R. Stat. Soc. B 57, 1995, p. 289); with no finding, what the first would have needed.
pub(super) fn findings_up_to(p_values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = p_values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let all = sorted.len().max(1) as f64;
    let limit = |rank: usize| FALSE_DISCOVERIES * rank as f64 / all;
    let kept = (1..=sorted.len())
        .rev()
        .find(|rank| sorted[rank - 1] <= limit(*rank));
    limit(kept.unwrap_or(1))
}

fn t_quantile(p: f64, degrees: f64) -> f64 {
    match student(degrees) {
        Some(student) => student.inverse_cdf(p),
        None => Normal::standard().inverse_cdf(p),
    }
}

fn t_tail(t: f64, degrees: f64) -> f64 {
    match student(degrees) {
        Some(student) => student.sf(t),
        None => Normal::standard().sf(t),
    }
}

fn student(degrees: f64) -> Option<StudentsT> {
    let few = degrees.is_finite() && degrees < NORMAL_FROM;
    few.then(|| StudentsT::new(0.0, 1.0, degrees.max(1.0)).expect("the parameters are positive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(k: u64, n: u64) -> Share {
        Share::estimate(k as f64 / n as f64, n as f64, std::iter::empty())
    }

    /// Newcombe 1998, table II, row (a) of method 10: 56/70 - 48/80 is 0.0524 to 0.3339.
    #[test]
    fn the_interval_of_a_difference_is_newcombes() {
        let Interval { low, high } = newcombe((sampled(48, 80), 1.0), (sampled(56, 70), 1.0));
        assert!(
            (low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5,
            "{low} {high}"
        );
    }

    #[test]
    fn slices_that_differ_widen_an_interval_and_steady_ones_do_not_narrow_it() {
        let bursts = [0, 0, 90, 0, 10, 0, 0, 0, 0, 0].map(|hits| (hits, 100));
        let steady = [(10, 100); 10];
        let plain = sampled(100, 1_000);
        let of = |slices: &[(u64, u64)]| Share::estimate(0.1, 1_000.0, slices.iter().copied());
        assert_eq!(of(&steady).interval, plain.interval);
        assert_eq!(
            of(&bursts[..4]).interval,
            plain.interval,
            "four slices are too few"
        );
        // Σ(x - 10)² = 80² + 8 × 10² = 7200; √(10/9 × 7200)/1000 = 0.0894; t(9) = 2.262.
        let found = of(&bursts);
        assert!(
            (found.interval.high - (0.1 + 2.262 * 0.08944)).abs() < 1e-4,
            "{found:?}"
        );
        assert_eq!(found.interval.low, 0.0);
        // The burst is no finding, the same counts spread evenly are one.
        let against =
            |share| Difference::of((sampled(20, 1_000), Scale::SHARE), (share, Scale::SHARE)).p;
        assert!(against(found) > 0.1 && against(of(&steady)) < 1e-4);
    }

    #[test]
    fn a_cost_that_is_not_well_known_makes_differences_uncertain() {
        let scale = |error| Scale::cost(100.0).known_to(error, 0);
        let of = |error| {
            Difference::of(
                (sampled(500, 1_000), scale(error)),
                (sampled(600, 1_000), scale(error)),
            )
        };
        let (exact, rough) = (of(0.0), of(0.1));
        assert!((exact.delta - 10.0).abs() < 1e-9 && rough.delta == exact.delta);
        assert!(exact.p < 0.01 && rough.p > 0.1);
        assert!(rough.interval.low < 0.0 && exact.interval.low > 0.0);
        let hidden = |difference| detectable([difference].into_iter(), 0.05)[0];
        assert!(hidden(&rough) > 2.0 * hidden(&exact));
        // The same error from six slices is less well known: t(5) is 2.571, and p is larger.
        let share = sampled(500, 1_000);
        let of = |slices| Scale::cost(100.0).known_to(0.1, slices);
        assert!((of(6).half_of(share) - 2.571 * 5.0).abs() < 0.01);
        let against = |slices| {
            let other = (sampled(500, 1_000), of(slices));
            Difference::of((sampled(200, 1_000), of(slices)), other).p
        };
        assert!(against(6) > 5.0 * against(0));
        let cost = of(6).interval_of(share);
        assert!(
            (cost.low - 36.78).abs() < 0.05 && (cost.high - 63.22).abs() < 0.05,
            "{cost:?}"
        );
    }

    /// However many samples there are, what launches differ by is no finding.
    #[test]
    fn launches_of_one_program_differ() {
        let p = |(before, after), scale: fn(f64) -> Scale, by| {
            let of = |share: f64| Share::estimate(share, 1e9, std::iter::empty());
            Difference::of((of(before), scale(1.0)), (of(after), scale(by))).p
        };
        let share = |_| Scale::SHARE;
        assert!(
            p((0.5, 0.5), Scale::cost, 1.05) > 0.2,
            "the whole costs 5 % more"
        );
        assert!(p((0.5, 0.5), Scale::cost, 1.30) < 1e-5);
        assert!(
            p((0.10, 0.105), Scale::cost, 1.0) > 0.2,
            "a function costs 5 % more"
        );
        assert!(p((0.10, 0.105), share, 1.0) > 0.1);
        assert!(p((0.10, 0.13), share, 1.0) < 1e-5);
        // What is nearly everything has little room to change.
        assert!(p((0.99, 0.98), share, 1.0) < 1e-5);
    }

    #[test]
    fn findings_follow_the_published_procedure() {
        // Of four p values at 1 % the limits are 0.0025, 0.005, 0.0075, 0.01: the third is kept and with it those below.
        let limit = findings_up_to([0.02, 0.004, 0.0074, 0.003].into_iter());
        assert!((limit - 0.0075).abs() < 1e-12, "{limit}");
        assert!((findings_up_to([0.5, 0.2].into_iter()) - 0.005).abs() < 1e-12);
        assert!((findings_up_to(std::iter::empty()) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn what_was_never_seen_may_still_be_there() {
        let never = sampled(0, 1_000);
        assert_eq!((never.value, never.interval.low), (0.0, 0.0));
        assert!(never.interval.high > 0.003);
        let same = Difference::of((never, Scale::SHARE), (never, Scale::SHARE));
        assert_eq!(same.p, 1.0);
    }
}
