//! The paragraphs of a perf text, one sample each.
//!
//! It must neither lose a line nor give one to another sample, whether or not empty lines stand where perf writes them.

use super::frame;
use super::header::Header;
use crate::profile::Error;

/// One paragraph.
pub(super) struct Sample<'a> {
    pub(super) header: Header<'a>,
    /// Lines of its stack.
    pub(super) stack: &'a str,
    /// The number of the first of them.
    pub(super) line: u64,
}

/// The samples of a text, one after the other.
pub(super) struct Samples<'a> {
    rest: &'a str,
    number: u64,
    broken: bool,
    /// The header that the next line was found to be.
    pending: Option<Header<'a>>,
}

impl<'a> Samples<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            number: 0,
            broken: false,
            pending: None,
        }
    }

    /// The next line without taking it, and what follows it.
    fn peek(&self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.rest.split_once('\n').unwrap_or((self.rest, "")))
    }

    /// Passes places in the source of a frame that stands on the line of its header (`-F +srcline`).
    fn skip_sources(&mut self) {
        while let Some((line, rest)) = self.peek() {
            let is_source = line.starts_with([' ', '\t'])
                && matches!(frame::parse(line), frame::Line::Source)
                && begins_sample(line).is_none();
            if !is_source {
                return;
            }
            self.rest = rest;
            self.number += 1;
        }
    }

    fn sample(&mut self, line: &'a str) -> Result<Sample<'a>, Error> {
        let fail = |reason| Error::Perf {
            line: self.number,
            reason,
        };
        let header = self.pending.take().or_else(|| Header::parse(line));
        let header = header.ok_or_else(|| {
            fail("expected a sample's header such as `nginx 4242 [001] 123.456789: cycles:`; print the recording with `perf script` without -F, or with -F comm,pid,tid,time,event,ip,sym,dso")
        })?;
        if header.time.is_some_and(|time| !(0.0..1e15).contains(&time)) {
            return Err(fail("the time of the sample is out of range"));
        }
        // An address may be what the event is of, if a callchain follows.
        let has_chain = self.rest.starts_with('\t');
        if header.has_frame() || (!has_chain && header.has_bare_frame()) {
            let line = self.number;
            self.skip_sources();
            return Ok(Sample {
                header,
                stack: header.rest,
                line,
            });
        }
        let (begin, first) = (self.rest, self.number + 1);
        while let Some((line, rest)) = self.peek() {
            self.pending = begins_sample(line);
            if self.pending.is_some()
                || is_record(line)
                || (line.trim().is_empty() && !goes_on(rest))
            {
                break;
            }
            self.rest = rest;
            self.number += 1;
        }
        Ok(Sample {
            header,
            stack: &begin[..begin.len() - self.rest.len()],
            line: first,
        })
    }
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((line, rest)) = self.peek() {
            if self.broken {
                return None;
            }
            self.rest = rest;
            self.number += 1;
            let is_comment = || line.starts_with('#') && Header::with_time(line).is_none();
            if self.pending.is_none() && (line.trim().is_empty() || is_comment() || is_record(line))
            {
                continue;
            }
            let sample = self.sample(line);
            self.broken = sample.is_err();
            return Some(sample);
        }
        None
    }
}

/// Whether a line tells of something else than a sample, such as what a process mapped (`--show-mmap-events`).
pub(super) fn is_record(line: &str) -> bool {
    line.starts_with("PERF_RECORD_") || (!line.starts_with('\t') && line.contains(": PERF_RECORD_"))
}

/// The header that a line is though no empty line stands before it, as after samples without a callchain.
fn begins_sample(line: &str) -> Option<Header<'_>> {
    Header::with_time(line).or_else(|| {
        if line.starts_with(['\t', '#']) {
            return None;
        }
        let header = Header::without_time(line)?;
        (!line.starts_with(' ') || is_padded(line, &header)).then_some(header)
    })
}

/// Whether a header is one that perf pads, as it does where nothing has a callchain: it does not begin as frames do, or nothing but a frame
/// is behind it.
fn is_padded(line: &str, header: &Header<'_>) -> bool {
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let is_name = words.next().is_some_and(|first| !frame::is_address(first));
    is_name || header.rest.trim().is_empty() || header.has_frame() || header.has_bare_frame()
}

/// Whether a stack goes on behind an empty line: a frame is no sample of its own.
fn goes_on(rest: &str) -> bool {
    let next = rest.split('\n').next().unwrap_or(rest);
    next.starts_with([' ', '\t']) && frame::behind_header(next) && Header::parse(next).is_none()
}
