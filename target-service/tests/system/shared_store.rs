//! Instances that share a Redis: what they tell each other, and what happens while it is away.

use gateway_config::{Auth, Config, Device, DigestKind, Expiry, Key, Rbac};
use jiff::SignedDuration;
use reqwest::StatusCode;
use target_service::{Error, run};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, parts, quick};
use crate::redis::Redis;

async fn status(gateway: &Gateway, id: &str, token: &str) -> StatusCode {
    let response = gateway.telemetry(id, token).send().await.unwrap();
    response.status()
}

async fn user(gateway: &Gateway, id: &str) -> StatusCode {
    let request = gateway.get("/v1/telemetry").header("X-User-Id", id);
    request.send().await.unwrap().status()
}

async fn until_admitted_from_the_store(gateway: &Gateway) {
    let hits = gateway.metric("gateway_cache_hits_total").await;
    let back = async {
        while gateway.metric("gateway_cache_hits_total").await <= hits {
            assert_eq!(status(gateway, "car", "car").await, StatusCode::OK);
        }
    };
    timeout(LIMIT, back).await.unwrap();
}

#[tokio::test]
async fn one_instance_profits_from_the_others_bcrypt() {
    let redis = Redis::start().await;
    let key = Some(Key::random().unwrap());
    for (auth, digest, digest_key) in [
        (Auth::Cached, DigestKind::Sha256, None),
        (Auth::Singleflight, DigestKind::HmacSha256, key.clone()),
        (Auth::Shielded, DigestKind::HmacSha256, key),
    ] {
        let config = Config {
            auth,
            digest: Some(digest),
            digest_key,
            store_prefix: Some(format!("{auth}:")),
            ..redis.config()
        };
        let one = Gateway::start(config.clone(), vec![device("car", CHEAP)]).await;
        let two = Gateway::start(config, vec![device("car", CHEAP)]).await;
        for (gateway, bcrypts, misses) in [(&one, 1.0, 1.0), (&two, 0.0, 0.0)] {
            for _ in 0..3 {
                assert_eq!(status(gateway, "car", "car").await, StatusCode::OK);
            }
            assert_eq!(
                gateway.metric("gateway_bcrypt_total").await,
                bcrypts,
                "{auth}"
            );
            assert_eq!(
                gateway.metric("gateway_cache_misses_total").await,
                misses,
                "{auth}"
            );
            assert_eq!(
                gateway.metric("gateway_cache_hits_total").await,
                3.0 - misses,
                "{auth}"
            );
            assert_eq!(
                status(gateway, "car", "wrong").await,
                StatusCode::UNAUTHORIZED
            );
            assert_eq!(gateway.metric("gateway_store_errors_total").await, 0.0);
        }
    }
}

#[tokio::test]
async fn a_herd_that_finds_nothing_in_the_store_costs_one_bcrypt() {
    let redis = Redis::start().await;
    for (auth, herd) in [(Auth::Singleflight, 16), (Auth::Shielded, 16)] {
        let config = Config {
            auth,
            store_prefix: Some(format!("{auth}:")),
            ..redis.config()
        };
        let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
        let requests: Vec<_> = (0..herd)
            .map(|_| gateway.send(gateway.telemetry("car", "car")))
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap().status(), StatusCode::OK, "{auth}");
        }
        assert_eq!(gateway.metric("gateway_bcrypt_total").await, 1.0, "{auth}");
        // Who came too late for the one bcrypt found its digest; all others shared it.
        let hits = gateway.metric("gateway_cache_hits_total").await;
        let misses = gateway.metric("gateway_cache_misses_total").await;
        assert_eq!(hits + misses, f64::from(herd), "{auth}");
        assert_eq!(
            gateway.metric("gateway_shared_total").await,
            misses - 1.0,
            "{auth}"
        );
    }
}

#[tokio::test]
async fn keys_have_the_prefix_expire_and_hold_no_secret() {
    let redis = Redis::start().await;
    let gateway = Gateway::start(redis.config(), vec![device("car", CHEAP)]).await;
    assert_eq!(status(&gateway, "car", "car").await, StatusCode::OK);
    let keys = redis.keys().await;
    assert_eq!(keys.len(), 9, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("run:")), "{keys:?}");
    assert!(keys.contains(&"run:digest:car".to_owned()), "{keys:?}");
    for key in keys {
        let life = redis.say(&["PTTL", &key]).await;
        let life: i64 = life.trim_start_matches(':').trim().parse().unwrap();
        assert!(life > 0, "{key} lives for {life} ms");
    }
    let fixed: i64 = redis.say(&["PTTL", "run:digest:car"]).await[1..]
        .trim()
        .parse()
        .unwrap();
    assert!(fixed <= 30_000);
    // Without a prefix each process has its own.
    let own = Config {
        store_prefix: None,
        ..redis.config()
    };
    let other = Gateway::start(own, vec![device("car", CHEAP)]).await;
    assert_eq!(status(&other, "car", "car").await, StatusCode::OK);
    assert_eq!(other.metric("gateway_bcrypt_total").await, 1.0);
    assert_eq!(redis.keys().await.len(), 18);
}

#[tokio::test]
async fn a_sliding_life_is_renewed_by_the_right_credential_only() {
    let redis = Redis::start().await;
    for (expiry, renewed) in [(Expiry::Fixed, false), (Expiry::Sliding, true)] {
        let config = Config {
            cache_expiry: expiry,
            store_prefix: Some(format!("{expiry:?}:")),
            ..redis.config()
        };
        let key = format!("{expiry:?}:digest:car");
        let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
        assert_eq!(status(&gateway, "car", "car").await, StatusCode::OK);
        let life = async || -> i64 {
            redis.say(&["PTTL", &key]).await[1..]
                .trim()
                .parse()
                .unwrap()
        };
        redis.say(&["PEXPIRE", &key, "15000"]).await;
        assert_eq!(
            status(&gateway, "car", "wrong").await,
            StatusCode::UNAUTHORIZED
        );
        assert!(life().await <= 15_000, "{expiry:?}");
        assert_eq!(status(&gateway, "car", "car").await, StatusCode::OK);
        assert_eq!(life().await > 15_000, renewed, "{expiry:?}");
    }
}

#[tokio::test]
async fn users_come_from_the_store() {
    let redis = Redis::start().await;
    for (rbac, key, taken) in [
        (Rbac::Json, "run:user:demo", r#"{\"id\":\"demo\"}"#),
        (Rbac::Bitmask, "run:mask:demo", "0"),
    ] {
        let config = Config {
            rbac,
            ..redis.config()
        };
        let gateway = Gateway::start(config, vec![]).await;
        assert_eq!(user(&gateway, "demo").await, StatusCode::OK);
        assert_eq!(user(&gateway, "suspended").await, StatusCode::FORBIDDEN);
        redis.say(&["SET", key, &format!("\"{taken}\"")]).await;
        assert_eq!(
            user(&gateway, "demo").await,
            StatusCode::FORBIDDEN,
            "{rbac:?}"
        );
    }
}

#[tokio::test]
async fn a_revocation_reaches_all_instances() {
    let redis = Redis::start().await;
    for auth in [
        Auth::Naive,
        Auth::Cached,
        Auth::Singleflight,
        Auth::Token,
        Auth::Shielded,
    ] {
        let config = Config {
            auth,
            local_ttl: Some(SignedDuration::from_hours(1)),
            store_prefix: Some(format!("{auth}:")),
            token_key: Some(Key::random().unwrap()),
            ..redis.config()
        };
        let devices = || vec![device("car", CHEAP), device("van", CHEAP)];
        let one = Gateway::start(config.clone(), devices()).await;
        let two = Gateway::start(config.clone(), devices()).await;
        let token = match auth {
            Auth::Token => one.session("car", "car").await,
            _ => String::new(),
        };
        let ask = async |gateway: &Gateway, id: &str| match auth {
            Auth::Token if id == "car" => {
                let request = gateway.get("/v1/telemetry").bearer_auth(&token);
                request.send().await.unwrap().status()
            }
            Auth::Token => {
                gateway.session(id, id).await;
                StatusCode::OK
            }
            _ => status(gateway, id, id).await,
        };
        for gateway in [&one, &two] {
            assert_eq!(ask(gateway, "car").await, StatusCode::OK, "{auth}");
        }
        let revoke = one.revoke("car");
        assert_eq!(
            parts(revoke.send().await.unwrap()).await,
            (
                StatusCode::OK,
                r#"{"everywhere":true,"revoked":true}"#.to_owned()
            )
        );
        assert_eq!(ask(&one, "car").await, StatusCode::UNAUTHORIZED, "{auth}");
        let reached = async { while ask(&two, "car").await != StatusCode::UNAUTHORIZED {} };
        timeout(LIMIT, reached).await.unwrap();
        // One that starts later learns it too.
        let three = Gateway::start(config, devices()).await;
        let reached = async { while ask(&three, "car").await != StatusCode::UNAUTHORIZED {} };
        timeout(LIMIT, reached).await.unwrap();
        assert_eq!(ask(&two, "van").await, StatusCode::OK, "{auth}");
    }
}

#[tokio::test]
async fn without_its_store_it_checks_by_bcrypt_and_recovers_by_itself() {
    let mut redis = Redis::start().await;
    for auth in [Auth::Cached, Auth::Singleflight, Auth::Shielded] {
        let config = Config {
            auth,
            ..redis.config()
        };
        let gateway =
            Gateway::start(config, vec![device("car", CHEAP), device("van", CHEAP)]).await;
        assert_eq!(status(&gateway, "car", "car").await, StatusCode::OK);
        until_admitted_from_the_store(&gateway).await;
        let before = gateway.metric("gateway_bcrypt_total").await;
        redis.kill();
        for _ in 0..3 {
            assert_eq!(
                status(&gateway, "car", "car").await,
                StatusCode::OK,
                "{auth}"
            );
            for (id, token) in [("car", "wrong"), ("van", "car"), ("stranger", "car")] {
                assert_eq!(
                    status(&gateway, id, token).await,
                    StatusCode::UNAUTHORIZED,
                    "{auth} {id}"
                );
            }
        }
        assert!(
            gateway.metric("gateway_bcrypt_total").await >= before + 3.0,
            "{auth}"
        );
        assert!(
            gateway.metric("gateway_store_errors_total").await >= 1.0,
            "{auth}"
        );
        assert!(
            gateway.metric("gateway_store_fallbacks_total").await >= 3.0,
            "{auth}"
        );
        let refused = gateway.get("/v1/telemetry").send().await.unwrap();
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(
            parts(refused).await,
            (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"error":"the store is down, try again in a second"}"#.to_owned()
            )
        );
        // A revocation holds here at once, and elsewhere as soon as the store is back.
        let revoke = gateway.revoke("van");
        assert_eq!(
            parts(revoke.send().await.unwrap()).await,
            (
                StatusCode::ACCEPTED,
                r#"{"everywhere":false,"revoked":true}"#.to_owned()
            )
        );
        assert_eq!(
            status(&gateway, "van", "van").await,
            StatusCode::UNAUTHORIZED
        );
        redis.restart().await;
        until_admitted_from_the_store(&gateway).await;
        let users = async { while user(&gateway, "demo").await != StatusCode::OK {} };
        timeout(LIMIT, users).await.unwrap();
        let told = async {
            while !redis
                .say(&["SMEMBERS", "run:revoked"])
                .await
                .contains("van")
            {}
        };
        timeout(LIMIT, told).await.unwrap();
        assert_eq!(
            status(&gateway, "car", "wrong").await,
            StatusCode::UNAUTHORIZED
        );
        redis.say(&["FLUSHALL"]).await;
    }
}

/// A gateway that waits 50 ms for its store, and has admitted its device from there.
async fn impatient(redis: &Redis) -> Gateway {
    let config = Config {
        store_timeout: SignedDuration::from_millis(50),
        ..redis.config()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    assert_eq!(status(&gateway, "car", "car").await, StatusCode::OK);
    until_admitted_from_the_store(&gateway).await;
    gateway
}

#[tokio::test]
async fn what_is_revoked_while_the_store_hangs_is_told_when_it_goes_on() {
    let redis = Redis::start().await;
    let gateway = impatient(&redis).await;
    let mut listener = redis.listen("run:revocations").await;
    redis.freeze();
    let revoke = gateway.revoke("car").send().await.unwrap();
    assert_eq!(revoke.status(), StatusCode::ACCEPTED);
    redis.thaw();
    let mut heard = Vec::new();
    let told = async {
        while !String::from_utf8_lossy(&heard).contains("car") {
            assert_ne!(listener.read_buf(&mut heard).await.unwrap(), 0);
        }
    };
    timeout(LIMIT, told).await.expect("the others are told");
}

#[tokio::test]
async fn a_store_that_hangs_costs_a_time_out_and_not_the_request() {
    let redis = Redis::start().await;
    let gateway = impatient(&redis).await;
    redis.freeze();
    for (token, expected) in [
        ("car", StatusCode::OK),
        ("wrong", StatusCode::UNAUTHORIZED),
        ("car", StatusCode::OK),
    ] {
        assert_eq!(status(&gateway, "car", token).await, expected);
    }
    assert!(gateway.metric("gateway_store_fallbacks_total").await >= 3.0);
    assert_eq!(
        user(&gateway, "demo").await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    redis.thaw();
    until_admitted_from_the_store(&gateway).await;
}

#[tokio::test]
async fn a_store_that_never_speaks_is_told_at_the_start_without_its_password() {
    // It accepts connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://user:hidden@{}", silent.local_addr().unwrap());
    let config = Config {
        store: serde_json::from_value(url.into()).unwrap(),
        store_timeout: SignedDuration::from_millis(50),
        ..quick()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let start = run(
        listener,
        config,
        Vec::<Device>::new(),
        None,
        std::future::pending(),
    );
    let Error::Store { address, reason } = timeout(LIMIT, start).await.unwrap().unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(address, format!("redis://{}", silent.local_addr().unwrap()));
    assert!(!reason.contains("hidden"), "{reason}");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_told_at_the_start() {
    let mut redis = Redis::start().await;
    redis.kill();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let start = run(
        listener,
        redis.config(),
        Vec::<Device>::new(),
        None,
        std::future::pending(),
    );
    let error = timeout(LIMIT, start)
        .await
        .unwrap()
        .unwrap_err()
        .to_string();
    let expected = format!(
        "cannot use the store at {}: connection refused; start it there, or correct `store`",
        redis.store()
    );
    assert_eq!(error, expected);
}
