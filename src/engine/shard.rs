//! What the tasks of one worker share: the schedule, the recorder, the connections' slots. All on one thread, so that
//! nothing is locked; no borrow is held across an await.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;

use super::clock::now_ns;
use super::connection::connection;
use super::feed::{Feed, Next, Ticket};
use super::source::Source;
use super::wire::{Reuse, Slot};
use crate::metrics::{Durations, ErrorKind, Interval, Outcome, Recorder, Times};
use crate::transport::stream::Endpoint;

/// What the tasks of one worker share; all on one thread.
pub(super) struct Shard {
    pub(super) endpoint: Endpoint,
    pub(super) reuse: Reuse,
    pub(super) timeout: Duration,
    pub(super) feed: RefCell<Feed>,
    pub(super) source: RefCell<Source>,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) reports: UnboundedSender<Interval>,
    pub(super) used: Receiver<Interval>,
    pub(super) is_closed_loop: bool,
    /// All connections' slots, for deadlines.
    pub(super) slots: RefCell<Vec<Rc<Slot>>>,
    /// Connections that wait for a request; the one that was used last is used next.
    pub(super) idle: RefCell<Vec<Rc<Slot>>>,
    /// Nothing will be due again.
    pub(super) finished: Cell<bool>,
    /// What is under way is given up and counted as in flight.
    pub(super) aborted: Cell<bool>,
    /// Connection tasks that have not ended.
    pub(super) live: Cell<usize>,
    /// A connection task panicked.
    pub(super) broken: Cell<bool>,
    pub(super) last_done: Cell<u64>,
    /// How long each connection took to open, handshake included.
    pub(super) opening: RefCell<Durations>,
    pub(super) resent: Cell<u64>,
}

impl Shard {
    pub(super) fn add_connection(self: &Rc<Self>) {
        let slot = Rc::new(Slot::default());
        self.slots.borrow_mut().push(slot.clone());
        self.live.set(self.live.get() + 1);
        let life = Life(self.clone());
        spawn_local(async move { connection(&life.0, &slot).await });
    }

    pub(super) fn next(&self, now: u64) -> Next {
        self.feed.borrow_mut().take(now)
    }

    pub(super) fn record(&self, kind: usize, outcome: Outcome, times: Times) {
        self.rotate_if_over(times.done);
        self.last_done.set(times.done);
        self.recorder.borrow_mut().record(kind, outcome, times);
    }

    pub(super) fn fail(
        &self,
        ticket: Ticket,
        kind: ErrorKind,
        times: Times,
        status: Option<u16>,
        words: impl FnOnce() -> String,
    ) {
        let request = self.source.borrow().kind(ticket.n);
        self.record(request, Outcome::Failed { kind, status }, times);
        let mut recorder = self.recorder.borrow_mut();
        if recorder.wants_exemplar(kind, ticket.intended) {
            recorder.keep_exemplar(
                kind,
                self.source.borrow().scrub(ticket.n, words().as_bytes()),
            );
        }
    }

    /// The phase is over before a request could be sent.
    pub(super) fn give_up(&self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.not_sent(ticket, now_ns());
        }
    }

    pub(super) fn not_sent(&self, ticket: Ticket, now: u64) {
        let request = self.source.borrow().kind(ticket.n);
        self.recorder
            .borrow_mut()
            .record_not_sent(request, ticket.intended, now);
    }

    /// What was due and never found a free connection.
    pub(super) fn count_not_sent(&self, now: u64) {
        if !self.is_closed_loop {
            while let Next::Due(ticket) = self.next(now) {
                self.not_sent(ticket, now);
            }
        }
    }

    pub(super) fn rotate_if_over(&self, now: u64) {
        let mut recorder = self.recorder.borrow_mut();
        while recorder.is_over(now) {
            let interval = recorder.rotate(self.used.try_recv().ok());
            // A receiver that is gone has no use for it.
            let _ = self.reports.send(interval);
        }
    }

    /// Nothing will be due again: connections that wait end.
    pub(super) fn finish(&self) {
        self.finished.set(true);
        self.idle
            .borrow_mut()
            .drain(..)
            .for_each(|slot| slot.wake());
    }

    pub(super) fn abort(&self) {
        self.aborted.set(true);
        self.finish();
    }
}

/// Counts a connection task as live until it has ended in whatever way.
struct Life(Rc<Shard>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get() - 1);
        if std::thread::panicking() {
            self.0.broken.set(true);
        }
    }
}
