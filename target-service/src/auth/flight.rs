//! One computation per key at a time: who comes while it runs waits for its result. Nothing is kept afterwards.

use std::future::Future;

use moka::future::Cache;

use super::Outcome;
use super::digest::Digest;

/// The computations under way.
pub(crate) struct Flights {
    // Capacity 0 stores nothing and still coalesces concurrent initialisers, which is all that is wanted.
    running: Cache<Digest, Outcome>,
}

/// What came of joining a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) outcome: Outcome,
    /// Whether another caller's computation gave the outcome.
    pub(crate) followed: bool,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self {
            running: Cache::new(0),
        }
    }

    /// Runs `work`, or waits for the same key's computation that is already running. It goes on in a task of its own:
    /// a caller that leaves neither stops it nor lets a follower start it a second time. After a panic, the caller
    /// that led gets [`Outcome::Broken`] and those waiting go on with their own `work`, again one at a time.
    pub(crate) async fn join<W>(&self, key: Digest, work: W) -> Landed
    where
        W: Future<Output = Outcome> + Send + 'static,
    {
        let running = self.running.clone();
        let flight = tokio::spawn(async move { running.entry(key).or_insert_with(work).await });
        match flight.await {
            Ok(entry) => Landed {
                followed: !entry.is_fresh(),
                outcome: entry.into_value(),
            },
            Err(_) => Landed {
                followed: false,
                outcome: Outcome::Broken,
            },
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
    const LED: Landed = Landed {
        outcome: Outcome::Accepted,
        followed: false,
    };
    const FOLLOWED: Landed = Landed {
        outcome: Outcome::Accepted,
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
                flights: Flights::new().into(),
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
                    Outcome::Accepted
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
            assert_eq!(landed.outcome, Outcome::Accepted);
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
    }

    #[tokio::test]
    async fn a_leader_that_panics_poisons_nobody() {
        let bench = Bench::new();
        let leader = bench.join(KEY, true);
        bench.settle().await;
        let followers = [bench.join(KEY, true), bench.join(KEY, true)];
        bench.settle().await;
        bench.gate.add_permits(3);
        let broken = Landed {
            outcome: Outcome::Broken,
            followed: false,
        };
        assert_eq!(leader.await.unwrap(), broken);
        for follower in followers {
            assert_eq!(follower.await.unwrap().outcome, Outcome::Accepted);
        }
        // The second follower may find the flight of the first still under way or already landed.
        assert!((2..=3).contains(&bench.runs()), "{} runs", bench.runs());
    }
}
