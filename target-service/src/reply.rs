//! Every answer of the telemetry endpoints, as data; one place turns it into a response.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::ingest::endpoint::Answer;
use crate::rbac::Permission;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Accepted,
    Payloads(Answer),
    BadJson(String),
    BrokenBody,
    TokenMissing,
    CredentialsRefused,
    Forbidden(Permission),
    NotLoopback,
    NotFound,
    MethodNotAllowed,
    BodyTooSlow,
    BodyTooLarge { limit_kib: usize },
    Overloaded,
    Broken,
}

impl Reply {
    fn status(&self) -> StatusCode {
        match self {
            Self::Accepted => StatusCode::OK,
            Self::Payloads(answer) => answer.status(),
            Self::BadJson(_) | Self::BrokenBody => StatusCode::BAD_REQUEST,
            Self::TokenMissing | Self::CredentialsRefused => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::NotLoopback => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error(&self) -> String {
        match self {
            Self::Accepted => String::new(),
            Self::Payloads(answer) => answer.body().err().unwrap_or_default(),
            Self::BadJson(reason) => format!("body is not json: {reason}"),
            Self::BrokenBody => "body ended early or is badly framed".to_owned(),
            Self::TokenMissing => "missing header X-Device-Token".to_owned(),
            Self::CredentialsRefused => "credentials refused".to_owned(),
            Self::Forbidden(permission) => format!("permission {} is missing", permission.name()),
            Self::NotLoopback => "debug endpoints answer on loopback only".to_owned(),
            Self::NotFound => "no such endpoint".to_owned(),
            Self::MethodNotAllowed => "method not allowed here".to_owned(),
            Self::BodyTooSlow => "body did not arrive in time".to_owned(),
            Self::BodyTooLarge { limit_kib } => format!("body is larger than {limit_kib} KiB"),
            Self::Overloaded => {
                "too many credential checks are waiting, try again in a second".to_owned()
            }
            Self::Broken => "internal error".to_owned(),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let body = match &self {
            Self::Accepted => Bytes::from_static(br#"{"status":"ok"}"#),
            Self::Payloads(answer) if answer.body().is_ok() => {
                Bytes::from_static(answer.body().unwrap_or_default().as_bytes())
            }
            refused => serde_json::json!({ "error": refused.error() })
                .to_string()
                .into(),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
