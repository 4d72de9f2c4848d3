//! The header block: where it ends, and what it says about the body (RFC 9112 section 6.3).
//! It must not see bytes of a body, and allocates nothing.

use std::mem::MaybeUninit;

use super::malformed::Malformed;
use crate::transport::answer::{ExpectBody, trimmed};
use crate::transport::quirk::{Quirk, Quirks};

/// How every response begins, in either case.
const PREFIX: &[u8] = b"HTTP/";

/// Header lines that are read at once; blocks with more take the slower way.
const AT_ONCE: usize = 128;

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
    pub(super) quirks: Quirks,
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

/// Whether `block` can still become a response in the form of HTTP/1, so that garbage is named at its first byte.
#[inline]
pub(super) fn begins_http1(block: &[u8]) -> bool {
    let (name, version) = block.split_at(block.len().min(PREFIX.len()));
    let prefix = &PREFIX[..name.len()];
    let may_go_on = matches!(
        version,
        [] | [b'1' | b'2'] | [b'1', b'.', ..] | [b'2', b'.' | b' ', ..]
    );
    may_go_on && (name == prefix || name.eq_ignore_ascii_case(prefix))
}

/// Parses the header block at the start of `block` if it is as it should be; `None` if its end is not there. `Err(None)` if
/// it has to be read as [`lenient`](super::lenient) does.
pub(super) fn parse(
    block: &[u8],
    expects: ExpectBody,
) -> Result<Option<Parsed>, Option<Malformed>> {
    let mut headers = [const { MaybeUninit::uninit() }; AT_ONCE];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let len = match config.parse_response_with_uninit_headers(&mut response, block, &mut headers) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(None),
    };
    let status = response.code.filter(|code| *code >= 100).ok_or(None)?;
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields
            .read(header.name.as_bytes(), header.value)
            .map_err(Some)?;
    }
    let http10 = response.version == Some(0);
    let mut parsed = fields.parsed(len, status, http10, expects).map_err(Some)?;
    if block[STATUS_END] != b' ' {
        parsed.quirks.add(Quirk::StatusLine);
    }
    if bare_line_feed(&block[..len]).is_some() {
        parsed.quirks.add(Quirk::BareLineFeed);
    }
    Ok(Some(parsed))
}

/// Where the status ends in a line that httparse takes.
const STATUS_END: usize = b"HTTP/1.1 200".len();

/// The first line feed that follows no carriage return.
pub(super) fn bare_line_feed(block: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', block).find(|at| *at == 0 || block[at - 1] != b'\r')
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    /// Only empty list members so far.
    Empty,
    /// None that changes anything.
    Identity,
    ChunkedLast,
    OtherLast,
}

/// The few fields that decide about the connection and the body.
#[derive(Debug, Default)]
pub(super) struct Fields {
    length: Option<u64>,
    coding: Coding,
    chunked_seen: bool,
    chunked_twice: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    pub(super) fn read(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
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
            let name_alone = trimmed(name);
            if name_alone.eq_ignore_ascii_case(b"identity") {
                // It changes nothing, wherever it stands; it was a coding before RFC 7230.
                if self.coding == Coding::Empty {
                    self.coding = Coding::Identity;
                }
            } else if !name_alone.eq_ignore_ascii_case(b"chunked") {
                self.coding = Coding::OtherLast;
            } else if name.len() != member.len() {
                return Err(Malformed::TransferEncoding);
            } else {
                // Twice in a row, as a server and a proxy say it together; clients undo it once.
                self.chunked_twice |= self.chunked_seen;
                self.chunked_seen = true;
                self.coding = match self.coding {
                    Coding::OtherLast if self.chunked_twice => {
                        return Err(Malformed::TransferEncoding);
                    }
                    _ => Coding::ChunkedLast,
                };
            }
        }
        Ok(())
    }

    /// What a block of `len` bytes with these fields and this status means.
    pub(super) fn parsed(
        &self,
        len: usize,
        status: u16,
        http10: bool,
        expects: ExpectBody,
    ) -> Result<Parsed, Malformed> {
        let framing = self.framing(status, expects)?;
        let is_chunked = framing == Framing::Chunked;
        let both = is_chunked && self.length.is_some();
        let twice = is_chunked && self.chunked_twice;
        // RFC 9112 sections 6.1 and 6.3: a 1.0 message with a transfer coding ends the connection, and so do both.
        let keep_alive = !self.close
            && !both
            && !twice
            && framing != Framing::UntilClose
            && (!http10 || (self.keep_alive && self.coding == Coding::Absent));
        Ok(Parsed {
            len,
            status,
            keep_alive,
            framing,
            quirks: [
                both.then_some(Quirk::LengthAndChunks),
                twice.then_some(Quirk::ChunkedTwice),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }

    /// RFC 9112 section 6.3: `chunked` overrides a length, and a coding that does not end in `chunked` delimits a response by
    /// the connection's close. Where clients differ it is an error: `chunked` that is not last, a length beside another coding.
    fn framing(&self, status: u16, expects: ExpectBody) -> Result<Framing, Malformed> {
        if expects == ExpectBody::No || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Nothing);
        }
        match (self.coding, self.length) {
            (Coding::Absent | Coding::Identity, Some(length)) => Ok(Framing::Length(length)),
            (Coding::Absent | Coding::Identity, None) => Ok(Framing::UntilClose),
            (Coding::Empty, _) => Err(Malformed::TransferEncoding),
            (Coding::ChunkedLast, _) => Ok(Framing::Chunked),
            (Coding::OtherLast, _) if self.chunked_seen => Err(Malformed::TransferEncoding),
            (Coding::OtherLast, Some(_)) => Err(Malformed::LengthAndEncoding),
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
