//! The decoder of one connection's responses, fed with pieces of any size.

use std::fmt;

use super::body::{BodyCount, Chunks, portion};
use super::head::{self, End, Framing};
use super::known::Known;
use super::lenient::{self, Lines};
use super::limits::Limits;
use super::malformed::{Excerpt, Malformed};
use super::quotes::{self, Quotes};
use crate::transport::answer::{ExpectBody, Head, Response};
use crate::transport::quirk::{Quirk, Quirks};

/// The buffer before a response needed more: thousands of connections with small responses stay small.
pub(super) const FIRST_READ: usize = 1536;
/// The room for a read once a response did not fit the first.
pub(super) const READ: usize = 16 * 1024;

/// What a buffer may keep between responses.
const KEPT: usize = 4 * READ;

/// How far a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes, or the end of the stream, have to come.
    NeedMore,
    /// The response is complete.
    Done(Response),
}

/// Decodes the responses of one connection, one after the other.
pub struct Decoder {
    limits: Limits,
    expects: ExpectBody,
    stage: Stage,
    /// `[..head_len]` is the header block once known, `[head_len..len]` what is not yet decoded, the rest is spare.
    pub(super) buffer: Vec<u8>,
    len: usize,
    head_len: usize,
    /// Where the search for the end of the header block goes on; 0 before the first attempt to parse it.
    searched: usize,
    interim: u32,
    /// How many of these said that the body of the request may come.
    continued: u32,
    /// The status line of the header block under way can be read.
    has_status: bool,
    /// A response was complete on this connection before.
    has_answered: bool,
    /// Bytes that belong to no response came before this one.
    has_skipped: bool,
    /// The last read left no room, so that more is likely to wait in the socket.
    crowded: bool,
    response: Response,
    pub(super) body: BodyCount,
    excerpt: Excerpt,
    known: Known,
    lines: Lines,
    interim_quotes: Quotes,
}

#[derive(Debug)]
enum Stage {
    /// No request is outstanding.
    Idle,
    Head,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Failed(Malformed),
}

const NO_RESPONSE: Response = Response {
    status: 0,
    keep_alive: false,
    header_bytes: 0,
    body_bytes: 0,
    quirks: Quirks::NONE,
};

impl Decoder {
    /// A decoder of an idle connection. Its buffer is allocated at the first [`Decoder::spare`].
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expects: ExpectBody::Yes,
            stage: Stage::Idle,
            buffer: Vec::new(),
            len: 0,
            head_len: 0,
            searched: 0,
            interim: 0,
            continued: 0,
            has_status: false,
            has_answered: false,
            has_skipped: false,
            crowded: false,
            response: NO_RESPONSE,
            body: BodyCount::default(),
            excerpt: Excerpt::EMPTY,
            known: Known::default(),
            lines: Lines::default(),
            interim_quotes: Quotes::default(),
        }
    }

    /// A request is about to be sent: forgets the last response and awaits one, of whose body up to `keep_body` bytes
    /// are kept.
    #[inline]
    pub fn start(&mut self, expects: ExpectBody, keep_body: usize) {
        self.forget();
        self.stage = Stage::Head;
        self.expects = expects;
        self.body.restart(keep_body, self.limits.body);
    }

    /// Forgets everything but the buffer, for a new connection that is idle at first.
    pub fn reset(&mut self) {
        self.forget();
        self.has_answered = false;
    }

    /// Gives back what a long header block took, if the last response has no more use.
    #[inline]
    pub fn relax(&mut self) {
        if self.buffer.len() > KEPT {
            self.forget();
            self.buffer = Vec::new();
        }
    }

    #[inline]
    fn forget(&mut self) {
        self.stage = Stage::Idle;
        self.len = 0;
        self.head_len = 0;
        self.searched = 0;
        self.interim = 0;
        self.continued = 0;
        self.interim_quotes.forget();
        self.has_status = false;
        self.has_skipped = false;
        self.crowded = false;
        self.response = NO_RESPONSE;
        self.body.restart(0, self.limits.body);
        self.excerpt = Excerpt::EMPTY;
    }

    /// Where to read socket bytes into; never empty. It grows while a header block is partial, up to the limit, and
    /// once, to 16 KiB, when a read has filled it.
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        if self.crowded || self.len == self.buffer.len() {
            self.grow();
        }
        &mut self.buffer[self.len..]
    }

    #[cold]
    fn grow(&mut self) {
        let want = match self.stage {
            // A partial header block is shorter than the limit, so this is more than `len`.
            Stage::Head => (2 * self.len).min(self.limits.header_block).max(FIRST_READ),
            _ => self.head_len + READ,
        };
        if want > self.buffer.len() {
            self.buffer.reserve_exact(want - self.buffer.len());
            self.buffer.resize(want, 0);
        }
        self.crowded = false;
    }

    /// Decodes the `n` bytes that were read into [`Decoder::spare`]; 0 is the end of the stream, as a read reports it.
    ///
    /// # Errors
    /// What is wrong with the response; [`Malformed::Unsolicited`] if no request is outstanding. Stays until `start`.
    ///
    /// # Panics
    /// If `n` is more than the length of the spare room.
    #[inline]
    pub fn filled(&mut self, n: usize) -> Result<Progress, Malformed> {
        if n == 0 {
            return self.eof();
        }
        assert!(
            n <= self.buffer.len() - self.len,
            "more bytes reported than there was room for"
        );
        let mut at = self.len;
        self.len += n;
        self.crowded = self.len == self.buffer.len();
        if matches!(self.stage, Stage::Head) {
            if !self.read_head()? {
                return Ok(Progress::NeedMore);
            }
            at = self.head_len;
        }
        self.read_body(at)
    }

    /// The peer closed the connection.
    ///
    /// # Errors
    /// [`Malformed::ClosedBeforeResponse`] if nothing of a response had come, otherwise where it was cut off. A body that
    /// ends with the connection is complete instead.
    pub fn eof(&mut self) -> Result<Progress, Malformed> {
        match self.stage {
            Stage::UntilClose => Ok(self.done()),
            Stage::Failed(kind) => Err(kind),
            Stage::Idle => Err(self.fail(Malformed::ClosedBeforeResponse, self.len)),
            Stage::Head if self.len == 0 && self.interim == 0 => {
                Err(self.fail(Malformed::ClosedBeforeResponse, 0))
            }
            Stage::Head => Err(self.fail(Malformed::ClosedInHead, 0)),
            Stage::Length(_) | Stage::Chunked(_) => Err(self.fail(Malformed::ClosedInBody, 0)),
        }
    }

    /// Whether no request is outstanding, so that any byte would be [`Malformed::Unsolicited`].
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// The status of a response whose body is not complete, and how much of that came.
    pub fn so_far(&self) -> Option<(u16, u64)> {
        let is_begun = self.response.status != 0 && !self.is_idle();
        is_begun.then_some((self.response.status, self.body.bytes))
    }

    /// The header block of the current or last response, until the next `start`; `None` before it is complete and after
    /// a failure.
    pub fn head(&self) -> Option<Head<'_>> {
        (self.response.status != 0)
            .then(|| Head::new(self.response.status, &self.buffer[..self.head_len]))
    }

    /// The kept first bytes of the body of the current or last response, until the next `start`. They are all of it if
    /// there are [`Response::body_bytes`] of them. Transfer codings other than chunked are not undone.
    pub fn body(&self) -> &[u8] {
        &self.body.kept
    }

    /// The bytes at which the last failure arose: the chunk line, or else the start of the response.
    pub fn excerpt(&self) -> Excerpt {
        self.excerpt
    }

    /// The bytes of the current or last response that are such a quirk, until the next `start`.
    pub fn quote(&self, quirk: Quirk) -> Excerpt {
        let interim = self.interim_quotes.get(quirk);
        interim.unwrap_or_else(|| match quirk {
            Quirk::Surplus => self.excerpt,
            _ => quotes::of(&self.buffer[..self.head_len], &self.lines, quirk),
        })
    }

    /// Whether nothing of the response that is awaited has come.
    pub fn is_silent(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.interim == 0 && self.len == 0
    }

    /// Whether the peer said that the body of the request may come.
    pub fn has_continued(&self) -> bool {
        self.continued > 0
    }

    /// Whether something of the response has come but that the body of the request may come.
    pub fn has_begun(&self) -> bool {
        !matches!(self.stage, Stage::Head) || self.interim > self.continued || self.len > 0
    }

    /// Whether the final header block is complete, and then read into `response` and `stage`.
    fn read_head(&mut self) -> Result<bool, Malformed> {
        while self.len > 0 {
            let Some(parsed) = self.parse_head().map_err(|kind| self.fail(kind, 0))? else {
                if self.len >= self.limits.header_block {
                    return Err(self.fail(Malformed::HeadTooLong, 0));
                }
                return Ok(false);
            };
            self.response.header_bytes += parsed.len as u64;
            if parsed.status >= 200 {
                return self.accept(parsed).map(|()| true);
            }
            self.skip_interim(parsed)?;
        }
        Ok(false)
    }

    /// httparse starts from byte 0 on every call. So there is one attempt at the first bytes, which mostly are the whole
    /// block, and after that one when the block's end is known to be there, or one that is more patient.
    fn parse_head(&mut self) -> Result<Option<head::Parsed>, Malformed> {
        if !head::begins_http1(&self.buffer[..self.len]) && !self.skip_surplus() {
            return Err(match self.buffer.first() {
                Some(0) => Malformed::Http2,
                Some(0x15) => Malformed::Tls,
                _ => Malformed::NotHttp1,
            });
        }
        let block = &self.buffer[..self.len.min(self.limits.header_block)];
        if self.searched == 0 {
            if let Some(parsed) = self.known.parsed(block, self.expects) {
                return Ok(Some(parsed));
            }
            match head::parse(block, self.expects) {
                Ok(Some(parsed)) => {
                    self.known.learn(block, self.expects, parsed);
                    return Ok(Some(parsed));
                }
                Ok(None) | Err(None) => {}
                Err(Some(kind)) => return Err(kind),
            }
        }
        match head::find_end(block, self.searched) {
            End::At(end) => self.parse_block(end).map(Some),
            End::Beyond(at) => {
                if !self.has_status
                    && let Some(end) = memchr::memchr(b'\n', &block[self.searched..])
                {
                    self.has_status = true;
                    lenient::check_status(&block[..self.searched + end])?;
                }
                self.searched = at;
                Ok(None)
            }
        }
    }

    /// Parses the header block of `end` bytes.
    fn parse_block(&mut self, end: usize) -> Result<head::Parsed, Malformed> {
        let block = &mut self.buffer[..end];
        match head::parse(block, self.expects) {
            Ok(Some(parsed)) => Ok(parsed),
            Err(Some(kind)) => Err(kind),
            Ok(None) | Err(None) => lenient::parse(block, self.expects, &mut self.lines),
        }
    }

    /// Leaves out what is in front of a response, if another one was before it: it belongs to that. True if what is left may
    /// become one.
    #[cold]
    fn skip_surplus(&mut self) -> bool {
        if !self.has_answered || self.interim > 0 {
            return false;
        }
        let seen = &self.buffer[..self.len];
        let begins = (0..self.len).find(|at| head::begins_http1(&seen[*at..]));
        let skipped = begins.unwrap_or(self.len);
        if !std::mem::replace(&mut self.has_skipped, true) {
            self.excerpt = Excerpt::of(&seen[..skipped]);
        }
        self.buffer.copy_within(skipped..self.len, 0);
        self.len -= skipped;
        self.searched = 0;
        true
    }

    fn skip_interim(&mut self, parsed: head::Parsed) -> Result<(), Malformed> {
        if parsed.status == 101 {
            return Err(self.fail(Malformed::SwitchingProtocols, 0));
        }
        if self.response.header_bytes > self.limits.header_block as u64 {
            return Err(self.fail(Malformed::TooManyInterim, 0));
        }
        // Each has bytes, of which there are fewer than 2^32.
        self.interim += 1;
        self.continued += u32::from(parsed.status == 100);
        if !parsed.quirks.is_empty() {
            let block = &self.buffer[..parsed.len];
            let quote = |quirk| quotes::of(block, &self.lines, quirk);
            self.interim_quotes.keep(parsed.quirks, quote);
        }
        self.buffer.copy_within(parsed.len..self.len, 0);
        self.len -= parsed.len;
        self.searched = 0;
        self.has_status = false;
        self.lines = Lines::default();
        self.response.quirks.join(parsed.quirks);
        Ok(())
    }

    fn accept(&mut self, parsed: head::Parsed) -> Result<(), Malformed> {
        self.stage = match parsed.framing {
            Framing::Nothing => Stage::Length(0),
            Framing::Length(length) if length > self.limits.body => {
                return Err(self.fail(Malformed::BodyTooLong, 0));
            }
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(Chunks::new(self.limits.header_block)),
            Framing::UntilClose => Stage::UntilClose,
        };
        self.head_len = parsed.len;
        self.response.status = parsed.status;
        self.response.keep_alive = parsed.keep_alive;
        self.response.quirks.join(parsed.quirks);
        if self.has_skipped {
            self.end_with_surplus();
        }
        Ok(())
    }

    /// Counts the bytes of the body from `at`; the room they took is spare again.
    fn read_body(&mut self, at: usize) -> Result<Progress, Malformed> {
        let input = &self.buffer[at..self.len];
        let end = match &mut self.stage {
            Stage::Length(left) => {
                let taken = portion(*left, input.len());
                self.body.take(&input[..taken]);
                *left -= taken as u64;
                (*left == 0).then_some(taken)
            }
            Stage::Chunked(chunks) => match chunks.advance(input, &mut self.body) {
                Ok(end) => {
                    if end.is_some() {
                        self.response.quirks.join(chunks.quirks());
                    }
                    end
                }
                Err(fault) => return Err(self.fail(fault.kind, at + fault.at)),
            },
            Stage::UntilClose => {
                if let Err(kind) = self.body.announce(input.len() as u64) {
                    return Err(self.fail(kind, 0));
                }
                self.body.take(input);
                None
            }
            Stage::Failed(kind) => {
                self.len = 0;
                return Err(*kind);
            }
            Stage::Idle | Stage::Head => return Err(self.fail(Malformed::Unsolicited, at)),
        };
        match end {
            Some(end) => {
                if at + end < self.len {
                    self.excerpt = Excerpt::of(&self.buffer[at + end..self.len]);
                    self.end_with_surplus();
                }
                Ok(self.done())
            }
            None => {
                self.len = self.head_len;
                Ok(Progress::NeedMore)
            }
        }
    }

    /// The connection is not to be used again: what else comes on it belongs to nothing.
    #[cold]
    fn end_with_surplus(&mut self) {
        self.response.quirks.add(Quirk::Surplus);
        self.response.keep_alive = false;
    }

    #[inline]
    fn done(&mut self) -> Progress {
        self.stage = Stage::Idle;
        self.has_answered = true;
        self.len = self.head_len;
        self.response.body_bytes = self.body.bytes;
        Progress::Done(self.response)
    }

    /// Keeps the bytes from `at` as the excerpt.
    #[cold]
    fn fail(&mut self, kind: Malformed, at: usize) -> Malformed {
        self.excerpt = Excerpt::of(&self.buffer[at..self.len]);
        self.stage = Stage::Failed(kind);
        self.len = 0;
        self.head_len = 0;
        self.response = NO_RESPONSE;
        kind
    }
}

/// Shows no byte of a response: it may carry a token.
impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("stage", &self.stage)
            .field("response", &self.response)
            .field("buffer", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
