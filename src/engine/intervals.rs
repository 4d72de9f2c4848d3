//! How intervals go from a worker to their reader and come back to be used again. A worker never waits for either.

use std::cell::Cell;
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc::Sender;

use crate::metrics::{Interval, Recorder};

/// Intervals that a worker has ready at the start: it makes none while it measures, unless they come back very late.
pub(super) const READY: usize = 2;

/// Intervals of a worker that there are at most: if none of them comes back, those that follow are joined.
pub(super) const MOST: usize = 64;

/// A worker's side: it cursors intervals over and takes used ones back.
pub(super) struct Intervals {
    worker: u32,
    reports: Sender<Interval>,
    used: Receiver<Interval>,
    /// Intervals that there are of this worker, wherever they are.
    made: Cell<usize>,
}

impl Intervals {
    /// `reports` has room for [`MOST`] of each worker; [`READY`] are in `used`, and the recorder has one more.
    pub(super) fn new(worker: u32, reports: Sender<Interval>, used: Receiver<Interval>) -> Self {
        Self {
            worker,
            reports,
            used,
            made: Cell::new(READY + 1),
        }
    }

    /// Hands over the interval that has ended. One for which there is no room, because those before it were not given back,
    /// goes on in the next one.
    pub(super) fn rotate(&self, recorder: &mut Recorder) {
        let used = self.used.try_recv().ok();
        if used.is_none() {
            if self.made.get() == MOST {
                recorder.join_next();
                return;
            }
            self.made.set(self.made.get() + 1);
        }
        self.report(recorder.rotate(used));
    }

    pub(super) fn report(&self, interval: Interval) {
        let interval = Interval {
            worker: self.worker,
            ..interval
        };
        // There is room for all that there are; a receiver that is gone has no use for it.
        let _ = self.reports.try_send(interval);
    }
}
