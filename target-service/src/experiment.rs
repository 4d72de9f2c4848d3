//! Makes the gateway slower on purpose, by known amounts: what is to notice a slowdown is tried with it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use gateway_config::Config;

/// What each request costs on top.
pub(crate) struct Experiment {
    rounds: u32,
    /// One in so many waits; none if it is 0.
    slow_one_in: u32,
    slow_by: Duration,
    count: AtomicU32,
}

impl Experiment {
    /// `None` if the gateway is as fast as it can be.
    pub(crate) fn of(config: &Config) -> Option<Arc<Self>> {
        let is_any = config.extra_work > 0 || config.slow_one_in > 0;
        is_any.then(|| {
            Arc::new(Self {
                rounds: config.extra_work,
                slow_one_in: config.slow_one_in,
                slow_by: config.slow_by.unsigned_abs(),
                count: AtomicU32::new(0),
            })
        })
    }

    /// Whether the next request is one that waits.
    fn is_slow(&self) -> bool {
        let number = self.count.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.slow_one_in > 0 && number.is_multiple_of(self.slow_one_in)
    }
}

/// Lets a request cost what it is to cost on top.
pub(crate) async fn burden(
    State(experiment): State<Arc<Experiment>>,
    request: Request,
    next: Next,
) -> Response {
    extra_work(experiment.rounds);
    if experiment.is_slow() {
        tokio::time::sleep(experiment.slow_by).await;
    }
    next.run(request).await
}

/// Not inlined, so that profiles name it; what it calls is the innermost function, which these lack.
#[inline(never)]
fn extra_work(rounds: u32) {
    let mixed = mix(black_box(rounds));
    black_box(mixed);
}

/// Each round waits for the one before it.
#[inline(never)]
fn mix(rounds: u32) -> u64 {
    (0..rounds).fold(1, |value, _| {
        (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_requests_is_slow() {
        let of = |slow_one_in| {
            let config = Config {
                extra_work: 1,
                slow_one_in,
                ..Config::default()
            };
            Experiment::of(&config).unwrap()
        };
        let slow = |one_in: u32| {
            let experiment = of(one_in);
            (0..12).filter(|_| experiment.is_slow()).count()
        };
        assert_eq!([0, 1, 4, 5].map(slow), [0, 12, 3, 2]);
        assert!(Experiment::of(&Config::default()).is_none());
    }
}
