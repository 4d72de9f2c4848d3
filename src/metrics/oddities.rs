//! What answers did that they should not, though they could be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::transport::quirk::Quirk;

/// Answers to requests due in the window, by what they did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddities {
    counts: [u64; Quirk::ALL.len()],
    quotes: BTreeMap<Quirk, String>,
}

impl Oddities {
    /// Counts one.
    pub fn count(&mut self, quirk: Quirk) {
        self.counts[quirk as usize] += 1;
    }

    /// Keeps the bytes of the first, if they are known.
    pub fn quote(&mut self, quirk: Quirk, words: String) {
        if !words.is_empty() {
            self.quotes.entry(quirk).or_insert(words);
        }
    }

    /// Sets how often there was one, with the bytes of the first; none if they are not known.
    pub fn put(&mut self, quirk: Quirk, count: u64, words: String) {
        self.counts[quirk as usize] = count;
        self.quote(quirk, words);
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (into, from) in self.counts.iter_mut().zip(other.counts) {
            *into += from;
        }
        for (quirk, words) in &other.quotes {
            self.quotes.entry(*quirk).or_insert_with(|| words.clone());
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts = [0; Quirk::ALL.len()];
        self.quotes.clear();
    }

    /// Each that there was: how often, and the bytes of one, without secrets and fit to be shown; empty if they are not known.
    pub fn iter(&self) -> impl Iterator<Item = (Quirk, u64, &str)> {
        let quote = |quirk| self.quotes.get(&quirk).map_or("", String::as_str);
        Quirk::ALL
            .into_iter()
            .map(move |quirk| (quirk, self.counts[quirk as usize], quote(quirk)))
            .filter(|(_, count, _)| *count > 0)
    }
}
