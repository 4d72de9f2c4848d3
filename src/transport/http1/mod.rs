//! An incremental decoder of HTTP/1.1 responses, for connections that send one request at a time.
//!
//! A connection owns one [`Decoder`] and reuses it for every response: it reads socket bytes into [`Decoder::spare`] and
//! reports them to [`Decoder::filled`]. Bodies are counted and discarded but for a prefix that is asked for. It must not
//! do I/O, look at a clock, or allocate per response once its buffers have their size; whatever a server sends, it neither
//! panics nor holds more than its [`Limits`] and one read.

mod body;
mod decoder;
mod head;
mod limits;
mod malformed;
#[cfg(test)]
mod tests;

pub use decoder::{Decoder, Progress, Response};
pub use head::Head;
pub use limits::{ExpectBody, Limits, MAX_CHUNK_LINE, MAX_HEADERS, MAX_INTERIM};
pub use malformed::{Excerpt, Malformed};
