//! Who is let in and who is not: wrong credentials, forged tokens, repeated headers, and what is between two requests.

use gateway_config::{Ack, Auth, Config, IngestMode};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, quick};

const MODES: [Auth; 5] = [
    Auth::Naive,
    Auth::Cached,
    Auth::Singleflight,
    Auth::Token,
    Auth::Shielded,
];

fn of(auth: Auth) -> Config {
    Config { auth, ..quick() }
}

/// The status of one request, sent as it is; the connection is closed behind it.
async fn raw(gateway: &Gateway, request: &str) -> u16 {
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    status(&mut stream).await
}

async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    timeout(LIMIT, stream.read_exact(&mut head))
        .await
        .unwrap()
        .unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

fn get(headers: &str) -> String {
    format!("GET /v1/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_every_mode() {
    let long = "x".repeat(73);
    for auth in MODES {
        let config = Config {
            device_burst: 1000,
            ..of(auth)
        };
        let devices = vec![device("car", CHEAP), device("van", CHEAP)];
        let gateway = Gateway::start(config, devices).await;
        let path = if auth == Auth::Token {
            "/v1/session"
        } else {
            "/v1/telemetry"
        };
        for (id, secret, expected) in [
            ("car", "car", 200),
            ("car", "", 401),
            ("car", "Car", 401),
            ("car", "car\u{e9}", 401),
            ("car", "carcar", 401),
            ("car", "ca", 401),
            ("car", "van", 401),
            ("car", "$2b$04$abcdefghijklmnopqrstuu", 401),
            ("car", long.as_str(), 401),
            ("", "", 401),
            ("", "car", 401),
            ("CAR", "car", 401),
            ("car,van", "car", 401),
            ("car%00", "car", 401),
            ("../car", "car", 401),
            ("*", "*", 401),
            ("stranger", "stranger", 401),
            (long.as_str(), "car", 401),
        ] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nX-Device-Id: {id}\r\nX-Device-Token: {secret}\r\n\r\n{{}}"
            );
            assert_eq!(
                raw(&gateway, &request).await,
                expected,
                "{auth} {id:?} {secret:?}"
            );
        }
        // White space around a value is none of it, and a colon is nothing special.
        let padded = get("X-Device-Id:   car  \r\nX-Device-Token:\tcar\t\r\n");
        let expected = if auth == Auth::Token { 401 } else { 200 };
        assert_eq!(raw(&gateway, &padded).await, expected, "{auth}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let gateway = Gateway::start(of(Auth::Token), vec![device("car", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        panic!("{token}")
    };
    // {"alg":"none"}, {"alg":"HS512","typ":"JWT"}, {"alg":"RS256","typ":"JWT"}
    let heads = [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9",
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
    ];
    let mut forged: Vec<String> = vec![
        format!("{head}.{claims}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{signature}."),
        format!("{head}.{claims}.{signature}="),
        format!(".{claims}.{signature}"),
        format!("{head}..{signature}"),
        format!("{claims}.{head}.{signature}"),
        format!("{head}.{claims}.{}", "A".repeat(signature.len())),
        format!("{head}.{claims}.{}", signature.to_lowercase()),
        format!("{head}.{claims}.{}", &signature[1..]),
        // {"sub":"car","aud":"telemetry","iat":0,"exp":9999999999}
        format!(
            "{head}.eyJzdWIiOiJjYXIiLCJhdWQiOiJ0ZWxlbWV0cnkiLCJpYXQiOjAsImV4cCI6OTk5OTk5OTk5OX0.{signature}"
        ),
        ".".into(),
        "..".into(),
        "null".into(),
        "{}".into(),
        "undefined".into(),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("\"{token}\""),
        "a".repeat(5000),
    ];
    for other in heads {
        forged.push(format!("{other}.{claims}."));
        forged.push(format!("{other}.{claims}.{signature}"));
    }
    for forged in &forged {
        let request = get(&format!("Authorization: Bearer {forged}\r\n"));
        assert_eq!(raw(&gateway, &request).await, 401, "{forged}");
    }
    for scheme in ["Basic", "Token", "Digest", "Bearer:", "Bearer="] {
        let request = get(&format!("Authorization: {scheme} {token}\r\n"));
        assert_eq!(raw(&gateway, &request).await, 401, "{scheme}");
    }
    assert_eq!(
        raw(
            &gateway,
            &get(&format!("Authorization: Bearer {token}\r\n"))
        )
        .await,
        200
    );
}

#[tokio::test]
async fn what_is_shown_twice_or_in_part_is_never_read_in_part() {
    let right = "X-Device-Id: car\r\nX-Device-Token: car\r\n";
    for auth in MODES {
        let gateway =
            Gateway::start(of(auth), vec![device("car", CHEAP), device("van", CHEAP)]).await;
        let token = match auth {
            Auth::Token => gateway.session("car", "car").await,
            _ => "x".into(),
        };
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let by_token = auth == Auth::Token;
        for (headers, expected) in [
            (format!("{right}X-Device-Id: van\r\n"), 400),
            (format!("{right}X-Device-Id: car\r\n"), 400),
            (format!("{right}X-Device-Token: van\r\n"), 400),
            (format!("{bearer}{bearer}"), 400),
            (format!("{bearer}Authorization: Basic eDp5\r\n"), 400),
            ("X-User-Id: demo\r\nX-User-Id: suspended\r\n".into(), 400),
            ("Host: y\r\n".into(), 400),
            ("Host: x\r\n".into(), 400),
            // A credential without its other half is no user's request.
            (
                "X-Device-Token: car\r\n".into(),
                if by_token { 401 } else { 400 },
            ),
            ("X-Device-Id: car\r\n".into(), 401),
            ("Authorization: Bearer \r\n".into(), 401),
            ("Authorization: Bearer\r\n".into(), 401),
            ("Authorization:\r\n".into(), 401),
            ("Authorization: Basic eDp5\r\n".into(), 401),
            (String::new(), 200),
        ] {
            assert_eq!(
                raw(&gateway, &get(&headers)).await,
                expected,
                "{auth} {headers:?}"
            );
        }
        for (request, expected) in [
            (
                "GET /v1/telemetry HTTP/1.1\r\nConnection: close\r\n\r\n",
                400,
            ),
            ("GET /v1/telemetry HTTP/1.0\r\n\r\n", 200),
        ] {
            assert_eq!(raw(&gateway, request).await, expected, "{auth} {request:?}");
        }
    }
}

#[tokio::test]
async fn two_lengths_are_one_request_or_none() {
    let gateway = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let hidden = "GET /admin/revoke/car HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\tchunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2 2\r\n",
        "Content-Length: \r\n",
        "X: y\nContent-Length: 2\r\nContent-Length: 7\r\n",
    ] {
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        let request =
            format!("POST /v1/telemetry HTTP/1.1\r\nHost: x\r\n{framing}\r\n{{}}{hidden}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut reply = Vec::new();
        let _ = timeout(LIMIT, stream.read_to_end(&mut reply))
            .await
            .unwrap();
        let reply = String::from_utf8_lossy(&reply);
        let answers = reply.matches("HTTP/1.1 ").count();
        let is_refused = reply.starts_with("HTTP/1.1 4") || reply.starts_with("HTTP/1.1 5");
        assert!(
            answers <= 1 && (is_refused || reply.is_empty()),
            "{framing:?}: {reply}"
        );
    }
}

#[tokio::test]
async fn a_device_that_is_revoked_while_its_body_comes_stores_nothing() {
    for auth in MODES {
        for path in ["/v1/telemetry", "/v1/payloads"] {
            let config = Config {
                ingest: IngestMode::Pool,
                ack: Ack::Stored,
                ..of(auth)
            };
            let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
            let shown = match auth {
                Auth::Token => format!(
                    "Authorization: Bearer {}\r\n",
                    gateway.session("car", "car").await
                ),
                _ => "X-Device-Id: car\r\nX-Device-Token: car\r\n".to_owned(),
            };
            let body = r#"{"payloads":[{"id":"a"}]}"#;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{shown}\r\n",
                body.len()
            );
            let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body.as_bytes()[..10]).await.unwrap();
            // Its head is read and good: nothing else of it could count here.
            gateway.until("gateway_in_flight", 1.0).await;
            if auth != Auth::Token {
                gateway.until("gateway_bcrypt_total", 1.0).await;
                until_checked(&gateway).await;
            }
            let revoked = gateway.revoke("car").send().await.unwrap();
            assert_eq!(revoked.status(), StatusCode::OK);
            stream.write_all(&body.as_bytes()[10..]).await.unwrap();
            assert_eq!(status(&mut stream).await, 401, "{auth} {path}");
            assert_eq!(gateway.metric("gateway_payloads_stored_total").await, 0.0);
        }
    }
}

/// Waits until another request of the device has been checked behind the first one's check.
async fn until_checked(gateway: &Gateway) {
    let other = gateway.telemetry("car", "car").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}
