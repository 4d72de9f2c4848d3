//! What the credential check does with its cache, its flights and its counters.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::bcrypt_pool::{Check, bcrypt_check};

const COST: u32 = 4;
const LIMIT: Duration = Duration::from_secs(30);

struct Bench {
    auth: Arc<Authenticator>,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn new(mode: Auth, queue: usize, check: &Arc<Check>) -> Self {
        let config = Config {
            auth: mode,
            bcrypt_cost: COST,
            user_kib: 1,
            ..Config::default()
        };
        let hash = bcrypt::hash("right", COST).unwrap();
        let known = registry(vec![Device {
            id: "car".into(),
            hash,
        }])
        .unwrap();
        let metrics = Metrics::new();
        let store = Arc::new(Store::open(&config, ["car"].into_iter()));
        let pool = BcryptPool::start(1, queue, &metrics.bcrypt, check).unwrap();
        Self {
            auth: Authenticator::new(&config, known, pool, store, Arc::clone(&metrics)),
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
            bcrypt,
            cache_hits,
            cache_misses,
            shared,
            rejected,
            ..
        } = &*self.metrics;
        [bcrypt, cache_hits, cache_misses, shared, rejected].map(Counter::get)
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
        assert_eq!(bench.metrics.bcrypt.get(), 1, "{mode:?}");
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
        until(&bench.metrics.bcrypt, 1).await;
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

#[test]
fn registries_that_cannot_be_used_are_refused() {
    let device = |id: &str, hash: &str| Device {
        id: id.into(),
        hash: hash.into(),
    };
    let costly = "$2b$15$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";
    let fine = stranger(4);
    for (devices, text) in [
        (
            vec![device("a", "plain")],
            "device \"a\": its hash is not a bcrypt hash, register one such as \"$2b$10$…\"",
        ),
        (
            vec![device("b", costly)],
            "device \"b\": its hash costs more than 14, register one of cost 4 to 14",
        ),
        (
            vec![device("c", &fine), device("c", &fine)],
            "device \"c\": it is registered twice, remove one entry",
        ),
    ] {
        assert_eq!(registry(devices).unwrap_err().to_string(), text);
    }
}
