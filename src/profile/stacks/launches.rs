//! Profiles of several launches of one program as one: which slice is of which launch, so that what launches differ by is measured.
//!
//! A profile cannot tell that its launches are of one program: whoever joins them must know.

use super::{Launches, MAX_SLICES, Profile};
use crate::profile::Error;

impl Launches {
    /// With so many slices each.
    fn new(run: u64, slices: impl Iterator<Item = usize>) -> Self {
        let each = slices.enumerate();
        Self {
            run,
            of_slices: each
                .flat_map(|(launch, slices)| std::iter::repeat_n(launch as u8, slices))
                .collect(),
        }
    }

    fn first_slice(&self, launch: usize) -> usize {
        self.of_slices
            .partition_point(|of| usize::from(*of) < launch)
    }

    /// How many there are, those without a sample too.
    fn count(&self) -> usize {
        self.of_slices
            .last()
            .map_or(0, |last| usize::from(*last) + 1)
    }
}

/// Slices that each of so many launches keeps.
fn kept_of(launches: usize) -> usize {
    MAX_SLICES / launches.clamp(1, MAX_SLICES)
}

impl Profile {
    /// How many launches have samples in it; 1 unless it was joined of several.
    pub fn launches(&self) -> usize {
        let Some(launches) = self.known_launches() else {
            return 1;
        };
        let slices = launches.of_slices.iter().zip(self.slices());
        let sampled = slices.filter(|(_, samples)| **samples > 0);
        let mut seen: Vec<u8> = sampled.map(|(launch, _)| *launch).collect();
        seen.dedup();
        seen.len().max(1)
    }

    /// Whether both span launches of one run.
    pub fn is_of_run_of(&self, other: &Self) -> bool {
        let run = |of: &Self| of.known_launches().map(|launches| launches.run);
        run(self).is_some() && run(self) == run(other)
    }

    /// Which launches the slices are of, if there are several and each slice has one.
    pub(in crate::profile) fn known_launches(&self) -> Option<&Launches> {
        let launches = self.launches.as_ref()?;
        (launches.of_slices.len() >= self.slices.len()).then_some(launches)
    }

    /// The same profile with the launches of its slices.
    pub(in crate::profile) fn spanning(mut self, launches: Option<Launches>) -> Self {
        self.launches = launches;
        self
    }

    /// The samples of this profile, of one launch or several, with those of another launch of the same `run`. Each launch keeps slices of its
    /// own, as far as there may be so many; the 65th launch and later ones share the slice of another one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if they are not of one kind, and those of [`Profile::add`].
    pub fn with_launch(&self, next: &Self, run: u64) -> Result<Self, Error> {
        let before = self.known_launches().map_or(1, Launches::count);
        let kept = kept_of(before + 1);
        let own = self.places();
        let used = |launch: usize| {
            let sampled = own.iter().zip(&self.slices);
            let sampled = sampled.filter(|(of, samples)| of.0 == launch && **samples > 0);
            sampled.map(|(of, _)| of.1 + 1).max().unwrap_or(1)
        };
        let mut sizes: Vec<usize> = (0..before).map(used).collect();
        if before < MAX_SLICES {
            sizes.push(next.slices.len().max(1));
        }
        let launches = Launches::new(run, sizes.iter().map(|size| kept.min(*size)));
        let place = |launch: usize, at: usize, of: usize| {
            let at = if of > kept { at * kept / of } else { at };
            (launches.first_slice(launch) + at) as u8
        };
        let moved: Vec<u8> = own
            .iter()
            .map(|(launch, at)| place(*launch, (*at).min(sizes[*launch] - 1), sizes[*launch]))
            .collect();
        let mut all = Self::new(&self.sample_type, &self.unit, self.period_ns);
        all.merge(self, |slice| slice.map_or(0, |at| moved[usize::from(at)]))?;
        let launch = if before < MAX_SLICES {
            before
        } else {
            all.smallest_slice()
        };
        let of = next.slices.len();
        all.merge(next, |slice| {
            place(launch, slice.map_or(0, usize::from), of)
        })?;
        Ok(all.spanning(Some(launches)))
    }

    /// The launch of each slice, and which of the slices of that it is.
    fn places(&self) -> Vec<(usize, usize)> {
        let Some(launches) = self.known_launches() else {
            return (0..self.slices.len()).map(|at| (0, at)).collect();
        };
        let of_slices = launches.of_slices.iter().take(self.slices.len());
        let places = of_slices.enumerate();
        places
            .map(|(at, launch)| {
                let launch = usize::from(*launch);
                (launch, at - launches.first_slice(launch))
            })
            .collect()
    }

    fn smallest_slice(&self) -> usize {
        let slices = self.slices.iter().enumerate();
        let smallest = slices.min_by_key(|(_, samples)| **samples);
        smallest.map_or(0, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: u64 = 1_700_000_000_000;

    /// A launch with so many samples of f and g in each slice.
    fn launch(slices: &[(u64, u64)]) -> Profile {
        let mut launch = Profile::new("cpu", "nanoseconds", 10);
        for (at, (f, g)) in slices.iter().enumerate() {
            let mut slice = Profile::new("cpu", "nanoseconds", 10).with_duration_ns(7);
            slice.add(["main", "f"], *f, f * 10).unwrap();
            slice.add(["main", "g"], *g, g * 10).unwrap();
            launch.merge_slice(&slice, at).unwrap();
        }
        launch
    }

    fn joined(launches: &[Profile]) -> Profile {
        let mut all = launches[0].clone();
        for next in &launches[1..] {
            all = all.with_launch(next, RUN).unwrap();
        }
        all
    }

    #[test]
    fn launches_keep_their_slices() {
        let all = joined(&[launch(&[(3, 1), (0, 5)]), launch(&[(2, 2), (1, 0), (4, 4)])]);
        assert_eq!(all.slices(), [4, 5, 4, 1, 8]);
        let of_slices = &all.known_launches().unwrap().of_slices;
        assert_eq!(of_slices, &[0, 0, 1, 1, 1]);
        assert_eq!(
            (all.samples(), all.value(), all.duration_ns()),
            (22, 220, 35)
        );
        assert_eq!((all.launches(), all.kind()), (2, launch(&[(1, 1)]).kind()));
        let stacks: Vec<_> = all.stacks().map(|stack| stack.samples).collect();
        assert_eq!(stacks, [10, 12]);
        assert!(all.is_of_run_of(&joined(&[launch(&[(1, 1)]), launch(&[(1, 1)])])));
        assert!(!all.is_of_run_of(&launch(&[(1, 1)])));
    }

    #[test]
    fn more_slices_than_there_may_be_fall_together() {
        for count in [2_usize, 3, 6, 7, 33, 64, 70] {
            let launches: Vec<Profile> = (0..count).map(|_| launch(&[(1, 1); 10])).collect();
            let all = joined(&launches);
            assert_eq!(all.samples(), 20 * count as u64);
            assert_eq!(all.slices().iter().sum::<u64>(), all.samples(), "{count}");
            assert_eq!(all.launches(), count.min(64), "{count}");
            // Up to six launches keep ten each.
            let sampled = all.slices().iter().filter(|samples| **samples > 0);
            assert!(count > 6 || sampled.count() == 10 * count, "{count}");
            let known = all.known_launches().unwrap();
            let mut each = vec![0; known.count()];
            for (launch, samples) in known.of_slices.iter().zip(all.slices()) {
                each[usize::from(*launch)] += samples;
            }
            let expected = |of: &u64| *of == 20 || count > 64 && *of == 40;
            assert!(each.iter().all(expected), "{count}: {each:?}");
        }
    }

    #[test]
    fn what_has_no_slices_is_one_and_an_empty_launch_is_none() {
        let mut plain = Profile::new("cpu", "nanoseconds", 10);
        plain.add(["main", "f"], 9, 90).unwrap();
        let empty = Profile::new("cpu", "nanoseconds", 10);
        let all = joined(&[plain.clone(), empty.clone(), plain]);
        assert_eq!((all.samples(), all.launches()), (18, 2));
        assert_eq!(all.slices(), [9, 0, 9]);
        assert_eq!(joined(&[empty.clone(), empty]).launches(), 1);
    }

    #[test]
    fn launches_of_two_kinds_are_not_joined() {
        let other = Profile::new("alloc_space", "bytes", 0);
        let error = launch(&[(1, 1)]).with_launch(&other, RUN).unwrap_err();
        assert!(error.to_string().contains("alloc_space"), "{error}");
    }
}
