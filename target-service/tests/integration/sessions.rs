//! Sessions: a handshake with the credential, then a token that stands for it.

use gateway_config::{Auth, Config, Key};
use jiff::SignedDuration;
use reqwest::{RequestBuilder, StatusCode};
use tokio::time::timeout;

use crate::gateway::{CHEAP, Gateway, LIMIT, device, parts, quick};

fn tokens() -> Config {
    Config {
        auth: Auth::Token,
        ..quick()
    }
}

async fn told(request: RequestBuilder) -> (StatusCode, String, String) {
    let response = request.send().await.unwrap();
    let challenge = response
        .headers()
        .get("www-authenticate")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let (status, body) = parts(response).await;
    (status, challenge, body)
}

#[tokio::test]
async fn one_bcrypt_and_then_none() {
    let gateway = Gateway::start(tokens(), vec![device("car", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    for _ in 0..5 {
        let request = gateway.get("/v1/telemetry").bearer_auth(&token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
    let request = gateway
        .post("{}")
        .header("Authorization", format!("bearer  {token}"));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(gateway.metric("gateway_bcrypt_total").await, 1.0);
    assert_eq!(gateway.metric("gateway_sessions_total").await, 1.0);
    // Without device headers and token it is the user path as ever.
    assert_eq!(
        gateway.get("/v1/telemetry").send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_no_token_is_told_why() {
    let gateway = Gateway::start(tokens(), vec![device("car", CHEAP), device("van", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    let other = Gateway::start(tokens(), vec![device("car", CHEAP)]).await;
    let foreign = other.session("car", "car").await;
    let invalid = (
        StatusCode::UNAUTHORIZED,
        r#"Bearer error="invalid_token""#,
        r#"{"error":"the session's token is not valid"}"#,
    );
    let telemetry = || gateway.get("/v1/telemetry");
    for (request, (status, challenge, body)) in [
        (telemetry().bearer_auth("nonsense"), invalid),
        (telemetry().bearer_auth(&foreign), invalid),
        (
            telemetry().bearer_auth(&token).header("X-Device-Id", "van"),
            invalid,
        ),
        (
            // The secret itself is good for the handshake alone.
            gateway.telemetry("car", "car"),
            (
                StatusCode::UNAUTHORIZED,
                "Bearer",
                r#"{"error":"missing header Authorization: Bearer, get a token from POST /v1/session"}"#,
            ),
        ),
    ] {
        assert_eq!(
            told(request).await,
            (status, challenge.to_owned(), body.to_owned())
        );
    }
}

#[tokio::test]
async fn an_expired_token_asks_for_a_new_handshake() {
    let config = Config {
        token_ttl: SignedDuration::from_secs(1),
        ..tokens()
    };
    let gateway = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let token = gateway.session("car", "car").await;
    let expired = async {
        loop {
            let answer = told(gateway.get("/v1/telemetry").bearer_auth(&token)).await;
            if answer.0 != StatusCode::OK {
                return answer;
            }
        }
    };
    assert_eq!(
        timeout(LIMIT, expired).await.unwrap(),
        (
            StatusCode::UNAUTHORIZED,
            r#"Bearer error="invalid_token", error_description="expired""#.to_owned(),
            r#"{"error":"the session has expired, get a new token from POST /v1/session"}"#
                .to_owned()
        )
    );
    let next = gateway.session("car", "car").await;
    assert_ne!(next, token);
}

#[tokio::test]
async fn handshakes_are_refused_like_credentials() {
    let gateway = Gateway::start(tokens(), vec![device("car", CHEAP)]).await;
    let refused = (
        StatusCode::UNAUTHORIZED,
        "Device".to_owned(),
        r#"{"error":"credentials refused"}"#.to_owned(),
    );
    for (id, secret) in [("car", "wrong"), ("stranger", "car")] {
        assert_eq!(told(gateway.handshake(id, secret)).await, refused);
    }
    assert_eq!(gateway.metric("gateway_bcrypt_total").await, 2.0);
    let url = format!("http://{}/v1/session", gateway.addr);
    let (status, _, body) = told(gateway.client.post(url)).await;
    assert_eq!(
        (status, body.as_str()),
        (
            StatusCode::BAD_REQUEST,
            r#"{"error":"missing header X-Device-Id"}"#
        )
    );
    let plain = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let (status, _, body) = told(plain.handshake("car", "car")).await;
    assert_eq!(
        (status, body.as_str()),
        (
            StatusCode::NOT_FOUND,
            r#"{"error":"sessions are for auth = \"token\""}"#
        )
    );
}

#[tokio::test]
async fn instances_with_one_key_accept_each_others_tokens() {
    let config = Config {
        token_key: Some(Key::random().unwrap()),
        ..tokens()
    };
    let one = Gateway::start(config.clone(), vec![device("car", CHEAP)]).await;
    let two = Gateway::start(config, vec![device("car", CHEAP)]).await;
    let token = one.session("car", "car").await;
    let request = two.get("/v1/telemetry").bearer_auth(&token);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(two.metric("gateway_bcrypt_total").await, 0.0);
}
