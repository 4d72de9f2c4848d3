//! What samples stand for: as many events as perf lets pass from one sample to the next, which differ while it keeps its rate.

use crate::units::format_count;

/// The periods of some samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Periods {
    samples: u64,
    /// Samples of which the period is not known.
    without: u64,
    sum: f64,
    squares: f64,
    largest: u64,
    smallest: u64,
}

impl Periods {
    pub(super) fn add(&mut self, period: Option<u64>) {
        let one = match period.filter(|period| *period > 0) {
            None => Self {
                without: 1,
                ..Self::default()
            },
            Some(period) => Self {
                samples: 1,
                without: 0,
                sum: period as f64,
                squares: (period as f64).powi(2),
                largest: period,
                smallest: period,
            },
        };
        *self = self.with(one);
    }

    /// Those of both.
    pub(super) fn with(self, other: Self) -> Self {
        let smallest = match (self.samples, other.samples) {
            (0, _) => other.smallest,
            (_, 0) => self.smallest,
            _ => self.smallest.min(other.smallest),
        };
        Self {
            samples: self.samples + other.samples,
            without: self.without + other.without,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            largest: self.largest.max(other.largest),
            smallest,
        }
    }

    /// Whether samples are worth different amounts, all of which are known.
    pub(super) fn differ(&self) -> bool {
        self.without == 0 && self.largest > self.smallest
    }

    /// What is said of samples that are weighed by them: how many equal ones they are worth (Kish's effective number).
    pub(super) fn note(&self) -> String {
        format!(
            "its samples are weighed by their periods ({} to {}), as `perf report` does: {} samples are worth {} equal ones",
            format_count(self.smallest as f64),
            format_count(self.largest as f64),
            format_count(self.samples as f64),
            format_count((self.sum.powi(2) / self.squares).round())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_worth_less_than_their_number() {
        let mut periods = Periods::default();
        assert!(!periods.differ());
        (0..9).for_each(|_| periods.add(Some(1)));
        assert!(!periods.differ());
        periods.add(Some(1_000));
        assert!(periods.differ());
        assert_eq!(
            periods.note(),
            "its samples are weighed by their periods (1 to 1,000), as `perf report` does: 10 samples are worth 1 equal ones"
        );
        periods.add(None);
        assert!(!periods.differ());
    }
}
