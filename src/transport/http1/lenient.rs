//! A header block that is not as it should be, read as browsers and curl read it (RFC 9112 sections 2.2 and 5). What touches the
//! framing of the body is refused: clients do not agree on what such a line means.

use std::ops::Range;

use super::head::{Fields, Parsed};
use super::malformed::Malformed;
use crate::transport::answer::{ExpectBody, is_token, trimmed};
use crate::transport::quirk::{Quirk, Quirks};

/// Where the first line of each kind of quirk is, so that it can be quoted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines([(u32, u32); Quirk::ALL.len()]);

impl Lines {
    /// The place of the line; empty if there is none.
    pub(super) fn get(&self, quirk: Quirk) -> Range<usize> {
        let (start, end) = self.0[quirk as usize];
        start as usize..end as usize
    }

    fn note(&mut self, quirks: &mut Quirks, quirk: Quirk, line: &Range<usize>) {
        quirks.add(quirk);
        let place = &mut self.0[quirk as usize];
        if place.1 == 0 {
            // A header block has less than 4 GiB.
            *place = (line.start as u32, line.end as u32);
        }
    }
}

/// Reads a complete header block, whose folded lines become single ones in place.
pub(super) fn parse(
    block: &mut [u8],
    expects: ExpectBody,
    lines: &mut Lines,
) -> Result<Parsed, Malformed> {
    *lines = Lines::default();
    let mut quirks = Quirks::default();
    // First, as where the block comes in pieces.
    let first = line_at(block, 0);
    let status = status_line(&block[first.clone()])?;
    if status.is_quirky {
        lines.note(&mut quirks, Quirk::StatusLine, &first);
    }
    if block[first.end] == b'\n' {
        lines.note(&mut quirks, Quirk::BareLineFeed, &first);
    }
    unfold(block, &mut quirks, lines)?;
    let mut at = behind(block, first.end);
    let mut next = || {
        let line = line_at(block, at);
        let end = line.end;
        at = behind(block, end);
        (line, block[end] == b'\n')
    };
    let mut fields = Fields::default();
    loop {
        let (line, is_bare) = next();
        if is_bare {
            lines.note(&mut quirks, Quirk::BareLineFeed, &line);
        }
        if line.is_empty() {
            break;
        }
        let read = field(&block[line.clone()], &mut fields)?;
        read.into_iter()
            .flatten()
            .for_each(|quirk| lines.note(&mut quirks, quirk, &line));
    }
    let mut parsed = fields.parsed(at, status.code, status.is_http10, expects)?;
    parsed.quirks.join(quirks);
    Ok(parsed)
}

/// What a header line has that it should not have; what it says goes to `fields`.
fn field(line: &[u8], fields: &mut Fields) -> Result<[Option<Quirk>; 2], Malformed> {
    let (name, value) = match memchr::memchr(b':', line) {
        Some(colon) => (&line[..colon], trimmed(&line[colon + 1..])),
        None => (line, &b""[..]),
    };
    let stripped = trimmed(name);
    let is_indented = line.first().is_some_and(|byte| is_blank(*byte));
    if name.len() == line.len() || is_indented || !is_name(stripped) {
        return if touches_framing(line) {
            Err(Malformed::HeaderLine)
        } else {
            Ok([Some(Quirk::NoHeader), None])
        };
    }
    let quirks = [
        (stripped.len() < name.len()).then_some(Quirk::SpaceBeforeColon),
        value
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
            .then_some(Quirk::ControlCharacter),
    ];
    if quirks.iter().any(Option::is_some) && touches_framing(line) {
        return Err(Malformed::HeaderLine);
    }
    fields.read(stripped, value)?;
    Ok(quirks)
}

/// Refuses a status line that nobody can read. Its carriage return may be there.
pub(super) fn check_status(line: &[u8]) -> Result<(), Malformed> {
    status_line(line.strip_suffix(b"\r").unwrap_or(line)).map(|_| ())
}

/// What a status line says.
struct StatusLine {
    code: u16,
    is_http10: bool,
    is_quirky: bool,
}

/// Reads a status line without its end.
fn status_line(line: &[u8]) -> Result<StatusLine, Malformed> {
    let (name, version) = line.split_at_checked(5).ok_or(Malformed::StatusLine)?;
    // A later version that answers in the form of this one means this one.
    let end = version.iter().position(|byte| is_blank(*byte));
    let (version, rest) = version.split_at(end.unwrap_or(version.len()));
    let is_http10 = match version {
        b"1.0" => true,
        b"1.1" | b"2" | b"2.0" => false,
        _ => return Err(Malformed::StatusLine),
    };
    let is_odd = name != b"HTTP/" || version.first() == Some(&b'2');
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    let (digits, reason) = match rest[blanks..] {
        [a, b, c, ref reason @ ..] if blanks > 0 => ([a, b, c], reason),
        _ => return Err(Malformed::StatusLine),
    };
    let goes_on = reason.first().is_some_and(u8::is_ascii_digit);
    if goes_on || !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return Err(Malformed::StatusLine);
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let has_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    Ok(StatusLine {
        code,
        is_http10,
        is_quirky: is_odd
            || rest[..blanks] != *b" "
            || reason.first() != Some(&b' ')
            || reason.iter().any(has_control),
    })
}

/// Writes blanks over the ends of lines that go on in the next one.
fn unfold(block: &mut [u8], quirks: &mut Quirks, lines: &mut Lines) -> Result<(), Malformed> {
    let mut at = behind(block, line_at(block, 0).end);
    while at < block.len() {
        let mut line = line_at(block, at);
        // A line that begins with a blank goes on with nothing if it is the first one.
        let is_first_line_of_one = !is_blank(block[line.start]);
        loop {
            let next = behind(block, line.end);
            let goes_on = block.get(next).is_some_and(|byte| is_blank(*byte));
            if !goes_on || line.is_empty() || !is_first_line_of_one {
                at = next;
                break;
            }
            if touches_framing(&block[line.clone()]) {
                return Err(Malformed::HeaderLine);
            }
            block[line.end..next].fill(b' ');
            line.end = line_at(block, next).end;
            lines.note(quirks, Quirk::FoldedHeader, &line);
        }
    }
    Ok(())
}

/// The line that begins at `start`, without its end. The block ends with a line feed.
fn line_at(block: &[u8], start: usize) -> Range<usize> {
    let rest = &block[start..];
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let is_pair = end > 0 && rest[end - 1] == b'\r';
    start..start + end - usize::from(is_pair)
}

/// Where the line after the one that ends at `end` begins.
fn behind(block: &[u8], end: usize) -> usize {
    match block[end..] {
        [b'\r', b'\n', ..] => end + 2,
        [_, ..] => end + 1,
        [] => end,
    }
}

/// Whether a line may be meant to say how the body ends.
fn touches_framing(line: &[u8]) -> bool {
    let word = |name: &[u8]| {
        let plain = line
            .iter()
            .copied()
            .skip_while(|byte| !byte.is_ascii_alphanumeric());
        plain
            .map(|byte| byte.to_ascii_lowercase())
            .take(name.len())
            .eq(name.iter().copied())
    };
    word(b"content-length") || word(b"transfer-encoding")
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token(*byte))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
