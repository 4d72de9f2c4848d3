//! When what is under way on a connection is given up, and when a pause of it ends. A tick visits the connections of which that is
//! possible and no others, however many wait. Pure: the caller brings the time. Nothing is allocated once there was room for all.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

/// Which connections are to be looked at, and when.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// When to look at a connection, at most once each. Its deadline may have moved on since: it is then looked at again, so that a
    /// request that is answered in time touches nothing here.
    watched: BinaryHeap<Reverse<(u64, usize)>>,
    /// Pauses, which all have the same length: in order, at most one of each connection.
    pauses: VecDeque<(u64, usize)>,
}

impl Deadlines {
    /// Looks at the connection `at`, which is not watched yet, at `deadline` (ns).
    pub(super) fn watch(&mut self, at: usize, deadline: u64) {
        self.watched.push(Reverse((deadline, at)));
    }

    /// Notes that the pause of the connection `at` ends at `end` (ns), which is not before that of any other.
    pub(super) fn pause(&mut self, at: usize, end: u64) {
        self.pauses.push_back((end, at));
    }

    /// The next connection whose pause is over.
    pub(super) fn rested(&mut self, now: u64) -> Option<usize> {
        let &(end, at) = self.pauses.front()?;
        if end > now {
            return None;
        }
        self.pauses.pop_front();
        Some(at)
    }

    /// Calls `look` for each connection that is to be looked at by `now`; the answer is when it is to be looked at again, `None` if
    /// it is no longer watched.
    pub(super) fn look(&mut self, now: u64, look: impl Fn(usize) -> Option<u64>) {
        while let Some(mut first) = self.watched.peek_mut()
            && first.0.0 <= now
        {
            match look(first.0.1) {
                Some(later) => first.0.0 = later,
                None => drop(PeekMut::pop(first)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::exchange::Slot;
    use proptest::prelude::*;

    #[test]
    fn a_deadline_that_moved_on_is_looked_at_again() {
        let mut deadlines = Deadlines::default();
        let slot = Slot::of(0, 0);
        deadlines.watch(0, 100);
        slot.deadline.set(150);
        deadlines.look(100, |_| slot.look(100, |_| 0));
        assert!(!slot.expired.get() && deadlines.watched.len() == 1);
        deadlines.look(150, |_| slot.look(150, |_| 0));
        assert!(slot.expired.get() && deadlines.watched.is_empty());
        // One that has nothing under way is forgotten until it has.
        deadlines.watch(0, 200);
        slot.deadline.set(0);
        slot.expired.set(false);
        deadlines.look(200, |_| slot.look(200, |_| 0));
        assert!(!slot.expired.get() && deadlines.watched.is_empty());
    }

    #[test]
    fn what_the_worker_did_not_run_is_added_to_a_deadline() {
        let mut deadlines = Deadlines::default();
        let slot = Slot::of(0, 0);
        deadlines.watch(0, 100);
        slot.deadline.set(100);
        // It was stopped from 60 to 1,060.
        let look = |now| slot.look(now, |deadline| [0, 1_000][usize::from(deadline == 100)]);
        for now in [1_060, 1_099] {
            deadlines.look(now, |_| look(now));
            assert!(!slot.expired.get() && deadlines.watched.len() == 1);
        }
        deadlines.look(1_100, |_| look(1_100));
        assert!(slot.expired.get() && deadlines.watched.is_empty());
    }

    #[test]
    fn pauses_end_in_their_order() {
        let mut deadlines = Deadlines::default();
        deadlines.pause(1, 10);
        deadlines.pause(0, 20);
        let ended = [9, 15, 15, 25].map(|now| deadlines.rested(now));
        assert_eq!(ended, [None, Some(1), None, Some(0)]);
    }

    proptest! {
        /// Whatever connections do, each deadline that passes is found at the first look after it, and no other is.
        #[test]
        fn no_deadline_is_missed(steps in proptest::collection::vec((0usize..6, any::<bool>(), 1u64..30), 1..300)) {
            const TIMEOUT: u64 = 50;
            let mut deadlines = Deadlines::default();
            let slots: Vec<Slot> = (0..6).map(|at| Slot::of(0, at)).collect();
            let mut now = 0;
            for (at, begins, passes) in steps {
                now += passes;
                deadlines.look(now, |at| slots[at].look(now, |_| 0));
                for slot in &slots {
                    let deadline = slot.deadline.get();
                    prop_assert_eq!(slot.expired.get(), deadline != 0 && deadline <= now);
                    if slot.expired.replace(false) {
                        slot.deadline.set(0);
                    }
                }
                slots[at].deadline.set(if begins { now + TIMEOUT } else { 0 });
                if begins && !slots[at].is_watched.replace(true) {
                    deadlines.watch(at, now + TIMEOUT);
                }
                prop_assert!(deadlines.watched.len() <= slots.len());
            }
        }
    }
}
