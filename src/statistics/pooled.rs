//! The spread that several groups of values have in common.

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The standard deviation of one value of a group, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The standard deviation.
    pub sd: f64,
    /// Its degrees of freedom.
    pub degrees: f64,
}

/// Groups whose spreads differ by more than chance explains in 95 of 100 cases have none in common.
const DIFFERENT: f64 = 0.05;

/// What groups have in common; `None` of fewer than two groups, or if Bartlett's test says that their variances differ (M. S. Bartlett, Proc.
/// R. Soc. A 160, 1937).
pub fn pooled(groups: &[Spread]) -> Option<Spread> {
    let is_known = |of: &Spread| of.sd > 0.0 && of.sd.is_finite() && of.degrees > 0.0;
    if groups.len() < 2 || !groups.iter().all(is_known) {
        return None;
    }
    let degrees: f64 = groups.iter().map(|of| of.degrees).sum();
    let squares: f64 = groups.iter().map(|of| of.degrees * of.sd.powi(2)).sum();
    let variance = squares / degrees;
    let logs: f64 = groups
        .iter()
        .map(|of| of.degrees * of.sd.powi(2).ln())
        .sum();
    let free = groups.len() as f64 - 1.0;
    let inverse: f64 = groups.iter().map(|of| 1.0 / of.degrees).sum();
    let correction = 1.0 + (inverse - 1.0 / degrees) / (3.0 * free);
    let statistic = ((degrees * variance.ln() - logs) / correction).max(0.0);
    let chance = ChiSquared::new(free).ok()?.sf(statistic);
    (chance > DIFFERENT).then(|| Spread {
        sd: variance.sqrt(),
        degrees,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(sds: &[f64], degrees: f64) -> Vec<Spread> {
        sds.iter().map(|&sd| Spread { sd, degrees }).collect()
    }

    #[test]
    fn like_spreads_are_one_with_all_their_degrees() {
        let found = pooled(&groups(&[3.0, 4.0, 5.0], 2.0)).unwrap();
        assert!((found.sd - (50.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(found.degrees, 6.0);
    }

    #[test]
    fn spreads_that_chance_does_not_explain_are_not_pooled() {
        assert_eq!(pooled(&groups(&[1.0, 1.0, 30.0], 4.0)), None);
        // With two degrees of freedom each, a factor of five is chance.
        assert!(pooled(&groups(&[1.0, 5.0], 2.0)).is_some());
        // Bartlett's statistic of variances 1, 2 and 4 with 9 degrees each is 3.8 with 2 degrees of freedom: a chance of 0.15.
        assert!(pooled(&groups(&[1.0, 2.0_f64.sqrt(), 2.0], 9.0)).is_some());
    }

    #[test]
    fn what_has_no_spread_is_not_pooled() {
        assert_eq!(pooled(&groups(&[1.0], 9.0)), None);
        assert_eq!(pooled(&groups(&[1.0, 0.0], 9.0)), None);
        assert_eq!(pooled(&groups(&[1.0, f64::NAN], 9.0)), None);
        assert_eq!(pooled(&groups(&[1.0, 1.0], 0.0)), None);
    }
}
