//! What the endpoints for devices and users have in common: who is let in, and how a body is received.
//!
//! Every way of `auth` ends here, so that no endpoint can forget one. It never logs a credential.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

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

/// Who was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Caller<'a> {
    /// The device whose secret or token was checked.
    Device(Cow<'a, str>),
    /// A user with the permission.
    User,
}

impl Caller<'_> {
    /// The device's id.
    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Self::Device(id) => Some(id),
            Self::User => None,
        }
    }
}

/// Lets a request pass, or says why not. Device headers lead to the credential check, their absence to the user path;
/// where sessions are checked, a bearer token stands for device headers.
pub(crate) async fn admit<'a>(
    app: &App,
    headers: &'a HeaderMap,
    permission: Permission,
) -> Result<Caller<'a>, Reply> {
    if app.auth.sessions().is_some() {
        let id = headers.get(DEVICE_ID).map(HeaderValue::as_bytes);
        let bearer = headers.get(AUTHORIZATION).and_then(bearer);
        if bearer.is_some() || id.is_some() {
            let token = bearer.ok_or(Reply::BearerMissing)?;
            let device = app
                .auth
                .check_token(token, id)
                .map_err(|error| match error {
                    TokenError::Expired => Reply::SessionExpired,
                    TokenError::Invalid => Reply::SessionInvalid,
                })?;
            return Ok(Caller::Device(device.into()));
        }
    } else if headers.contains_key(DEVICE_ID) {
        let device = check_secret(app, headers).await?;
        return Ok(Caller::Device(device.into()));
    }
    let user = headers
        .get(USER_ID)
        .map_or(DEFAULT_USER, |user| user.as_bytes());
    match rbac::allows(app.rbac, &app.store, user, permission).await {
        Ok(true) => Ok(Caller::User),
        Ok(false) => Err(Reply::Forbidden(permission)),
        Err(Down) => Err(Reply::StoreDown),
    }
}

/// The device of the headers, if the secret beside it is its own, checked in the configured way.
pub(crate) async fn check_secret<'a>(app: &App, headers: &'a HeaderMap) -> Result<&'a str, Reply> {
    let id = headers.get(DEVICE_ID).ok_or(Reply::IdMissing)?.as_bytes();
    let secret = headers.get(DEVICE_TOKEN).ok_or(Reply::TokenMissing)?;
    match app.auth.check(id, secret.as_bytes()).await {
        // The registry's ids are text, and an accepted one is the registry's.
        Outcome::Accepted => std::str::from_utf8(id).map_err(|_| Reply::CredentialsRefused),
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

/// The whole body, within the configured size and time.
pub(crate) async fn receive(app: &App, body: Body) -> Result<Bytes, Reply> {
    body::read(body, app.body)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => Reply::BodyTooLarge {
                limit_kib: app.body.kib,
            },
            BodyError::TooSlow => Reply::BodyTooSlow,
            BodyError::Broken => Reply::BrokenBody,
        })
}
