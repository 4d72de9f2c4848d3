//! The header block: where it ends, and what it says about the body (RFC 9112 section 6.3).
//! It must not see bytes of a body, and allocates nothing.

use std::mem::MaybeUninit;

use super::limits::MAX_HEADERS;
use super::malformed::Malformed;
use crate::transport::answer::{ExpectBody, trimmed};

const PREFIX: &[u8] = b"HTTP/1.";

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Nothing,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the decoder needs of a complete header block of `len` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) len: usize,
    pub(super) status: u16,
    pub(super) keep_alive: bool,
    pub(super) framing: Framing,
}

/// Where a header block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// One byte behind the empty line.
    At(usize),
    /// Not yet; the search goes on from here when there are more bytes.
    Beyond(usize),
}

/// Searches the empty line from `from`, where an earlier search stopped. Bare LF counts as a line's end, as in `parse`.
pub(super) fn find_end(block: &[u8], from: usize) -> End {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', &block[at..]) {
        let line_feed = at + found;
        match block[line_feed + 1..] {
            [b'\n', ..] => return End::At(line_feed + 2),
            [b'\r', b'\n', ..] => return End::At(line_feed + 3),
            [] | [b'\r'] => return End::Beyond(line_feed),
            _ => at = line_feed + 1,
        }
    }
    End::Beyond(block.len())
}

/// Whether `block` can still become an HTTP/1 response, so that garbage is named at its first byte.
pub(super) fn begins_http1(block: &[u8]) -> bool {
    let seen = block.len().min(PREFIX.len());
    block[..seen] == PREFIX[..seen]
}

/// Parses the header block at the start of `block`; `None` if its end is not there.
pub(super) fn parse(block: &[u8], expects: ExpectBody) -> Result<Option<Parsed>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let len = match config.parse_response_with_uninit_headers(&mut response, block, &mut headers) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(named(error)),
    };
    let status = response
        .code
        .filter(|code| *code >= 100)
        .ok_or(Malformed::StatusLine)?;
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields.read(header.name, header.value)?;
    }
    let http10 = response.version == Some(0);
    let framing = fields.framing(status, expects)?;
    // RFC 9112 section 6.1: a 1.0 message with a transfer coding ends the connection.
    let keep_alive = !fields.close
        && framing != Framing::UntilClose
        && (!http10 || (fields.keep_alive && fields.coding == Coding::Absent));
    Ok(Some(Parsed {
        len,
        status,
        keep_alive,
        framing,
    }))
}

fn named(error: httparse::Error) -> Malformed {
    match error {
        httparse::Error::Version | httparse::Error::Status => Malformed::StatusLine,
        httparse::Error::TooManyHeaders => Malformed::TooManyHeaders,
        _ => Malformed::HeaderLine,
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    /// Only empty list members so far.
    Empty,
    ChunkedLast,
    OtherLast,
}

/// The few fields that decide about the connection and the body.
#[derive(Debug, Default)]
struct Fields {
    length: Option<u64>,
    coding: Coding,
    chunked_seen: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn read(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case("content-length") => self.content_length(value)?,
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.transfer_encoding(value)?
            }
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Equal values, as repeated fields or in a list, count as one (RFC 9110 section 8.6).
    fn content_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for member in members(value) {
            let length = decimal(member).ok_or(Malformed::ContentLength)?;
            if self.length.is_some_and(|earlier| earlier != length) {
                return Err(Malformed::ConflictingLengths);
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if self.coding == Coding::Absent {
            self.coding = Coding::Empty;
        }
        for member in members(value).filter(|member| !member.is_empty()) {
            let name = member
                .split(|byte| *byte == b';')
                .next()
                .unwrap_or_default();
            if !trimmed(name).eq_ignore_ascii_case(b"chunked") {
                self.coding = Coding::OtherLast;
            } else if self.chunked_seen || name.len() != member.len() {
                return Err(Malformed::TransferEncoding);
            } else {
                self.chunked_seen = true;
                self.coding = Coding::ChunkedLast;
            }
        }
        Ok(())
    }

    /// RFC 9112 section 6.3. A length beside a transfer coding "ought to be handled as an error" there, and is one here;
    /// a coding that does not end in `chunked` delimits a response by the connection's close.
    fn framing(&self, status: u16, expects: ExpectBody) -> Result<Framing, Malformed> {
        if expects == ExpectBody::No || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Nothing);
        }
        match (self.coding, self.length) {
            (Coding::Absent, Some(length)) => Ok(Framing::Length(length)),
            (Coding::Absent, None) => Ok(Framing::UntilClose),
            (_, Some(_)) => Err(Malformed::LengthAndEncoding),
            (Coding::Empty, None) => Err(Malformed::TransferEncoding),
            (Coding::ChunkedLast, None) => Ok(Framing::Chunked),
            (Coding::OtherLast, None) => Ok(Framing::UntilClose),
        }
    }
}

fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trimmed)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
