//! What the capture of each launch found, and what several say of a whole.

use crate::profile::{ASSUMED_LAUNCH_SPREAD, ENOUGH_SLICES, Scale};
use crate::statistics::{Paired, moderated};

/// What the capture of one launch found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfiledLaunch {
    /// The number of the launch.
    pub round: u32,
    /// Samples that were taken.
    pub samples: u64,
    /// Slices of the capture.
    pub slices: usize,
    /// CPU-µs, bytes or ns per OK request while it was taken.
    pub per_request: Option<f64>,
    /// Relative standard error of that within the launch; `None` if nothing shows it.
    pub error: Option<f64>,
}

/// The mean of launches with its relative standard error. Of five launches and more what they differ by is that; of fewer it is what they
/// differ by and what launches are assumed to, with what differs within them.
pub fn over_launches(launches: &[ProfiledLaunch]) -> (Option<f64>, Option<f64>) {
    let known = launches
        .iter()
        .filter_map(|of| Some((of.per_request?, of.error)));
    let known: Vec<(f64, Option<f64>)> = known.collect();
    let values: Vec<f64> = known.iter().map(|of| of.0).collect();
    let Some(all) = Paired::of(&values) else {
        let first = known.first();
        return (first.map(|of| of.0), first.and_then(|of| of.1));
    };
    if all.mean <= 0.0 {
        return (Some(all.mean), None);
    }
    let between = all.error() / all.mean;
    if all.n >= ENOUGH_SLICES {
        return (Some(all.mean), Some(between));
    }
    let errors = known
        .iter()
        .map(|(value, error)| value * error.unwrap_or(0.0));
    let within = errors.fold(0.0, f64::hypot) / (all.mean * all.n as f64);
    let assumed = ASSUMED_LAUNCH_SPREAD / (all.n as f64).sqrt();
    let (between, _) = moderated(assumed, Some((between, all.n)));
    (Some(all.mean), Some(between.hypot(within)))
}

/// What is known of a whole from launches: its scale with their error, or with that of the slices of one.
pub(super) fn known(scale: Scale, error: f64, slices: usize, launches: &[ProfiledLaunch]) -> Scale {
    match launches.iter().filter_map(|of| of.per_request).count() {
        0 | 1 => scale.known_to(error, slices),
        several => scale.known_from_launches(error, several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launches(values: &[f64], error: Option<f64>) -> Vec<ProfiledLaunch> {
        let numbered = (1..).zip(values);
        let launch = |(round, value): (u32, &f64)| ProfiledLaunch {
            round,
            samples: 1,
            slices: 10,
            per_request: Some(*value),
            error,
        };
        numbered.map(launch).collect()
    }

    #[test]
    fn a_mean_of_launches_is_as_sure_as_they_agree() {
        let of = |values: &[f64]| over_launches(&launches(values, Some(0.01)));
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[100.0]), (Some(100.0), Some(0.01)));
        // Two that agree: 3 % assumed with four degrees beside one that shows nothing, and 1 % within.
        let (mean, error) = of(&[100.0, 100.0]);
        let expected = (0.03_f64.powi(2) / 2.0 * 0.8 + 0.01_f64.powi(2) / 2.0).sqrt();
        assert!(mean == Some(100.0) && (error.unwrap() - expected).abs() < 1e-12);
        assert!(of(&[80.0, 120.0]).1.unwrap() > 0.08);
        // Five: their own spread alone, √(10/4)/√5 of 100.
        let (_, error) = of(&[98.0, 99.0, 100.0, 101.0, 102.0]);
        assert!((error.unwrap() - 0.007_071).abs() < 1e-6);
    }

    #[test]
    fn few_launches_have_few_degrees() {
        let reach = |values: &[f64]| {
            let scale = known(Scale::cost(100.0), 0.1, 10, &launches(values, None));
            let whole = crate::profile::Share::WHOLE;
            (scale.interval_of(whole).high - 100.0) / 10.0
        };
        // Of ten slices of one launch t(9), of two launches t(5), of five t(4).
        for (values, t) in [
            (&[1.0][..], 2.2622),
            (&[1.0; 2], 2.5706),
            (&[1.0; 5], 2.7764),
        ] {
            assert!(
                (reach(values) - t).abs() < 1e-3,
                "{values:?} {}",
                reach(values)
            );
        }
    }
}
