//! How one request ended: data, never an `Err`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nothing listens at the address.
    ConnectRefused,
    /// The connection was not established in time.
    ConnectTimeout,
    /// The connection could not be opened for another reason, such as a lack of file descriptors or ports.
    ConnectFailed,
    /// A proxy did not let the connection through.
    Proxy,
    /// The connection could not be secured, or the peer refused who telemload says that it is.
    Tls,
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before the response was complete.
    ClosedEarly,
    /// The response is not HTTP/1.1 as specified.
    Malformed,
    /// The status was not the expected one.
    Status,
    /// A header or the body was not the expected one, or lacks what is extracted from it.
    Body,
    /// The request that it needs a value from failed, so that it was not sent.
    Prerequisite,
    /// No complete response within the timeout.
    Timeout,
}

impl ErrorKind {
    /// All kinds, in the order in which they are reported.
    pub const ALL: [Self; 12] = [
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::Proxy,
        Self::Tls,
        Self::Reset,
        Self::ClosedEarly,
        Self::Malformed,
        Self::Status,
        Self::Body,
        Self::Prerequisite,
        Self::Timeout,
    ];

    /// Whether the request was never sent: there was no connection to send it on, or what it needs was not to be had.
    pub fn is_unsent(self) -> bool {
        matches!(
            self,
            Self::ConnectRefused
                | Self::ConnectTimeout
                | Self::ConnectFailed
                | Self::Proxy
                | Self::Tls
                | Self::Prerequisite
        )
    }

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::Malformed => "malformed",
            Self::Status => "status",
            Self::Body => "body",
            Self::Prerequisite => "prerequisite",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A response as expected.
    Ok {
        /// The status.
        status: u16,
    },
    /// Anything else.
    Failed {
        /// Why.
        kind: ErrorKind,
        /// The status, if there was a response.
        status: Option<u16>,
    },
}

/// What an exchange with an answer moved, in bytes of heads and bodies, without what frames chunks and without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Of the request.
    pub sent: u64,
    /// Of its body.
    pub sent_body: u64,
    /// Of the answer.
    pub received: u64,
    /// Of its body.
    pub received_body: u64,
    /// When the first byte of the answer was read, ns on the monotonic clock.
    pub first_byte: u64,
}

/// The four times of one request, ns on the monotonic clock; none is before the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it was due.
    pub intended: u64,
    /// Until when it waited for a free connection, without the time in which the generator would not have used one: the rest of the
    /// time until it was sent is the generator's.
    pub startable: u64,
    /// When its first byte was handed to the system.
    pub sent: u64,
    /// When its response was complete, or it failed.
    pub done: u64,
}
