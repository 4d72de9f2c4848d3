//! A run while it goes on: what is known of it now, as lines on a terminal, as lines of a log and as metrics.
//!
//! All three are made of one [`Standing`], which takes what workers have published anyway: nothing here is on the measured path.

mod lines;
mod prometheus;
mod second;
mod side;
mod standing;
mod view;

pub use lines::{begun, over, passed};
pub use prometheus::{CONTENT_TYPE, metrics};
pub use side::Passed;
pub use standing::Standing;
pub use view::view;

#[cfg(test)]
mod samples;
