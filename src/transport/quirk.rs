//! What an answer does that its protocol does not allow, though what it means is clear.

use serde::{Deserialize, Serialize};

/// One such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// The status line has no blank behind the status, more than one before it, control characters, or a version that it should not have.
    StatusLine,
    /// A line ends with a line feed alone.
    BareLineFeed,
    /// A header goes on in the next line.
    FoldedHeader,
    /// There is space between a header's name and its colon.
    SpaceBeforeColon,
    /// A header has control characters in its value.
    ControlCharacter,
    /// A line is no header; it is left out.
    NoHeader,
    /// There are both a length and chunks, which win.
    LengthAndChunks,
    /// Chunks are named more than once; they are read once.
    ChunkedTwice,
    /// The body ends with a connection that ends without TLS's close_notify.
    NoCloseNotify,
    /// Bytes follow the end of the answer.
    Surplus,
    /// It has no body, where others to the same request had one.
    NoBody,
}

impl Quirk {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::StatusLine,
        Self::BareLineFeed,
        Self::FoldedHeader,
        Self::SpaceBeforeColon,
        Self::ControlCharacter,
        Self::NoHeader,
        Self::LengthAndChunks,
        Self::ChunkedTwice,
        Self::NoCloseNotify,
        Self::Surplus,
        Self::NoBody,
    ];

    /// Its name in results; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::StatusLine => "status_line",
            Self::BareLineFeed => "bare_line_feed",
            Self::FoldedHeader => "folded_header",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::ControlCharacter => "control_character",
            Self::NoHeader => "no_header",
            Self::LengthAndChunks => "length_and_chunks",
            Self::ChunkedTwice => "chunked_twice",
            Self::NoCloseNotify => "no_close_notify",
            Self::Surplus => "surplus",
            Self::NoBody => "no_body",
        }
    }

    /// What the server should do, as the end of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::StatusLine => {
                "have a status line that is not as it should be: `HTTP/1.1 200 OK`, with one blank each"
            }
            Self::BareLineFeed => "end lines with a line feed alone: the server should send CRLF",
            Self::FoldedHeader => {
                "fold headers over several lines, which is obsolete (RFC 9112 5.2)"
            }
            Self::SpaceBeforeColon => "have space before the colon of a header",
            Self::ControlCharacter => "have control characters in the value of a header",
            Self::NoHeader => "have lines that are no headers, which are left out",
            Self::LengthAndChunks => {
                "have both a content-length and chunks: the chunks count, and the connection is not used again"
            }
            Self::ChunkedTwice => {
                "name the transfer-encoding chunked more than once, as a server and a proxy before it do together: the chunks are read once, and the connection is not used again"
            }
            Self::NoCloseNotify => {
                "end with a connection that ends without TLS's close_notify: they may be cut off, and the server should send a content-length"
            }
            Self::Surplus => {
                "are followed by bytes that belong to no answer, and the connection is not used again: look for a body of a HEAD, 204 or 304, for a content-length that is too small, or for a 408 that the server says while a connection is idle"
            }
            Self::NoBody => {
                "have no body, where earlier ones to the same request had one: look at whether the target still works, and say with `expect` of a request what an answer must hold"
            }
        }
    }
}

/// The quirks of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u16);

impl Quirks {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn add(&mut self, quirk: Quirk) {
        self.0 |= 1 << quirk as u8;
    }

    /// Adds all of another.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether this is one of them.
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & (1 << quirk as u8) != 0
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        let has = move |quirk: &Quirk| self.has(*quirk);
        Quirk::ALL.into_iter().filter(has)
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        let mut all = Self::default();
        quirks.into_iter().for_each(|quirk| all.add(quirk));
        all
    }
}
