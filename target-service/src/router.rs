//! Which path leads where. Handlers live with what they serve.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::access::{DEBUG, loopback_only};
use crate::app::App;
use crate::ingest::endpoint;
use crate::metrics::CONTENT_TYPE as OPENMETRICS;
use crate::reply::Reply;
use crate::{profile, telemetry};

pub(crate) fn router(app: Arc<App>) -> Router {
    let debug = Router::new()
        .route("/debug/pprof/profile", get(profile::handle))
        .layer(from_fn(loopback_only));
    Router::new()
        .route("/v1/telemetry", get(telemetry::read).post(telemetry::write))
        .route("/v1/payloads", post(endpoint::write))
        .route("/healthz", get(async || "ok"))
        .route("/metrics", get(metrics))
        .merge(debug)
        .fallback(async || Reply::NotFound)
        .method_not_allowed_fallback(async || Reply::MethodNotAllowed)
        .with_state(app)
}

/// Whether a path belongs to the service itself and is left out of its request metrics.
pub(crate) fn is_control(path: &str) -> bool {
    path == "/healthz" || path == "/metrics" || path.starts_with(DEBUG)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
