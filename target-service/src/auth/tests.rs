//! What the credential check does with its cache, its flights and its counters.

mod floods;

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use gateway_config::Device;
use prometheus_client::metrics::counter::Counter;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::bcrypt_pool::{Check, PoolSize, bcrypt_check};

const COST: u32 = 4;
const LIMIT: Duration = Duration::from_secs(30);

struct Bench {
    auth: Arc<Authenticator>,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn new(mode: Auth, queue: usize, check: &Arc<Check>) -> Self {
        Self::with(
            Config {
                auth: mode,
                cpus: 1,
                bcrypt_queue: queue,
                unproven_queue: queue,
                ..Config::default()
            },
            check,
        )
    }

    fn with(config: Config, check: &Arc<Check>) -> Self {
        let config = Config {
            bcrypt_cost: COST,
            user_kib: 1,
            ..config
        };
        let devices = ["car", "van", "bus", "cab"].map(|id| Device {
            id: id.into(),
            hash: bcrypt::hash("right", COST).unwrap(),
        });
        let known = Registry::new(devices.into()).unwrap();
        let metrics = Metrics::new();
        let store = Arc::new(Store::open(&config, known.len(), metrics.store.clone()).unwrap());
        let pool = BcryptPool::start(PoolSize::of(&config), &metrics.pool, check).unwrap();
        Self {
            auth: Authenticator::new(&config, known, pool, store, Arc::clone(&metrics)).unwrap(),
            metrics,
        }
    }

    fn real(mode: Auth) -> Self {
        Self::new(mode, 64, &(Arc::new(bcrypt_check) as Arc<Check>))
    }

    async fn check(&self, id: &str, secret: &str) -> Outcome {
        self.auth.check(id.as_bytes(), secret.as_bytes()).await
    }

    /// bcrypt, hits, misses, shared, rejected.
    fn counts(&self) -> [u64; 5] {
        let Metrics {
            pool,
            cache_hits,
            cache_misses,
            shared,
            rejected,
            ..
        } = &*self.metrics;
        [&pool.started, cache_hits, cache_misses, shared, rejected].map(Counter::get)
    }
}

/// A check that holds every comparison until it is sent a permit; all of them match.
fn gated() -> (Arc<Check>, Sender<()>) {
    let (permit, gate) = channel();
    let gate = Mutex::new(gate);
    (
        Arc::new(move |_, _| gate.lock().unwrap().recv().ok().map(|()| true)),
        permit,
    )
}

async fn until(counter: &Counter, value: u64) {
    let reached = async {
        while counter.get() < value {
            yield_now().await;
        }
    };
    timeout(LIMIT, reached).await.unwrap();
}

#[tokio::test]
async fn a_cold_herd_of_eight() {
    for (mode, expected) in [
        (Auth::Cached, [8, 1, 8, 0, 0]),
        (Auth::Singleflight, [1, 1, 8, 7, 0]),
    ] {
        let (check, permit) = gated();
        let bench = Bench::new(mode, 64, &check);
        let herd: Vec<_> = (0..8)
            .map(|_| {
                let auth = Arc::clone(&bench.auth);
                tokio::spawn(async move { auth.check(b"car", b"right").await })
            })
            .collect();
        until(&bench.metrics.cache_misses, 8).await;
        for _ in 0..8 {
            permit.send(()).unwrap();
        }
        for one in herd {
            assert_eq!(one.await.unwrap(), Outcome::Accepted);
        }
        assert_eq!(bench.check("car", "right").await, Outcome::Accepted);
        assert_eq!(bench.counts(), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn failures_are_never_remembered_and_evict_nothing() {
    for (mode, expected) in [
        (Auth::Naive, [5, 0, 0, 0, 0]),
        (Auth::Cached, [4, 1, 4, 0, 0]),
        (Auth::Singleflight, [4, 1, 4, 0, 0]),
    ] {
        let bench = Bench::real(mode);
        for (id, secret, outcome) in [
            ("car", "right", Outcome::Accepted),
            ("car", "wrong", Outcome::Refused),
            ("car", "wrong", Outcome::Refused),
            ("car", "right", Outcome::Accepted),
            ("stranger", "right", Outcome::Refused),
        ] {
            assert_eq!(
                bench.check(id, secret).await,
                outcome,
                "{mode:?} {id} {secret}"
            );
        }
        assert_eq!(bench.counts(), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn what_bcrypt_would_cut_is_refused_without_it() {
    for mode in [Auth::Naive, Auth::Cached, Auth::Singleflight] {
        let bench = Bench::real(mode);
        assert_eq!(bench.check("car", &"x".repeat(73)).await, Outcome::Refused);
        assert_eq!(bench.counts(), [0; 5], "{mode:?}");
        assert_eq!(bench.check("car", &"x".repeat(72)).await, Outcome::Refused);
        assert_eq!(bench.metrics.pool.started.get(), 1, "{mode:?}");
    }
}

#[tokio::test]
async fn a_full_queue_is_told_and_counted() {
    for mode in [Auth::Naive, Auth::Cached, Auth::Singleflight] {
        let (check, permit) = gated();
        let bench = Bench::new(mode, 1, &check);
        let ask = |secret: &'static [u8]| {
            let auth = Arc::clone(&bench.auth);
            tokio::spawn(async move { auth.check(b"car", secret).await })
        };
        let running = ask(b"1");
        until(&bench.metrics.pool.started, 1).await;
        // One of these takes the only place, the others find it taken.
        let waiting = [ask(b"2"), ask(b"3"), ask(b"4")];
        until(&bench.metrics.rejected, 2).await;
        permit.send(()).unwrap();
        permit.send(()).unwrap();
        assert_eq!(running.await.unwrap(), Outcome::Accepted);
        let mut overloaded = 0;
        for one in waiting {
            overloaded += u32::from(one.await.unwrap() == Outcome::Overloaded);
        }
        assert_eq!(overloaded, 2, "{mode:?}");
    }
}

#[tokio::test]
async fn a_broken_check_is_neither_yes_nor_no() {
    let broken: Arc<Check> = Arc::new(|_, _| panic!("on purpose"));
    for mode in [Auth::Naive, Auth::Cached, Auth::Singleflight] {
        let bench = Bench::new(mode, 64, &broken);
        assert_eq!(
            bench.check("car", "right").await,
            Outcome::Broken,
            "{mode:?}"
        );
        assert_eq!(
            bench.check("car", "right").await,
            Outcome::Broken,
            "{mode:?}"
        );
    }
}

#[test]
fn the_hash_for_strangers_is_one() {
    for cost in [4, 10, 14] {
        assert_eq!(
            bcrypt::HashParts::from_str(&stranger(cost))
                .unwrap()
                .get_cost(),
            cost
        );
    }
    assert_eq!(bcrypt_check(b"any", &stranger(4)), Some(false));
}

#[tokio::test]
async fn revocation_holds_against_every_memory_of_the_device() {
    for mode in [
        Auth::Naive,
        Auth::Cached,
        Auth::Singleflight,
        Auth::Shielded,
    ] {
        let bench = Bench::real(mode);
        assert_eq!(bench.check("car", "right").await, Outcome::Accepted);
        assert_eq!(bench.auth.revoke(b"car").await, Some(Ok(())));
        assert_eq!(bench.auth.revoke(b"nobody").await, None);
        for _ in 0..2 {
            assert_eq!(
                bench.check("car", "right").await,
                Outcome::Refused,
                "{mode:?}"
            );
        }
        assert_eq!(
            bench.check("van", "right").await,
            Outcome::Accepted,
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn who_comes_after_a_revocation_is_refused_though_an_earlier_check_is_under_way() {
    for mode in [Auth::Singleflight, Auth::Shielded] {
        let (check, permit) = gated();
        let bench = Bench::new(mode, 64, &check);
        let ask = || {
            let auth = Arc::clone(&bench.auth);
            tokio::spawn(async move { auth.check(b"car", b"right").await })
        };
        let before = ask();
        until(&bench.metrics.pool.started, 1).await;
        assert_eq!(bench.auth.revoke(b"car").await, Some(Ok(())));
        let behind = ask();
        until(&bench.metrics.cache_misses, 2).await;
        permit.send(()).unwrap();
        permit.send(()).unwrap();
        assert_eq!(before.await.unwrap(), Outcome::Refused, "{mode:?}");
        assert_eq!(behind.await.unwrap(), Outcome::Refused, "{mode:?}");
    }
}

/// Another request for what runs already waits for it, although nobody waited any more.
#[tokio::test]
async fn a_check_that_was_left_is_not_begun_again_beside_it() {
    let (check, permit) = gated();
    let bench = Bench::new(Auth::Singleflight, 64, &check);
    let ask = || {
        let auth = Arc::clone(&bench.auth);
        tokio::spawn(async move { auth.check(b"car", b"right").await })
    };
    let left = ask();
    until(&bench.metrics.pool.started, 1).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    let next = ask();
    until(&bench.metrics.cache_misses, 2).await;
    permit.send(()).unwrap();
    assert_eq!(next.await.unwrap(), Outcome::Accepted);
    assert_eq!(bench.counts(), [1, 0, 2, 1, 0]);
}

#[tokio::test]
async fn a_check_under_way_does_not_survive_revocation() {
    for mode in [
        Auth::Naive,
        Auth::Cached,
        Auth::Singleflight,
        Auth::Shielded,
    ] {
        let (check, permit) = gated();
        let bench = Bench::new(mode, 64, &check);
        let auth = Arc::clone(&bench.auth);
        let under_way = tokio::spawn(async move { auth.check(b"car", b"right").await });
        until(&bench.metrics.pool.started, 1).await;
        assert_eq!(bench.auth.revoke(b"car").await, Some(Ok(())));
        permit.send(()).unwrap();
        assert_eq!(under_way.await.unwrap(), Outcome::Refused, "{mode:?}");
        permit.send(()).unwrap();
        assert_eq!(
            bench.check("car", "right").await,
            Outcome::Refused,
            "{mode:?}"
        );
    }
}

fn shielded(device_burst: u32) -> Bench {
    let config = Config {
        auth: Auth::Shielded,
        cpus: 1,
        device_checks: 1,
        device_burst,
        ..Config::default()
    };
    Bench::with(config, &(Arc::new(bcrypt_check) as Arc<Check>))
}

#[tokio::test]
async fn a_refusal_is_remembered_and_a_success_never_limited() {
    let bench = shielded(2);
    assert_eq!(bench.check("car", "right").await, Outcome::Accepted);
    for outcome in [Outcome::Refused, Outcome::Refused] {
        assert_eq!(bench.check("car", "wrong").await, outcome);
    }
    assert_eq!(bench.metrics.pool.started.get(), 2);
    assert_eq!(bench.metrics.refusal_hits.get(), 1);
    // Both checks of the minute are spent: new guesses are turned away without one, the good credential is not.
    for guess in ["a", "b", "c"] {
        assert_eq!(bench.check("car", guess).await, Outcome::Limited);
    }
    for _ in 0..10 {
        assert_eq!(bench.check("car", "right").await, Outcome::Accepted);
    }
    assert_eq!(
        bench.check("van", "right").await,
        Outcome::Accepted,
        "each device has its own"
    );
    assert_eq!(bench.metrics.limited.get(), 3);
    assert_eq!(bench.metrics.pool.started.get(), 3);
}

#[tokio::test]
async fn unknown_devices_are_limited_like_known_ones() {
    let answers = async |id: &str| {
        let bench = shielded(3);
        let mut answers = Vec::new();
        for guess in ["a", "a", "b", "c", "d", "d"] {
            answers.push(bench.check(id, guess).await);
        }
        answers
    };
    assert_eq!(answers("car").await, answers("stranger").await);
}

#[tokio::test]
async fn who_was_right_before_passes_the_guesses_when_the_cache_expires() {
    let (permit, gate) = channel();
    let gate = Mutex::new(gate);
    let check: Arc<Check> = Arc::new(move |secret, _| match secret {
        b"guess" => gate.lock().unwrap().recv().ok().map(|()| false),
        _ => Some(true),
    });
    let config = Config {
        auth: Auth::Shielded,
        cpus: 1,
        cache_ttl: jiff::SignedDuration::from_nanos(1),
        device_burst: 1,
        unproven_queue: 1,
        ..Config::default()
    };
    let bench = Bench::with(config, &check);
    let ask = |id: &'static [u8], secret: &'static [u8]| {
        let auth = Arc::clone(&bench.auth);
        tokio::spawn(timeout(LIMIT, async move { auth.check(id, secret).await }))
    };
    let answer = async |id, secret| ask(id, secret).await.unwrap().unwrap();
    assert_eq!(answer(b"car", b"right").await, Outcome::Accepted);
    // One guess holds the thread for guesses and another one the queue; the device's limit is spent as well.
    let running = ask(b"bus", b"guess");
    until(&bench.metrics.pool.started, 2).await;
    let waiting = ask(b"cab", b"guess");
    until(&bench.metrics.computed, 3).await;
    // Whether their checks are used up or not: the place comes first.
    assert_eq!(answer(b"car", b"guess").await, Outcome::Overloaded);
    assert_eq!(answer(b"van", b"guess").await, Outcome::Overloaded);
    assert_eq!(answer(b"car", b"right").await, Outcome::Accepted);
    assert!(!running.is_finished() && !waiting.is_finished());
    for guess in [running, waiting] {
        permit.send(()).unwrap();
        assert_eq!(guess.await.unwrap().unwrap(), Outcome::Refused);
    }
}

/// splitmix64: the test's own numbers, the same for a seed on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_come_and_go_are_answered_rightly_and_checked_one_at_a_time() {
    for seed in 1..=3 {
        let under_way = Mutex::new(std::collections::HashSet::new());
        let check: Arc<Check> = Arc::new(move |secret, hash| {
            let credential = (secret.to_vec(), hash.to_owned());
            // A panic is answered as broken, which fails the test below.
            assert!(
                under_way.lock().unwrap().insert(credential.clone()),
                "it is checked twice at a time"
            );
            let verdict = bcrypt_check(secret, hash);
            under_way.lock().unwrap().remove(&credential);
            verdict
        });
        let config = Config {
            auth: Auth::Singleflight,
            cpus: 4,
            cache_ttl: jiff::SignedDuration::from_millis(3),
            ..Config::default()
        };
        let bench = Bench::with(config, &check);
        let mut random = Random(seed);
        let mut callers = Vec::new();
        let mut gone = 0;
        for _ in 0..2000 {
            let id = ["car", "van"][random.below(2) as usize];
            let secret = ["right", "wrong"][random.below(2) as usize];
            let auth = Arc::clone(&bench.auth);
            let caller =
                tokio::spawn(async move { auth.check(id.as_bytes(), secret.as_bytes()).await });
            callers.push((secret, caller));
            match random.below(4) {
                0 => {
                    let (_, left) =
                        callers.swap_remove(random.below(callers.len() as u64) as usize);
                    left.abort();
                    gone += 1;
                }
                1 => yield_now().await,
                _ => {}
            }
        }
        let here = callers.len();
        for (secret, caller) in callers {
            let expected = if secret == "right" {
                Outcome::Accepted
            } else {
                Outcome::Refused
            };
            assert_eq!(
                timeout(LIMIT, caller).await.unwrap().unwrap(),
                expected,
                "seed {seed}"
            );
        }
        let [checks, hits, misses, shared, rejected] = bench.counts();
        assert!(
            checks < misses && shared > 0 && rejected == 0,
            "seed {seed}: {checks} {misses} {shared}"
        );
        assert!(
            (hits + misses) as usize >= here && gone > 100,
            "seed {seed}"
        );
        assert!(
            bench.metrics.cancelled.get() as usize <= gone,
            "seed {seed}"
        );
        // Nothing is left behind: a further caller is answered at once.
        assert_eq!(
            timeout(LIMIT, bench.check("car", "right")).await.unwrap(),
            Outcome::Accepted
        );
    }
}
