//! What can be wrong with a response, and an excerpt of the bytes that were. It must not carry more of a response than
//! that excerpt, and the excerpt never appears in the error's own text.

use std::fmt;

/// Why a response could not be decoded. The connection has to be closed after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The peer closed (or had already closed) the connection before any byte of a response.
    #[error(
        "the connection was closed without a response: look for a crash or a limit of the server"
    )]
    ClosedBeforeResponse,
    /// The peer closed inside a status line or header block.
    #[error(
        "the server closed the connection inside the response header: look for a crash or an idle timeout there"
    )]
    ClosedInHead,
    /// The peer closed before the announced body was complete.
    #[error(
        "the server closed the connection before the body was complete: look for a crash or a wrong length there"
    )]
    ClosedInBody,
    /// Bytes came while no request was outstanding.
    #[error(
        "the server sent bytes that no request had asked for: look for a wrong content-length or a timeout notice"
    )]
    Unsolicited,
    /// The first bytes are not those of HTTP/1.
    #[error(
        "the response does not begin with HTTP/1: check the scheme and port of the url, and that the server speaks HTTP/1.1"
    )]
    NotHttp1,
    /// The first byte is zero, as that of HTTP/2's settings.
    #[error(
        "the response does not begin with HTTP/1 but with a zero, as that of a server which speaks HTTP/2 alone: telemload speaks HTTP/1.1; give a port where the server does too"
    )]
    Http2,
    /// The first byte is that of an alert of TLS.
    #[error("the response begins as those of TLS do: write the url with https://")]
    Tls,
    /// The version or status code cannot be read, or the status is below 100.
    #[error(
        "the status line is malformed: the server must send HTTP/1.0 or 1.1 and a three-digit status"
    )]
    StatusLine,
    /// A line that may say how the body ends cannot be read.
    #[error(
        "a content-length or transfer-encoding line is malformed: the server must send `name: value` on one line"
    )]
    HeaderLine,
    /// The header block exceeds [`Limits::header_block`](super::Limits::header_block).
    #[error(
        "the header block has more than 300 KiB, which neither browsers nor curl take: the server must send fewer or shorter headers"
    )]
    HeadTooLong,
    /// A `Content-Length` is not a decimal number of at most 64 bits.
    #[error(
        "the content-length is not a number: the server must send decimal digits that fit 64 bits"
    )]
    ContentLength,
    /// Several `Content-Length` values differ.
    #[error("the content-length values differ: the server or a proxy before it must send one")]
    ConflictingLengths,
    /// Both `Content-Length` and a `Transfer-Encoding` other than `chunked` are present.
    #[error(
        "both content-length and a transfer-encoding other than chunked are present: the server must send one of them"
    )]
    LengthAndEncoding,
    /// The `Transfer-Encoding` is empty, or `chunked` is not last, comes again behind another one, or has parameters.
    #[error("the transfer-encoding is malformed: the server must send `chunked` once and last")]
    TransferEncoding,
    /// A chunk's size line has no hex digit, or other bytes.
    #[error("a chunk size is malformed: the server must send hex digits and CRLF")]
    ChunkSize,
    /// The chunk sizes do not fit 64 bits.
    #[error("a chunk size overflows: the sizes of a body must fit 64 bits together")]
    ChunkOverflow,
    /// A chunk's size line with its extension is longer than [`MAX_CHUNK_LINE`](super::MAX_CHUNK_LINE).
    #[error(
        "a chunk extension is too long: a size line may have {} bytes",
        super::MAX_CHUNK_LINE
    )]
    ChunkLineTooLong,
    /// A chunk's data is not followed by the end of a line.
    #[error(
        "a chunk does not end where its size says: the server must send CRLF after that many bytes"
    )]
    ChunkEnd,
    /// The next answer, or what nobody can read, stands where trailers end.
    #[error("the trailers do not end: the server must send an empty line behind the last chunk")]
    TrailerLine,
    /// The trailers exceed [`Limits::header_block`](super::Limits::header_block).
    #[error("the trailers have more than 300 KiB: the server must send fewer or shorter ones")]
    TrailersTooLong,
    /// The body exceeds [`Limits::body`](super::Limits::body).
    #[error("the body is longer than is read here: have the server send a shorter one")]
    BodyTooLong,
    /// The interim (1xx) responses before the final one exceed [`Limits::header_block`](super::Limits::header_block).
    #[error(
        "the interim responses before the final one have more than 300 KiB: the server must send fewer"
    )]
    TooManyInterim,
    /// `101 Switching Protocols`, which no request asks for.
    #[error(
        "the server switches protocols: remove an upgrade header from the request, or load a path that is not for WebSocket"
    )]
    SwitchingProtocols,
}

/// Up to 64 of the bytes at which a response went wrong, for an exemplar. Displays escaped, as printable ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Excerpt {
    /// The most bytes that are kept.
    pub const MAX: usize = 64;

    pub(super) const EMPTY: Self = Self {
        bytes: [0; Self::MAX],
        len: 0,
    };

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut excerpt = Self::EMPTY;
        let len = bytes.len().min(Self::MAX);
        excerpt.bytes[..len].copy_from_slice(&bytes[..len]);
        excerpt.len = u8::try_from(len).expect("64 fits a byte");
        excerpt
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().escape_ascii().fmt(f)
    }
}

/// Shows the length only: a response may carry a token.
impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} bytes)", self.len)
    }
}
