//! The body: counted, bounded, its first bytes kept on request, and the chunked coding (RFC 9112 section 7.1).
//! It must not buffer: chunk lines and trailers are followed byte by byte, data is counted where it lies.

use super::limits::MAX_CHUNK_LINE;
use super::malformed::Malformed;
use crate::transport::answer::is_token;
use crate::transport::quirk::{Quirk, Quirks};

/// Counts a body and keeps its prefix.
#[derive(Default)]
pub(super) struct BodyCount {
    pub(super) bytes: u64,
    pub(super) kept: Vec<u8>,
    keep: usize,
    limit: u64,
}

impl BodyCount {
    pub(super) fn restart(&mut self, keep: usize, limit: u64) {
        self.bytes = 0;
        self.kept.clear();
        self.keep = keep;
        self.limit = limit;
    }

    /// Refuses `more` bytes that are only announced, before waiting for them.
    pub(super) fn announce(&self, more: u64) -> Result<(), Malformed> {
        let total = self
            .bytes
            .checked_add(more)
            .ok_or(Malformed::ChunkOverflow)?;
        if total > self.limit {
            Err(Malformed::BodyTooLong)
        } else {
            Ok(())
        }
    }

    #[inline]
    pub(super) fn take(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        let room = self.keep - self.kept.len();
        if room > 0 {
            self.kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
}

/// The most of `left` that `available` bytes can give.
#[inline]
pub(super) fn portion(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

/// A chunked body in progress.
#[derive(Debug)]
pub(super) struct Chunks {
    step: Step,
    /// Of the current chunk, still to come.
    left: u64,
    /// Bytes of the current size line, then of all trailers.
    line: usize,
    trailer_limit: usize,
    /// What lines of sizes, ends of chunks and trailers should not be.
    quirks: Quirks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    FirstDigit,
    Digits,
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

/// What went wrong, and at which byte of the input its line began.
pub(super) struct Fault {
    pub(super) kind: Malformed,
    pub(super) at: usize,
}

impl Chunks {
    pub(super) fn new(trailer_limit: usize) -> Self {
        Self {
            step: Step::FirstDigit,
            left: 0,
            line: 0,
            trailer_limit,
            quirks: Quirks::NONE,
        }
    }

    /// What was not as it should be, and could be read.
    pub(super) fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Follows `input`; `Some(n)` once the body has ended with its first n bytes.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        count: &mut BodyCount,
    ) -> Result<Option<usize>, Fault> {
        let mut at = 0;
        let mut line_start = 0;
        while at < input.len() {
            if self.step == Step::Data {
                let taken = portion(self.left, input.len() - at);
                count.take(&input[at..at + taken]);
                self.left -= taken as u64;
                at += taken;
                line_start = at;
                if self.left == 0 {
                    self.step = Step::DataCr;
                }
                continue;
            }
            self.step = self.next(input[at], count).map_err(|kind| Fault {
                kind,
                at: line_start,
            })?;
            at += 1;
            match self.step {
                Step::Done => return Ok(Some(at)),
                Step::FirstDigit | Step::TrailerStart => line_start = at,
                _ => {}
            }
        }
        Ok(None)
    }

    fn next(&mut self, byte: u8, count: &BodyCount) -> Result<Step, Malformed> {
        match self.step {
            Step::FirstDigit | Step::Digits | Step::Blank | Step::Extension | Step::SizeLf => {
                self.line += 1;
                if self.line > MAX_CHUNK_LINE {
                    return Err(Malformed::ChunkLineTooLong);
                }
                self.size_line(byte, count)
            }
            Step::DataCr if byte == b'\r' => Ok(Step::DataLf),
            Step::DataCr | Step::DataLf if byte == b'\n' => {
                if self.step == Step::DataCr {
                    self.quirks.add(Quirk::BareLineFeed);
                }
                self.line = 0;
                Ok(Step::FirstDigit)
            }
            Step::DataCr | Step::DataLf => Err(Malformed::ChunkEnd),
            Step::Data | Step::Done => Ok(self.step),
            _ => {
                self.line += 1;
                if self.line > self.trailer_limit {
                    return Err(Malformed::TrailersTooLong);
                }
                self.trailer(byte)
            }
        }
    }

    /// Stricter than `httparse::parse_chunk_size`, which reads an empty line as size 0, the end of the body.
    fn size_line(&mut self, byte: u8, count: &BodyCount) -> Result<Step, Malformed> {
        match (self.step, byte) {
            (Step::FirstDigit | Step::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed::ChunkSize)?;
                let shifted = self.left.checked_mul(16).ok_or(Malformed::ChunkOverflow)?;
                self.left = shifted | u64::from(digit);
                Ok(Step::Digits)
            }
            (Step::Digits | Step::Blank | Step::Extension, b'\r') => Ok(Step::SizeLf),
            (Step::Digits | Step::Blank, b';') => Ok(Step::Extension),
            (Step::Digits | Step::Blank, b' ' | b'\t') => Ok(Step::Blank),
            // As in the header block.
            (Step::Digits | Step::Blank | Step::Extension, b'\n') => {
                self.quirks.add(Quirk::BareLineFeed);
                self.size_end(count)
            }
            (Step::Extension, _) => Ok(Step::Extension),
            (Step::SizeLf, b'\n') => self.size_end(count),
            _ => Err(Malformed::ChunkSize),
        }
    }

    /// What follows a line of a size.
    fn size_end(&mut self, count: &BodyCount) -> Result<Step, Malformed> {
        if self.left == 0 {
            self.line = 0;
            return Ok(Step::TrailerStart);
        }
        count.announce(self.left)?;
        Ok(Step::Data)
    }

    /// Trailers are fields that nobody asks for: browsers and curl read them as they come, up to an empty line. A name with a slash is the
    /// status line of the next answer, behind a body without that line.
    fn trailer(&mut self, byte: u8) -> Result<Step, Malformed> {
        match (self.step, byte) {
            (Step::TrailerStart, b'\r') => Ok(Step::LastLf),
            (Step::TrailerStart | Step::LastLf, b'\n') => Ok(Step::Done),
            (Step::LastLf, _) | (Step::TrailerName, b'/') => Err(Malformed::TrailerLine),
            (Step::TrailerStart, b' ' | b'\t') => Ok(self.odd(Quirk::FoldedHeader)),
            (Step::TrailerName, b':') => Ok(Step::TrailerValue),
            (Step::TrailerStart | Step::TrailerName, byte) if is_token(byte) => {
                Ok(Step::TrailerName)
            }
            (Step::TrailerValue | Step::TrailerLf, b'\n') => Ok(Step::TrailerStart),
            (Step::TrailerName, b'\n') => {
                self.quirks.add(Quirk::NoHeader);
                Ok(Step::TrailerStart)
            }
            (Step::TrailerStart | Step::TrailerName, _) => Ok(self.odd(Quirk::NoHeader)),
            (_, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(Step::TrailerValue),
            _ => Ok(self.odd(Quirk::ControlCharacter)),
        }
    }

    /// Notes what a trailer should not be; the rest of its line says nothing more.
    fn odd(&mut self, quirk: Quirk) -> Step {
        self.quirks.add(quirk);
        Step::TrailerValue
    }
}
