//! Texts with placeholders, compiled once to parts. What sends them joins the parts to runs of bytes and values.
//!
//! Appending a value is part of the measured path: it allocates nothing once the buffer has grown. This module knows
//! neither TOML nor HTTP.

mod part;
mod placeholder;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::feeds::Feed;
use super::fleet::Device;
use super::variable::Variables;

pub(crate) use part::{Part, append_integer};
pub(crate) use placeholder::is_built_in;

/// A compiled text.
#[derive(Clone)]
pub struct Template {
    parts: Vec<Part>,
}

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
    /// Replaced by [`REDACTED`](super::redact::REDACTED) or [`EXTRACTED`](super::redact::EXTRACTED).
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

impl Template {
    /// Compiles `text`; `salt` keeps the random values of several templates of one request apart.
    ///
    /// # Errors
    /// An unknown or malformed placeholder, one that needs a fleet where there is none, an environment variable that is not set.
    pub fn compile(text: &str, salt: u64, scope: &Scope<'_>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let offset = text.len() - rest.len() + open;
            let error = |message: String| TemplateError { offset, message };
            let Some(close) = rest[open..].find("}}").map(|at| open + at) else {
                return Err(error("`{{` without `}}`".to_owned()));
            };
            push_text(&mut parts, &rest[..open]);
            let salt = salt.wrapping_mul(1_000).wrapping_add(parts.len() as u64);
            let inner = rest[open + 2..close].trim();
            parts.push(placeholder::compile(inner, salt, scope).map_err(error)?);
            rest = &rest[close + 2..];
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// Bytes that are sent as they are, whatever they look like.
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self {
            parts: vec![Part::Text(bytes.into())],
        }
    }

    /// Fills in what is the same in all requests of a stretch of load.
    pub(crate) fn stamp(&mut self, stamp: Stamp) {
        self.parts.iter_mut().for_each(|part| part.stamp(stamp));
    }

    /// Its literal bytes and values, in their order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The variables that it uses, by index.
    pub(crate) fn variables(&self) -> impl Iterator<Item = usize> {
        Part::leaves(&self.parts).filter_map(|part| match part {
            Part::Variable(variable) => Some(*variable),
            _ => None,
        })
    }

    /// The feeds' columns that it writes as they are.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&Feed, usize)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column { feed, column } => Some((&**feed, *column)),
            _ => None,
        })
    }

    /// Appends the text for one request.
    pub(crate) fn append(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        self.parts.iter().for_each(|part| part.append(values, out));
    }

    /// Shows every secret that the text holds for one request.
    pub(crate) fn each_secret(&self, values: &Values<'_>, show: &mut dyn FnMut(&[u8])) {
        // What is encoded is a secret beside its code.
        let within = Part::leaves(&self.parts).chain(&self.parts);
        for part in within.filter(|part| part.is_secret()) {
            let mut secret = Vec::new();
            part.append(values, &mut secret);
            show(&secret);
        }
    }
}

// By hand: a compiled template may hold a credential from the environment.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({} parts)", self.parts.len())
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.as_bytes().into()));
    }
}
