//! One worker's recording: everything goes into the current interval, which is handed over whole when it ends.

use std::collections::BTreeMap;

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
#[derive(Debug, Clone, Default)]
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
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        start: 1_000,
        end: 3_500,
    };
    const OK: Outcome = Outcome::Ok { status: 200 };

    fn ok(recorder: &mut Recorder, intended: u64, done: u64) {
        recorder.record(
            0,
            OK,
            Times {
                intended,
                startable: intended,
                sent: intended,
                done,
            },
        );
    }

    #[test]
    fn latency_counts_what_was_due_in_the_window_and_throughput_what_completed_in_it() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        ok(&mut recorder, 900, 1_100);
        ok(&mut recorder, 1_000, 1_200);
        ok(&mut recorder, 3_400, 3_600);
        ok(&mut recorder, 3_500, 3_700);
        let interval = recorder.finish();
        assert_eq!(
            (
                interval.tallies[0].due,
                interval.tallies[0].ok,
                interval.tallies[0].completed_ok
            ),
            (2, 2, 2)
        );
    }

    #[test]
    fn what_completes_between_turns_is_no_throughput() {
        let slices = super::super::Slices {
            dropped: 2,
            measured: 2,
        };
        let ns = std::time::Duration::from_nanos;
        let turns = super::super::Timetable::new(ns(100), ns(10), slices);
        let window = Window {
            start: 1_220,
            end: 1_430,
        };
        let recorder = Recorder::new(window, 1_000, 1, 1);
        let mut recorder = recorder.in_own_time(OwnTime::of(1_000, Some(turns)));
        // One of the turns that are dropped, then three of the measured one.
        for (intended, done) in [
            (1_090, 1_095),
            (1_220, 1_319),
            (1_300, 1_321),
            (1_319, 1_400),
        ] {
            ok(&mut recorder, intended, done);
        }
        let tally = &recorder.finish().tallies[0];
        assert_eq!((tally.due, tally.ok, tally.completed_ok), (3, 3, 1));
    }

    #[test]
    fn time_between_turns_is_no_silence() {
        let slices = super::super::Slices {
            dropped: 0,
            measured: 8,
        };
        let ms = std::time::Duration::from_millis;
        // A B B A B A A B of 100 ms: between the first two turns of A are 208 ms.
        let turns = super::super::Timetable::new(ms(100), ms(4), slices);
        let at = |ms: u64| ms * 1_000_000;
        let window = Window {
            start: 0,
            end: at(828),
        };
        let silences = |own: OwnTime, length| {
            let mut recorder = Recorder::new(window, at(1_000), 1, 1).in_own_time(own);
            for turn in [0, 312, 520, 624] {
                // Until the end of each turn each request takes 10 ms, and the last one is answered behind it.
                for step in 0..10 {
                    ok(
                        &mut recorder,
                        at(turn + 10 * step),
                        at(turn + 10 * step + 10),
                    );
                }
            }
            let answers = recorder.finish().answered.unwrap().requests.remove(0);
            let silences = answers.silences(length).into_iter();
            silences.map(|of| of.length()).max().unwrap()
        };
        let own = OwnTime::of(0, Some(turns));
        assert!(silences(own, at(400)) < at(12));
        // A request that is not answered in its turn waits in the next one.
        let mut recorder = Recorder::new(window, at(1_000), 1, 1).in_own_time(own);
        ok(&mut recorder, at(50), at(350));
        let answers = recorder.finish().answered.unwrap().requests.remove(0);
        let longest = answers.silences(at(400)).first().unwrap().length();
        assert!((at(85)..at(90)).contains(&longest), "{longest}");
    }

    #[test]
    fn intervals_follow_the_window_and_the_drain_is_one_of_its_own() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        assert!(!recorder.is_over(1_999));
        assert!(recorder.is_over(2_000));
        ok(&mut recorder, 1_000, 1_500);
        let mut first = recorder.rotate(None);
        assert_eq!((first.index, first.tallies[0].ok), (0, 1));
        first.clear();
        ok(&mut recorder, 2_000, 2_500);
        assert!(recorder.is_over(3_100));
        let second = recorder.rotate(Some(first));
        assert_eq!((second.index, second.tallies[0].ok), (1, 1));
        assert!(recorder.is_over(3_500));
        let third = recorder.rotate(None);
        assert_eq!((third.index, third.tallies[0].ok), (2, 0));
        assert!(!recorder.is_over(9_999));
        assert_eq!(recorder.finish().index, 3);
    }

    #[test]
    fn a_stall_longer_than_an_interval_leaves_none_out() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        let mut handed_over = Vec::new();
        while recorder.is_over(9_999) {
            handed_over.push(recorder.rotate(None).index);
        }
        handed_over.push(recorder.finish().index);
        assert_eq!(handed_over, [0, 1, 2, 3]);
    }

    #[test]
    fn an_interval_that_goes_on_holds_those_that_it_took_in() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        ok(&mut recorder, 1_000, 1_500);
        recorder.join_next();
        ok(&mut recorder, 2_000, 2_500);
        let mut both = recorder.rotate(None);
        assert_eq!((both.index, both.joined, both.tallies[0].ok), (1, 1, 2));
        both.clear();
        let next = recorder.rotate(Some(both));
        assert_eq!((next.index, next.joined, next.tallies[0].ok), (2, 0, 0));
    }

    #[test]
    fn the_first_failure_of_a_kind_is_kept_in_words() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        assert!(recorder.wants_exemplar(ErrorKind::Reset, 1_000));
        assert!(!recorder.wants_exemplar(ErrorKind::Reset, 999));
        recorder.keep_exemplar(ErrorKind::Reset, "gone".to_owned());
        assert!(!recorder.wants_exemplar(ErrorKind::Reset, 1_000));
        let first = recorder.rotate(None);
        assert_eq!(first.exemplars[&ErrorKind::Reset], "gone");
        assert!(!recorder.wants_exemplar(ErrorKind::Reset, 2_000));
    }

    #[test]
    fn a_quirk_is_asked_for_its_bytes_once_even_if_they_are_not_known() {
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
        let mut asked = 0;
        for words in ["", "X-A : one", "X-B : two"] {
            recorder.note_quirk(Quirk::SpaceBeforeColon, 1_000, || {
                asked += 1;
                words.to_owned()
            });
        }
        assert_eq!(asked, 1);
        let mut all = recorder.finish().oddities;
        assert!(all.iter().eq([(Quirk::SpaceBeforeColon, 3, "")]));
        // Another worker may know them.
        let mut other = Recorder::new(WINDOW, 1_000, 1, 1);
        other.note_quirk(Quirk::SpaceBeforeColon, 1_000, || "X-C : three".to_owned());
        all.add(&other.finish().oddities);
        assert!(all.iter().eq([(Quirk::SpaceBeforeColon, 4, "X-C : three")]));
    }

    #[test]
    fn instances_are_counted_apart_where_there_are_several() {
        let times = |intended, done| Times {
            intended,
            startable: intended,
            sent: intended,
            done,
        };
        let failed = Outcome::Failed {
            kind: ErrorKind::Reset,
            status: None,
        };
        let mut recorder = Recorder::new(WINDOW, 1_000, 1, 2);
        recorder.note_instance(1, OK, times(900, 1_100));
        recorder.note_instance(1, OK, times(1_000, 1_200));
        recorder.note_instance(0, failed, times(1_000, 1_200));
        recorder.note_instance(0, OK, times(3_400, 3_600));
        let mut interval = recorder.rotate(None);
        let served = |ok, failed, completed_ok| Served {
            ok,
            failed,
            completed_ok,
        };
        assert_eq!(interval.instances, [served(1, 1, 0), served(1, 0, 2)]);
        interval.clear();
        assert_eq!(interval.instances, [Served::default(); 2]);
        assert_eq!(recorder.finish().instances.len(), 2);
        let mut alone = Recorder::new(WINDOW, 1_000, 1, 1);
        alone.note_instance(0, OK, times(1_000, 1_200));
        assert_eq!(alone.finish().instances, []);
    }
}
