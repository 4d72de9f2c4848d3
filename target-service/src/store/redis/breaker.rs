//! Keeps callers from a store that has just failed. Pure but for its clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No call is made for this long after one has failed, and then one at a time until one succeeds.
const PAUSE: Duration = Duration::from_millis(200);

/// Keeps callers from a store that has just failed.
pub(super) struct Breaker {
    epoch: Instant,
    /// Milliseconds since the epoch until which no call is made; 0 while the store answers.
    open_until: AtomicU64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            open_until: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// Whether to go on without the store. Once the pause is over one caller may try, and the others when it succeeds:
    /// not every request that comes meanwhile has to wait for the same time-out.
    pub(super) fn is_open(&self) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let now = self.now();
        now < until
            || self
                .open_until
                .compare_exchange(
                    until,
                    now + PAUSE.as_millis() as u64,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_err()
    }

    /// Whether it was not tripped before.
    pub(super) fn trip(&self) -> bool {
        let until = self.now() + PAUSE.as_millis() as u64;
        self.open_until.swap(until, Ordering::Relaxed) == 0
    }

    /// Whether it was tripped before.
    pub(super) fn close(&self) -> bool {
        // Loads first: a store into a shared line at every call would be the price of the common case.
        self.open_until.load(Ordering::Relaxed) != 0
            && self.open_until.swap(0, Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_caller_tries_and_the_others_follow_its_success() {
        let breaker = Breaker::new();
        assert!(!breaker.is_open() && !breaker.is_open());
        assert!(
            breaker.trip() && !breaker.trip(),
            "only the first failure is news"
        );
        assert!(breaker.is_open());
        // As if the pause were over.
        breaker.open_until.store(1, Ordering::Relaxed);
        while breaker.now() <= 1 {}
        assert!(!breaker.is_open(), "one may try");
        assert!(breaker.is_open(), "and no other meanwhile");
        assert!(
            breaker.close() && !breaker.close(),
            "only the first success is news"
        );
        assert!(!breaker.is_open());
    }
}
