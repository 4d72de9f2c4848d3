//! Profiles made of others: slices joined to one capture, frames renamed, samples taken for CPU time.

use super::{Counts, MAX_SLICES, OBSERVATIONS, Profile, RECORDS, Weight, too_large};
use crate::profile::Error;
use crate::profile::names::normalise;

impl Profile {
    /// Adds the stacks of `other`, a slice of the same capture with a number of its own; durations add up. On an error the
    /// profile may hold a part of `other`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if type, unit or known periods differ, [`Error::TooLarge`] for a slice beyond 64, and those of
    /// [`Profile::add`].
    pub fn merge_slice(&mut self, other: &Self, slice: usize) -> Result<(), Error> {
        if slice >= MAX_SLICES {
            return Err(too_large("slices", MAX_SLICES));
        }
        let slice = slice as u8;
        let interned = self.take_in(other)?;
        for counts in other.unordered() {
            let ids = counts.ids.iter().map(|id| interned[*id as usize]).collect();
            self.add_ids(ids, counts.weight, Some(slice))?;
        }
        Ok(())
    }

    /// The same of a profile whose slices go where `place` says; it is asked for what is in none too.
    pub(super) fn merge(
        &mut self,
        other: &Self,
        place: impl Fn(Option<u8>) -> u8,
    ) -> Result<(), Error> {
        let interned = self.take_in(other)?;
        for counts in other.unordered() {
            let ids = counts.ids.iter().map(|id| interned[*id as usize]).collect();
            self.add_counted(ids, counts, |slice| Some(place(slice)))?;
        }
        Ok(())
    }

    /// Takes in all of another profile but its stacks; answers what its names are here.
    fn take_in(&mut self, other: &Self) -> Result<Vec<u32>, Error> {
        let periods_differ =
            self.period_ns != other.period_ns && self.period_ns > 0 && other.period_ns > 0;
        if self.sample_type != other.sample_type || self.unit != other.unit || periods_differ {
            return Err(Error::Mismatch {
                ours: self.kind(),
                theirs: other.kind(),
            });
        }
        let first = self.stacks.is_empty();
        if !other.stacks.is_empty()
            && (first || other.counts == RECORDS || other.counts == OBSERVATIONS)
        {
            self.counts.clone_from(&other.counts);
        }
        let interned: Result<Vec<u32>, Error> =
            other.names.iter().map(|name| self.intern(name)).collect();
        let interned = interned?;
        for note in &other.notes {
            self.note(note.clone());
        }
        if first {
            self.taken_ns = other.taken_ns;
            self.begins_at_threads = other.begins_at_threads;
            self.selected.clone_from(&other.selected);
        }
        self.is_uneven |= other.is_uneven;
        self.period_ns = self.period_ns.max(other.period_ns);
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
        Ok(interned)
    }

    /// The same as part of a profile of several processes, which took no longer than another one's.
    pub(in crate::profile) fn beside(mut self) -> Self {
        self.duration_ns = 0;
        self
    }

    /// Samples as CPU time: each stands for `period_ns` nanoseconds.
    ///
    /// # Errors
    /// [`Error::Overflow`] beyond 64 bits.
    pub fn into_cpu_time(mut self, period_ns: u64) -> Result<Self, Error> {
        (self.sample_type, self.unit) = ("cpu".to_owned(), "nanoseconds".to_owned());
        "samples".clone_into(&mut self.counts);
        self.period_ns = period_ns;
        let value = |weight: Weight| weight.samples.checked_mul(period_ns).ok_or(Error::Overflow);
        self.total = Weight::of(self.total.samples, value(self.total)?);
        for (_, counted) in &mut self.stacks {
            counted.weight = Weight::of(counted.weight.samples, value(counted.weight)?);
            for (_, of) in &mut counted.by_slice {
                of.value = of.samples * period_ns;
            }
        }
        let values = self.slices.iter().map(|samples| samples * period_ns);
        self.slice_values = values.collect();
        Ok(self)
    }

    /// The same profile with its frames renamed and neighbours of one new name joined; `rename` sees normalised names and
    /// answers `None` for a frame that stays as it is.
    ///
    /// # Errors
    /// Those of [`Profile::add`], if new names are longer than the old.
    pub(in crate::profile) fn renamed(
        &self,
        rename: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut renamed = self.without_stacks();
        let mut ids = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let new = rename(&normalise(name));
            let id = renamed.intern(new.as_deref().unwrap_or(name))?;
            ids.push((id, new.is_some()));
        }
        for counts in self.unordered() {
            let mut stack: Vec<u32> = Vec::with_capacity(counts.ids.len());
            for id in counts.ids {
                let (id, joins) = ids[*id as usize];
                if !joins || stack.last() != Some(&id) {
                    stack.push(id);
                }
            }
            // Weight and slices of what falls together add up; the whole goes to the first addition.
            renamed.add_counted(stack, counts, |slice| slice)?;
        }
        Ok(renamed)
    }

    /// The stacks alone that begin with a frame of this name.
    ///
    /// # Errors
    /// None that the whole did not have.
    pub(in crate::profile) fn beginning_with(&self, root: &str) -> Result<Self, Error> {
        let mut part = self.without_stacks();
        for counts in self.unordered() {
            if &*self.names[counts.ids[0] as usize] != root {
                continue;
            }
            let names = counts.ids.iter().map(|id| &*self.names[*id as usize]);
            let ids: Result<Vec<u32>, Error> = names.map(|name| part.intern(name)).collect();
            part.add_counted(ids?, counts, |slice| slice)?;
        }
        Ok(part)
    }

    /// The same with another name for a thread, at which stacks begin.
    ///
    /// # Errors
    /// Those of [`Profile::add`], if the new name is longer than the old.
    pub(in crate::profile) fn with_thread(&self, from: &str, to: &str) -> Result<Self, Error> {
        let mut renamed = self.without_stacks();
        for counts in self.unordered() {
            let mut ids = Vec::with_capacity(counts.ids.len());
            for (at, id) in counts.ids.iter().enumerate() {
                let name = &*self.names[*id as usize];
                let is_it = at == 0 && name == from;
                ids.push(renamed.intern(if is_it { to } else { name })?);
            }
            renamed.add_counted(ids, counts, |slice| slice)?;
        }
        Ok(renamed)
    }

    /// A profile of the same kind, with nothing in it.
    fn without_stacks(&self) -> Self {
        let mut empty = Self::new(&self.sample_type, &self.unit, self.period_ns)
            .counting(&self.counts)
            .with_duration_ns(self.duration_ns);
        empty.notes.clone_from(&self.notes);
        empty.taken_ns = self.taken_ns;
        empty.begins_at_threads = self.begins_at_threads;
        empty.selected.clone_from(&self.selected);
        empty.is_uneven = self.is_uneven;
        empty.launches.clone_from(&self.launches);
        empty
    }

    /// Adds a stack with its slices, each where `place` says.
    fn add_counted(
        &mut self,
        ids: Vec<u32>,
        counts: Counts<'_>,
        place: impl Fn(Option<u8>) -> Option<u8>,
    ) -> Result<(), Error> {
        let Weight {
            samples,
            squares,
            certain,
            ..
        } = counts.weight;
        let sliced: u64 = counts.by_slice.iter().map(|(_, of)| of.samples).sum();
        if sliced != samples || samples == 0 {
            self.add_ids(ids, counts.weight, place(None))?;
            return Ok(());
        }
        for (slice, of) in counts.by_slice {
            let part = of.samples as f64 / sliced as f64;
            let weight = Weight {
                samples: of.samples,
                value: of.value,
                squares: squares * part,
                certain: certain * part,
            };
            self.add_ids(ids.clone(), weight, place(Some(*slice)))?;
        }
        Ok(())
    }
}
