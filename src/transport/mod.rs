//! What is said on the wire, and over what: connections as bytes, and the bytes of a connection as outcomes.
//!
//! `message` and [`answer`] are what every protocol is given and gives. [`http1`] is pure protocol code. [`stream`] opens connections and moves bytes, [`tls`] says whom to trust. None of them
//! may read clocks or know of schedules, workers and metrics: whoever uses them brings deadlines and counts what came of it.

pub mod answer;
pub mod http1;
pub mod input;
pub(crate) mod message;
pub mod proxy;
pub mod quirk;
mod records;
pub mod sources;
pub mod stream;
pub mod tls;
