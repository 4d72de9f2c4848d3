//! A request that is due, and what its device must be given before it can be sent: the prerequisite goes first, on the same
//! connection, while other connections that need it for the same device wait. All on one thread; no borrow is held across
//! an await.

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::clock::now_ns;
use super::feed::Ticket;
use super::shard::Shard;
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
struct Turn<'a> {
    turns: &'a Turns,
    sender: Sender,
}

impl Turns {
    fn take(&self, sender: Sender) -> Option<Turn<'_>> {
        let is_free = self.taken.borrow_mut().insert(sender);
        // Not `then_some`: a turn that is made ends, and with it the one that is taken.
        is_free.then(|| Turn {
            turns: self,
            sender,
        })
    }

    fn is_waiting(&self, slot: &Rc<Slot>) -> bool {
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

impl<'a> Job<'a> {
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

    /// Finds out what has to be sent first, and waits while another connection is at it. The answer is since when the job
    /// could go on, 0 if it did not have to wait; `None` if the phase is over before.
    pub(super) async fn ready(&mut self, shard: &'a Shard, slot: &Rc<Slot>) -> Option<u64> {
        let mut since = 0;
        while self.errand.is_none() {
            let missing = shard.source.borrow().missing(self.kind, self.ticket.n);
            let Some((kind, sender)) = missing else {
                break;
            };
            if let Some(turn) = shard.turns.take(sender) {
                self.errand = Some(Errand {
                    kind,
                    since: now_ns(),
                    _turn: turn,
                });
            } else {
                wait(shard, slot, sender).await?;
                since = now_ns();
            }
        }
        Some(since)
    }
}

/// Waits until the device's turn has ended; `None` if the phase is over before.
async fn wait(shard: &Shard, slot: &Rc<Slot>, sender: Sender) -> Option<()> {
    shard
        .turns
        .waiting
        .borrow_mut()
        .push((sender, slot.clone()));
    poll_fn(|context| {
        slot.listen(context);
        if shard.aborted.get() {
            Poll::Ready(None)
        } else if shard.turns.is_waiting(slot) {
            // Woken by something else, such as the server's end of the connection.
            Poll::Pending
        } else {
            Poll::Ready(Some(()))
        }
    })
    .await
}
