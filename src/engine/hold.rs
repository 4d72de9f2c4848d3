//! A request whose body waits until the server says that it wants it: `Expect: 100-continue` (RFC 9110 section 10.1.1). All others are
//! sent at once and know nothing of this.

use std::task::{Context, Poll};

use super::clock::now_ns;
use super::timer::Timer;

/// A server that says nothing may not know the header: the body is sent after this, ns. curl waits as long.
const LONGEST_NS: u64 = 1_000_000_000;

/// A body that waits.
pub(super) struct Hold<'a> {
    /// Where it begins.
    at: usize,
    timer: &'a Timer,
    /// When the wait ends, ns; 0 before it began.
    until: u64,
}

impl<'a> Hold<'a> {
    pub(super) fn new(at: usize, timer: &'a Timer) -> Self {
        Self {
            at,
            timer,
            until: 0,
        }
    }

    /// Up to where the request may be sent now, of which `written` bytes are; `None` if it has waited for long enough.
    pub(super) fn end(&mut self, written: usize, context: &mut Context<'_>) -> Option<usize> {
        if written < self.at {
            return Some(self.at);
        }
        if self.until == 0 {
            self.until = now_ns() + LONGEST_NS;
        }
        match self.timer.poll_until(self.until, context) {
            Poll::Pending => Some(written),
            Poll::Ready(()) => None,
        }
    }
}
