//! One worker's recording: everything goes into the current interval, which is handed over whole when it ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answers::Answers;
use super::oddities::Oddities;
use super::outcome::{ErrorKind, Moved, Outcome, Times};
use super::own_time::OwnTime;
use super::served::Served;
use super::tally::Tally;
use super::window::Window;
use crate::transport::quirk::Quirk;

/// What one worker counted in one interval.
#[derive(Debug, Default)]
pub struct Interval {
    /// The worker.
    pub worker: u32,
    /// Intervals before this one that it holds as well, because nobody took those in time.
    pub joined: u64,
    /// Number of the interval within the window, from 0; what ends after the window belongs to the one behind the last.
    pub index: u64,
    /// By request, in the order of the plan.
    pub tallies: Vec<Tally>,
    /// By instance of the target; empty where there is one, for it serves all.
    pub instances: Vec<Served>,
    /// The first failure of each kind that this worker met, in words.
    pub exemplars: BTreeMap<ErrorKind, String>,
    /// What answers did that they should not.
    pub oddities: Oddities,
    /// When requests were answered in the whole window, where the worker has ended: no other interval of it will come.
    pub answered: Option<Answered>,
}

/// When what one worker, or all of them, sent was answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// By request, in the order of the plan.
    pub requests: Vec<Answers>,
    /// By instance of the target; empty where there is one, for it answers all.
    pub instances: Vec<Answers>,
}

impl Answered {
    fn blank(requests: usize, instances: usize) -> Self {
        let several = if instances > 1 { instances } else { 0 };
        Self {
            requests: vec![Answers::default(); requests],
            instances: vec![Answers::default(); several],
        }
    }

    /// Adds what another worker noted of the same window.
    pub fn add(&mut self, other: &Self) {
        for (into, from) in [
            (&mut self.requests, &other.requests),
            (&mut self.instances, &other.instances),
        ] {
            into.resize_with(from.len(), Answers::default);
            let pairs = into.iter_mut().zip(from);
            pairs.for_each(|(into, from)| into.add(from));
        }
    }
}

impl Interval {
    /// An interval of `requests` kinds of request to `instances` of a target in which nothing has happened.
    pub fn blank(requests: usize, instances: usize) -> Self {
        Self {
            worker: 0,
            joined: 0,
            index: 0,
            tallies: vec![Tally::default(); requests],
            instances: vec![Served::default(); if instances > 1 { instances } else { 0 }],
            exemplars: BTreeMap::new(),
            answered: None,
            oddities: Oddities::default(),
        }
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.tallies.iter_mut().for_each(Tally::clear);
        self.instances.fill(Served::default());
        self.exemplars.clear();
        self.answered = None;
        self.oddities.clear();
        self.joined = 0;
    }
}

/// Records outcomes of one worker.
#[derive(Debug)]
pub struct Recorder {
    window: Window,
    /// What completes outside of it is no throughput.
    own: OwnTime,
    /// The window as if nothing but that passed in it.
    axis: Window,
    interval_ns: u64,
    current: Interval,
    answered: Answered,
    seen: [bool; ErrorKind::ALL.len()],
    quoted: [bool; Quirk::ALL.len()],
}

impl Recorder {
    /// A recorder for `requests` kinds of request to `instances` of a target.
    pub fn new(window: Window, interval_ns: u64, requests: usize, instances: usize) -> Self {
        Self {
            window,
            own: OwnTime::ALL,
            axis: window,
            interval_ns,
            current: Interval::blank(requests, instances),
            answered: Answered::blank(requests, instances),
            seen: [false; ErrorKind::ALL.len()],
            quoted: [false; Quirk::ALL.len()],
        }
    }

    /// The same for a load of which not all time is its own.
    #[must_use]
    pub fn in_own_time(mut self, own: OwnTime) -> Self {
        self.own = own;
        self.axis = own.axis(self.window);
        self
    }

    /// Whether what completes at this instant is throughput.
    fn measures(&self, done: u64) -> bool {
        self.window.contains(done) && self.own.counts(done)
    }

    /// When a request was due and when it ended, in own time alone.
    fn own_times(&self, times: Times) -> Times {
        Times {
            intended: self.own.on_axis(self.window, times.intended),
            done: self.own.on_axis(self.window, times.done),
            ..times
        }
    }

    /// Counts a request that has ended.
    pub fn record(&mut self, request: usize, outcome: Outcome, times: Times) {
        let is_measured = self.measures(times.done);
        let tally = &mut self.current.tallies[request];
        if self.window.contains(times.intended) {
            tally.record(outcome, times, self.window.end);
        }
        if matches!(outcome, Outcome::Ok { .. }) && is_measured {
            tally.completed_ok += 1;
        }
        let own = self.own_times(times);
        self.answered.requests[request].note(self.axis, outcome, own);
    }

    /// Counts what an answer moved of a request that [`Recorder::record`] has counted.
    pub fn note_moved(&mut self, request: usize, outcome: Outcome, moved: Moved, times: Times) {
        let is_measured = self.measures(times.done);
        let tally = &mut self.current.tallies[request];
        if is_measured {
            tally.add_moved(moved);
        }
        if matches!(outcome, Outcome::Ok { .. }) && self.window.contains(times.intended) {
            tally.record_first_byte(moved.first_byte.saturating_sub(times.sent));
        }
    }

    /// Counts for the instance that it was for a request that [`Recorder::record`] has counted.
    pub fn note_instance(&mut self, instance: usize, outcome: Outcome, times: Times) {
        let is_measured = self.measures(times.done);
        let Some(served) = self.current.instances.get_mut(instance) else {
            return;
        };
        let is_ok = matches!(outcome, Outcome::Ok { .. });
        if self.window.contains(times.intended) {
            served.ok += u64::from(is_ok);
            served.failed += u64::from(!is_ok);
        }
        if is_ok && is_measured {
            served.completed_ok += 1;
        }
        let own = self.own_times(times);
        self.answered.instances[instance].note(self.axis, outcome, own);
    }

    /// Counts a request to `instance` without an answer at the end of the drain.
    pub fn record_in_flight(&mut self, instance: usize, request: usize, times: Times) {
        if self.window.contains(times.intended) {
            self.current.tallies[request].record_in_flight(times, self.window.end);
        }
        self.note_unanswered(instance, request, times.intended, times.done);
    }

    /// Counts a request to `instance` that was due and never sent.
    pub fn record_not_sent(&mut self, instance: usize, request: usize, intended: u64, now: u64) {
        if self.window.contains(intended) {
            self.current.tallies[request].record_not_sent(now.saturating_sub(intended));
        }
        self.note_unanswered(instance, request, intended, now);
    }

    fn note_unanswered(&mut self, instance: usize, request: usize, intended: u64, now: u64) {
        let [intended, now] = [intended, now].map(|at| self.own.on_axis(self.window, at));
        let Answered {
            requests,
            instances,
        } = &mut self.answered;
        let both = [requests.get_mut(request), instances.get_mut(instance)];
        for answers in both.into_iter().flatten() {
            answers.note_unanswered(self.axis, intended, now);
        }
    }

    /// Notes that a connection that could not be opened paused before it asked again.
    pub fn note_pause(&mut self, request: usize, begin: u64, end: u64) {
        let [begin, end] = [begin, end].map(|at| self.own.on_axis(self.window, at));
        self.answered.requests[request].lose(self.axis, begin, end);
    }

    /// Notes that a request due at `intended`, counted by one of the above, was not scheduled but needed by another one;
    /// `sent` is when it was sent, if it was.
    pub fn note_needed(&mut self, request: usize, intended: u64, sent: Option<u64>) {
        if self.window.contains(intended) {
            self.current.tallies[request].note_needed(sent, self.window.end);
        }
    }

    /// Notes that a request due at `intended` is sent a second time.
    pub fn note_resent(&mut self, request: usize, intended: u64) {
        if self.window.contains(intended) {
            self.current.tallies[request].resent += 1;
        }
    }

    /// Whether a failure of a request due at `intended` is counted and its kind still lacks an exemplar.
    pub fn wants_exemplar(&self, kind: ErrorKind, intended: u64) -> bool {
        !self.seen[kind as usize] && self.window.contains(intended)
    }

    /// Keeps the words for the first failure of a kind.
    pub fn keep_exemplar(&mut self, kind: ErrorKind, words: String) {
        self.seen[kind as usize] = true;
        self.current.exemplars.insert(kind, words);
    }

    /// Counts a quirk of the answer to a request due at `at`; the first one is quoted, and no other, though its bytes may not be
    /// known: a quote costs more than an answer.
    pub fn note_quirk(&mut self, quirk: Quirk, at: u64, quote: impl FnOnce() -> String) {
        if self.count_quirk(quirk, at) && !std::mem::replace(&mut self.quoted[quirk as usize], true)
        {
            self.current.oddities.quote(quirk, quote());
        }
    }

    /// Counts a quirk that came at `at` and whose bytes are not kept; whether it is counted.
    pub fn count_quirk(&mut self, quirk: Quirk, at: u64) -> bool {
        let is_counted = self.window.contains(at);
        if is_counted {
            self.current.oddities.count(quirk);
        }
        is_counted
    }

    /// Whether the current interval has ended.
    pub fn is_over(&self, now: u64) -> bool {
        now >= self.window.end.min(
            self.window
                .start
                .saturating_add((self.current.index + 1) * self.interval_ns),
        ) && self.current.index < self.last()
    }

    /// Hands over the current interval and starts the next one, none is left out; `next`, which is clear, is used for it if
    /// there is one.
    pub fn rotate(&mut self, next: Option<Interval>) -> Interval {
        let mut next = next.unwrap_or_else(|| {
            Interval::blank(self.current.tallies.len(), self.current.instances.len())
        });
        next.index = self.current.index + 1;
        std::mem::replace(&mut self.current, next)
    }

    /// Goes on with the current interval in the time of the next one, which it then holds too.
    pub fn join_next(&mut self) {
        self.current.index += 1;
        self.current.joined += 1;
    }

    /// Ends the window early, at `end`.
    pub fn cut(&mut self, end: u64) {
        self.window.end = self.window.end.min(end.max(self.window.start));
        self.axis = self.own.axis(self.window);
    }

    /// Hands over what is left; the worker ends.
    pub fn finish(&mut self) -> Interval {
        Interval {
            answered: Some(std::mem::take(&mut self.answered)),
            ..std::mem::take(&mut self.current)
        }
    }

    /// Index of the interval behind the last one.
    fn last(&self) -> u64 {
        self.window
            .end
            .saturating_sub(self.window.start)
            .div_ceil(self.interval_ns)
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
