//! One computation per key at a time: who comes while it runs waits for its result. Nothing is kept afterwards, and nothing is begun
//! that nobody waits for. What cannot be stopped once it has begun holds its flight until it ends, so that who comes then joins it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::digest::Digest;
use super::outcome::{Answer, Outcome, Source};
use crate::bcrypt_pool::Wanted;

type Running = Mutex<HashMap<Digest, Weak<Flight>>>;

/// The computations under way.
pub(crate) struct Flights {
    running: Arc<Running>,
    /// Callers that left before their flight landed.
    cancelled: Counter,
}

tokio::task_local! {
    /// The flight that a task computes for.
    static UNDER_WAY: Weak<Flight>;
}

/// Whether anyone waits for what this task computes; while what it gives is held, the flight goes on without any caller. Outside of
/// flights somebody always waits.
pub(super) fn wanted() -> Wanted {
    match UNDER_WAY.try_with(Weak::clone) {
        Ok(flight) => Box::new(move || Some(Box::new(flight.upgrade()?))),
        Err(_) => Box::new(|| Some(Box::new(()))),
    }
}

/// A computation in a task of its own, which ends when the last caller has left.
struct Flight {
    key: Digest,
    running: Arc<Running>,
    landed: watch::Receiver<Option<Answer>>,
    task: OnceLock<AbortOnDropHandle<()>>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        // Another one may have begun since nobody held this one.
        if running
            .get(&self.key)
            .is_some_and(|of| of.strong_count() == 0)
        {
            running.remove(&self.key);
        }
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<Digest, Weak<Flight>>> {
    running.lock().expect("nothing panics under this lock")
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
            running: Arc::default(),
            cancelled,
        }
    }

    /// Runs `work`, or waits for the same key's computation that is already running. It goes on in a task of its own: a caller
    /// that leaves stops it only if no other waits. After a panic, the caller that led gets [`Outcome::Broken`] and those
    /// waiting go on with their own `work`, again one at a time.
    pub(crate) async fn join<W>(&self, key: Digest, work: W) -> Landed
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let mut seat = Seat {
            cancelled: &self.cancelled,
            landed: false,
        };
        let mut work = Some(work);
        let landed = loop {
            let (flight, followed) = self.board(key, &mut work);
            let mut landed = flight.landed.clone();
            let answer = landed.wait_for(Option::is_some).await.map(|answer| *answer);
            match answer {
                Ok(Some(answer)) => break Landed { answer, followed },
                // It broke down. Its own caller is told, the others start anew.
                Ok(None) | Err(_) if followed => drop(flight),
                Ok(None) | Err(_) => {
                    break Landed {
                        followed,
                        answer: Answer {
                            outcome: Outcome::Broken,
                            source: Source::Check,
                        },
                    };
                }
            }
        };
        seat.landed = true;
        landed
    }

    /// The key's flight, and whether another caller began it.
    fn board<W>(&self, key: Digest, work: &mut Option<W>) -> (Arc<Flight>, bool)
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let _over;
        let mut running = lock(&self.running);
        let under_way = running.get(&key).and_then(Weak::upgrade);
        // Dropped when the lock is free: its end takes the lock.
        _over = match under_way {
            Some(flight) if flight.is_under_way() => return (flight, true),
            over => over,
        };
        let work = work.take().expect("a caller that led does not come back");
        let (land, landed) = watch::channel(None);
        let flight = Arc::new(Flight {
            key,
            running: Arc::clone(&self.running),
            landed,
            task: OnceLock::new(),
        });
        let task = UNDER_WAY.scope(Arc::downgrade(&flight), async move {
            let answer = work.await;
            // Without anyone who waits it would not have come so far.
            let _ = land.send(Some(answer));
        });
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        flight.task.set(task).expect("it is set once");
        running.insert(key, Arc::downgrade(&flight));
        (flight, false)
    }
}

impl Flight {
    /// Whether it has neither landed nor broken down: what is known already may be of before a revocation.
    fn is_under_way(&self) -> bool {
        self.landed.has_changed().is_ok() && self.landed.borrow().is_none()
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
    async fn what_nobody_waits_for_is_given_up() {
        let bench = Bench::new();
        for _ in 0..100 {
            let callers = [bench.join(KEY, false), bench.join(KEY, false)];
            bench.settle().await;
            for caller in callers {
                caller.abort();
                assert!(caller.await.unwrap_err().is_cancelled());
            }
        }
        bench.settle().await;
        assert!(lock(&bench.flights.running).is_empty());
        // None of those that were given up takes the permit.
        bench.gate.add_permits(1);
        assert_eq!(bench.join(KEY, false).await.unwrap(), LED);
        assert_eq!((bench.runs(), bench.flights.cancelled.get()), (101, 200));
        assert!(lock(&bench.flights.running).is_empty());
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
