//! Drives load: a thread per worker, each with its own connections, devices and part of the schedule.
//!
//! It knows an address and a plan, not what stands behind the address. Results leave as intervals; nothing is shared
//! per request.

mod acknowledged;
mod answer;
mod clock;
mod connection;
mod deadlines;
mod devices;
mod dispatch;
mod drip;
mod drive;
mod due;
mod end;
mod exchange;
mod hold;
mod hosts;
mod instance;
mod intervals;
mod job;
mod load;
mod message;
mod own_wait;
mod pauses;
mod prerequisite;
mod scrub;
mod sending;
mod source;
#[cfg(test)]
mod split_tests;
mod spread;
mod start;
mod state;
mod timer;
mod turn;
mod wire;
mod wires;
mod words;
mod worker;

pub use acknowledged::{AcknowledgedIds, Acknowledgement};
pub use clock::{now_ns, thread_wait_ns};
pub use drive::Drive;
pub use end::{Connections, End};
pub use load::Engine;
pub use source::Source;
pub use start::Appointment;
pub(crate) use timer::Timer;

pub use crate::transport::http1::Rendered;
