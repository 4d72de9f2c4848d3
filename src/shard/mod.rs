//! A run that is split over processes on several machines: which part of it is this one's, and when each stretch of load begins.
//!
//! Pure: no clock, no environment, no files; whoever calls brings what they say. Shards do not know each other: what each of them does
//! follows from its index, their number and the scenario.

pub mod engines;
pub mod job;
pub mod meeting;

mod identity;
mod part;
mod timetable;
mod workers;

pub use identity::{MOST, NoShard, Shard};
pub use part::{Part, READY_BEFORE};
pub use timetable::{GAP, Slot, begins};
pub use workers::{Lane, Workers};
