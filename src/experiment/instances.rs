//! What each instance of a target did within the windows, and whether they shared the work evenly. Pure.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::result::InstanceUse;

/// Chance of as uneven a spread below which it is called uneven.
const CHANCE: f64 = 0.001;

/// Deviation from an equal share below which unevenness is of no interest, however certain it is.
const LEAST_DEVIATION: f64 = 0.05;

/// The shares of the OK responses, if chance does not explain that they differ: chi-squared against equal shares, and some
/// share off by 5 % of itself or more.
pub(super) fn uneven(instances: &[InstanceUse]) -> Option<Vec<(String, f64)>> {
    let counts = instances.iter().map(|of| of.served.completed_ok as f64);
    let counts: Vec<f64> = counts.collect();
    let total: f64 = counts.iter().sum();
    let equal = total / counts.len() as f64;
    if counts.len() < 2 || equal < 5.0 {
        return None;
    }
    let statistic: f64 = counts
        .iter()
        .map(|count| (count - equal).powi(2) / equal)
        .sum();
    let chance = ChiSquared::new(counts.len() as f64 - 1.0)
        .ok()?
        .sf(statistic);
    let is_far = counts
        .iter()
        .any(|count| (count / equal - 1.0).abs() >= LEAST_DEVIATION);
    (chance < CHANCE && is_far).then(|| {
        let addresses = instances.iter().map(|of| of.address.clone());
        addresses
            .zip(counts.iter().map(|count| count / total))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::metrics::Served;
    use crate::result::ProcessUse;

    fn check(counts: &[u64], expected: Option<&[f64]>) {
        let instances: Vec<InstanceUse> = counts
            .iter()
            .map(|&completed_ok| InstanceUse {
                served: Served {
                    completed_ok,
                    ..Served::default()
                },
                address: "a".to_owned(),
                used: ProcessUse::NOTHING,
                counters: BTreeMap::new(),
            })
            .collect();
        let found = uneven(&instances);
        let shares = found.map(|shares| shares.iter().map(|(_, share)| *share).collect::<Vec<_>>());
        assert_eq!(shares.as_deref(), expected, "{counts:?}");
    }

    #[test]
    fn a_spread_is_uneven_only_if_chance_does_not_explain_it() {
        // As a fair coin falls now and then.
        check(&[60, 40], None);
        check(&[6_000, 4_000], Some(&[0.6, 0.4]));
        // Certain, and of no interest.
        check(&[510_000, 490_000], None);
        check(&[100, 0], Some(&[1.0, 0.0]));
        check(&[4, 0], None);
        check(&[300, 300, 400], Some(&[0.3, 0.3, 0.4]));
        check(&[7], None);
        check(&[], None);
    }
}
