//! HTTP around the ingestion: who may write, what is answered. A document is taken whole or refused whole.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::document::{DocumentError, decode};
use crate::app::App;
use crate::rbac::Permission;
use crate::reply::Reply;
use crate::telemetry::{DEVICE_ID, admit, receive};

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Acknowledged: in memory.
    Queued,
    /// Acknowledged: durable.
    Stored,
    Discarded,
    Refused(DocumentError),
    /// The document names another device than the one that was checked.
    OtherDevice,
    LargerThanQueue,
    QueueFull,
    /// Not acknowledged, and yet perhaps stored one day.
    NotStoredYet,
    Stopping,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Queued => StatusCode::ACCEPTED,
            Self::Stored | Self::Discarded => StatusCode::OK,
            Self::Refused(DocumentError::TooMany) | Self::LargerThanQueue => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::OtherDevice => StatusCode::FORBIDDEN,
            Self::QueueFull | Self::NotStoredYet | Self::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The body of an acknowledgement; `Err` holds the words of a refusal.
    pub(crate) fn body(&self) -> Result<&'static str, String> {
        match self {
            Self::Queued => Ok(r#"{"status":"queued"}"#),
            Self::Stored => Ok(r#"{"status":"stored"}"#),
            Self::Discarded => Ok(r#"{"status":"discarded"}"#),
            Self::Refused(error) => Err(error.to_string()),
            Self::OtherDevice => Err("the document's device is not the one in X-Device-Id".to_owned()),
            Self::LargerThanQueue => Err("the document is larger than the whole queue, send smaller ones".to_owned()),
            Self::QueueFull => Err("the queue is full, try again in a second".to_owned()),
            Self::NotStoredYet => {
                Err("not known to be stored, send it again with the same ids; they may be stored twice then".to_owned())
            }
            Self::Stopping => Err("the gateway stops, try another one".to_owned()),
        }
    }
}

/// Takes a document of payloads.
pub(crate) async fn write(State(app): State<Arc<App>>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = admit(&app, &parts.headers, Permission::Write).await {
        return refusal;
    }
    let body = match receive(&app, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let document = match decode(&body) {
        Ok(document) => document,
        Err(error) => return Reply::Payloads(Answer::Refused(error)),
    };
    let checked = parts
        .headers
        .get(DEVICE_ID)
        .and_then(|id| std::str::from_utf8(id.as_bytes()).ok());
    let named = document.device.as_deref();
    if let (Some(checked), Some(named)) = (checked, named)
        && checked != named
    {
        return Reply::Payloads(Answer::OtherDevice);
    }
    Reply::Payloads(app.ingest.take(&document, checked.or(named)).await)
}
