//! Saturation, refusal to start, and the orderly stop.

use gateway_config::{Auth, Config, Device};
use jiff::SignedDuration;
use reqwest::StatusCode;
use target_service::{Error, run};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::gateway::{Gateway, LIMIT, device, parts, quick};

/// Some 0.12 s of bcrypt.
const SLOW: u32 = 11;

#[tokio::test]
async fn health_checks_pass_a_saturated_pool() {
    let config = Config {
        auth: Auth::Naive,
        cpus: 1,
        ..quick()
    };
    let gateway = Gateway::start(config, vec![device("car", SLOW)]).await;
    let waiting: Vec<_> = (0..16)
        .map(|_| gateway.send(gateway.telemetry("car", "car")))
        .collect();
    gateway.until("gateway_in_flight", 16.0).await;
    for _ in 0..10 {
        assert_eq!(
            parts(gateway.get("/healthz").send().await.unwrap()).await,
            (StatusCode::OK, "ok".to_owned())
        );
    }
    assert!(
        gateway.metric("gateway_in_flight").await > 0.0,
        "the pool was busy all the time"
    );
    waiting.iter().for_each(|one| one.abort());
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_finish() {
    let config = Config {
        auth: Auth::Naive,
        cpus: 1,
        // However busy the machine is: hashing threads yield to everything else on it.
        drain_requests: SignedDuration::from_secs(50),
        ..quick()
    };
    let gateway = Gateway::start(config, vec![device("car", SLOW)]).await;
    let addr = gateway.addr;
    let idle = TcpStream::connect(addr).await.unwrap();
    let request = gateway.send(gateway.telemetry("car", "car"));
    gateway.until("gateway_bcrypt_total", 1.0).await;
    let done = gateway.stop();
    assert_eq!(request.await.unwrap().status(), StatusCode::OK);
    timeout(LIMIT, done).await.unwrap().unwrap().unwrap();
    assert!(
        TcpStream::connect(addr).await.is_err(),
        "nobody listens any more"
    );
    drop(idle);
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut_off() {
    let config = Config {
        auth: Auth::Naive,
        cpus: 1,
        drain_requests: SignedDuration::from_millis(1),
        ..quick()
    };
    // Some 1 s of bcrypt.
    let gateway = Gateway::start(config, vec![device("car", 14)]).await;
    let client = gateway.client.clone();
    let request = gateway.telemetry("car", "car").build().unwrap();
    let request = tokio::spawn(async move { client.execute(request).await });
    gateway.until("gateway_bcrypt_total", 1.0).await;
    timeout(LIMIT, gateway.stop())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(timeout(LIMIT, request).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_before_it_serves() {
    let start = async |config: Config, devices: Vec<Device>| -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        timeout(
            LIMIT,
            run(listener, config, devices, None, std::future::pending()),
        )
        .await
        .unwrap()
        .unwrap_err()
    };
    let config = Config { cpus: 0, ..quick() };
    assert_eq!(
        start(config, vec![]).await.to_string(),
        "cpus = 0 is out of range, use 1 to 1024"
    );
    let plain = Device {
        id: "car".into(),
        hash: "plain".into(),
    };
    let error = start(quick(), vec![plain]).await.to_string();
    assert_eq!(
        error,
        "device \"car\": its hash is not a bcrypt hash, register one such as \"$2b$10$…\""
    );
}
