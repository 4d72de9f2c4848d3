//! What is said on the wire: turning the bytes of a connection into outcomes.
//!
//! Pure protocol code. It must not open sockets, read clocks or know of schedules, workers and metrics: the engine owns
//! those and hands over the bytes that it read.

pub mod http1;
