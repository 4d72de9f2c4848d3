//! Every answer of the telemetry endpoints, as data; one place turns it into a response.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::ingest::answer::Answer;
use crate::rbac::Permission;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

// No `Debug`: it would show the token of a session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Accepted,
    Payloads(Answer),
    BadJson(String),
    BrokenBody,
    /// A session's token, and the seconds that it is good for.
    Session {
        token: String,
        life: u64,
    },
    /// Whether other instances know already.
    Revoked {
        everywhere: bool,
    },
    /// A header that may be given once.
    Repeated(&'static str),
    HostMissing,
    IdMissing,
    TokenMissing,
    CredentialsRefused,
    BearerMissing,
    AuthorizationUnread,
    SessionExpired,
    SessionInvalid,
    NoSessions,
    NoSuchDevice,
    TooManyChecks,
    StoreDown,
    Forbidden(Permission),
    NotLoopback,
    /// For `/admin/` and `/debug/`, from what is not the tool on this machine: what gives it away.
    NotForPages(&'static str),
    KeyMissing,
    NotFound,
    MethodNotAllowed,
    BodyTooSlow,
    BodyTooLarge {
        limit_kib: usize,
    },
    Overloaded,
    NoRoomForBody,
    Broken,
}

impl Reply {
    fn status(&self) -> StatusCode {
        match self {
            Self::Accepted | Self::Session { .. } | Self::Revoked { everywhere: true } => {
                StatusCode::OK
            }
            Self::Payloads(answer) => answer.status(),
            Self::Revoked { everywhere: false } => StatusCode::ACCEPTED,
            Self::BadJson(_)
            | Self::BrokenBody
            | Self::Repeated(_)
            | Self::HostMissing
            | Self::IdMissing => StatusCode::BAD_REQUEST,
            Self::TokenMissing
            | Self::CredentialsRefused
            | Self::BearerMissing
            | Self::AuthorizationUnread
            | Self::SessionExpired
            | Self::SessionInvalid
            | Self::KeyMissing => StatusCode::UNAUTHORIZED,
            Self::TooManyChecks => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden(_) | Self::NotLoopback | Self::NotForPages(_) => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSessions | Self::NoSuchDevice => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded | Self::StoreDown | Self::NoRoomForBody => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error(&self) -> String {
        match self {
            Self::Accepted | Self::Session { .. } | Self::Revoked { .. } => String::new(),
            Self::Payloads(answer) => answer.refusal(),
            Self::Repeated(header) => format!("header {header} is given twice, send it once"),
            Self::HostMissing => "missing header Host".to_owned(),
            Self::IdMissing => "missing header X-Device-Id".to_owned(),
            Self::BadJson(reason) => format!("body is not json: {reason}"),
            Self::BrokenBody => "body ended early or is badly framed".to_owned(),
            Self::TokenMissing => "missing header X-Device-Token".to_owned(),
            Self::CredentialsRefused => "credentials refused".to_owned(),
            Self::BearerMissing => {
                "missing header Authorization: Bearer, get a token from POST /v1/session".to_owned()
            }
            Self::AuthorizationUnread => {
                "Authorization is for auth = \"token\", send X-Device-Id and X-Device-Token".to_owned()
            }
            Self::SessionExpired => {
                "the session has expired, get a new token from POST /v1/session".to_owned()
            }
            Self::SessionInvalid => "the session's token is not valid".to_owned(),
            Self::NoSessions => "sessions are for auth = \"token\"".to_owned(),
            Self::NoSuchDevice => "no such device".to_owned(),
            Self::TooManyChecks => {
                "too many credential checks for this device, try again in a minute".to_owned()
            }
            Self::StoreDown => "the store is down, try again in a second".to_owned(),
            Self::Forbidden(permission) => format!("permission {} is missing", permission.name()),
            Self::NotLoopback => {
                "debug and administrative endpoints answer on loopback only".to_owned()
            }
            Self::NotForPages(what) => format!(
                "debug and administrative endpoints answer no web page and no proxy, and the request has {what}"
            ),
            Self::KeyMissing => {
                "debug and administrative endpoints ask for the key of this start: user `admin`, the key as password".to_owned()
            }
            Self::NotFound => "no such endpoint".to_owned(),
            Self::MethodNotAllowed => "method not allowed here".to_owned(),
            Self::BodyTooSlow => "body did not arrive in time".to_owned(),
            Self::BodyTooLarge { limit_kib } => format!("body is larger than {limit_kib} KiB"),
            Self::Overloaded => {
                "too many credential checks are waiting, try again in a second".to_owned()
            }
            Self::NoRoomForBody => {
                "too many bodies are under way, try again in a second".to_owned()
            }
            Self::Broken => "internal error".to_owned(),
        }
    }
}

impl Reply {
    fn body(&self) -> Bytes {
        match self {
            Self::Accepted => Bytes::from_static(br#"{"status":"ok"}"#),
            Self::Session { token, life } => json(&serde_json::json!({
                "token": token, "token_type": "Bearer", "expires_in": life,
            })),
            Self::Revoked { everywhere } => {
                json(&serde_json::json!({ "revoked": true, "everywhere": everywhere }))
            }
            Self::Payloads(answer) if let Some(acknowledged) = answer.acknowledgement() => {
                Bytes::from_static(acknowledged.as_bytes())
            }
            refused => json(&serde_json::json!({ "error": refused.error() })),
        }
    }

    /// The header that tells a client what to do, for those replies that have one.
    fn advice(&self) -> Option<(HeaderName, &'static str)> {
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            return Some((RETRY_AFTER, "1"));
        }
        match self {
            Self::TooManyChecks => Some((RETRY_AFTER, "60")),
            Self::TokenMissing | Self::CredentialsRefused | Self::AuthorizationUnread => {
                Some((WWW_AUTHENTICATE, "Device"))
            }
            Self::BearerMissing => Some((WWW_AUTHENTICATE, "Bearer")),
            Self::KeyMissing => Some((WWW_AUTHENTICATE, r#"Basic realm="admin""#)),
            Self::SessionExpired => Some((
                WWW_AUTHENTICATE,
                r#"Bearer error="invalid_token", error_description="expired""#,
            )),
            Self::SessionInvalid => Some((WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)),
            // A token is a credential: no cache on the way may keep it.
            Self::Session { .. } => Some((CACHE_CONTROL, "no-store")),
            _ => None,
        }
    }
}

fn json(value: &serde_json::Value) -> Bytes {
    value.to_string().into()
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        if let Some((name, value)) = self.advice() {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
