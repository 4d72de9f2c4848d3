//! A request before it is bytes, whatever protocol it is sent over: its pieces, some of which have a value for each request.

use std::time::Duration;

use crate::traffic::fleet::Roster;
use crate::traffic::template::{Part, Values};

/// What one kind of request says.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// How the target is called.
    pub(crate) authority: &'a str,
    /// Path and query.
    pub(crate) target: Text,
    /// Headers in their order.
    pub(crate) headers: Vec<(&'a str, Text)>,
    /// The body, if there is one.
    pub(crate) body: Option<Text>,
    /// Bytes of each piece that the body is sent in, if not as a whole.
    pub(crate) chunk_bytes: Option<usize>,
    /// Before each of these but the first.
    pub(crate) chunk_pause: Duration,
    /// Whether the body waits until the peer wants it.
    pub(crate) expects_continue: bool,
}

/// Runs of bytes that never change, and the values between them.
#[derive(Debug, Default)]
pub(crate) struct Text(Vec<Span>);

/// A piece of a text.
pub(crate) enum Span {
    /// Bytes that never change.
    Run(Vec<u8>),
    /// A value that differs between requests.
    Value(Part),
}

impl Text {
    /// A text that never changes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut text = Self::default();
        text.push_bytes(bytes);
        text
    }

    /// Its pieces: no two neighbours are both runs.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Adds a value.
    pub(crate) fn push_value(&mut self, part: Part) {
        self.0.push(Span::Value(part));
    }

    /// Adds bytes that never change.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        if let Some(Span::Run(run)) = self.0.last_mut() {
            run.extend_from_slice(bytes);
        } else {
            self.0.push(Span::Run(bytes.to_vec()));
        }
    }

    /// Adds all of another.
    pub(crate) fn append(&mut self, other: &Self) {
        for span in &other.0 {
            match span {
                Span::Run(bytes) => self.push_bytes(bytes),
                Span::Value(part) => self.push_value(part.clone()),
            }
        }
    }

    /// Its length in bytes if that is the same for all requests.
    pub(crate) fn width(&self, roster: Option<&Roster>) -> Option<usize> {
        self.0.iter().map(|span| span.width(roster)).sum()
    }

    /// Writes it behind `out`.
    pub(crate) fn write(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for span in &self.0 {
            match span {
                Span::Run(bytes) => out.extend_from_slice(bytes),
                Span::Value(part) => part.append(values, out),
            }
        }
    }
}

impl Span {
    /// Its length in bytes if that is the same for all requests.
    pub(crate) fn width(&self, roster: Option<&Roster>) -> Option<usize> {
        match self {
            Self::Run(bytes) => Some(bytes.len()),
            Self::Value(part) => part.width(roster),
        }
    }
}

/// Without the bytes: requests carry credentials.
impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(bytes) => write!(f, "Run({} bytes)", bytes.len()),
            Self::Value(_) => f.write_str("Value"),
        }
    }
}
