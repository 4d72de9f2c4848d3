//! When a target answered as expected, and when requests waited and it did not: what no histogram keeps. No clock; memory is bounded.

use serde::{Deserialize, Serialize};

use super::bins::{BINS, Bins};
use super::outcome::{ErrorKind, Outcome, Times};
use super::window::Window;

/// A bin is 2^20 ns long at least.
const FINEST: u32 = 20;

/// A bin is 2^COARSEST ns long at most: that of a window of a year.
const COARSEST: u32 = 40;

/// Time that a file may tell of at most, ns.
const MOST_NS: u64 = 1 << 60;

/// When requests of one kind, or those to one instance, were answered. All instants are ns since the start of the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// A bin is 2^shift ns long.
    shift: u32,
    /// Bins in which an OK answer came.
    answered: Bins,
    /// Bins in which a request waited that was not answered in the same one.
    waited: Bins,
    first: Option<u64>,
    last: Option<u64>,
    since: Unanswered,
    late: Late,
    lost_ns: u64,
}

/// OK answers to requests of the window that came after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// How many.
    pub count: u64,
    /// How long these requests waited within the window, ns in all.
    pub waited_ns: u64,
}

/// Requests that were due after the last OK answer and had none themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// How many.
    pub count: u64,
    /// Of those, answered with something else.
    pub refused: u64,
    /// When the first one was due.
    pub first: u64,
    /// When the last one was due.
    pub last: u64,
    /// Until when one of them was waited for, the drain included.
    pub until: u64,
}

/// A time in which requests waited and no OK answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// When it began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
}

impl Silence {
    /// Its length.
    pub fn length(self) -> u64 {
        self.end - self.begin
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            shift: FINEST,
            answered: Bins::default(),
            waited: Bins::default(),
            first: None,
            last: None,
            since: Unanswered::default(),
            late: Late::default(),
            lost_ns: 0,
        }
    }
}

impl Answers {
    /// Notes how a request ended. What ended before the window, or was due after it, is nothing to it.
    pub fn note(&mut self, window: Window, outcome: Outcome, times: Times) {
        if !concerns(window, times.intended, times.done) {
            return;
        }
        match outcome {
            Outcome::Ok { .. } => self.answer(window, times.intended, times.done),
            Outcome::Failed { kind, status } => {
                let is_after = self.miss(window, times.intended, times.done);
                self.since.refused += u64::from(is_after && status.is_some());
                // The request that it needs has lost that time already.
                if kind != ErrorKind::Prerequisite {
                    self.lose(window, times.intended, times.done);
                }
            }
        }
    }

    /// Notes a request without an answer when the drain ended at `now`.
    pub fn note_unanswered(&mut self, window: Window, intended: u64, now: u64) {
        if concerns(window, intended, now) {
            self.miss(window, intended, now);
            self.lose(window, intended, now);
        }
    }

    /// Notes time in which a connection could not ask.
    pub fn lose(&mut self, window: Window, begin: u64, end: u64) {
        let lost = end.min(window.end).saturating_sub(begin.max(window.start));
        self.lost_ns += lost;
    }

    fn answer(&mut self, window: Window, intended: u64, done: u64) {
        if self.since.count > 0 {
            self.since = Unanswered::default();
        }
        let at = done - window.start;
        let end = window.end - window.start;
        let from = intended.saturating_sub(window.start);
        if at >= end {
            self.late.count += 1;
            self.late.waited_ns += end - from;
            self.wait(from, end - 1);
            return;
        }
        self.first.get_or_insert(at);
        self.last = Some(at);
        let to = self.bin(at);
        let from = from >> self.shift;
        if from < to {
            self.waited.fill(from, to);
        }
        self.answered.fill(to, to + 1);
    }

    /// Tells whether the request was due after the last OK answer.
    fn miss(&mut self, window: Window, intended: u64, done: u64) -> bool {
        let since_start = |instant: u64| instant.saturating_sub(window.start);
        let (from, to) = (since_start(intended), since_start(done));
        let end = window.end - window.start;
        self.wait(from, to.min(end - 1));
        if self.last.is_some_and(|last| from < last) {
            return false;
        }
        let since = &mut self.since;
        let earlier = (since.count > 0).then_some(since.first);
        since.first = earlier.map_or(from, |first| first.min(from));
        since.last = since.last.max(from);
        since.until = since.until.max(to);
        since.count += 1;
        true
    }

    /// A request waited from one instant to another, both included.
    fn wait(&mut self, from: u64, to: u64) {
        let to = self.bin(to);
        let from = from >> self.shift;
        self.waited.fill(from.min(to), to + 1);
    }

    fn bin(&mut self, at: u64) -> u64 {
        while at >> self.shift >= BINS {
            self.coarsen();
        }
        at >> self.shift
    }

    fn coarsen(&mut self) {
        self.answered.halve();
        self.waited.halve();
        self.shift += 1;
    }

    /// Adds what another worker noted of the same window.
    pub fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.shift < other.shift {
            self.coarsen();
        }
        while other.shift < self.shift {
            other.coarsen();
        }
        self.answered.add(&other.answered);
        self.waited.add(&other.waited);
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.lost_ns = self.lost_ns.saturating_add(other.lost_ns);
        self.late.count += other.late.count;
        let waited = &mut self.late.waited_ns;
        *waited = waited.saturating_add(other.late.waited_ns);
        let last = self.last.unwrap_or(0);
        let both = [self.since, other.since];
        let after = both
            .into_iter()
            .filter(|since| since.count > 0 && since.last >= last && self.late.count == 0);
        self.since = after
            .reduce(|a, b| Unanswered {
                count: a.count + b.count,
                refused: a.refused + b.refused,
                first: a.first.min(b.first),
                last: a.last.max(b.last),
                until: a.until.max(b.until),
            })
            .unwrap_or_default();
        self.since.first = self.since.first.max(last);
    }

    /// Whether it can be that of a window of `length` ns in which at most so many requests were counted.
    pub fn fits(&self, length: u64, most: u64) -> bool {
        let within = |instant: Option<u64>| instant.is_none_or(|instant| instant < length);
        let Unanswered {
            count,
            refused,
            first,
            last,
            until,
        } = self.since;
        let counts = [count, refused, self.late.count];
        let times = [until, self.late.waited_ns, self.lost_ns];
        (FINEST..=COARSEST).contains(&self.shift)
            && within(self.first)
            && within(self.last)
            && refused <= count
            // Where nothing was asked since, the rest says nothing.
            && (count == 0 || first <= last && last <= until)
            && last <= length
            && counts.iter().all(|count| *count <= most)
            && times.iter().all(|time| *time <= MOST_NS)
    }

    /// Several as one.
    pub fn sum(all: &[Self]) -> Self {
        let mut sum = Self::default();
        all.iter().for_each(|answers| sum.add(answers));
        sum
    }

    /// When the last OK answer of the window came.
    pub fn last_ok(&self) -> Option<u64> {
        self.last
    }

    /// When the first one came.
    pub fn first_ok(&self) -> Option<u64> {
        self.first
    }

    /// What was asked since the last OK answer; `None` if nothing was that had no answer.
    pub fn unanswered(&self) -> Option<Unanswered> {
        (self.since.count > 0).then_some(self.since)
    }

    /// The OK answers that came after the window.
    pub fn late(&self) -> Late {
        self.late
    }

    /// Time of all connections within the window that went into requests without an OK answer, ns.
    pub fn lost_ns(&self) -> u64 {
        self.lost_ns
    }

    /// Each time without an OK answer in a window of `length` ns, from the first to the last bin in which a request waited.
    pub fn silences(&self, length: u64) -> Vec<Silence> {
        let mut found = Vec::new();
        let mut open: Option<Silence> = None;
        let bins = length.div_ceil(1 << self.shift).min(BINS);
        for bin in 0..bins {
            if self.answered.has(bin) {
                found.extend(open.take());
            } else if self.waited.has(bin) {
                let end = ((bin + 1) << self.shift).min(length);
                let begin = bin << self.shift;
                open.get_or_insert(Silence { begin, end }).end = end;
            }
        }
        found.extend(open);
        found
    }
}

fn concerns(window: Window, intended: u64, done: u64) -> bool {
    window.start < window.end && done >= window.start && intended < window.end
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
