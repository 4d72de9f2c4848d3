//! Connections to Redis that are of no use any more, and what the gateway keeps of the store in the meantime.

use gateway_config::{Auth, Config};
use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device};
use crate::redis::Redis;
use crate::relay::Relay;

/// However busy the machine is: a store that did not answer in time is not asked again for a while.
const PATIENT: SignedDuration = SignedDuration::from_secs(10);

async fn behind(redis: &Redis, relay: &Relay) -> Gateway {
    let config = Config {
        auth: Auth::Cached,
        store: relay.store(),
        store_timeout: SignedDuration::from_millis(50),
        ..redis.config()
    };
    Gateway::start(config, vec![device("car", CHEAP), device("van", CHEAP)]).await
}

async fn user(gateway: &Gateway) -> StatusCode {
    let request = gateway.get("/v1/telemetry").send().await.unwrap();
    request.status()
}

async fn until_users_pass(gateway: &Gateway) {
    let passed = async { while user(gateway).await != StatusCode::OK {} };
    timeout(LIMIT, passed).await.unwrap();
}

#[tokio::test]
async fn one_that_is_silent_or_out_of_step_is_replaced_and_revocations_are_learned_again() {
    let redis = Redis::start().await;
    let relay = Relay::start(redis.port()).await;
    for spoil in [Relay::fall_silent, Relay::garble] {
        let gateway = behind(&redis, &relay).await;
        until_users_pass(&gateway).await;
        let other = Gateway::start(
            redis.config(),
            vec![device("car", CHEAP), device("van", CHEAP)],
        )
        .await;
        let made = relay.made();
        spoil(&relay);
        // Told while the first one hears nothing.
        let revoked = other.revoke("van").send().await.unwrap();
        assert_eq!(revoked.status(), StatusCode::OK);
        let replaced = async {
            while relay.made() == made {
                user(&gateway).await;
            }
        };
        timeout(LIMIT, replaced).await.unwrap();
        until_users_pass(&gateway).await;
        let learned = async {
            while gateway
                .telemetry("van", "van")
                .send()
                .await
                .unwrap()
                .status()
                == StatusCode::OK
            {}
        };
        timeout(LIMIT, learned).await.unwrap();
        redis.say(&["FLUSHALL"]).await;
    }
}

#[tokio::test]
async fn revocations_of_devices_that_do_not_exist_are_not_kept() {
    let redis = Redis::start().await;
    let gateway = Gateway::start(redis.config(), vec![device("car", CHEAP)]).await;
    for hundred in 0..20 {
        let ids: Vec<String> = (0..100)
            .map(|n| format!("nobody-{}", hundred * 100 + n))
            .collect();
        for id in &ids {
            redis.say(&["PUBLISH", "run:revocations", id]).await;
        }
    }
    redis.say(&["PUBLISH", "run:revocations", "car"]).await;
    let learned = async {
        while gateway
            .telemetry("car", "car")
            .send()
            .await
            .unwrap()
            .status()
            == StatusCode::OK
        {}
    };
    timeout(LIMIT, learned).await.unwrap();
    // A store that lost its memory is told what this instance knows.
    redis.say(&["FLUSHALL"]).await;
    let told = async {
        while !redis
            .say(&["SMEMBERS", "run:revoked"])
            .await
            .contains("car")
        {}
    };
    timeout(LIMIT, told).await.unwrap();
    let members = redis.say(&["SCARD", "run:revoked"]).await;
    assert_eq!(members.trim(), ":1");
}

#[tokio::test]
async fn revocations_expire_from_the_first_one_on() {
    let redis = Redis::start().await;
    let gateway = Gateway::start(redis.config(), vec![device("car", CHEAP)]).await;
    // No synchronisation comes between: the life is there as soon as the set is.
    redis.say(&["DEL", "run:revoked"]).await;
    gateway.revoke("car").send().await.unwrap();
    let life: i64 = redis.say(&["TTL", "run:revoked"]).await[1..]
        .trim()
        .parse()
        .unwrap();
    assert!(life > 0, "{life}");
}

/// Users' rights come over the connection that tells revocations.
#[tokio::test]
async fn answers_to_others_stay_theirs_while_devices_are_revoked() {
    let redis = Redis::start().await;
    let config = Config {
        store_timeout: PATIENT,
        ..redis.config()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    for _ in 0..50 {
        let users = || {
            ["demo", "suspended"].map(|id| {
                let request = gateway.get("/v1/telemetry").header("X-User-Id", id);
                gateway.send(request)
            })
        };
        let (before, revocation, after) = (users(), gateway.send(gateway.revoke("car")), users());
        assert_eq!(revocation.await.unwrap().status(), StatusCode::OK);
        for [demo, suspended] in [before, after] {
            assert_eq!(demo.await.unwrap().status(), StatusCode::OK);
            assert_eq!(suspended.await.unwrap().status(), StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(gateway.metric("gateway_store_errors_total").await, 0.0);
}

/// The store is asked as often for devices that do not exist as for those that do.
#[tokio::test]
async fn unknown_devices_are_looked_up_like_known_ones() {
    let redis = Redis::start().await;
    for auth in [Auth::Cached, Auth::Singleflight, Auth::Shielded] {
        let config = Config {
            auth,
            store_timeout: PATIENT,
            store_prefix: Some(format!("{auth}:")),
            ..redis.config()
        };
        let gateway =
            Gateway::start(config, vec![device("car", CHEAP), device("van", CHEAP)]).await;
        let revoked = gateway.revoke("van").send().await.unwrap();
        assert_eq!(revoked.status(), StatusCode::OK, "{auth}");
        let mut asked = Vec::new();
        for id in ["car", "van", "stranger"] {
            let before = gets(&redis).await;
            let response = gateway.telemetry(id, "wrong").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            asked.push(gets(&redis).await - before);
        }
        assert!(
            asked[0] > 0 && asked.iter().all(|of| *of == asked[0]),
            "{auth}: {asked:?}"
        );
    }
}

/// How often Redis was asked for a key.
async fn gets(redis: &Redis) -> u64 {
    let info = redis.say(&["INFO", "commandstats"]).await;
    let calls = info
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_get:calls="));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}
