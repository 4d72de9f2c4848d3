//! What people see on a terminal. Strings out; only `cli` writes them anywhere.

pub mod ablate;
pub mod audit;
pub mod compare;
mod counts;
pub mod detail;
pub mod dry_run;
pub mod flame_top;
pub mod gate;
mod hosts;
mod judgement;
mod phase;
mod profile;
pub mod progress;
mod resources;
pub mod run;
pub mod selftest;
mod story;
mod style;
mod verdict;
