//! Why a capture failed, with the remedy.

use std::time::Duration;

use reqwest::StatusCode;

use super::super::Error;
use super::super::stacks::MAX_SLICES;

/// Why a capture failed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The address of the endpoint cannot be used.
    #[error(
        "the profile url is not usable: {0}; write it like http://127.0.0.1:6060/debug/pprof/profile"
    )]
    Url(String),
    /// Neither a window nor a rate can be zero.
    #[error("a capture takes at least 1 s at 1 hz")]
    Nothing,
    /// Too many slices.
    #[error("a capture has at most {MAX_SLICES} slices; take longer ones")]
    ManySlices,
    /// What it serves is of one time, and not of a stretch of it.
    #[error(
        "{url} serves what there is at one time, which is not captured in slices: fetch it (`curl -o FILE URL`) and give the file to `flame top`, or capture it beside the CPU in a run, with `[profile] also`"
    )]
    Momentary {
        /// Where, without credentials and query.
        url: String,
    },
    /// No answer, or it broke off.
    #[error("no profile from {url}: {reason}; is the target up, and does it serve pprof there?")]
    Unreachable {
        /// Where, without credentials and query.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// No complete answer in time.
    #[error(
        "no complete profile from {url} within {waited:?}; check that the target is alive and honours `seconds`"
    )]
    Timeout {
        /// Where, without credentials and query.
        url: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Another capture is running.
    #[error("{url} is busy: {message}; stop the other profiler of this process and run again")]
    Busy {
        /// Where, without credentials and query.
        url: String,
        /// What the target says.
        message: String,
    },
    /// The window is longer than the server's write timeout.
    #[error(
        "{url} refuses {seconds} s: {message}; capture shorter slices or raise the target's write timeout"
    )]
    TooLong {
        /// Where, without credentials and query.
        url: String,
        /// The window asked for.
        seconds: u32,
        /// What the target says.
        message: String,
    },
    /// Any other status than success.
    #[error(
        "{url} answers {status}: {message}; check the path and that the target has profiling switched on"
    )]
    Status {
        /// Where, without credentials and query.
        url: String,
        /// The status.
        status: StatusCode,
        /// What the target says.
        message: String,
    },
    /// The body does not end in time.
    #[error("the answer of {url} is larger than {} MiB; it is no profile, or take shorter slices", .limit >> 20)]
    TooLarge {
        /// Where, without credentials and query.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is packed in a way that cannot be undone.
    #[error(
        "the answer of {url} cannot be unpacked: it says `Content-Encoding: {encoding}`, {reason}; serve the profile without that"
    )]
    Encoded {
        /// Where, without credentials and query.
        url: String,
        /// What the answer says.
        encoding: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What it counts is not of the time that was asked for.
    #[error(
        "{url} does not honour `seconds`: what it counts is since the target's start; serve it with a net/http/pprof that does"
    )]
    Cumulative {
        /// Where, without credentials and query.
        url: String,
    },
    /// The body is something else.
    #[error(
        "{url} answers with {found} instead of a profile; name the endpoint that serves profile.proto"
    )]
    NotAProfile {
        /// Where, without credentials and query.
        url: String,
        /// What it is.
        found: String,
    },
    /// The profile cannot be read, or does not fit those before it.
    #[error("the profile from {url} cannot be used: {source}")]
    Unreadable {
        /// Where, without credentials and query.
        url: String,
        /// What is wrong with it.
        source: Error,
    },
}
