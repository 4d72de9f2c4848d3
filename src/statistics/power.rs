//! What a comparison could have seen.

use super::student::{t_quantile, t_tail};

/// Steps in which the spread of an estimated error is gone through.
const STEPS: usize = 64;

/// The smallest true effect that would be found with probability `power`, in units of the standard error, where an estimate with
/// an error known from `degrees` of freedom is a finding if its two-sided p is at most `level`.
///
/// P(found) = E[Φ(effect − c s)], with s the estimated by the true error and c the critical value of t. The expectation is a mean over
/// quantiles of s, and the effect is searched for.
pub fn smallest_effect(level: f64, degrees: f64, power: f64) -> f64 {
    let critical = t_quantile(1.0 - level / 2.0, degrees);
    if degrees.is_infinite() {
        return critical + t_quantile(power, degrees);
    }
    let spread = |step: usize| {
        let z = t_quantile((step as f64 + 0.5) / STEPS as f64, f64::INFINITY);
        // Wilson and Hilferty, Proc. Natl. Acad. Sci. 17, 1931, p. 684: χ²/degrees is the cube of a normal value.
        let cube = 2.0 / (9.0 * degrees);
        (1.0 - cube + z * cube.sqrt()).max(0.0).powf(1.5)
    };
    let spreads: Vec<f64> = (0..STEPS).map(spread).collect();
    let found = |effect: f64| {
        let tails = spreads
            .iter()
            .map(|spread| t_tail(critical * spread - effect, f64::INFINITY));
        tails.sum::<f64>() / STEPS as f64
    };
    boundary(0.0, 4.0 * critical + 4.0, |effect| found(effect) < power)
}

/// Halvings of a range in which a boundary is looked for: to 10⁻¹² of it.
const HALVINGS: usize = 40;

/// Up to where something holds that holds for small values alone, between two ends.
pub fn boundary(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noncentrality of a one-sample t test at 5 % and 80 %, from tables of power: 2.80 for a known error, 3.49 from 5 degrees.
    #[test]
    fn few_degrees_need_larger_effects() {
        for (level, degrees, expected) in [
            (0.05, f64::INFINITY, 2.8016),
            (0.05, 30.0, 2.896),
            (0.05, 10.0, 3.103),
            (0.05, 4.0, 3.735),
        ] {
            let found = smallest_effect(level, degrees, 0.8);
            assert!((found / expected - 1.0).abs() < 0.02, "{degrees}: {found}");
        }
        assert!(smallest_effect(0.05 / 16.0, 4.0, 0.8) > 6.0);
    }
}
