//! What is said on the wire, and over what: connections as bytes, and the bytes of a connection as outcomes.
//!
//! [`http1`] is pure protocol code. [`stream`] opens connections and moves bytes, [`tls`] says whom to trust. None of them
//! may read clocks or know of schedules, workers and metrics: whoever uses them brings deadlines and counts what came of it.

pub mod http1;
pub mod proxy;
pub mod sources;
pub mod stream;
pub mod tls;
