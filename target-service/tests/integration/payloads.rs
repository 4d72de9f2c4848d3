//! `/v1/payloads` over HTTP: acknowledgements, refusals, back-pressure, and what is stored when the gateway has stopped.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_config::{Ack, Auth, Config, IngestMode, Size};
use reqwest::{RequestBuilder, StatusCode};
use target_service::ingest::verify::{Address, Report, verify};
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, parts, quick};

/// A directory of this test alone.
struct Sink(PathBuf);

impl Sink {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("gateway-payloads-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn address(&self) -> String {
        format!("file://{}/objects", self.0.display())
    }

    /// All stored lines, in order.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pending = vec![self.0.join("objects")];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                let below = fs::read_dir(&path).unwrap();
                pending.extend(below.map(|entry| entry.unwrap().path()));
            } else {
                let text = fs::read_to_string(&path).unwrap();
                lines.extend(text.lines().map(str::to_owned));
            }
        }
        lines.sort();
        lines
    }

    async fn verify(&self, acknowledged: &[String]) -> Report {
        let list = self.0.join("acknowledged");
        fs::write(&list, acknowledged.join("\n")).unwrap();
        let address = Address {
            sink: self.address(),
            ..Address::default()
        };
        verify(&address, &[list], &|_| None).await.unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pool() -> Config {
    Config {
        ingest: IngestMode::Pool,
        ..quick()
    }
}

fn post(gateway: &Gateway, body: impl Into<reqwest::Body>) -> RequestBuilder {
    gateway
        .client
        .post(format!("http://{}/v1/payloads", gateway.addr))
        .body(body)
}

const ONE: &str = r#"{"payloads":[{"id":"a","speed":88}]}"#;

#[tokio::test]
async fn acknowledgements_say_what_they_are_worth() {
    for (ingest, ack, status, body) in [
        (
            IngestMode::Discard,
            Ack::Queued,
            200,
            r#"{"status":"discarded"}"#,
        ),
        (
            IngestMode::Spawn,
            Ack::Queued,
            202,
            r#"{"status":"queued"}"#,
        ),
        (
            IngestMode::Queue,
            Ack::Queued,
            202,
            r#"{"status":"queued"}"#,
        ),
        (IngestMode::Pool, Ack::Queued, 202, r#"{"status":"queued"}"#),
        (
            IngestMode::Spawn,
            Ack::Stored,
            200,
            r#"{"status":"stored"}"#,
        ),
        (
            IngestMode::Queue,
            Ack::Stored,
            200,
            r#"{"status":"stored"}"#,
        ),
        (IngestMode::Pool, Ack::Stored, 200, r#"{"status":"stored"}"#),
    ] {
        let gateway = Gateway::start(
            Config {
                ingest,
                ack,
                ..quick()
            },
            vec![],
        )
        .await;
        let response = post(&gateway, ONE).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let (found, text) = parts(response).await;
        assert_eq!(
            (found.as_u16(), text.as_str()),
            (status, body),
            "{ingest} {ack:?}"
        );
        assert_eq!(
            gateway
                .metric(&format!("gateway_requests_total{{code=\"{status}\"}}"))
                .await,
            1.0
        );
    }
}

#[tokio::test]
async fn refusals_say_why() {
    let config = Config {
        max_queue: Some(2),
        ..pool()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let many: Vec<String> = (0..1_001).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
    let many = format!(r#"{{"payloads":[{}]}}"#, many.join(","));
    let large = format!(
        r#"{{"payloads":[{{"id":"a","x":"{}"}}]}}"#,
        "x".repeat(65_536)
    );
    for (body, status, words) in [
        (
            r#"{"payloads":[]}"#.to_owned(),
            400,
            "payloads is empty, send at least one",
        ),
        (
            "[]".to_owned(),
            400,
            "invalid type: sequence, expected an object",
        ),
        (
            r#"{"payloads":[{"id":"a"},{"id":"a"}]}"#.to_owned(),
            400,
            "payloads 0 and 1 have the same id \\\"a\\\"",
        ),
        (
            many,
            413,
            "more than 1000 payloads, send them in several documents",
        ),
        (large, 413, "body is larger than 64 KiB"),
        (
            r#"{"payloads":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#.to_owned(),
            413,
            "the document is larger than the whole queue, send smaller ones",
        ),
    ] {
        let (found, text) = parts(post(&gateway, body).send().await.unwrap()).await;
        assert_eq!(found.as_u16(), status, "{text}");
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let (found, _) = parts(gateway.get("/v1/payloads").send().await.unwrap()).await;
    assert_eq!(found, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn devices_are_checked_and_named_in_what_is_stored() {
    let sink = Sink::new();
    let config = Config {
        sink: sink.address(),
        ack: Ack::Stored,
        ..pool()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let named = r#"{"device":"car","payloads":[{"id":"b"}]}"#;
    let other = r#"{"device":"bus","payloads":[{"id":"c"}]}"#;
    for (token, body, status) in [
        (Some("car"), ONE, 200),
        (Some("car"), named, 200),
        (Some("car"), other, 403),
        (Some("wrong"), ONE, 401),
        (None, ONE, 401),
    ] {
        let mut request = post(&gateway, body).header("X-Device-Id", "car");
        if let Some(token) = token {
            request = request.header("X-Device-Token", token);
        }
        let (found, text) = parts(request.send().await.unwrap()).await;
        assert_eq!(found.as_u16(), status, "{token:?} {body}: {text}");
    }
    let of_user = r#"{"payloads":[{"id":"d"}]}"#;
    for (user, body, status) in [
        ("operator", of_user, 200),
        // Nobody has shown the secret of the device that it names.
        ("operator", other, 403),
        ("operator", named, 403),
        ("viewer", of_user, 403),
    ] {
        let (found, _) = parts(
            post(&gateway, body)
                .header("X-User-Id", user)
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(found.as_u16(), status, "{user} {body}");
    }
    timeout(LIMIT, gateway.stop())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        sink.lines(),
        [
            r#"{"device":"car","vouched":"secret","payload":{"id":"a","speed":88}}"#,
            r#"{"device":"car","vouched":"secret","payload":{"id":"b"}}"#,
            r#"{"vouched":"nobody","payload":{"id":"d"}}"#,
        ]
    );
}

#[tokio::test]
async fn every_way_of_checking_guards_payloads() {
    let body = |device: &str| format!(r#"{{"device":"{device}","payloads":[{{"id":"a"}}]}}"#);
    for auth in [
        Auth::Naive,
        Auth::Cached,
        Auth::Singleflight,
        Auth::Shielded,
    ] {
        let gateway = Gateway::start(Config { auth, ..pool() }, vec![device("car", CHEAP)]).await;
        for (id, secret, named, status) in [
            ("car", "car", "car", 202),
            ("car", "car", "bus", 403),
            ("car", "wrong", "car", 401),
            ("bus", "car", "bus", 401),
        ] {
            let request = post(&gateway, body(named))
                .header("X-Device-Id", id)
                .header("X-Device-Token", secret);
            let (found, text) = parts(request.send().await.unwrap()).await;
            assert_eq!(found.as_u16(), status, "{auth} {id} {secret}: {text}");
        }
    }
    let config = Config {
        auth: Auth::Token,
        ..pool()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP), device("bus", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    for (header, named, status, words) in [
        (None, "car", 202, "queued"),
        (Some("car"), "car", 202, "queued"),
        // The token says who it is, whatever the document says.
        (
            None,
            "bus",
            403,
            "the document's device is not the one that was checked",
        ),
        (Some("bus"), "bus", 401, "the session's token is not valid"),
    ] {
        let mut request = post(&gateway, body(named)).bearer_auth(&token);
        if let Some(id) = header {
            request = request.header("X-Device-Id", id);
        }
        let (found, text) = parts(request.send().await.unwrap()).await;
        assert_eq!(found.as_u16(), status, "{header:?} {named}: {text}");
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let secret = post(&gateway, ONE)
        .header("X-Device-Id", "car")
        .header("X-Device-Token", "car");
    let (found, text) = parts(secret.send().await.unwrap()).await;
    assert_eq!(found, StatusCode::UNAUTHORIZED, "{text}");
}

#[tokio::test]
async fn a_token_names_the_device_in_what_is_stored() {
    let sink = Sink::new();
    let config = Config {
        auth: Auth::Token,
        sink: sink.address(),
        ack: Ack::Stored,
        ..pool()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    let stored = post(&gateway, ONE)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(stored.status(), StatusCode::OK);
    timeout(LIMIT, gateway.stop())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        sink.lines(),
        [r#"{"device":"car","vouched":"token","payload":{"id":"a","speed":88}}"#]
    );
}

#[tokio::test]
async fn a_full_pool_asks_to_come_back() {
    let config = Config {
        sink_latency: "1m".parse().unwrap(),
        drain_payloads: "0s".parse().unwrap(),
        max_workers: Some(1),
        max_queue: Some(1),
        batch_payloads: 1,
        ..pool()
    };
    let gateway = Gateway::start(config, vec![]).await;
    assert_eq!(
        post(&gateway, ONE).send().await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    gateway.until("gateway_ingest_workers_busy", 1.0).await;
    assert_eq!(
        post(&gateway, ONE).send().await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    let refused = post(&gateway, ONE).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(
        parts(refused).await,
        (
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"error":"the queue is full, try again in a second"}"#.to_owned()
        )
    );
    for (name, value) in [
        ("gateway_payloads_accepted_total", 2.0),
        ("gateway_payloads_rejected_total", 1.0),
        ("gateway_payloads_stored_total", 0.0),
        ("gateway_payloads_acknowledged_unstored", 2.0),
        ("gateway_ingest_queue_payloads", 1.0),
    ] {
        assert_eq!(gateway.metric(name).await, value, "{name}");
    }
    gateway
        .until("gateway_ingest_oldest_queued_seconds", 0.001)
        .await;
    let error = timeout(LIMIT, gateway.stop())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "2 acknowledged payloads were not stored within 0ns of the stop and are lost"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    for ingest in [IngestMode::Spawn, IngestMode::Queue, IngestMode::Pool] {
        let sink = Sink::new();
        // Batches that would fill or age long after the stop.
        let config = Config {
            ingest,
            sink: sink.address(),
            batch_age: "1m".parse().unwrap(),
            drain_payloads: "1m".parse().unwrap(),
            queue_size: Size::mib(1),
            ..quick()
        };
        let gateway = Gateway::start(config, vec![]).await;
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (to, url) = (
                    gateway.client.clone(),
                    format!("http://{}/v1/payloads", gateway.addr),
                );
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for n in 0.. {
                        let ids = ["x", "y", "z"].map(|part| format!("{client}-{n}-{part}"));
                        let payloads = ids
                            .each_ref()
                            .map(|id| format!(r#"{{"id":"{id}"}}"#))
                            .join(",");
                        let sent = to
                            .post(&url)
                            .body(format!(r#"{{"payloads":[{payloads}]}}"#))
                            .send()
                            .await;
                        match sent {
                            Ok(response) if response.status() == StatusCode::ACCEPTED => {
                                acknowledged.extend(ids)
                            }
                            _ => break,
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        gateway
            .until("gateway_payloads_accepted_total", 300.0)
            .await;
        timeout(LIMIT, gateway.stop())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let mut acknowledged = Vec::new();
        for client in clients {
            acknowledged.extend(client.await.unwrap());
        }
        let report = sink.verify(&acknowledged).await;
        assert!(report.holds(), "{ingest}: {report:?}");
        assert!(report.acknowledged >= 200, "{report:?}");
        assert_eq!(
            (report.stored_once, report.duplicated),
            (report.acknowledged, 0),
            "{ingest}"
        );
    }
}

#[tokio::test]
async fn a_request_that_waits_for_the_sink_is_answered_by_the_stop() {
    for ingest in [IngestMode::Spawn, IngestMode::Queue, IngestMode::Pool] {
        for (latency, drain, status) in [
            // Stored after requests could be cut off, and before payloads are given up.
            ("400ms", "1m", StatusCode::OK),
            ("1m", "50ms", StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let sink = Sink::new();
            let config = Config {
                ingest,
                ack: Ack::Stored,
                sink: sink.address(),
                sink_latency: latency.parse().unwrap(),
                max_workers: Some(1),
                batch_payloads: 1,
                drain_requests: "0s".parse().unwrap(),
                drain_payloads: drain.parse().unwrap(),
                ..quick()
            };
            let gateway = Gateway::start(config, vec![]).await;
            // With one worker the second one is in the queue.
            let waiting: Vec<_> = ["a", "b"]
                .map(|id| post(&gateway, format!(r#"{{"payloads":[{{"id":"{id}"}}]}}"#)))
                .map(|request| gateway.send(request))
                .into();
            gateway.until("gateway_payloads_accepted_total", 2.0).await;
            let stopped = timeout(LIMIT, gateway.stop()).await.unwrap().unwrap();
            assert!(
                stopped.is_ok(),
                "nothing was acknowledged and lost: {stopped:?}"
            );
            for answer in waiting {
                let (found, text) = parts(timeout(LIMIT, answer).await.unwrap().unwrap()).await;
                assert_eq!(found, status, "{ingest} {latency}: {text}");
            }
            let stored = if status == StatusCode::OK { 2 } else { 0 };
            assert_eq!(sink.lines().len(), stored, "{ingest}");
        }
    }
}
