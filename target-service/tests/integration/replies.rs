//! Every status with its message, and what hostile bytes get.

use gateway_config::{Config, Rbac};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, parts, quick};

const OK: (StatusCode, &str) = (StatusCode::OK, r#"{"status":"ok"}"#);
const REFUSED: (StatusCode, &str) = (
    StatusCode::UNAUTHORIZED,
    r#"{"error":"credentials refused"}"#,
);

#[tokio::test]
async fn devices() {
    let gateway = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let long = "x".repeat(73);
    for (id, token, (status, body)) in [
        ("car", Some("car"), OK),
        ("car", Some("wrong"), REFUSED),
        ("stranger", Some("car"), REFUSED),
        ("", Some("car"), REFUSED),
        ("car", Some(""), REFUSED),
        ("car", Some(long.as_str()), REFUSED),
        (
            "car",
            None,
            (
                StatusCode::UNAUTHORIZED,
                r#"{"error":"missing header X-Device-Token"}"#,
            ),
        ),
    ] {
        for request in [gateway.get("/v1/telemetry"), gateway.post("{}")] {
            let mut request = request.header("X-Device-Id", id);
            if let Some(token) = token {
                request = request.header("X-Device-Token", token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["content-type"], "application/json");
            assert_eq!(response.headers()["content-length"], body.len().to_string());
            assert_eq!(
                parts(response).await,
                (status, body.to_owned()),
                "{id} {token:?}"
            );
        }
    }
}

#[tokio::test]
async fn users() {
    let read = (
        StatusCode::FORBIDDEN,
        r#"{"error":"permission telemetry:read is missing"}"#,
    );
    let write = (
        StatusCode::FORBIDDEN,
        r#"{"error":"permission telemetry:write is missing"}"#,
    );
    let rows = [
        (None, OK, OK),
        (Some("operator"), OK, OK),
        (Some("viewer"), OK, write),
        (Some("suspended"), read, write),
        (Some("nobody"), read, write),
    ];
    for rbac in [Rbac::Json, Rbac::Bitmask, Rbac::Off] {
        let gateway = Gateway::start(Config { rbac, ..quick() }, vec![]).await;
        for (user, get, post) in rows {
            let (get, post) = if rbac == Rbac::Off {
                (OK, OK)
            } else {
                (get, post)
            };
            for (request, (status, body)) in [
                (gateway.get("/v1/telemetry"), get),
                (gateway.post("{}"), post),
            ] {
                let request = user
                    .into_iter()
                    .fold(request, |request, user| request.header("X-User-Id", user));
                let response = request.send().await.unwrap();
                assert_eq!(
                    parts(response).await,
                    (status, body.to_owned()),
                    "{rbac:?} {user:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn bodies() {
    let gateway = Gateway::start(
        Config {
            body_limit_kib: 1,
            ..quick()
        },
        vec![],
    )
    .await;
    let fits = format!("\"{}\"", "x".repeat(1022));
    let over = format!("\"{}\"", "x".repeat(1023));
    let far_over = format!("\"{}\"", "x".repeat(100_000));
    let too_large = (
        StatusCode::PAYLOAD_TOO_LARGE,
        r#"{"error":"body is larger than 1 KiB"}"#,
    );
    for (body, (status, text)) in [
        (r#"{"speed":80}"#, OK),
        (&fits, OK),
        (&over, too_large),
        (&far_over, too_large),
        (
            "{\"speed\":",
            (
                StatusCode::BAD_REQUEST,
                r#"{"error":"body is not json: EOF while parsing a value at line 1 column 9"}"#,
            ),
        ),
        (
            "",
            (
                StatusCode::BAD_REQUEST,
                r#"{"error":"body is not json: EOF while parsing a value at line 1 column 0"}"#,
            ),
        ),
        (
            "{} {}",
            (
                StatusCode::BAD_REQUEST,
                r#"{"error":"body is not json: trailing characters at line 1 column 4"}"#,
            ),
        ),
    ] {
        let sent = gateway.post(body.to_owned()).send().await.unwrap();
        let shown = &body[..body.len().min(20)];
        assert_eq!(parts(sent).await, (status, text.to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn paths_and_methods() {
    let gateway = Gateway::start(quick(), vec![]).await;
    let url = |path: &str| format!("http://{}{path}", gateway.addr);
    for (request, status, body) in [
        (gateway.get("/healthz"), StatusCode::OK, "ok"),
        (
            gateway.get("/nothing"),
            StatusCode::NOT_FOUND,
            r#"{"error":"no such endpoint"}"#,
        ),
        (
            gateway.client.delete(url("/v1/telemetry")),
            StatusCode::METHOD_NOT_ALLOWED,
            r#"{"error":"method not allowed here"}"#,
        ),
    ] {
        assert_eq!(
            parts(request.send().await.unwrap()).await,
            (status, body.to_owned())
        );
    }
    let metrics = gateway.get("/metrics").send().await.unwrap();
    assert_eq!(
        metrics.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(metrics.text().await.unwrap().ends_with("# EOF\n"));
    assert_eq!(
        gateway.metric("gateway_requests_total{code=\"404\"}").await,
        1.0
    );
    assert_eq!(
        gateway.metric("gateway_requests_total{code=\"405\"}").await,
        1.0
    );
    assert_eq!(
        gateway.metric("gateway_requests_total{code=\"200\"}").await,
        0.0,
        "control paths are left out"
    );
    assert_eq!(
        gateway
            .metric("gateway_request_duration_seconds_count")
            .await,
        2.0
    );
}

#[tokio::test]
async fn hostile_bytes_are_refused_and_the_next_client_served() {
    let gateway = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let head = |headers: &str| {
        format!("POST /v1/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
    };
    let chunked = |chunks: &str| {
        [head("Transfer-Encoding: chunked\r\n"), chunks.to_owned()]
            .concat()
            .into_bytes()
    };
    let nested = "[".repeat(60_000);
    let oversized = "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n1\r\nx\r\n0\r\n\r\n";
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "no http",
            b"\x16\x03\x01\x00\xff\x00\r\n\r\n".to_vec(),
            "HTTP/1.1 400",
        ),
        (
            "endless head",
            format!("GET /{} HTTP/1.1\r\n", "x".repeat(40_000)).into_bytes(),
            "HTTP/1.1 4",
        ),
        (
            "deep json",
            [head("Content-Length: 60000\r\n"), nested]
                .concat()
                .into_bytes(),
            "HTTP/1.1 400",
        ),
        (
            "bad length",
            head("Content-Length: -1\r\n").into_bytes(),
            "HTTP/1.1 400",
        ),
        (
            "huge length",
            head("Content-Length: 18446744073709551615\r\n").into_bytes(),
            "HTTP/1.1 4",
        ),
        ("long chunks", chunked(&oversized), "HTTP/1.1 413"),
        ("bad chunk", chunked("zz\r\nx\r\n"), "HTTP/1.1 400"),
        (
            "raw credentials",
            [
                head("X-Device-Id: \u{e9}\r\nX-Device-Token: \u{e9}\r\nContent-Length: 2\r\n"),
                "{}".to_owned(),
            ]
            .concat()
            .into_bytes(),
            "HTTP/1.1 401",
        ),
    ];
    for (name, bytes, expected) in rows {
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut reply = Vec::new();
        // A reset behind the reply is fine: not all that was sent is read.
        let _ = timeout(LIMIT, stream.read_to_end(&mut reply))
            .await
            .unwrap();
        let reply = String::from_utf8_lossy(&reply);
        assert!(reply.starts_with(expected), "{name}: {reply:?}");
        let next = gateway.telemetry("car", "car").send().await.unwrap();
        assert_eq!(next.status(), StatusCode::OK, "after {name}");
    }
}
