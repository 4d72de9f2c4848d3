//! One instance of the target, as a worker knows it: its connections and who of them is idle. All on one thread; it awaits nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::exchange::Slot;
use super::pauses::{Connections, Lateness};
use crate::transport::stream::Endpoint;

/// One instance of the target: its connections are never used for another one's requests.
pub(super) struct Instance {
    pub(super) endpoint: Endpoint,
    /// Connections that it may have, and how many it has.
    pub(super) most: usize,
    pub(super) opened: Cell<usize>,
    /// Connections that wait for a request; the one that was used last is used next.
    pub(super) idle: RefCell<Vec<Rc<Slot>>>,
    /// Nothing will be due again for it.
    pub(super) finished: Cell<bool>,
    pub(super) lateness: RefCell<Lateness>,
}

impl Instance {
    pub(super) fn new(endpoint: Endpoint, most: usize) -> Self {
        Self {
            endpoint,
            most,
            opened: Cell::new(0),
            idle: RefCell::default(),
            finished: Cell::new(false),
            lateness: RefCell::default(),
        }
    }

    /// The worker got round at `now` to what was due at `due`.
    pub(super) fn got_round(&self, due: u64, now: u64) {
        let is_free = !self.idle.borrow().is_empty() || self.opened.get() < self.most;
        let connections = if is_free {
            Connections::Free
        } else {
            Connections::Busy
        };
        self.lateness.borrow_mut().note(due, now, connections);
    }

    /// Nothing will be due again: connections that wait end.
    pub(super) fn finish(&self) {
        self.finished.set(true);
        self.idle
            .borrow_mut()
            .drain(..)
            .for_each(|slot| slot.wake());
    }
}
