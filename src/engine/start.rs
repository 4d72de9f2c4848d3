//! When a load begins and when it is asked to end. Both are instants that all workers share, also those of two loads that take turns, so
//! that no worker measures another stretch of time than the next one. Read at ticks; nothing here is on the measured path.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::watch;

use super::clock::now_ns;

/// How often a worker that prepares looks whether all are ready, ns.
pub(super) const PREPARING_TICK_NS: u64 = 500_000;

/// Time between the moment at which the last worker is ready and the beginning of the schedule, ns: a worker looks for the
/// beginning every [`PREPARING_TICK_NS`].
const LEAD_NS: u64 = 2_000_000;

/// Time between the wish to stop and the end of the window, ns: longer than any worker's tick, so that all of them end their
/// windows at the same instant.
const STOP_LEAD_NS: u64 = 20_000_000;

/// A beginning that was agreed on beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appointment {
    /// When the schedule begins, ns.
    pub at: u64,
    /// By when all workers must be ready, ns: nothing is sent if they are not.
    pub ready_by: u64,
}

/// How much later than it is missed a load would begin whose appointment was missed, ns: it is stopped before.
const MISSED_NS: u64 = 1_000_000_000;

/// The common beginning and end of all workers.
#[derive(Debug)]
pub(super) struct Course {
    /// Workers that are not ready.
    preparing: AtomicU32,
    appointment: Option<Appointment>,
    begin: watch::Sender<Option<u64>>,
    /// When the load ends early, ns; 0 if nobody wished that.
    stop_at: AtomicU64,
}

impl Course {
    pub(super) fn new(workers: u32, appointment: Option<Appointment>) -> Arc<Self> {
        Arc::new(Self {
            preparing: AtomicU32::new(workers),
            appointment,
            begin: watch::Sender::new(None),
            stop_at: AtomicU64::new(0),
        })
    }

    /// When the schedule begins, ns; `None` until all workers are ready.
    pub(super) fn begin(&self) -> Option<u64> {
        *self.begin.borrow()
    }

    /// Waits for the beginning.
    pub(super) fn watch_begin(&self) -> watch::Receiver<Option<u64>> {
        self.begin.subscribe()
    }

    /// Ends the load soon; the first wish counts.
    pub(super) fn stop(&self) {
        let at = now_ns() + STOP_LEAD_NS;
        // Fails if somebody wished so before.
        let _ = self
            .stop_at
            .compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// When the load ends early, ns, if somebody wished that.
    pub(super) fn stop_at(&self) -> Option<u64> {
        let at = self.stop_at.load(Ordering::Relaxed);
        (at > 0).then_some(at)
    }

    fn arrive(&self) {
        if self.preparing.fetch_sub(1, Ordering::AcqRel) == 1 {
            let now = now_ns();
            let begin = match self.appointment {
                None => now + LEAD_NS,
                Some(appointment) if now <= appointment.ready_by => appointment.at,
                Some(_) => {
                    self.stop();
                    now + MISSED_NS
                }
            };
            self.begin.send_replace(Some(begin));
        }
    }
}

/// One worker's duty to say that it is ready. A worker that ends before has failed: it stops the load and lets the others begin,
/// so that they see that.
#[derive(Debug)]
pub(super) struct Arrival {
    course: Arc<Course>,
    has_arrived: bool,
}

impl Arrival {
    pub(super) fn new(course: &Arc<Course>) -> Self {
        Self {
            course: course.clone(),
            has_arrived: false,
        }
    }

    /// Says that the worker is ready; again is the same.
    pub(super) fn arrive(&mut self) {
        if !std::mem::replace(&mut self.has_arrived, true) {
            self.course.arrive();
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if !self.has_arrived {
            self.course.stop();
            self.arrive();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_worker_that_is_ready_begins() {
        let course = Course::new(2, None);
        let mut arrivals = [(); 2].map(|()| Arrival::new(&course));
        arrivals[0].arrive();
        arrivals[0].arrive();
        assert_eq!(course.begin(), None);
        let before = now_ns();
        arrivals[1].arrive();
        assert!(course.begin() >= Some(before + LEAD_NS));
        drop(arrivals);
        assert_eq!(course.stop_at(), None);
    }

    #[test]
    fn a_worker_that_fails_before_it_is_ready_holds_up_nobody() {
        let course = Course::new(2, None);
        let mut ready = Arrival::new(&course);
        ready.arrive();
        drop(Arrival::new(&course));
        assert!(course.begin().is_some() && course.stop_at().is_some());
    }

    #[test]
    fn an_appointment_is_kept_or_nothing_is_sent() {
        let far = now_ns() + 3_600_000_000_000;
        let appointment = |ready_by| Some(Appointment { at: far, ready_by });
        let kept = Course::new(1, appointment(far));
        Arrival::new(&kept).arrive();
        assert_eq!((kept.begin(), kept.stop_at()), (Some(far), None));
        let missed = Course::new(1, appointment(now_ns() - 1));
        Arrival::new(&missed).arrive();
        let (begin, stop) = (missed.begin().unwrap(), missed.stop_at().unwrap());
        assert!(stop < begin && begin < far, "{stop} {begin}");
    }

    #[test]
    fn the_first_wish_to_stop_counts() {
        let course = Course::new(1, None);
        course.stop();
        let first = course.stop_at();
        course.stop();
        assert_eq!(course.stop_at(), first);
    }
}
