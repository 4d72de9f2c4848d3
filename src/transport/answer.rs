//! An answer as any protocol may give it: its status, its headers, how much there was of it.

use std::fmt;

use super::quirk::Quirks;

/// A complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The status code, 200 to 999.
    pub status: u16,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// Bytes of the header block and of those of interim responses.
    pub header_bytes: u64,
    /// Bytes of the body, without chunk sizes and trailers.
    pub body_bytes: u64,
    /// What it does that it should not.
    pub quirks: Quirks,
}

/// Whether a response to the request has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectBody {
    /// If its status and headers say so.
    Yes,
    /// Never: the request is a HEAD.
    No,
}

/// The header block of a response: its status and its headers by name, read from the raw bytes on demand.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    status: u16,
    block: &'a [u8],
}

impl<'a> Head<'a> {
    /// `block` is a status line and lines of `name: value`.
    pub(in crate::transport) fn new(status: u16, block: &'a [u8]) -> Self {
        Self { status, block }
    }

    /// The status code, 200 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the first header of this name (any case), without the whitespace around it.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Every header in the order sent: name as sent, value without the whitespace around it.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.block
            .split(|byte| *byte == b'\n')
            .skip(1)
            .filter_map(|line| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let colon = memchr::memchr(b':', line)?;
                let name = trimmed(&line[..colon]);
                // What is no header was left out when the block was read.
                let is_one = !line.starts_with(b" ") && !line.starts_with(b"\t");
                (is_one && !name.is_empty() && name.iter().all(|byte| is_token(*byte)))
                    .then(|| (name, trimmed(&line[colon + 1..])))
            })
    }
}

/// Shows no header: one may carry a token.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("status", &self.status)
            .field("bytes", &self.block.len())
            .finish()
    }
}

/// Whether a name may have it: a `tchar` of RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without spaces and tabs around it.
pub(super) fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
