//! One computation per key at a time: who comes while it runs waits for its result. Nothing is kept afterwards.

use std::future::Future;

use moka::future::Cache;
use prometheus_client::metrics::counter::Counter;

use super::digest::Digest;
use super::outcome::{Answer, Outcome, Source};

/// The computations under way.
pub(crate) struct Flights {
    // Capacity 0 stores nothing and still coalesces concurrent initialisers, which is all that is wanted.
    running: Cache<Digest, Answer>,
    /// Callers that left before their flight landed.
    cancelled: Counter,
}

/// What came of joining a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) answer: Answer,
    /// Whether another caller's computation gave the outcome.
    pub(crate) followed: bool,
}

impl Flights {
    pub(crate) fn new(cancelled: Counter) -> Self {
        Self {
            running: Cache::new(0),
            cancelled,
        }
    }

    /// Runs `work`, or waits for the same key's computation that is already running. It goes on in a task of its own:
    /// a caller that leaves neither stops it nor lets a follower start it a second time. After a panic, the caller
    /// that led gets [`Outcome::Broken`] and those waiting go on with their own `work`, again one at a time.
    pub(crate) async fn join<W>(&self, key: Digest, work: W) -> Landed
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let running = self.running.clone();
        let mut seat = Seat {
            cancelled: &self.cancelled,
            landed: false,
        };
        let flight = tokio::spawn(async move { running.entry(key).or_insert_with(work).await });
        let landed = flight.await;
        seat.landed = true;
        match landed {
            Ok(entry) => Landed {
                followed: !entry.is_fresh(),
                answer: entry.into_value(),
            },
            Err(_) => Landed {
                followed: false,
                answer: Answer {
                    outcome: Outcome::Broken,
                    source: Source::Check,
                },
            },
        }
    }
}

/// A caller's place on a flight, which it may leave early.
struct Seat<'a> {
    cancelled: &'a Counter,
    landed: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if !self.landed {
            self.cancelled.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    const KEY: Digest = [7; 32];
    const ACCEPTED: Answer = Answer {
        outcome: Outcome::Accepted,
        source: Source::Check,
    };
    const LED: Landed = Landed {
        answer: ACCEPTED,
        followed: false,
    };
    const FOLLOWED: Landed = Landed {
        answer: ACCEPTED,
        followed: true,
    };

    #[derive(Clone)]
    struct Bench {
        flights: Arc<Flights>,
        runs: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                flights: Flights::new(Counter::default()).into(),
                runs: Arc::default(),
                gate: Semaphore::new(0).into(),
            }
        }

        fn join(&self, key: Digest, first_panics: bool) -> JoinHandle<Landed> {
            let bench = self.clone();
            tokio::spawn(async move {
                let Self {
                    flights,
                    runs,
                    gate,
                } = bench;
                let work = async move {
                    let run = runs.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    assert!(
                        !(first_panics && run == 0),
                        "the first run fails on purpose"
                    );
                    ACCEPTED
                };
                flights.join(key, work).await
            })
        }

        /// On a single-threaded runtime tasks take turns: after these all spawned ones wait at the gate or behind it.
        async fn settle(&self) {
            for _ in 0..64 {
                yield_now().await;
            }
        }

        fn runs(&self) -> usize {
            self.runs.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn one_computes_and_the_others_follow() {
        let bench = Bench::new();
        let callers: Vec<_> = (0..10).map(|_| bench.join(KEY, false)).collect();
        bench.settle().await;
        assert_eq!(bench.runs(), 1);
        bench.gate.add_permits(1);
        let mut followed = 0;
        for caller in callers {
            let landed = caller.await.unwrap();
            assert_eq!(landed.answer, ACCEPTED);
            followed += usize::from(landed.followed);
        }
        assert_eq!((bench.runs(), followed), (1, 9));
    }

    #[tokio::test]
    async fn keys_fly_apart_and_nothing_is_kept() {
        let bench = Bench::new();
        bench.gate.add_permits(3);
        for key in [KEY, [8; 32], KEY] {
            assert_eq!(bench.join(key, false).await.unwrap(), LED);
        }
        assert_eq!(bench.runs(), 3);
    }

    #[tokio::test]
    async fn a_leader_that_leaves_strands_nobody() {
        let bench = Bench::new();
        let leader = bench.join(KEY, false);
        bench.settle().await;
        let follower = bench.join(KEY, false);
        bench.settle().await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        let late = bench.join(KEY, false);
        bench.settle().await;
        assert_eq!(
            bench.runs(),
            1,
            "the computation goes on without its caller"
        );
        bench.gate.add_permits(1);
        assert_eq!(follower.await.unwrap(), FOLLOWED);
        assert_eq!(late.await.unwrap(), FOLLOWED);
        assert_eq!(bench.runs(), 1);
        assert_eq!(bench.flights.cancelled.get(), 1);
    }

    #[tokio::test]
    async fn a_leader_that_panics_poisons_nobody() {
        let bench = Bench::new();
        let leader = bench.join(KEY, true);
        bench.settle().await;
        let followers = [bench.join(KEY, true), bench.join(KEY, true)];
        bench.settle().await;
        bench.gate.add_permits(3);
        let led = leader.await.unwrap();
        assert_eq!((led.answer.outcome, led.followed), (Outcome::Broken, false));
        for follower in followers {
            assert_eq!(follower.await.unwrap().answer, ACCEPTED);
        }
        // The second follower may find the flight of the first still under way or already landed.
        assert!((2..=3).contains(&bench.runs()), "{} runs", bench.runs());
    }
}
