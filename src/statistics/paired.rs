//! Differences between two sides that were measured side by side: Student's paired t and the exact test of their signs.

use super::student::{t_quantile, t_tail};

/// Share of the sum of all sizes by which two sums may differ and be the same.
const ROUNDING: f64 = 1e-12;

/// Differences of pairs, two at least, as a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
}

impl Paired {
    /// `None` for fewer than two differences, or if one of them is no number.
    pub fn of(differences: &[f64]) -> Option<Self> {
        if differences.len() < 2 || differences.iter().any(|of| !of.is_finite()) {
            return None;
        }
        let count = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|of| (of - mean).powi(2)).sum();
        Some(Self {
            n: differences.len(),
            mean,
            sd: (squares / (count - 1.0)).sqrt(),
        })
    }

    /// Standard error of the mean.
    pub fn error(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }

    /// The end of a one-sided interval: the truth is below it with probability `level` (above it with 1 − `level`).
    pub fn bound(&self, level: f64) -> f64 {
        self.mean + t_quantile(level, self.degrees()) * self.error()
    }

    /// One-sided p of Student's paired t: how likely a mean as large is if the truth is zero. Differences that are all alike leave no doubt.
    pub fn p(&self) -> f64 {
        if self.error() > 0.0 {
            return t_tail(self.mean / self.error(), self.degrees());
        }
        if self.mean > 0.0 { 0.0 } else { 1.0 }
    }

    fn degrees(&self) -> f64 {
        self.n as f64 - 1.0
    }
}

/// One-sided p of the sign-flip test (R. A. Fisher, The Design of Experiments, 1935, section 21): the share of all 2ⁿ ways to give the
/// sizes of the differences a sign whose sum is as large as the one that was seen. It assumes no distribution; 1 without differences.
pub fn sign_flip(differences: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = differences.iter().map(|of| of.abs()).collect();
    // Large ones first settle most of the ways early.
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let all: f64 = sizes.iter().sum();
    let seen = differences.iter().sum::<f64>() - ROUNDING * all;
    if seen.is_finite() {
        share_above(&sizes, all, 0.0, seen)
    } else {
        1.0
    }
}

/// The share of all signs of `sizes`, whose sum is `left`, with which they bring `sum` to `limit` or above.
fn share_above(sizes: &[f64], left: f64, sum: f64, limit: f64) -> f64 {
    if sum - left >= limit {
        return 1.0;
    }
    // What is left is a difference of sums, so that it is not exact.
    if sum + left + ROUNDING * (left + sum.abs()) < limit {
        return 0.0;
    }
    match sizes.split_first() {
        None => f64::from(u8::from(sum >= limit)),
        Some((size, rest)) => {
            let left = rest.iter().sum();
            let (up, down) = (sum + size, sum - size);
            f64::midpoint(
                share_above(rest, left, up, limit),
                share_above(rest, left, down, limit),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve differences; t is 3.3195.
    const SOME: [f64; 12] = [0.2, 1.1, -0.4, 0.9, 1.6, 0.3, -0.1, 0.8, 1.2, 0.5, 0.0, 0.7];

    #[test]
    fn the_t_test_is_students() {
        let paired = Paired::of(&SOME).unwrap();
        assert_eq!(paired.n, 12);
        assert!((paired.mean - 0.566_667).abs() < 1e-6);
        assert!((paired.sd - 0.591_352).abs() < 1e-5, "{}", paired.sd);
        assert!((paired.p() - 0.003_429).abs() < 2e-5, "{}", paired.p());
        // t(0.95, 11) is 1.7959.
        let upper = 0.566_667 + 1.795_885 * 0.591_352 / 12_f64.sqrt();
        assert!((paired.bound(0.95) - upper).abs() < 1e-5);
        assert!((paired.bound(0.05) - (2.0 * 0.566_667 - upper)).abs() < 1e-5);
    }

    #[test]
    fn what_is_no_sample_has_no_test() {
        assert_eq!(Paired::of(&[]), None);
        assert_eq!(Paired::of(&[1.0]), None);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Paired::of(&[1.0, odd]), None);
            assert_eq!(sign_flip(&[1.0, odd]), 1.0);
        }
        assert_eq!(sign_flip(&[]), 1.0);
        let alike = |value| Paired::of(&[value; 4]).unwrap().p();
        assert_eq!((alike(1.0), alike(0.0), alike(-1.0)), (0.0, 1.0, 1.0));
    }

    #[test]
    fn all_signs_are_counted() {
        let brute = |values: &[f64]| {
            let seen: f64 = values.iter().sum();
            let ways = 1_u32 << values.len();
            let above = (0..ways).filter(|way| {
                let signed = values.iter().enumerate();
                let sum: f64 = signed
                    .map(|(at, value)| if way >> at & 1 == 1 { -value } else { *value })
                    .sum();
                sum >= seen - 1e-9
            });
            above.count() as f64 / f64::from(ways)
        };
        for values in [
            &SOME[..],
            &SOME[..5],
            &[1.0, -1.0],
            &[0.0, 0.0],
            &[-3.0, -2.0, 1.0],
        ] {
            assert!(
                (sign_flip(values) - brute(values)).abs() < 1e-12,
                "{values:?}"
            );
        }
        // Unanimous differences are the least likely ones.
        for n in [1, 8, 10, 16] {
            let unanimous: Vec<f64> = (1..=n).map(|at| 0.01 + f64::from(at) * 0.003).collect();
            assert_eq!(sign_flip(&unanimous), 0.5_f64.powi(n));
            let mirrored: Vec<f64> = unanimous.iter().map(|of| -of).collect();
            assert_eq!(sign_flip(&mirrored), 1.0);
        }
        assert_eq!(sign_flip(&[0.1; 16]), 0.5_f64.powi(16));
    }
}
