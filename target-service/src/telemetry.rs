//! `/v1/telemetry`: device headers lead to the IoT middleware, their absence to the user path.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use serde::de::IgnoredAny;

use crate::app::App;
use crate::auth::Outcome;
use crate::body::{self, BodyError};
use crate::rbac::{self, Permission};
use crate::reply::Reply;

pub(crate) const DEVICE_ID: HeaderName = HeaderName::from_static("x-device-id");
const DEVICE_TOKEN: HeaderName = HeaderName::from_static("x-device-token");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const DEFAULT_USER: &[u8] = b"demo";

pub(crate) async fn read(State(app): State<Arc<App>>, request: Request) -> Reply {
    match admit(&app, &request.into_parts().0.headers, Permission::Read).await {
        Ok(()) => Reply::Accepted,
        Err(refusal) => refusal,
    }
}

pub(crate) async fn write(State(app): State<Arc<App>>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    // Who may not write is refused before a byte of the body is looked at.
    if let Err(refusal) = admit(&app, &parts.headers, Permission::Write).await {
        return refusal;
    }
    match ingest(&app, body).await {
        Ok(()) => Reply::Accepted,
        Err(refusal) => refusal,
    }
}

/// Sends device headers to the credential check, and their absence to the permission check.
pub(crate) async fn admit(
    app: &App,
    headers: &HeaderMap,
    permission: Permission,
) -> Result<(), Reply> {
    if let Some(id) = headers.get(DEVICE_ID) {
        let token = headers.get(DEVICE_TOKEN).ok_or(Reply::TokenMissing)?;
        return match app.auth.check(id.as_bytes(), token.as_bytes()).await {
            Outcome::Accepted => Ok(()),
            Outcome::Refused => Err(Reply::CredentialsRefused),
            Outcome::Overloaded => Err(Reply::Overloaded),
            Outcome::Broken => Err(Reply::Broken),
        };
    }
    let user = headers
        .get(USER_ID)
        .map_or(DEFAULT_USER, |user| user.as_bytes());
    if rbac::allows(app.rbac, &app.store, user, permission).await {
        return Ok(());
    }
    Err(Reply::Forbidden(permission))
}

async fn ingest(app: &App, body: Body) -> Result<(), Reply> {
    let bytes = receive(app, body).await?;
    match serde_json::from_slice::<IgnoredAny>(&bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Reply::BadJson(error.to_string())),
    }
}

/// The whole body within the configured limit.
pub(crate) async fn receive(app: &App, body: Body) -> Result<Bytes, Reply> {
    body::read(body, app.body_limit_kib * 1024)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => Reply::BodyTooLarge {
                limit_kib: app.body_limit_kib,
            },
            BodyError::TooSlow => Reply::BodyTooSlow,
            BodyError::Broken => Reply::BrokenBody,
        })
}
