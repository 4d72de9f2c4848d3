//! Intervals of shares. Pure arithmetic: it must not know what is counted.

pub(super) use crate::statistics::Z95;

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Bounds {
    /// Whether the two have a point in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// The interval in another unit; `factor` must not be negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            low: self.low * factor,
            high: self.high * factor,
        }
    }
}

/// The 95 % Wilson score interval of the share k of n (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, p. 209):
/// (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), with p = k/n and z = 1.96.
///
/// It covers chance in sampling alone, not the differences between runs. Without samples nothing is known: [0, 1].
pub fn wilson(k: u64, n: u64) -> Bounds {
    wilson_share(k.min(n) as f64 / n.max(1) as f64, n as f64)
}

/// Wilson's interval of a share of `n` observations, which need not be a whole number.
pub(super) fn wilson_share(p: f64, n: f64) -> Bounds {
    if n <= 0.0 {
        return Bounds {
            low: 0.0,
            high: 1.0,
        };
    }
    let z2 = Z95 * Z95;
    let centre = p + z2 / (2.0 * n);
    let spread = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // The ends are exact where the share is: rounding must not make "never seen" impossible.
    Bounds {
        low: if p <= 0.0 {
            0.0
        } else {
            ((centre - spread) / scale).max(0.0)
        },
        high: if p >= 1.0 {
            1.0
        } else {
            ((centre + spread) / scale).min(1.0)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(k: u64, n: u64, low_percent: f64, high_percent: f64) {
        let interval = wilson(k, n).scaled(100.0);
        assert!((interval.low - low_percent).abs() < 0.005, "{interval:?}");
        assert!((interval.high - high_percent).abs() < 0.005, "{interval:?}");
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        check(50, 1_000, 3.81, 6.53);
        check(150, 3_000, 4.28, 5.84);
        check(500, 10_000, 4.59, 5.44);
        check(1_500, 30_000, 4.76, 5.25);
        check(10, 1_000, 0.54, 1.83);
        check(0, 10, 0.0, 27.75);
        check(10, 10, 72.25, 100.0);
        check(0, 3_000, 0.0, 0.13);
        check(0, 0, 0.0, 100.0);
        check(7, 5, 56.55, 100.0);
    }

    #[test]
    fn overlap_includes_the_ends() {
        let interval = |low, high| Bounds { low, high };
        assert!(interval(1.0, 2.0).overlaps(interval(2.0, 3.0)));
        assert!(interval(1.0, 4.0).overlaps(interval(2.0, 3.0)));
        assert!(!interval(1.0, 2.0).overlaps(interval(2.1, 3.0)));
    }
}
