//! The bytes of a header block that are not as they should be, so that they can be shown.

use super::head;
use super::lenient::Lines;
use super::malformed::Excerpt;
use crate::transport::quirk::{Quirk, Quirks};

/// The line of a header block that is such a quirk; `lines` are those that were read leniently.
pub(super) fn of(block: &[u8], lines: &Lines, quirk: Quirk) -> Excerpt {
    let line_of = |at: usize| {
        let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |before| before + 1);
        let line = &block[start..at];
        Excerpt::of(line.strip_suffix(b"\r").unwrap_or(line))
    };
    match quirk {
        Quirk::Surplus | Quirk::NoCloseNotify | Quirk::NoBody => Excerpt::EMPTY,
        Quirk::StatusLine => line_of(memchr::memchr(b'\n', block).unwrap_or(0)),
        // Without one in the header block it is in the lines of chunks.
        Quirk::BareLineFeed => head::bare_line_feed(block).map_or(Excerpt::EMPTY, line_of),
        Quirk::ChunkedTwice => Excerpt::of(b"Transfer-Encoding: chunked, chunked"),
        Quirk::LengthAndChunks => Excerpt::of(b"Content-Length, Transfer-Encoding: chunked"),
        _ => Excerpt::of(block.get(lines.get(quirk)).unwrap_or_default()),
    }
}

/// Quotes of header blocks that are gone: those of interim responses. Nothing is kept where there were none.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    quirks: Quirks,
    quotes: Option<Box<[Excerpt; Quirk::ALL.len()]>>,
}

impl Quotes {
    #[inline]
    pub(super) fn forget(&mut self) {
        self.quirks = Quirks::NONE;
    }

    /// Keeps the quotes of a block; the first one of each quirk counts.
    #[cold]
    pub(super) fn keep(&mut self, quirks: Quirks, quote: impl Fn(Quirk) -> Excerpt) {
        let quotes = self
            .quotes
            .get_or_insert_with(|| Box::new([Excerpt::EMPTY; Quirk::ALL.len()]));
        for quirk in quirks.iter().filter(|quirk| !self.quirks.has(*quirk)) {
            quotes[quirk as usize] = quote(quirk);
        }
        self.quirks.join(quirks);
    }

    pub(super) fn get(&self, quirk: Quirk) -> Option<Excerpt> {
        let quotes = self.quotes.as_ref().filter(|_| self.quirks.has(quirk))?;
        Some(quotes[quirk as usize])
    }
}
