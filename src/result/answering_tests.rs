//! Targets that are gone, that are slow, and that nobody asks: what is told of each.

use super::*;
use crate::metrics::{ErrorKind, Outcome, Times, Window};
use crate::result::samples::phase;
use crate::scenario::{Arrivals, Pace};
use crate::units::Rate;

const MS: u64 = 1_000_000;
const OK: Outcome = Outcome::Ok { status: 200 };
const REFUSED: Outcome = Outcome::Failed {
    kind: ErrorKind::ConnectRefused,
    status: None,
};
const BROKEN: Outcome = Outcome::Failed {
    kind: ErrorKind::Status,
    status: Some(500),
};
const TIMEOUT: Outcome = Outcome::Failed {
    kind: ErrorKind::Timeout,
    status: None,
};

/// Requests to one instance, instants in ms since the start of the window.
struct Load {
    window: Window,
    answered: Answered,
    tally: Tally,
    model: LoadModel,
    connections: u32,
}

impl Load {
    fn new(seconds: u64) -> Self {
        let answered = Answered {
            requests: vec![Answers::default()],
            instances: Vec::new(),
        };
        Self {
            window: Window {
                start: 0,
                end: seconds * 1_000 * MS,
            },
            answered,
            tally: Tally::default(),
            model: LoadModel::Closed,
            connections: 1,
        }
    }

    fn ends(&mut self, outcome: Outcome, intended: u64, done: u64) {
        let intended = intended * MS;
        let times = Times {
            intended,
            startable: intended,
            sent: intended,
            done: done * MS,
        };
        self.tally.record(outcome, times, self.window.end);
        self.answered.requests[0].note(self.window, outcome, times);
    }

    /// One connection in a closed loop over some ms, each request of which takes as long.
    fn closed(mut self, outcome: Outcome, from: u64, to: u64, each: u64) -> Self {
        let starts = (from..to).step_by(each as usize);
        starts.for_each(|at| self.ends(outcome, at, at + each));
        self
    }

    /// Requests each `every` ms, each of which takes 2 ms, or waits until the target runs again.
    fn frozen(mut self, to: u64, every: u64, (from, until): (u64, u64)) -> Self {
        self.model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(1.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        for at in (0..to).step_by(every as usize) {
            let is_quick = at + 2 < from || at >= until;
            self.ends(OK, at, if is_quick { at + 2 } else { until });
        }
        self
    }

    /// A request each `every` ms that takes as long as `takes`.
    fn open(mut self, outcome: Outcome, (from, to): (u64, u64), every: u64, takes: u64) -> Self {
        let starts = (from..to).step_by(every as usize);
        starts.for_each(|at| self.ends(outcome, at, at + takes));
        self
    }

    fn one(mut self, outcome: Outcome, intended: u64, done: u64) -> Self {
        self.ends(outcome, intended, done);
        self
    }

    fn hangs(mut self, intended: u64, until: u64) -> Self {
        self.answered.requests[0].note_unanswered(self.window, intended * MS, until * MS);
        self
    }

    fn found_with(&self, own_stop: f64) -> Answerings {
        let mut load = phase(|_| ()).load;
        load.model = self.model.clone();
        load.connections = self.connections;
        Answerings::of(&Launch {
            load: &load,
            answered: &self.answered,
            tallies: std::slice::from_ref(&self.tally),
            elsewhere: &[],
            served: &[],
            window: self.window.seconds(),
            own_stop,
            process_ended: None,
        })
    }

    fn found(&self) -> Answering {
        self.found_with(0.0).whole
    }
}

#[track_caller]
fn gone(load: &Load, from: f64, words: &str) {
    let found = load.found();
    let gone = found.gone.expect("it is gone");
    assert!((gone.from - from).abs() < 0.01, "{found:?}");
    assert!((found.answered - from).abs() < 0.05, "{found:?}");
    assert_eq!(gone.words(""), words);
}

#[track_caller]
fn alive(load: &Load) {
    assert_eq!(load.found().gone, None, "{:?}", load.found());
}

#[test]
fn a_target_that_answers_no_more_is_gone() {
    // Killed: a refused connection each 20 ms.
    let killed = Load::new(12).closed(OK, 0, 4_000, 1);
    let killed = killed.open(REFUSED, (4_000, 12_000), 20, 1);
    gone(&killed, 4.0, "nothing answered from 4.0 s on");
    // Frozen: what is under way has no answer in the drain.
    let frozen = Load::new(12).closed(OK, 0, 8_000, 1).hangs(8_000, 22_000);
    gone(&frozen, 8.0, "nothing answered from 8.0 s on");
    let timed_out = Load::new(12).closed(OK, 0, 8_000, 1);
    let timed_out = timed_out
        .one(TIMEOUT, 8_000, 10_000)
        .one(TIMEOUT, 10_000, 12_000);
    gone(&timed_out, 8.0, "nothing answered from 8.0 s on");
    // It answers, and never as expected.
    let broken = Load::new(12).closed(OK, 0, 4_000, 1);
    let broken = broken.closed(BROKEN, 4_000, 12_000, 5);
    gone(&broken, 4.0, "no OK answer came from 4.0 s on");
    // An open loop of 10/s.
    let slow = Load::new(12).open(OK, (0, 4_000), 100, 3);
    let slow = slow.open(REFUSED, (4_000, 12_000), 100, 1);
    gone(&slow, 3.903, "nothing answered from 3.9 s on");
    // One answer in 3 s.
    let slow = Load::new(20).closed(OK, 0, 9_000, 3_000);
    let slow = slow.open(REFUSED, (9_000, 20_000), 20, 1);
    gone(&slow, 9.0, "nothing answered from 9.0 s on");
    // Answers in 600 ms, and refusals for less than three times that: none of them waits for an answer.
    let slow = Load::new(3).closed(OK, 0, 1_800, 600);
    let refused = slow.open(REFUSED, (1_800, 3_000), 20, 1);
    gone(&refused, 1.8, "nothing answered from 1.8 s on");
    let slow = Load::new(3).closed(OK, 0, 1_800, 600);
    alive(&slow.one(TIMEOUT, 1_800, 3_000));
}

#[test]
fn another_host_that_answers_is_no_sign_of_the_target() {
    let target = Load::new(12).closed(OK, 0, 4_000, 1);
    let target = target.open(REFUSED, (4_000, 12_000), 20, 1);
    let other = Load::new(12).closed(OK, 0, 12_000, 1);
    let load = phase(|_| ()).load;
    let requests = [&target, &other].map(|of| of.answered.requests[0].clone());
    let answered = Answered {
        requests: requests.into(),
        instances: Vec::new(),
    };
    let tallies = [target.tally.clone(), other.tally.clone()];
    let found = |elsewhere: &[usize]| {
        let found = Answerings::of(&Launch {
            load: &load,
            answered: &answered,
            tallies: &tallies,
            elsewhere,
            served: &[],
            window: 12.0,
            own_stop: 0.0,
            process_ended: None,
        });
        found.whole.gone.map(|gone| gone.from.round())
    };
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[1]), Some(4.0));
    assert_eq!(found(&[0]), None);
    // Nothing was sent to the target.
    assert_eq!(found(&[0, 1]), None);
}

#[test]
fn a_target_that_nobody_asks_is_not_gone() {
    // One request a minute, and one that was due at the end.
    alive(&Load::new(50).one(OK, 0, 10));
    alive(&Load::new(61).one(OK, 0, 10).one(TIMEOUT, 60_000, 70_000));
    // A stage of rate 0.
    alive(&Load::new(12).open(OK, (0, 6_000), 10, 2));
    // A burst of which one request is lost, and nothing due behind it.
    let burst = Load::new(10).open(OK, (9_000, 9_050), 1, 1);
    alive(&burst.one(TIMEOUT, 9_000, 19_000));
}

#[test]
fn failures_as_usual_at_the_end_tell_nothing() {
    // Every other request fails, the last ones too.
    let mut load = Load::new(10);
    for at in (0..9_800).step_by(100) {
        let outcome = if at % 200 == 0 { OK } else { BROKEN };
        load.ends(outcome, at, at + 100);
    }
    alive(&load.closed(BROKEN, 9_800, 10_000, 100));
    // A lost request now and then, each of which keeps the one connection for 2 s.
    let lost = |from| Load::new(10).closed(OK, from, from + 2_000, 1);
    let mut load = lost(0);
    for at in [2_000, 5_000] {
        load = load.one(TIMEOUT, at, at + 2_000);
        load = load.closed(OK, at + 2_000, at + 3_000, 1);
    }
    alive(&load.one(TIMEOUT, 8_000, 10_000));
    // Too few to tell.
    alive(&Load::new(10).one(OK, 0, 1).one(TIMEOUT, 1, 10_001));
    alive(&Load::new(10).one(OK, 0, 1));
    alive(&Load::new(10));
    // The last moment of a window.
    let last = Load::new(12).closed(OK, 0, 11_950, 1);
    alive(&last.closed(REFUSED, 11_950, 12_000, 10));
}

#[test]
fn a_stall_is_long_against_what_answers_take() {
    let stalled = |each: u64| {
        let load = Load::new(12).closed(OK, 0, 3_000, each);
        let load = load.one(OK, 3_000, 8_000);
        load.closed(OK, 8_000, 12_000, each)
    };
    let found = stalled(1).found();
    let stall = found.stall.unwrap();
    assert!((stall.from - 3.0).abs() < 0.01 && (stall.seconds - 5.0).abs() < 0.01);
    assert!((found.answered - 7.0).abs() < 0.01, "{found:?}");
    // Few requests: p99 would be the stall itself.
    assert!(stalled(100).found().stall.is_some());
    assert_eq!(stalled(1_000).found().stall, None);
    // What the generator slept itself.
    assert_eq!(stalled(1).found_with(5.0).whole.stall, None);
    let slow = Load::new(12).closed(OK, 0, 12_000, 3_000).found();
    assert_eq!((slow.stall, slow.answered), (None, 12.0));
    assert!((slow.longest.unwrap().seconds - 3.0).abs() < 0.01);
}

#[test]
fn time_without_an_answer_is_lost() {
    let of = phase(|_| ());
    assert_eq!(of.load.connections, 1);
    let load = Load::new(10)
        .closed(OK, 0, 9_000, 1)
        .one(TIMEOUT, 9_000, 11_000);
    let lost = load.found_with(0.0).lost_share.unwrap();
    assert!((lost - 0.1).abs() < 1e-9, "{lost}");
}

#[test]
fn a_long_silence_at_the_end_of_the_window_is_none_of_the_drain() {
    // Frozen for the last 4 of 12 s, and not in the drain.
    let frozen = Load::new(12).closed(OK, 0, 8_000, 1).one(OK, 8_000, 12_100);
    gone(&frozen, 8.0, "nothing answered from 8.0 s on");
    // A pause of a garbage collector, and an answer that takes as long as all others.
    alive(
        &Load::new(12)
            .closed(OK, 0, 11_200, 1)
            .one(OK, 11_200, 12_100),
    );
    alive(
        &Load::new(10)
            .closed(OK, 0, 9_000, 3_000)
            .one(OK, 9_000, 12_000),
    );
    alive(&Load::new(1).one(OK, 0, 3_000));
}

#[test]
fn a_connection_that_is_answered_when_the_others_have_ended_was_not_answered() {
    let lost = |load: &Load| load.found_with(0.0).lost_share.unwrap();
    let starved = Load::new(8).closed(OK, 0, 7_999, 1).one(OK, 0, 8_010);
    assert!(lost(&starved) > 0.99, "{}", lost(&starved));
    let slow = Load::new(10)
        .closed(OK, 0, 9_000, 3_000)
        .one(OK, 9_000, 12_000);
    assert_eq!(lost(&slow), 0.0);
}

#[test]
fn what_an_answer_takes_is_not_told_by_those_that_waited_through_a_silence() {
    // An open loop of 40/s; the target runs again in the drain.
    let at_end = Load::new(4).frozen(4_000, 25, (2_000, 6_000));
    gone(&at_end, 1.977, "nothing answered from 2.0 s on");
    // 200/s; it runs again within the window.
    let within = Load::new(4).frozen(4_000, 5, (1_500, 3_500)).found();
    let stall = within.stall.expect("it stalled");
    assert!((stall.seconds - 2.0).abs() < 0.01, "{within:?}");
    assert!((within.answered - 2.0).abs() < 0.01, "{within:?}");
    // Those that are due later wait for those before them, to the end of the window.
    let mut behind = Load::new(4).frozen(1_000, 5, (1_000, 1_000));
    for (at, nth) in (1_000..4_000).step_by(5).zip(1..) {
        behind.ends(OK, at, 3_000 + 4 * nth);
    }
    let behind = behind.found();
    assert!((behind.answered - 2.0).abs() < 0.02, "{behind:?}");
    // Twice.
    let mut twice = Load::new(8).frozen(4_000, 5, (1_000, 3_000));
    for at in (4_000..8_000).step_by(5) {
        let is_quick = !(5_000..7_000).contains(&at);
        twice.ends(OK, at, if is_quick { at + 2 } else { 7_000 });
    }
    assert!((twice.found().answered - 4.0).abs() < 0.05);
    // A closed loop of which one request in 41 waits: more than p99 leaves out.
    let mut many = Load::new(4);
    many.connections = 200;
    for _ in 0..200 {
        many = many.closed(OK, 0, 2_000, 50).one(OK, 2_000, 15_000);
    }
    gone(&many, 2.0, "nothing answered from 2.0 s on");
    assert!(many.found_with(0.0).lost_share.unwrap() > 0.49);
}

#[test]
fn a_slow_open_loop_is_neither_silent_nor_gone() {
    let open = |every, takes| {
        let mut load = Load::new(60);
        load.model = Load::new(1).frozen(0, 1, (0, 0)).model;
        load.open(OK, (0, 60_000), every, takes)
    };
    for (every, takes) in [(100, 3_000), (3_000, 3_000), (5_000, 3_000), (1_000, 700)] {
        let found = open(every, takes).found();
        assert_eq!((found.stall, found.gone), (None, None), "{found:?}");
    }
    // A few connections of a closed loop, in step.
    let mut few = Load::new(60);
    few.connections = 4;
    for _ in 0..4 {
        few = few.closed(OK, 0, 60_000, 3_000);
    }
    assert_eq!((few.found().stall, few.found().gone), (None, None));
}
