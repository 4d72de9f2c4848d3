//! When a worker did not do what it was due to do: the time between the instant at which it should have got round to something and
//! the instant at which it did. Whatever a request waited meanwhile is the generator's and not the target's. Pure: the caller
//! brings the time. Nothing is allocated after the start.

use crate::metrics::{OwnTime, Window};

/// Pauses that are told apart: when there are more, neighbours are joined.
const MOST: usize = 512;

/// The pauses of one worker, in order and without overlaps.
#[derive(Debug)]
pub(super) struct Pauses {
    /// Shorter ones are none, ns.
    shortest: u64,
    pauses: Vec<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    start: u64,
    end: u64,
    /// How much of it was spent in pauses: all of it, unless neighbours were joined.
    paused: u64,
    /// The same of all pauses before it.
    before: u64,
}

impl Pauses {
    /// No pause yet, and none that is shorter than `shortest` (ns) counts.
    pub(super) fn new(shortest: u64) -> Self {
        Self {
            shortest,
            pauses: Vec::with_capacity(MOST),
        }
    }

    /// Adds the time from `due`, when the worker should have got round to something, to `now`, when it did. It may lie over the last
    /// pause: several things that were due meanwhile tell of the same one.
    pub(super) fn add(&mut self, due: u64, now: u64) {
        if now.saturating_sub(due) >= self.shortest {
            self.join(due, now);
        }
    }

    fn join(&mut self, due: u64, now: u64) {
        if now <= due {
            return;
        }
        let (mut start, mut end, mut joined) = (due, now, 0);
        if let Some(&last) = self.pauses.last()
            && due <= last.end
        {
            self.pauses.pop();
            // What lies between the parts of a joined one was no pause.
            joined = (last.end - last.start) - last.paused;
            (start, end) = (start.min(last.start), end.max(last.end));
        }
        if self.pauses.len() == MOST {
            self.join_neighbours();
        }
        let before = self.pauses.last().copied();
        start = start.max(before.map_or(0, |pause| pause.end));
        self.pauses.push(Pause {
            start,
            end,
            paused: (end - start).saturating_sub(joined),
            before: before.map_or(0, |pause| pause.before + pause.paused),
        });
    }

    /// The same, of the time that counts within a window, as if no other time passed in it. What is as long by the clock is a pause,
    /// however little of that counts.
    pub(super) fn add_within(&mut self, (window, own): (Window, OwnTime), due: u64, now: u64) {
        if now.saturating_sub(due) < self.shortest {
            return;
        }
        let (due, now) = (own.on_axis(window, due), own.on_axis(window, now));
        let window = own.axis(window);
        self.join(due.max(window.start), now.min(window.end));
    }

    /// How much of the time from `from` to `to` was spent in pauses, ns.
    pub(super) fn within(&self, from: u64, to: u64) -> u64 {
        match self.pauses.last() {
            Some(last) if last.end > from => self.until(to).saturating_sub(self.until(from)),
            _ => 0,
        }
    }

    /// The length of all of them, ns.
    pub(super) fn total(&self) -> u64 {
        self.until(u64::MAX)
    }

    /// How much of the time before `instant` was.
    fn until(&self, instant: u64) -> u64 {
        let later = self.pauses.partition_point(|pause| pause.start < instant);
        let Some(pause) = self.pauses[..later].last() else {
            return 0;
        };
        if instant >= pause.end {
            return pause.before + pause.paused;
        }
        let share = u128::from(pause.paused) * u128::from(instant - pause.start)
            / u128::from(pause.end - pause.start);
        pause.before + share as u64
    }

    /// Makes one of each two: what was paused is still known in sum, and where it was in a little less detail.
    fn join_neighbours(&mut self) {
        let pairs = self.pauses.len() / 2;
        for at in 0..pairs {
            let (first, second) = (self.pauses[2 * at], self.pauses[2 * at + 1]);
            self.pauses[at] = Pause {
                end: second.end,
                paused: first.paused + second.paused,
                ..first
            };
        }
        self.pauses.truncate(pairs);
    }
}

/// A moment within a request's wait counts as the generator's only in a pause that is longer, ns: timers are late by less.
const SHORTEST: u64 = 1_000_000;

/// What an instance's requests waited for the generator. A pause counts if a connection could have sent a request in it: one was idle
/// or could be opened, or the answer to another request is found at its end. If all were busy with the target, the pause kept
/// nobody waiting.
#[derive(Debug)]
pub(super) struct Lateness {
    pauses: Pauses,
    /// The last pause, if nothing has shown yet that a connection could have been used in it.
    doubtful: Option<(u64, u64)>,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            pauses: Pauses::new(SHORTEST),
            doubtful: None,
        }
    }
}

impl Lateness {
    /// The worker got round at `now` to what was due at `due`.
    pub(super) fn note(&mut self, due: u64, now: u64, connections: Connections) {
        if now.saturating_sub(due) < SHORTEST {
            return;
        }
        match connections {
            Connections::Free => self.pauses.add(due, now),
            Connections::Busy => {
                let (start, end) = match self.doubtful {
                    Some((start, end)) if due <= end => (due.min(start), now.max(end)),
                    _ => (due, now),
                };
                self.doubtful = Some((start, end));
            }
        }
    }

    /// How much of the time from `intended` to `free`, when a connection had the answer to another request, was the generator's, ns.
    pub(super) fn within(&mut self, intended: u64, free: u64) -> u64 {
        if let Some((start, end)) = self.doubtful.take()
            && (start..end + SHORTEST).contains(&free)
        {
            self.pauses.add(start, end);
        }
        self.pauses.within(intended, free)
    }
}

/// Whether an instance has a connection that could send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    /// One is idle, or one more may be opened.
    Free,
    Busy,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Slices, Timetable};
    use proptest::prelude::*;
    use std::time::Duration;

    fn of(pauses: &[(u64, u64)]) -> Pauses {
        let mut all = Pauses::new(10);
        pauses.iter().for_each(|&(due, now)| all.add(due, now));
        all
    }

    #[test]
    fn a_wait_is_the_generators_where_it_lies_over_a_pause() {
        let check = |pauses: &[(u64, u64)], from, to, expected| {
            assert_eq!(
                of(pauses).within(from, to),
                expected,
                "{pauses:?} {from} {to}"
            );
        };
        check(&[], 0, 100, 0);
        check(&[(100, 109)], 0, 200, 0);
        check(&[(100, 200)], 0, 100, 0);
        check(&[(100, 200)], 50, 150, 50);
        check(&[(100, 200)], 120, 180, 60);
        check(&[(100, 200)], 150, 500, 50);
        check(&[(100, 200)], 200, 500, 0);
        check(&[(100, 200), (300, 400)], 150, 350, 100);
        // One pause, of which several things tell.
        check(&[(100, 200), (90, 201)], 0, 500, 111);
        check(&[(100, 200), (150, 160)], 0, 500, 100);
        check(&[(100, 200), (200, 250)], 0, 500, 150);
        // What tells of it late tells nothing of the one before.
        check(&[(100, 200), (300, 400), (50, 401)], 0, 500, 301);
    }

    #[test]
    fn what_lies_outside_a_window_is_not_of_it() {
        let window = Window {
            start: 1_000,
            end: 2_000,
        };
        let check = |stops: &[(u64, u64)], total| {
            let mut pauses = Pauses::new(10);
            stops
                .iter()
                .for_each(|&(due, now)| pauses.add_within((window, OwnTime::ALL), due, now));
            assert_eq!(pauses.total(), total, "{stops:?}");
        };
        check(&[], 0);
        check(&[(0, 900)], 0);
        check(&[(0, 1_100), (1_500, 1_700), (1_490, 1_701)], 100 + 211);
        check(&[(1_900, 5_000)], 100);
        check(&[(2_000, 5_000), (5_000, 6_000)], 0);
    }

    #[test]
    fn a_stop_counts_for_a_load_as_far_as_it_lies_in_its_turns() {
        let ns = Duration::from_nanos;
        let slices = Slices {
            dropped: 0,
            measured: 4,
        };
        // A B B A of 100 ns with gaps of 10 ns, from 1,000 on.
        let table = Timetable::new(ns(100), ns(10), slices);
        let window = Window {
            start: 1_000,
            end: 1_430,
        };
        let stopped = |table, due, now| {
            let mut stops = Pauses::new(10);
            let own = OwnTime::of(1_000, Some(table));
            stops.add_within((window, own), due, now);
            stops.total()
        };
        for (due, now, base, head) in [
            (1_020, 1_080, 60, 0),
            (1_095, 1_115, 5, 5),
            (1_000, 1_430, 200, 200),
            (1_050, 5_000, 150, 200),
            (1_100, 1_110, 0, 0),
            // So short a time is no stop.
            (1_020, 1_029, 0, 0),
        ] {
            assert_eq!(stopped(table, due, now), base, "{due} {now}");
            assert_eq!(stopped(table.other(), due, now), head, "{due} {now}");
        }
    }

    #[test]
    fn a_pause_keeps_requests_waiting_only_if_a_connection_could_have_sent_them() {
        const MS: u64 = 1_000_000;
        let check = |connections, free, own| {
            let mut lateness = Lateness::default();
            lateness.note(100 * MS, 300 * MS, connections);
            let found = lateness.within(50 * MS, free);
            assert_eq!(found, own, "{connections:?} {free}");
        };
        check(Connections::Free, 900 * MS, 200 * MS);
        // An answer is found at its end: it may have come in it.
        check(Connections::Busy, 300 * MS, 200 * MS);
        // The first answer comes later: the target was busy all the time.
        check(Connections::Busy, 400 * MS, 0);
        let mut lateness = Lateness::default();
        lateness.note(100 * MS, 300 * MS, Connections::Busy);
        lateness.note(90 * MS, 301 * MS, Connections::Busy);
        // A later one in which an answer came.
        lateness.note(500 * MS, 600 * MS, Connections::Busy);
        assert_eq!(lateness.within(0, 600 * MS), 100 * MS);
        // What is late by less than a millisecond is told apart by nobody.
        lateness.note(700 * MS, 700 * MS + 999_999, Connections::Free);
        assert_eq!(lateness.within(650 * MS, 800 * MS), 0);
    }

    proptest! {
        #[test]
        fn however_many_there_are_their_sum_is_kept(gaps in proptest::collection::vec((1u64..1_000, 10u64..1_000), 0..1_500)) {
            let mut pauses = Pauses::new(10);
            let (mut now, mut sum) = (0, 0);
            for (gap, length) in gaps {
                pauses.add(now + gap, now + gap + length);
                now += gap + length;
                sum += length;
                prop_assert!(pauses.pauses.len() <= MOST);
            }
            prop_assert_eq!(pauses.within(0, now), sum);
            let middle = now / 2;
            prop_assert!(pauses.within(0, middle) + pauses.within(middle, now) == sum);
            prop_assert!(pauses.within(0, middle) <= middle);
        }
    }
}
