//! A request that is due, with the prerequisite that is sent before it, and the devices for which one is under way. All on one
//! thread; it awaits nothing.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use super::clock::now_ns;
use super::devices::Device;
use super::due::Ticket;
use super::exchange::Slot;
use crate::metrics::Times;

/// What a connection is at.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// The scheduled request.
    pub(super) ticket: Ticket,
    /// Which request that is.
    pub(super) kind: usize,
    /// What is sent before it.
    pub(super) prerequisite: Option<Prerequisite<'a>>,
    /// When the request was sent first, if it has to be sent again.
    first: Option<Times>,
}

/// A prerequisite that is due.
#[derive(Debug)]
pub(super) struct Prerequisite<'a> {
    /// Which request it is.
    pub(super) kind: usize,
    /// When it became due: when the connection could have sent the request but for it, ns.
    since: u64,
    /// When it was sent first, if it has to be sent again.
    first: Option<Times>,
    _claim: Claim<'a>,
}

/// Which devices are being given something, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Prerequisites {
    taken: RefCell<HashSet<Device>>,
    waiting: RefCell<Vec<(Device, Rc<Slot>)>>,
}

/// The right to send prerequisites for a device; its end wakes who waits for it.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    prerequisites: &'a Prerequisites,
    device: Device,
}

impl Prerequisites {
    /// `None` while another connection has claimed it.
    pub(super) fn take(&self, device: Device) -> Option<Claim<'_>> {
        let is_free = self.taken.borrow_mut().insert(device);
        // Not `then_some`: a claim that is made is dropped, and would free what another one holds.
        is_free.then(|| Claim {
            prerequisites: self,
            device,
        })
    }

    /// Wakes the slot when the claim on the device has ended.
    pub(super) fn await_end(&self, device: Device, slot: &Rc<Slot>) {
        self.waiting.borrow_mut().push((device, slot.clone()));
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

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.prerequisites.taken.borrow_mut().remove(&self.device);
        self.prerequisites
            .waiting
            .borrow_mut()
            .retain(|(device, slot)| {
                let waits_for_this = *device == self.device;
                if waits_for_this {
                    slot.wake();
                }
                !waits_for_this
            });
    }
}

impl<'a> Prerequisite<'a> {
    /// One that is due now.
    pub(super) fn new(kind: usize, claim: Claim<'a>) -> Self {
        Self {
            kind,
            since: now_ns(),
            first: None,
            _claim: claim,
        }
    }
}

impl Job<'_> {
    pub(super) fn new(ticket: Ticket, kind: usize) -> Self {
        Self {
            ticket,
            kind,
            prerequisite: None,
            first: None,
        }
    }

    /// When what is under way was sent first, if it has to be sent again.
    pub(super) fn first(&self) -> Option<Times> {
        let prerequisite = self.prerequisite.as_ref();
        prerequisite.map_or(self.first, |prerequisite| prerequisite.first)
    }

    /// When the request was sent first, if it has to be sent again, whatever is sent before that.
    pub(super) fn request_sent(&self) -> Option<Times> {
        self.first
    }

    /// What is under way is sent again; these are its times until now.
    pub(super) fn send_again(&mut self, times: Times) {
        match &mut self.prerequisite {
            Some(prerequisite) => prerequisite.first = Some(times),
            None => self.first = Some(times),
        }
    }

    /// What is under way became due later, by so many ns.
    pub(super) fn delay(&mut self, by: u64) {
        self.ticket.intended += by;
        if let Some(prerequisite) = &mut self.prerequisite {
            prerequisite.since += by;
        }
    }

    /// The times of what is under way: all that follows its first sending is the target's.
    pub(super) fn booked(&self, times: Times) -> Times {
        self.first().map_or(times, |first| Times {
            done: times.done,
            ..first
        })
    }

    /// The request that is sent next.
    pub(super) fn sending(&self) -> usize {
        self.prerequisite
            .as_ref()
            .map_or(self.kind, |prerequisite| prerequisite.kind)
    }

    /// When that became due, ns.
    pub(super) fn intended(&self) -> u64 {
        self.prerequisite
            .as_ref()
            .map_or(self.ticket.intended, |prerequisite| prerequisite.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(begin: u64) -> Times {
        Times {
            intended: begin,
            startable: begin + 1,
            sent: begin + 2,
            done: begin + 3,
        }
    }

    #[test]
    fn a_prerequisite_is_not_booked_with_the_times_of_a_request_that_was_dropped() {
        let prerequisites = Prerequisites::default();
        let ticket = Ticket {
            n: 0,
            intended: 10,
            instance: 0,
        };
        let mut job = Job::new(ticket, 1);
        job.send_again(times(10));
        assert_eq!(job.booked(times(50)).sent, 12);
        // Before it is sent again its device has to be given something.
        let claim = prerequisites.take(Device { fleet: 0, index: 0 }).unwrap();
        job.prerequisite = Some(Prerequisite::new(0, claim));
        assert_eq!(job.first(), None);
        assert_eq!(job.booked(times(50)), times(50));
        job.send_again(times(50));
        assert_eq!(job.booked(times(70)).sent, 52);
        assert_eq!(job.request_sent(), Some(times(10)));
        // Back at the request, which was sent long before.
        job.prerequisite = None;
        let booked = job.booked(times(90));
        assert_eq!((booked.intended, booked.sent, booked.done), (10, 12, 93));
    }
}
