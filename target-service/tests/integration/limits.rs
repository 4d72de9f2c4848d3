//! Slow clients, large heads, and more connections than there is room for.

use gateway_config::{Config, Device};
use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{Gateway, LIMIT, quick};

const NEVER: SignedDuration = SignedDuration::from_hours(24);
const SOON: SignedDuration = SignedDuration::from_millis(100);
const REQUEST: &[u8] = b"GET /v1/telemetry HTTP/1.1\r\nHost: x\r\n\r\n";

async fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(gateway.addr).await.unwrap()
}

/// Sends a whole request and reads its reply; the connection stays open.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut reply = Vec::new();
    let read = async {
        let mut byte = [0];
        while !reply.ends_with(b"}") {
            assert_ne!(
                stream.read(&mut byte).await.unwrap(),
                0,
                "closed after {reply:?}"
            );
            reply.push(byte[0]);
        }
    };
    timeout(LIMIT, read).await.unwrap();
    String::from_utf8(reply).unwrap()
}

/// What arrives until the gateway closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut reply = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut reply))
        .await
        .expect("the gateway closes the connection");
    String::from_utf8(reply).unwrap()
}

async fn closed_for(gateway: &Gateway, reason: &str) -> f64 {
    gateway
        .metric(&format!(
            "gateway_connections_closed_total{{reason=\"{reason}\"}}"
        ))
        .await
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let config = Config {
        header_timeout: SOON,
        idle_timeout: NEVER,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    // Not a byte, half a head, and half of the second head.
    let silent = connect(&gateway).await;
    let mut half = connect(&gateway).await;
    half.write_all(&REQUEST[..20]).await.unwrap();
    let mut second = connect(&gateway).await;
    assert!(
        exchange(&mut second, REQUEST)
            .await
            .starts_with("HTTP/1.1 200")
    );
    second.write_all(&REQUEST[..20]).await.unwrap();
    for stream in [silent, half, second] {
        assert_eq!(rest(stream).await, "");
    }
    gateway
        .until(
            "gateway_connections_closed_total{reason=\"header_timeout\"}",
            3.0,
        )
        .await;
    assert_eq!(closed_for(&gateway, "idle_timeout").await, 0.0);
}

#[tokio::test]
async fn a_head_that_trickles_is_not_a_sign_of_life() {
    let config = Config {
        header_timeout: SOON,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    let mut stream = connect(&gateway).await;
    let trickle = async {
        // Ends when the gateway has closed the connection: without a limit it would go on for ever.
        while stream.write_all(b"G").await.is_ok() {
            if closed_for(&gateway, "header_timeout").await > 0.0 {
                return;
            }
        }
    };
    timeout(LIMIT, trickle).await.unwrap();
}

#[tokio::test]
async fn silence_between_requests_has_a_limit_of_its_own() {
    let config = Config {
        header_timeout: NEVER,
        idle_timeout: SOON,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    let mut stream = connect(&gateway).await;
    assert!(
        exchange(&mut stream, REQUEST)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(rest(stream).await, "");
    gateway
        .until(
            "gateway_connections_closed_total{reason=\"idle_timeout\"}",
            1.0,
        )
        .await;
    assert_eq!(closed_for(&gateway, "header_timeout").await, 0.0);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_time_out() {
    let config = Config {
        header_timeout: SOON,
        idle_timeout: NEVER,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    let mut kept = connect(&gateway).await;
    assert!(
        exchange(&mut kept, REQUEST)
            .await
            .starts_with("HTTP/1.1 200")
    );
    // The time-out has passed for one that came later and never spoke.
    assert_eq!(rest(connect(&gateway).await).await, "");
    assert!(
        exchange(&mut kept, REQUEST)
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let config = Config {
        body_timeout: SOON,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    let mut stream = connect(&gateway).await;
    let begun = b"POST /v1/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{";
    let reply = exchange(&mut stream, begun).await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    assert!(
        reply.ends_with(r#"{"error":"body did not arrive in time"}"#),
        "{reply}"
    );
    assert_eq!(
        gateway.metric("gateway_requests_total{code=\"408\"}").await,
        1.0
    );
}

#[tokio::test]
async fn a_head_larger_than_its_limit_is_refused() {
    for (header_limit_kib, size, expected) in [
        (8, 4_000, "HTTP/1.1 200"),
        (8, 10_000, "HTTP/1.1 431"),
        (32, 10_000, "HTTP/1.1 200"),
    ] {
        let config = Config {
            header_limit_kib,
            ..quick()
        };
        let gateway = Gateway::start(config, Vec::<Device>::new()).await;
        let mut stream = connect(&gateway).await;
        let head = format!(
            "GET /v1/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Large: {}\r\n\r\n",
            "x".repeat(size)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let reply = rest(stream).await;
        assert!(
            reply.starts_with(expected),
            "{size} of {header_limit_kib} KiB: {reply}"
        );
    }
}

#[tokio::test]
async fn beyond_the_cap_connections_wait_for_a_place() {
    let config = Config {
        max_connections: 1,
        ..quick()
    };
    let gateway = Gateway::start(config, Vec::<Device>::new()).await;
    let mut first = connect(&gateway).await;
    assert!(
        exchange(&mut first, REQUEST)
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mut second = connect(&gateway).await;
    second.write_all(REQUEST).await.unwrap();
    // The first goes on being served, the second is not looked at.
    for _ in 0..20 {
        assert!(
            exchange(&mut first, REQUEST)
                .await
                .starts_with("HTTP/1.1 200")
        );
    }
    let mut byte = [0];
    assert!(
        second.try_read(&mut byte).is_err(),
        "answered beyond the cap"
    );
    drop(first);
    assert!(exchange(&mut second, b"").await.starts_with("HTTP/1.1 200"));
    drop(second);
    gateway
        .until("gateway_requests_total{code=\"200\"}", 22.0)
        .await;
    assert_eq!(
        gateway.get("/healthz").send().await.unwrap().status(),
        StatusCode::OK
    );
}
