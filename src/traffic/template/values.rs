//! What placeholders may name, and what they are filled with.

use std::sync::Arc;

use crate::traffic::feeds::Feed;
use crate::traffic::fleet::Device;
use crate::traffic::variable::Variables;

/// What the placeholders of a text may name.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Whether a device sends the request.
    pub has_fleet: bool,
    /// Feeds with their rows.
    pub feeds: &'a [Arc<Feed>],
    /// Names of what requests extract; a placeholder refers to them by index.
    pub variables: &'a [String],
}

/// What the placeholders of one request are filled with.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// Number of the request within its phase, from 0.
    pub seq: u64,
    /// Seed of the requests' random values.
    pub seed: u64,
    /// The device that sends, if the request names a fleet.
    pub device: Option<Device<'a>>,
    /// What devices were given so far.
    pub variables: &'a Variables,
}

/// What tells a stretch of load from all others: numbers of requests begin at 0 in each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When the run began, ms since 1970.
    pub run: u64,
    /// Number of the stretch within the run, from 0.
    pub stretch: u32,
}

/// Whether rendered text is for the wire or for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Written as they are.
    Sent,
    /// Replaced by [`REDACTED`](crate::traffic::redact::REDACTED) or [`EXTRACTED`](crate::traffic::redact::EXTRACTED).
    Redacted,
}

/// A text that is not a template: where (byte offset within the text) and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Byte offset of the placeholder.
    pub offset: usize,
    /// What is wrong and what would be right.
    pub message: String,
}
