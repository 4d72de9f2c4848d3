//! Several launches of a phase as one.

use super::{AcknowledgedFile, Note, PhaseResult};

impl PhaseResult {
    /// Adds what another launch of the same phase found, in which it took turns as in those before, or as in those before did not.
    pub(crate) fn add(&mut self, launch: Self) {
        // Each field is named, so that a new one is pooled or left out on purpose.
        let Self {
            name: _,
            load: _,
            requests: _,
            turns,
            tallies,
            exemplars,
            rounds,
            target_cpus,
            peak_bytes,
            counters,
            peaks,
            acknowledged,
            died,
            opening,
            handshakes,
            oddities,
            instances,
            hosts,
            services,
            expected: _,
            profile,
            trust: _,
            notes,
        } = launch;
        for (into, from) in self.tallies.iter_mut().zip(&tallies) {
            into.add(from);
        }
        for (kind, words) in exemplars {
            self.exemplars.entry(kind).or_insert(words);
        }
        self.turns = turns.or(self.turns.take());
        self.rounds.extend(rounds);
        self.target_cpus = target_cpus;
        self.peak_bytes = self.peak_bytes.max(peak_bytes);
        for (name, count) in counters {
            *self.counters.entry(name).or_default() += count;
        }
        for (name, value) in peaks {
            let peak = self.peaks.entry(name).or_default();
            *peak = value.max(*peak);
        }
        self.acknowledge(&acknowledged);
        self.died = self.died.take().or(died);
        self.opening.add(&opening);
        self.handshakes.add(&handshakes);
        self.oddities.add(&oddities);
        for (at, of) in instances.into_iter().enumerate() {
            match self.instances.get_mut(at) {
                Some(known) => known.add(&of),
                None => self.instances.push(of),
            }
        }
        for (into, from) in self.hosts.iter_mut().zip(&hosts) {
            into.add(from);
        }
        for (into, from) in self.services.iter_mut().zip(services) {
            into.used.add(from.used);
        }
        self.profile = self.profile.take().or(profile);
        self.note(notes);
    }

    /// Adds what was acknowledged: ids of one file are counted together.
    pub(crate) fn acknowledge(&mut self, files: &[AcknowledgedFile]) {
        for of in files {
            match self.acknowledged.iter_mut().find(|one| one.file == of.file) {
                Some(known) => known.ids += of.ids,
                None => self.acknowledged.push(of.clone()),
            }
        }
    }

    /// Adds what a reader should know: the same is said once, and counts of the same are summed.
    pub(crate) fn note(&mut self, notes: impl IntoIterator<Item = Note>) {
        for note in notes {
            let is_known = self.notes.iter_mut().any(|known| known.joins(&note));
            if !is_known {
                self.notes.push(note);
            }
        }
    }
}
