//! By how much functions differ from launch to launch of one program: assumed of one launch, and measured of several.

use super::share::{ENOUGH_SLICES, Share};
use crate::statistics::moderated;

/// Relative spread from launch to launch that is assumed of the CPU time per request, of the whole and of each function: no slice of one
/// launch shows it, and byte-identical programs were seen to differ by 1 to 3 %.
pub const ASSUMED_LAUNCH_SPREAD: f64 = 0.03;

/// What is known of how launches differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LaunchSpread {
    /// Nothing: this relative spread is assumed.
    Assumed(f64),
    /// Of several launches: what each function differs by, together with what all of them do.
    Measured {
        /// What all of them do, as the relative standard error of a mean.
        error: f64,
        /// How many launches.
        launches: usize,
        /// What is assumed of two runs besides; 0 within one.
        runs: f64,
    },
}

impl LaunchSpread {
    /// What so many launches show, of which functions together show that they differ by a relative spread. Of fewer than [`ENOUGH_SLICES`] what
    /// is assumed of one is the least that is believed.
    pub fn of(launches: usize, spread: f64) -> Self {
        if launches < 2 {
            return Self::Assumed(ASSUMED_LAUNCH_SPREAD);
        }
        let spread = match launches < ENOUGH_SLICES {
            true => spread.max(ASSUMED_LAUNCH_SPREAD),
            false => spread,
        };
        Self::Measured {
            error: spread / (launches as f64).sqrt(),
            launches,
            runs: 0.0,
        }
    }

    /// The same beside launches of another run: those of one run do not show how two times differ, and no number of them divides that.
    #[must_use]
    pub fn between_runs(self) -> Self {
        match self {
            Self::Assumed(_) => self,
            Self::Measured {
                error, launches, ..
            } => Self::Measured {
                error,
                launches,
                runs: ASSUMED_LAUNCH_SPREAD,
            },
        }
    }

    /// The same of a whole of which it is known by itself what launches differ by.
    pub(super) fn of_whole(self) -> Self {
        match self {
            Self::Assumed(_) => self,
            Self::Measured { launches, runs, .. } => Self::Measured {
                error: 0.0,
                launches,
                runs,
            },
        }
    }

    /// The relative standard error of a mean that is assumed, or that all functions together show.
    pub(super) fn error(self) -> f64 {
        match self {
            Self::Assumed(error) => error,
            Self::Measured { error, runs, .. } => error.hypot(runs),
        }
    }

    /// Standard error of an amount from what launches and runs differ by, with its degrees of freedom. `seen` is what launches show of it
    /// alone.
    pub(super) fn error_of(self, amount: f64, seen: Option<f64>) -> (f64, f64) {
        match self {
            // An assumption has no limit on its degrees.
            Self::Assumed(error) => (error * amount, f64::INFINITY),
            Self::Measured {
                error,
                launches,
                runs,
            } => {
                let seen = seen.map(|seen| (seen, launches));
                let (error, degrees) = moderated(error * amount, seen);
                (error.hypot(runs * amount), degrees)
            }
        }
    }

    /// The one of two sides that a comparison names: the one with the larger assumption, and of equal ones that with the larger error.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |of: Self| (of.assumed(), of.error());
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }

    /// How many launches show it; 1 where it is assumed.
    pub fn launches(self) -> usize {
        match self {
            Self::Assumed(_) => 1,
            Self::Measured { launches, .. } => launches,
        }
    }

    /// The relative spread that is assumed, or that all functions of a few launches show together; 0 from [`ENOUGH_SLICES`] launches of one run
    /// on, where nothing is assumed of any function.
    pub fn assumed(self) -> f64 {
        match self {
            Self::Assumed(spread) => spread,
            Self::Measured {
                error,
                launches,
                runs,
            } if launches < ENOUGH_SLICES => runs.max(error * (launches as f64).sqrt()),
            Self::Measured { runs, .. } => runs,
        }
    }

    /// Whether it is of two runs.
    pub fn is_between_runs(self) -> bool {
        matches!(self, Self::Measured { runs, .. } if runs > 0.0)
    }
}

/// The relative spread from launch to launch that all functions show together: the mean of their variances beyond what
/// sampling explains, in which samples may come in bursts, weighed by observations. A function that is nearly everything cannot differ in its share, which (1 − p)² allows for.
pub(super) fn seen(own: impl Iterator<Item = Share>, launches: usize) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (share, error) in own.filter_map(|share| Some((share, share.between?))) {
        let rest = 1.0 - share.value;
        if share.value <= 0.0 || rest <= 0.0 || share.hits <= 0.0 {
            continue;
        }
        let sampling = share.errors.0.max(share.errors.1);
        let beyond = (error.powi(2) - sampling.powi(2)) / share.value.powi(2);
        sum += share.hits * beyond * launches as f64;
        weights += share.hits * rest.powi(2);
    }
    if weights > 0.0 {
        (sum / weights).max(0.0).sqrt()
    } else {
        0.0
    }
}

/// What was counted in each launch, and all that was, from what was by slice.
pub(super) fn by_launch(launch_of: &[u8], counted: &[u64], all: &[u64]) -> Vec<(u64, u64)> {
    let launches = launch_of.last().map_or(0, |last| usize::from(*last) + 1);
    let mut found = vec![(0, 0); launches];
    for (at, (launch, all)) in launch_of.iter().zip(all).enumerate() {
        let of = &mut found[usize::from(*launch)];
        of.0 += counted.get(at).copied().unwrap_or(0);
        of.1 += all;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assumed_gives_way_to_what_is_measured() {
        let of = |launches| LaunchSpread::of(launches, 0.06);
        assert_eq!(of(1), LaunchSpread::Assumed(0.03));
        assert!((of(4).error() - 0.03).abs() < 1e-12 && (of(4).assumed() - 0.06).abs() < 1e-12);
        assert!((LaunchSpread::of(4, 0.001).assumed() - 0.03).abs() < 1e-12);
        assert_eq!((of(9).error(), of(9).assumed()), (0.02, 0.0));
        // Between runs what is assumed is divided by no number of launches, however well they agree.
        for launches in [1, 4, 9, 60] {
            let apart = LaunchSpread::of(launches, 0.001).between_runs();
            let (error, _) = apart.error_of(2.0, Some(0.0));
            assert!(error >= 0.06 && apart.assumed() >= 0.03, "{launches}");
            assert_eq!(apart.is_between_runs(), launches > 1);
        }
    }

    #[test]
    fn of_two_sides_the_worse_known_one_is_said() {
        for (sides, expected) in [
            ([(1, 0.0), (5, 0.0)], (1, 0.0)),
            ([(5, 0.0), (3, 0.0)], (3, 0.0)),
            ([(2, 0.03), (4, 0.1)], (4, 0.1)),
            ([(5, 0.1), (9, 0.1)], (5, 0.1)),
        ] {
            let [base, head] = sides.map(|(launches, spread)| LaunchSpread::of(launches, spread));
            let expected = LaunchSpread::of(expected.0, expected.1);
            assert_eq!(base.or(head), expected, "{sides:?}");
            assert_eq!(head.or(base), expected, "{sides:?}");
        }
    }
}
