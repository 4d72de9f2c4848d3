//! What the endpoints answer.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::RETRY_AFTER;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway_config::{Auth, Config, Device};
use tower::ServiceExt;

use super::*;
use crate::access::Ends;
use crate::bcrypt_pool::Check;

async fn app(
    queue: usize,
    check: impl Fn(&[u8], &str) -> Option<bool> + Send + Sync + 'static,
) -> Arc<App> {
    let config = Config {
        auth: Auth::Naive,
        bcrypt_cost: 4,
        cpus: 1,
        bcrypt_queue: queue,
        user_kib: 1,
        ..Config::default()
    };
    let device = Device {
        id: "car".into(),
        hash: bcrypt::hash("s", 4).unwrap(),
    };
    App::start(&config, vec![device], &(Arc::new(check) as Arc<Check>))
        .await
        .unwrap()
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_full_queue_asks_to_come_back() {
    let (permit, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let app = app(1, move |_, _| {
        gate.lock().unwrap().recv().ok().map(|()| true)
    })
    .await;
    let ask = || {
        let request = Request::get("/v1/telemetry")
            .header("Host", "gateway")
            .header("X-Device-Id", "car")
            .header("X-Device-Token", "s");
        tokio::spawn(router(Arc::clone(&app), None).oneshot(request.body(Body::empty()).unwrap()))
    };
    let running = ask();
    while app.metrics.pool.started.get() == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = ask();
    tokio::task::yield_now().await;
    let refused = ask().await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    assert_eq!(
        text(refused).await,
        r#"{"error":"too many credential checks are waiting, try again in a second"}"#
    );
    assert_eq!(app.metrics.rejected.get(), 1);
    permit.send(()).unwrap();
    permit.send(()).unwrap();
    for one in [running, waiting] {
        assert_eq!(one.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn debug_and_administrative_endpoints_stay_on_loopback() {
    let app = app(1, |_, _| Some(true)).await;
    let inside = Some(("127.0.0.1:9", "127.0.0.1:80"));
    let key = Key::random().unwrap();
    let basic = STANDARD.encode(format!("admin:{}", key.digits()));
    for (ends, status) in [
        (inside, None),
        (
            Some(("10.0.0.9:9", "127.0.0.1:80")),
            Some(StatusCode::FORBIDDEN),
        ),
        (
            Some(("127.0.0.1:9", "10.0.0.1:80")),
            Some(StatusCode::FORBIDDEN),
        ),
        (None, Some(StatusCode::FORBIDDEN)),
    ] {
        for (request, inside) in [
            (
                Request::get("/debug/pprof/profile?seconds=0"),
                StatusCode::BAD_REQUEST,
            ),
            (
                Request::get("/debug/pprof/flamegraph?seconds=0"),
                StatusCode::BAD_REQUEST,
            ),
            (Request::post("/admin/revoke/nobody"), StatusCode::NOT_FOUND),
        ] {
            let mut request = request
                .header("Host", "127.0.0.1:80")
                .header("Authorization", format!("Basic {basic}"))
                .body(Body::empty())
                .unwrap();
            let status = status.unwrap_or(inside);
            if let Some((peer, local)) = ends {
                request.extensions_mut().insert(Ends {
                    peer: peer.parse().unwrap(),
                    local: local.parse().unwrap(),
                });
            }
            let uri = request.uri().clone();
            let response = router(Arc::clone(&app), Some(&key))
                .oneshot(request)
                .await
                .unwrap();
            assert_eq!(response.status(), status, "{ends:?} {uri}");
            if status == StatusCode::FORBIDDEN {
                assert_eq!(
                    text(response).await,
                    r#"{"error":"debug and administrative endpoints answer on loopback only"}"#
                );
            }
        }
    }
}
