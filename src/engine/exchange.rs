//! One request under way, whatever protocol carries it: what hands it over, wakes it and ends it, and how it ended.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::due::Ticket;
use crate::metrics::ErrorKind;
use crate::transport::answer::Response;

/// When a request begins to be sent, ns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) sent: u64,
    /// When the connection had done with what was before.
    pub(super) free: u64,
}

/// What the worker says to one connection's task.
#[derive(Debug, Default)]
pub(super) struct Slot {
    waker: RefCell<Option<Waker>>,
    /// Instance that the connection goes to.
    pub(super) instance: usize,
    /// Its place among all of the worker.
    pub(super) at: usize,
    /// A request that became due while the connection was idle.
    pub(super) ticket: Cell<Option<Ticket>>,
    /// When what is under way is given up, ns; 0 if nothing is.
    pub(super) deadline: Cell<u64>,
    /// Whether that is looked at in time.
    pub(super) is_watched: Cell<bool>,
    /// Whether that time has come.
    pub(super) expired: Cell<bool>,
}

impl Slot {
    /// Of the connection `at`, which goes to the instance `instance`.
    pub(super) fn of(instance: usize, at: usize) -> Self {
        Self {
            instance,
            at,
            ..Self::default()
        }
    }

    /// What is under way is given up.
    pub(super) fn expire(&self) {
        self.expired.set(true);
        self.wake();
    }

    /// Gives up what is under way if its time has come; otherwise tells when that is. What is not watched any more has nothing
    /// under way. `absent` tells how long the worker did not run of the time that ends at such a deadline or goes on until now, ns. It is
    /// added to the deadline.
    pub(super) fn look(&self, now: u64, absent: impl Fn(u64) -> u64) -> Option<u64> {
        let deadline = self.deadline.get();
        if deadline > now {
            return Some(deadline);
        }
        if deadline != 0 {
            let deadline = deadline + absent(deadline);
            if deadline > now {
                return Some(deadline);
            }
        }
        self.is_watched.set(false);
        if deadline != 0 {
            self.expire();
        }
        None
    }

    /// Waits until this expires, which it does at `end` (ns).
    pub(super) async fn rest(&self, end: u64) {
        self.expired.set(false);
        self.deadline.set(end);
        poll_fn(|context| {
            self.listen(context);
            if self.expired.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.deadline.set(0);
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// The task's waker is the same for its life; it is stored once.
    pub(super) fn listen(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// A complete response; the request may still be unsent in part.
    Response(Response),
    /// The peer had closed the idle connection, or sent what nobody had asked for; nothing was sent.
    Stale,
    /// The request was sent on a connection that the peer had answered on, and the peer closed or reset it without a byte of an
    /// answer: perhaps it took it for idle, perhaps it had carried the request out.
    Dropped {
        /// That it is known not to have read the request.
        unread: bool,
        /// What it is if the request is not repeated.
        kind: ErrorKind,
    },
    /// Any other failure.
    Failed(ErrorKind, String),
    /// The slot expired.
    Expired,
}

/// What the future comes to; `None` if the slot expires first.
pub(super) async fn unless_expired<F: Future>(slot: &Slot, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| {
        slot.listen(context);
        if slot.expired.get() {
            Poll::Ready(None)
        } else {
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}
