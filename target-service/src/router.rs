//! Which path leads where. Handlers live with what they serve.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gateway_config::Key;

use crate::access::{Guard, guarded, is_local};
use crate::app::App;
use crate::experiment::burden;
use crate::ingest::endpoint;
use crate::metrics::CONTENT_TYPE as OPENMETRICS;
use crate::reply::Reply;
use crate::{profile, telemetry};

/// `key` opens `/admin/` and `/debug/`; without one nobody is let in there.
pub(crate) fn router(app: Arc<App>, key: Option<&Key>) -> Router {
    let guard = Arc::new(Guard::new(key));
    let local = Router::new()
        .route("/debug/pprof/profile", get(profile::handle))
        .route("/debug/pprof/flamegraph", get(profile::flamegraph))
        .route("/admin/revoke/{device}", post(revoke))
        .layer(from_fn_with_state(guard, guarded));
    let mut service = Router::new()
        .route("/v1/telemetry", get(telemetry::read).post(telemetry::write))
        .route("/v1/session", post(telemetry::session))
        .route("/v1/payloads", post(endpoint::write));
    if let Some(experiment) = &app.experiment {
        service = service.route_layer(from_fn_with_state(Arc::clone(experiment), burden));
    }
    service
        .route("/healthz", get(async || "ok"))
        .route("/metrics", get(metrics))
        .merge(local)
        .fallback(async || Reply::NotFound)
        .method_not_allowed_fallback(async || Reply::MethodNotAllowed)
        .with_state(app)
}

/// Whether a path belongs to the service itself and is left out of its request metrics.
pub(crate) fn is_control(path: &str) -> bool {
    path == "/healthz" || path == "/metrics" || is_local(path)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn revoke(State(app): State<Arc<App>>, Path(device): Path<String>) -> Reply {
    let Some(announced) = app.auth.revoke(device.as_bytes()).await else {
        return Reply::NoSuchDevice;
    };
    app.metrics.revoked.inc();
    tracing::info!(device, everywhere = announced.is_ok(), "revoked");
    Reply::Revoked {
        everywhere: announced.is_ok(),
    }
}

#[cfg(test)]
mod tests;
