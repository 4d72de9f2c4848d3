//! Several judgements of one report: so many chances of being wrong.

use std::num::NonZeroU32;

/// p values that are judged together, so that a report of equal things has any finding at all in 5 % of cases at most
/// (S. Holm, Scand. J. Stat. 6, 1979, p. 65; it asks for no independence). Where they are judged more than once while figures are added, each
/// look has an equal part of these 5 % (Bonferroni), so that the promise is one of all looks together, whatever decides who is measured again.
#[derive(Debug, Clone, Default)]
pub struct Family {
    /// In ascending order.
    sorted: Vec<f64>,
    /// Looks beside this one.
    other_looks: u32,
}

impl Family {
    /// All of one report.
    pub fn of(p_values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = p_values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            sorted,
            other_looks: 0,
        }
    }

    /// The same, judged at one of so many looks.
    #[must_use]
    pub fn at_one_of(self, looks: NonZeroU32) -> Self {
        Self {
            other_looks: looks.get() - 1,
            ..self
        }
    }

    /// How often they are judged.
    pub fn looks(&self) -> f64 {
        f64::from(self.other_looks) + 1.0
    }

    /// How many are judged together.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Holm's adjusted p of one of them, times the number of looks: the largest of (m − i) p_i up to it, i from 0; at most 1.
    pub fn adjusted(&self, p: f64) -> f64 {
        let count = self.sorted.len();
        let up_to = self.sorted.iter().take_while(|other| **other <= p);
        let steps = up_to
            .enumerate()
            .map(|(at, other)| (count - at) as f64 * other);
        // A p that occurs several times is as small as at its first place.
        let last = self.sorted.partition_point(|other| *other < p);
        (steps.take(last + 1).fold(0.0, f64::max) * self.looks()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_are_holms() {
        // Of 0.01, 0.02, 0.022, 0.09: 4 × 0.01, 3 × 0.02, 2 × 0.022 (below the one before it), 0.09.
        let family = Family::of([0.09, 0.02, 0.01, 0.022]);
        for (p, expected) in [(0.01, 0.04), (0.02, 0.06), (0.022, 0.06), (0.09, 0.09)] {
            let adjusted = family.adjusted(p);
            assert!((adjusted - expected).abs() < 1e-12, "{p}: {adjusted}");
        }
        assert!((Family::of([0.02, 0.02]).adjusted(0.02) - 0.04).abs() < 1e-12);
        assert_eq!(Family::of([0.6, 0.9]).adjusted(0.6), 1.0);
        assert_eq!(Family::of([0.03]).adjusted(0.03), 0.03);
    }

    #[test]
    fn each_of_several_looks_has_a_part_of_the_error() {
        let three = NonZeroU32::new(3).unwrap();
        let family = Family::of([0.01, 0.2]).at_one_of(three);
        assert!((family.adjusted(0.01) - 0.06).abs() < 1e-12);
        assert_eq!(Family::of([0.5]).at_one_of(three).adjusted(0.5), 1.0);
        assert_eq!((family.looks(), family.len()), (3.0, 2));
    }
}
