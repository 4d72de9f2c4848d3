//! What a response may have.

/// The most bytes of a chunk's size line, its extension and CRLF included.
pub const MAX_CHUNK_LINE: usize = 1024;

/// What a response may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a header block, of all interim (1xx) responses before a final one, and of all trailers of a body. Default 300 KiB, which is what curl takes; browsers take 256.
    pub header_block: usize,
    /// Bytes of a body without its framing. Default: no limit, since bodies are discarded.
    pub body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_block: 300 * 1024,
            body: u64::MAX,
        }
    }
}
