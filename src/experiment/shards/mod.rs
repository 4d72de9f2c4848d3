//! Several processes that each sent a part of one load, as one run: what each leaves for that, and what these come to together. Nothing is
//! scaled up, and files of shards are not trusted.

pub(super) mod counts;
mod files;
mod lockstep;
mod members;
mod merge;
mod readouts;
mod schedule;
mod set;
mod sound;
mod told;

pub use files::JUDGED;
pub use set::{Found, Refused, Set, Unfinished};

#[cfg(test)]
mod exact_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod set_tests;
