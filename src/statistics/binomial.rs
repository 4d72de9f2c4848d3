//! Counts of independent trials.

use statrs::distribution::{Beta, ContinuousCDF};

/// The exact 95 % interval of the probability of what happened in `hits` of `trials` (C. J. Clopper and E. S. Pearson,
/// Biometrika 26, 1934, p. 404). Without trials nothing is known.
pub fn clopper_pearson(hits: u64, trials: u64) -> (f64, f64) {
    let (hits, misses) = (hits.min(trials) as f64, trials.saturating_sub(hits) as f64);
    let low = if hits == 0.0 {
        0.0
    } else {
        beta_quantile(0.025, hits, misses + 1.0)
    };
    let high = if misses == 0.0 {
        1.0
    } else {
        beta_quantile(0.975, hits + 1.0, misses)
    };
    (low, high)
}

/// Trials without a hit from which the probability of one is surely below `allowed`, at the upper end of its 95 % interval.
pub fn fewest_trials(allowed: f64) -> f64 {
    (0.025_f64).ln() / (1.0 - allowed).ln()
}

fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let beta = Beta::new(a, b).expect("both are positive");
    beta.inverse_cdf(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_trials_just_tell() {
        assert_eq!(fewest_trials(0.01).ceil(), 368.0);
        assert!(clopper_pearson(0, 368).1 < 0.01 && clopper_pearson(0, 367).1 > 0.01);
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        for (hits, trials, low, high) in [
            (0, 0, 0.0, 1.0),
            (0, 100, 0.0, 0.036_217),
            (1, 100, 0.000_253, 0.054_459),
            (5, 1_000, 0.001_625, 0.011_629),
            (100, 100, 0.963_783, 1.0),
            // About p ± 1.96 √(p(1 − p)/n).
            (1_000_000, 100_000_000, 0.009_980, 0.010_020),
        ] {
            let (found_low, found_high) = clopper_pearson(hits, trials);
            assert!(
                (found_low - low).abs() < 2e-6 && (found_high - high).abs() < 2e-6,
                "{hits} of {trials}: {found_low} {found_high}"
            );
        }
    }
}
