//! A request that is due, with the prerequisite that is sent before it, and the devices for which one is under way. All on one
//! thread; it awaits nothing.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use super::clock::now_ns;
use super::feed::Ticket;
use super::wire::Slot;

/// What a connection is at.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// The scheduled request.
    pub(super) ticket: Ticket,
    /// Which request that is.
    pub(super) kind: usize,
    /// What is sent before it.
    pub(super) errand: Option<Errand<'a>>,
}

/// A prerequisite that is due.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    /// Which request it is.
    pub(super) kind: usize,
    /// When it became due: when the connection could have sent the request but for it, ns.
    since: u64,
    _turn: Turn<'a>,
}

/// A fleet, and the device's place in it.
pub(super) type Sender = (usize, usize);

/// Which devices are being given something, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: RefCell<HashSet<Sender>>,
    waiting: RefCell<Vec<(Sender, Rc<Slot>)>>,
}

/// The right to send prerequisites for a device; its end wakes who waits for it.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    sender: Sender,
}

impl Turns {
    /// `None` while another connection has the turn.
    pub(super) fn take(&self, sender: Sender) -> Option<Turn<'_>> {
        let is_free = self.taken.borrow_mut().insert(sender);
        // Not `then_some`: a turn that is made ends, and with it the one that is taken.
        is_free.then(|| Turn {
            turns: self,
            sender,
        })
    }

    /// Wakes the slot when the device's turn has ended.
    pub(super) fn await_end(&self, sender: Sender, slot: &Rc<Slot>) {
        self.waiting.borrow_mut().push((sender, slot.clone()));
    }

    pub(super) fn is_waiting(&self, slot: &Rc<Slot>) -> bool {
        let waiting = self.waiting.borrow();
        waiting.iter().any(|(_, other)| Rc::ptr_eq(other, slot))
    }

    /// Whoever waits looks again, whatever he waits for.
    pub(super) fn wake_all(&self) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.drain(..).for_each(|(_, slot)| slot.wake());
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken.borrow_mut().remove(&self.sender);
        self.turns.waiting.borrow_mut().retain(|(sender, slot)| {
            let waits_for_this = *sender == self.sender;
            if waits_for_this {
                slot.wake();
            }
            !waits_for_this
        });
    }
}

impl<'a> Errand<'a> {
    /// One that is due now.
    pub(super) fn new(kind: usize, turn: Turn<'a>) -> Self {
        Self {
            kind,
            since: now_ns(),
            _turn: turn,
        }
    }
}

impl Job<'_> {
    /// The request that is sent next.
    pub(super) fn sending(&self) -> usize {
        self.errand.as_ref().map_or(self.kind, |errand| errand.kind)
    }

    /// When that became due, ns.
    pub(super) fn intended(&self) -> u64 {
        self.errand
            .as_ref()
            .map_or(self.ticket.intended, |errand| errand.since)
    }
}
