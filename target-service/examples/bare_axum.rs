//! What the gateway is measured against: the least that an axum service does for the same request and the same reply.
//! It checks no credential, counts nothing, and limits nothing but what axum limits by itself.
//!
//! Usage: `bare_axum ADDRESS`. `POST /v1/telemetry` reads a JSON body and answers what the gateway answers.

use std::io;
use std::thread::available_parallelism;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Router, serve};
use serde::de::IgnoredAny;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() -> io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: bare_axum ADDRESS"))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(available_parallelism()?.get())
        .enable_all()
        .build()?;
    // On a worker, as the gateway does: the thread that blocks here takes no part in the runtime's scheduling.
    let served = runtime.spawn(async move {
        let routes = Router::new()
            .route("/v1/telemetry", post(telemetry))
            .route("/healthz", get(async || "ok"));
        let listener = TcpListener::bind(address).await?.tap_io(|stream| {
            // A connection that refuses it is slower, and none that a measurement uses does.
            let _ = stream.set_nodelay(true);
        });
        serve(listener, routes).await
    });
    runtime.block_on(served)?
}

// Axum's own `Json` extractor costs more: it also looks at the content type and tracks the path of errors.
async fn telemetry(body: Bytes) -> Response {
    const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => (JSON, r#"{"status":"ok"}"#).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
