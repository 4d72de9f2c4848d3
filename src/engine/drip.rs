//! A request whose bytes go out with pauses between them, as those of slow clients do. All others are sent as fast as the stream
//! takes them and know nothing of this.

use std::task::{Context, Poll};

use super::clock::now_ns;
use super::timer::Timer;
use crate::transport::http1::Stops;

/// A request on its way.
pub(super) struct Drip<'a> {
    stops: &'a Stops,
    timer: &'a Timer,
    next: usize,
    /// End of the pause at hand, ns; 0 if there is none.
    until: u64,
}

impl<'a> Drip<'a> {
    pub(super) fn new(stops: &'a Stops, timer: &'a Timer) -> Self {
        Self {
            stops,
            timer,
            next: 0,
            until: 0,
        }
    }

    /// Up to where the request may be sent now, of which `written` bytes are; `written` itself within a pause.
    pub(super) fn end(&mut self, written: usize, context: &mut Context<'_>) -> usize {
        while let Some(&end) = self.stops.ends.get(self.next) {
            if written < end {
                return end;
            }
            if self.until == 0 {
                self.until = now_ns() + self.stops.pause;
            }
            if self.timer.poll_until(self.until, context) == Poll::Pending {
                return written;
            }
            self.until = 0;
            self.next += 1;
        }
        usize::MAX
    }
}
