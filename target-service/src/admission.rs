//! What the endpoints for devices and users have in common: who is let in, and how a body is received.
//!
//! Every way of `auth` ends here, so that no endpoint can forget one. It never logs a credential.

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Version};

use crate::app::App;
use crate::auth::Outcome;
use crate::auth::session::TokenError;
use crate::body::{self, BodyError};
use crate::ingest::Voucher;
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
    /// The device whose secret was checked.
    Device(&'a str),
    /// The device whose token was checked.
    Session(String),
    /// A user with the permission, who has shown nothing.
    User,
}

impl Caller<'_> {
    /// Who vouches for what it sends.
    pub(crate) fn voucher(&self) -> Voucher<'_> {
        match self {
            Self::Device(id) => Voucher::Secret(id),
            Self::Session(id) => Voucher::Token(id),
            Self::User => Voucher::Nobody,
        }
    }
}

/// What a request shows of who it is from, each at most once: of two headers a proxy in front may have checked the other one.
struct Shown<'a> {
    id: Option<&'a HeaderValue>,
    secret: Option<&'a HeaderValue>,
    authorization: Option<&'a HeaderValue>,
    user: Option<&'a HeaderValue>,
}

impl<'a> Shown<'a> {
    fn by(parts: &'a Parts) -> Result<Self, Reply> {
        let only = |name: HeaderName, shown: &'static str| {
            let mut values = parts.headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(Reply::Repeated(shown)),
                (value, None) => Ok(value),
            }
        };
        if only(HOST, "Host")?.is_none() && parts.version == Version::HTTP_11 {
            return Err(Reply::HostMissing);
        }
        Ok(Self {
            id: only(DEVICE_ID, "X-Device-Id")?,
            secret: only(DEVICE_TOKEN, "X-Device-Token")?,
            authorization: only(AUTHORIZATION, "Authorization")?,
            user: only(USER_ID, "X-User-Id")?,
        })
    }

    /// The device, if the secret beside it is its own, checked in the configured way.
    async fn check_secret(&self, app: &App) -> Result<&'a str, Reply> {
        let id = self.id.ok_or(Reply::IdMissing)?.as_bytes();
        let secret = self.secret.ok_or(Reply::TokenMissing)?;
        match app.auth.check(id, secret.as_bytes()).await {
            // The registry's ids are text, and an accepted one is the registry's.
            Outcome::Accepted => std::str::from_utf8(id).map_err(|_| Reply::CredentialsRefused),
            Outcome::Refused => Err(Reply::CredentialsRefused),
            Outcome::Limited => Err(Reply::TooManyChecks),
            Outcome::Overloaded => Err(Reply::Overloaded),
            Outcome::Broken => Err(Reply::Broken),
        }
    }

    /// The device of the session's token.
    fn check_token(&self, app: &App) -> Result<String, Reply> {
        let token = self.authorization.and_then(bearer);
        let token = token.ok_or(Reply::BearerMissing)?;
        let id = self.id.map(HeaderValue::as_bytes);
        let checked = app.auth.check_token(token, id);
        checked.map_err(|error| match error {
            TokenError::Expired => Reply::SessionExpired,
            TokenError::Invalid => Reply::SessionInvalid,
        })
    }
}

/// Lets a request pass, or says why not. Device headers lead to the credential check, the absence of any to the user path; where
/// sessions are checked, a bearer token stands for device headers. What is shown is checked: nobody who shows a credential passes
/// as a user without one.
pub(crate) async fn admit<'a>(
    app: &App,
    parts: &'a Parts,
    permission: Permission,
) -> Result<Caller<'a>, Reply> {
    let shown = Shown::by(parts)?;
    let of_device = shown.id.is_some() || shown.secret.is_some();
    if app.auth.sessions().is_some() {
        if of_device || shown.authorization.is_some() {
            return Ok(Caller::Session(shown.check_token(app)?));
        }
    } else if of_device {
        return Ok(Caller::Device(shown.check_secret(app).await?));
    } else if shown.authorization.is_some() {
        return Err(Reply::AuthorizationUnread);
    }
    let user = shown.user.map_or(DEFAULT_USER, |user| user.as_bytes());
    match rbac::allows(app.rbac, &app.store, user, permission).await {
        Ok(true) => Ok(Caller::User),
        Ok(false) => Err(Reply::Forbidden(permission)),
        Err(Down) => Err(Reply::StoreDown),
    }
}

/// The device of the headers, if the secret beside it is its own, checked in the configured way.
pub(crate) async fn check_secret<'a>(app: &App, parts: &'a Parts) -> Result<&'a str, Reply> {
    Shown::by(parts)?.check_secret(app).await
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// The whole body, within the configured size and time, from a caller who is let in still when it is there.
pub(crate) async fn receive(app: &App, caller: &Caller<'_>, body: Body) -> Result<Bytes, Reply> {
    let received = body::read(body, &app.body).await;
    let bytes = received.map_err(|error| match error {
        BodyError::TooLarge => Reply::BodyTooLarge {
            limit_kib: app.body.kib,
        },
        BodyError::TooSlow => Reply::BodyTooSlow,
        BodyError::NoRoom => Reply::NoRoomForBody,
        BodyError::Broken => Reply::BrokenBody,
    })?;
    // It may have been revoked while its body came.
    match caller.voucher() {
        Voucher::Secret(id) if !app.auth.still_accepts(id) => Err(Reply::CredentialsRefused),
        Voucher::Token(id) if !app.auth.still_accepts(id) => Err(Reply::SessionInvalid),
        _ => Ok(bytes),
    }
}
