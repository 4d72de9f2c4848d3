//! HTTP/1.1 on connections that send one request at a time: requests as bytes, and an incremental decoder of responses.
//!
//! A connection owns one [`Decoder`] and reuses it for every response: it reads socket bytes into [`Decoder::spare`] and
//! reports them to [`Decoder::filled`]. Bodies are counted and discarded but for a prefix that is asked for. It must not
//! do I/O, look at a clock, or allocate per response once its buffers have their size; whatever a server sends, it neither
//! panics nor holds more than its [`Limits`] and one read.

mod body;
mod decoder;
mod head;
mod incoming;
mod known;
mod lenient;
mod limits;
mod malformed;
mod quotes;
mod request;
#[cfg(test)]
mod tests;

pub use decoder::{Decoder, Progress};
pub use incoming::{Incoming, NoRequest, Requests};
pub use limits::{Limits, MAX_CHUNK_LINE};
pub use malformed::{Excerpt, Malformed};
pub use request::Rendered;
pub(crate) use request::{Program, Stops};
