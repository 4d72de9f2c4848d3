//! `/v1/telemetry` and `/v1/session`: device headers lead to the IoT middleware, their absence to the user path.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::get_current_timestamp;
use serde::de::IgnoredAny;

use crate::app::App;
use crate::auth::Outcome;
use crate::auth::session::TokenError;
use crate::body::{self, BodyError};
use crate::rbac::{self, Permission};
use crate::reply::Reply;
use crate::store::Down;

const DEVICE_ID: HeaderName = HeaderName::from_static("x-device-id");
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

/// Lets a request pass, or says why not. Device headers lead to the credential check, their absence to the user path;
/// where sessions are checked, a bearer token stands for device headers.
async fn admit(app: &App, headers: &HeaderMap, permission: Permission) -> Result<(), Reply> {
    let id = headers.get(DEVICE_ID).map(HeaderValue::as_bytes);
    if app.auth.sessions().is_some() {
        let bearer = headers.get(AUTHORIZATION).and_then(bearer);
        if bearer.is_some() || id.is_some() {
            let token = bearer.ok_or(Reply::BearerMissing)?;
            return app
                .auth
                .check_token(token, id)
                .map_err(|error| match error {
                    TokenError::Expired => Reply::SessionExpired,
                    TokenError::Invalid => Reply::SessionInvalid,
                });
        }
    } else if let Some(id) = id {
        return check(app, id, headers).await;
    }
    let user = headers
        .get(USER_ID)
        .map_or(DEFAULT_USER, |user| user.as_bytes());
    match rbac::allows(app.rbac, &app.store, user, permission).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Reply::Forbidden(permission)),
        Err(Down) => Err(Reply::StoreDown),
    }
}

/// The secret of the device headers, checked in the configured way.
async fn check(app: &App, id: &[u8], headers: &HeaderMap) -> Result<(), Reply> {
    let token = headers.get(DEVICE_TOKEN).ok_or(Reply::TokenMissing)?;
    match app.auth.check(id, token.as_bytes()).await {
        Outcome::Accepted => Ok(()),
        Outcome::Refused => Err(Reply::CredentialsRefused),
        Outcome::Limited => Err(Reply::TooManyChecks),
        Outcome::Overloaded => Err(Reply::Overloaded),
        Outcome::Broken => Err(Reply::Broken),
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// `POST /v1/session`: one bcrypt, then a token that replaces it.
pub(crate) async fn session(State(app): State<Arc<App>>, request: Request) -> Reply {
    let headers = request.into_parts().0.headers;
    let Some(sessions) = app.auth.sessions() else {
        return Reply::NoSessions;
    };
    let Some(id) = headers.get(DEVICE_ID) else {
        return Reply::IdMissing;
    };
    if let Err(refusal) = check(&app, id.as_bytes(), &headers).await {
        return refusal;
    }
    // The registry's ids are text, and an accepted one is the registry's.
    let Ok(device) = std::str::from_utf8(id.as_bytes()) else {
        return Reply::CredentialsRefused;
    };
    app.metrics.sessions.inc();
    Reply::Session {
        token: sessions.issue(device, get_current_timestamp()),
        life: sessions.life(),
    }
}

async fn ingest(app: &App, body: Body) -> Result<(), Reply> {
    let bytes = body::read(body, app.body)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => Reply::BodyTooLarge {
                limit_kib: app.body.kib,
            },
            BodyError::TooSlow => Reply::BodyTooSlow,
            BodyError::Broken => Reply::BrokenBody,
        })?;
    match serde_json::from_slice::<IgnoredAny>(&bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Reply::BadJson(error.to_string())),
    }
}
