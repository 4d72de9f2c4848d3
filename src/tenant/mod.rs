//! The one target that telemload knows from within, the bundled gateway: what it publishes of itself, what a load is expected to cost it,
//! what it is started with, and what a summary says of it.
//!
//! Whoever asks sees names, counts and words, and never whose they are. Pure.

mod expected;
mod published;
mod start;
mod words;

pub use expected::{Expected, expected, remembers_for};
pub use published::{Reading, cells, columns, is_published};
pub use start::{NAME, Process, READY, Start, hash_cost};
pub use words::{EXAMPLE, HEAVY, ROWS, Row, Told, is_told, lines, of_instance};
