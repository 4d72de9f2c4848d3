//! What is answered to a document of payloads: status and words.

use axum::http::StatusCode;

use super::document::DocumentError;

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
    /// A user speaks for no device.
    DeviceOfUser,
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
            Self::OtherDevice | Self::DeviceOfUser => StatusCode::FORBIDDEN,
            Self::QueueFull | Self::NotStoredYet | Self::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The body of an acknowledgement.
    pub(crate) fn acknowledgement(&self) -> Option<&'static str> {
        match self {
            Self::Queued => Some(r#"{"status":"queued"}"#),
            Self::Stored => Some(r#"{"status":"stored"}"#),
            Self::Discarded => Some(r#"{"status":"discarded"}"#),
            _ => None,
        }
    }

    /// The words of a refusal; none of an acknowledgement.
    pub(crate) fn refusal(&self) -> String {
        let words = match self {
            Self::Queued | Self::Stored | Self::Discarded => "",
            Self::Refused(error) => return error.to_string(),
            Self::OtherDevice => "the document's device is not the one that was checked",
            Self::DeviceOfUser => {
                "the document names a device, and nobody has shown its secret; leave the device out, or send its credentials"
            }
            Self::LargerThanQueue => {
                "the document is larger than the whole queue, send smaller ones"
            }
            Self::QueueFull => "the queue is full, try again in a second",
            Self::NotStoredYet => {
                "not known to be stored, send it again with the same ids; they may be stored twice then"
            }
            Self::Stopping => "the gateway stops, try another one",
        };
        words.to_owned()
    }
}
