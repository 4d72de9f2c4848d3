//! What each way of checking credentials costs, as a client and the counters see it.

use gateway_config::{Auth, Config};
use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, quick};

/// Some 0.5 s of bcrypt: whatever arrives meanwhile waits behind it.
const SLOW: u32 = 13;
const HERD: usize = 8;

async fn counts(gateway: &Gateway) -> [f64; 4] {
    let mut found = [0.0; 4];
    for (value, name) in found
        .iter_mut()
        .zip(["bcrypt", "cache_hits", "cache_misses", "shared"])
    {
        *value = gateway.metric(&format!("gateway_{name}_total")).await;
    }
    found
}

#[tokio::test]
async fn a_cold_herd_over_real_connections() {
    for (auth, bcrypts, shared) in [(Auth::Cached, 9.0, 0.0), (Auth::Singleflight, 2.0, 7.0)] {
        let config = Config {
            auth,
            cpus: 1,
            ..quick()
        };
        let gateway =
            Gateway::start(config, vec![device("slow", SLOW), device("car", CHEAP)]).await;
        let slow = gateway.send(gateway.telemetry("slow", "slow"));
        gateway.until("gateway_bcrypt_total", 1.0).await;
        let herd: Vec<_> = (0..HERD)
            .map(|_| gateway.send(gateway.telemetry("car", "car")))
            .collect();
        for one in herd.into_iter().chain([slow]) {
            assert_eq!(one.await.unwrap().status(), StatusCode::OK);
        }
        assert_eq!(
            counts(&gateway).await,
            [bcrypts, 0.0, 9.0, shared],
            "{auth:?}"
        );
    }
}

#[tokio::test]
async fn naive_pays_every_time_and_the_caches_once() {
    for (auth, expected) in [
        (Auth::Naive, [5.0, 0.0, 0.0, 0.0]),
        (Auth::Cached, [1.0, 4.0, 1.0, 0.0]),
        (Auth::Singleflight, [1.0, 4.0, 1.0, 0.0]),
    ] {
        let gateway = Gateway::start(Config { auth, ..quick() }, vec![device("car", CHEAP)]).await;
        for _ in 0..5 {
            assert_eq!(
                gateway
                    .telemetry("car", "car")
                    .send()
                    .await
                    .unwrap()
                    .status(),
                StatusCode::OK
            );
        }
        assert_eq!(counts(&gateway).await, expected, "{auth:?}");
        assert_eq!(
            gateway.metric("gateway_requests_total{code=\"200\"}").await,
            5.0
        );
    }
}

#[tokio::test]
async fn a_digest_expires_although_it_is_in_use() {
    let config = Config {
        cache_ttl: SignedDuration::from_millis(50),
        ..quick()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let expired = async {
        while gateway.metric("gateway_bcrypt_total").await < 3.0 {
            assert_eq!(
                gateway
                    .telemetry("car", "car")
                    .send()
                    .await
                    .unwrap()
                    .status(),
                StatusCode::OK
            );
        }
    };
    timeout(LIMIT, expired).await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_strands_no_follower() {
    let config = Config {
        auth: Auth::Singleflight,
        cpus: 1,
        ..quick()
    };
    let gateway = Gateway::start(config, vec![device("car", SLOW)]).await;
    let leader = gateway.send(gateway.telemetry("car", "car"));
    gateway.until("gateway_bcrypt_total", 1.0).await;
    let follower = gateway.send(gateway.telemetry("car", "car"));
    gateway.until("gateway_cache_misses_total", 2.0).await;
    leader.abort();
    gateway
        .until("gateway_requests_total{code=\"499\"}", 1.0)
        .await;
    assert_eq!(
        timeout(LIMIT, follower).await.unwrap().unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(counts(&gateway).await, [1.0, 0.0, 2.0, 1.0]);
}

#[tokio::test]
async fn a_flood_of_guesses_costs_few_bcrypts_and_no_good_device_its_place() {
    let config = Config {
        auth: Auth::Shielded,
        device_checks: 1,
        device_burst: 2,
        ..quick()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP), device("van", CHEAP)]).await;
    let good = async || {
        let response = gateway.telemetry("van", "van").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    };
    good().await;
    let mut seen = [0; 3];
    for guess in 0..300 {
        let id = ["car", "van", "stranger"][guess % 3];
        let response = gateway.telemetry(id, &format!("guess-{guess}"));
        let response = response.send().await.unwrap();
        match response.status() {
            StatusCode::UNAUTHORIZED => seen[0] += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                assert_eq!(response.headers()["retry-after"], "60");
                seen[1] += 1;
            }
            _ => seen[2] += 1,
        }
        good().await;
    }
    // Two at once and one a minute for each of the three ids, the good device's first contact among them.
    let bcrypts = gateway.metric("gateway_bcrypt_total").await;
    assert!((6.0..=9.0).contains(&bcrypts), "{bcrypts}");
    assert_eq!(seen, [bcrypts as u64 - 1, 301 - bcrypts as u64, 0]);
    assert_eq!(
        gateway.metric("gateway_limited_total").await,
        seen[1] as f64
    );
    assert_eq!(gateway.metric("gateway_cache_hits_total").await, 300.0);
}
