//! What was counted of a stretch of load, apart from its rows: of a worker, of a process, or of several. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::{Answered, ErrorKind, Interval, Oddities, Served, Tally};

/// Counts that can be added up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// By request, in the order of the plan; none as long as nothing was counted.
    #[serde(skip)]
    pub(super) tallies: Vec<Tally>,
    /// By instance, where there are several.
    pub(super) served: Vec<Served>,
    #[serde(skip)]
    pub(super) answered: Answered,
    pub(super) oddities: Oddities,
    /// The first failure of each kind, in words.
    pub(super) exemplars: BTreeMap<ErrorKind, String>,
}

impl Counted {
    /// Adds what a worker counted in an interval.
    pub(super) fn interval(&mut self, interval: &Interval) {
        self.tallies(&interval.tallies);
        self.rest(&interval.instances, &interval.oddities, &interval.exemplars);
        if let Some(answered) = &interval.answered {
            self.answered.add(answered);
        }
    }

    /// Adds what another process counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.tallies(&other.tallies);
        self.rest(&other.served, &other.oddities, &other.exemplars);
        self.answered.add(&other.answered);
    }

    fn tallies(&mut self, tallies: &[Tally]) {
        if self.tallies.is_empty() {
            self.tallies = vec![Tally::default(); tallies.len()];
        }
        let counted = self.tallies.iter_mut().zip(tallies);
        for (into, from) in counted.filter(|(_, from)| !from.is_blank()) {
            into.add(from);
        }
    }

    fn rest(
        &mut self,
        served: &[Served],
        oddities: &Oddities,
        exemplars: &BTreeMap<ErrorKind, String>,
    ) {
        self.served.resize(served.len(), Served::default());
        for (into, from) in self.served.iter_mut().zip(served) {
            into.add(*from);
        }
        self.oddities.add(oddities);
        for (&kind, words) in exemplars {
            self.exemplars.entry(kind).or_insert_with(|| words.clone());
        }
    }
}
