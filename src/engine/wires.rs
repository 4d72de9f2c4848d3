//! The connections of one user of a load: one to the target, and one to each other host, opened when a request first goes there.
//! They carry one exchange at a time, whichever does.

use std::future::poll_fn;
use std::task::Poll;

use super::due::Ticket;
use super::exchange::Slot;
use super::hosts::Host;
use super::wire::{Reuse, Wire};

/// One connection to each host, open or not.
#[derive(Debug)]
pub(super) struct Wires {
    target: Wire,
    others: Vec<Wire>,
}

impl Wires {
    pub(super) fn new(reuse: Reuse, others: usize) -> Self {
        Self {
            target: Wire::new(reuse),
            others: (0..others).map(|_| Wire::new(reuse)).collect(),
        }
    }

    pub(super) fn to(&mut self, host: Host) -> &mut Wire {
        match host {
            Host::Target => &mut self.target,
            Host::Other(at) => &mut self.others[at],
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Wire> {
        std::iter::once(&mut self.target).chain(&mut self.others)
    }

    /// Waits for a ticket or for `over`; a connection that its peer closes meanwhile is closed here too.
    pub(super) async fn idle(&mut self, slot: &Slot, over: impl Fn() -> bool) -> Option<Ticket> {
        poll_fn(|context| {
            slot.listen(context);
            if let Some(ticket) = slot.ticket.take() {
                return Poll::Ready(Some(ticket));
            }
            if over() {
                return Poll::Ready(None);
            }
            self.all().for_each(|wire| wire.look(context));
            Poll::Pending
        })
        .await
    }

    /// How often bytes came that belong to no answer, since this was asked last.
    pub(super) fn take_surplus(&mut self) -> usize {
        self.all()
            .map(|wire| usize::from(wire.take_surplus()))
            .sum()
    }

    /// Closes those that are open.
    pub(super) async fn close(&mut self) {
        for wire in self.all() {
            wire.close().await;
        }
    }
}
