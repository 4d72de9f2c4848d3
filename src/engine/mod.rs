//! Drives load: a thread per worker, each with its own connections, devices and part of the schedule.
//!
//! It knows an address and a plan, not what stands behind the address. Results leave as intervals; nothing is shared
//! per request.

mod acknowledged;
mod answer;
mod clock;
mod connection;
mod deadlines;
mod dispatch;
mod drive;
mod end;
mod feed;
mod intervals;
mod job;
mod load;
mod pauses;
mod prerequisite;
mod program;
mod scrub;
mod shard;
mod source;
mod spread;
mod start;
mod timer;
mod wire;
mod words;
mod worker;

pub use acknowledged::{AcknowledgedIds, Acknowledgement};
pub use clock::{now_ns, thread_wait_ns};
pub use drive::Drive;
pub use end::End;
pub use load::Engine;
pub use program::Rendered;
pub use source::Source;
pub(crate) use timer::Timer;
