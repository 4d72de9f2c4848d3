//! How long a worker waited for a CPU in its own turns: while the other load has its turn, a wait delays nothing.

use crate::metrics::{OwnTime, Window};

/// What a worker waited in the time that counts, ns.
#[derive(Debug)]
pub(super) struct OwnWait {
    own: OwnTime,
    window: Window,
    /// What it had waited when its turn began, if it has one.
    since: Option<u64>,
    total: u64,
}

impl OwnWait {
    pub(super) fn new(own: OwnTime, window: Window) -> Self {
        Self {
            own,
            window,
            since: None,
            total: 0,
        }
    }

    /// Looks at a tick; `waited` tells what was waited so far, and is asked where a turn begins or ends.
    pub(super) fn look(&mut self, now: u64, waited: impl Fn() -> Option<u64>) {
        if self.own.is_all() {
            return;
        }
        let is_own = self.window.contains(now) && self.own.counts(now);
        match (self.since, is_own) {
            (None, true) => self.since = waited(),
            (Some(since), false) => {
                self.total += waited().map_or(0, |now| now.saturating_sub(since));
                self.since = None;
            }
            _ => {}
        }
    }

    /// What is to be told as the wait at the end of the window, where it was `first` at its start and is `last` now.
    pub(super) fn last(&self, first: Option<u64>, last: Option<u64>) -> Option<u64> {
        if self.own.is_all() {
            return last;
        }
        let under_way = self
            .since
            .zip(last)
            .map_or(0, |(since, now)| now.saturating_sub(since));
        Some(first? + self.total + under_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Slices, Timetable};
    use std::time::Duration;

    #[test]
    fn what_is_waited_in_the_turns_of_the_other_load_is_not_told() {
        let slices = Slices {
            dropped: 0,
            measured: 4,
        };
        let ns = Duration::from_nanos;
        // A B B A of 100 ns with gaps of 10 ns.
        let own = OwnTime::of(0, Some(Timetable::new(ns(100), ns(10), slices)));
        let window = Window { start: 0, end: 430 };
        let mut wait = OwnWait::new(own, window);
        for (now, waited) in [
            (10, 5),
            (90, 8),
            (120, 9),
            (300, 500),
            (340, 600),
            (420, 650),
        ] {
            wait.look(now, || Some(waited));
        }
        assert_eq!(wait.last(Some(1), Some(651)), Some(1 + 4 + 51));
        assert_eq!(wait.last(None, Some(651)), None);
        let alone = OwnWait::new(OwnTime::ALL, window);
        assert_eq!(alone.last(Some(1), Some(651)), Some(651));
    }

    #[test]
    fn what_is_told_does_not_go_below_what_was_waited_before() {
        let ns = Duration::from_nanos;
        let slices = Slices {
            dropped: 0,
            measured: 4,
        };
        let own = OwnTime::of(0, Some(Timetable::new(ns(100), ns(10), slices)));
        let mut wait = OwnWait::new(own, Window { start: 0, end: 430 });
        wait.look(10, || Some(9));
        assert_eq!(wait.last(Some(1), Some(5)), Some(1));
    }
}
