//! Profiles of a target: capture, reading, folding, function tables, costs, comparison and flame graphs.
//!
//! Bytes become a [`Profile`] ([`pprof`], [`folded`]), a profile becomes a table ([`functions`], [`costs`]), two tables
//! become a comparison ([`diff()`]), and a profile becomes a picture ([`flamegraph`]). All of it is pure but [`capture`], the only
//! module that opens a connection. Profiles come from targets and files, so nothing here may panic or grow without
//! bound on any bytes, and nothing but [`names`] may decide which two functions are the same.

pub mod capture;
mod cost;
mod diff;
mod error;
pub mod flamegraph;
pub mod folded;
mod interval;
pub mod names;
pub mod pprof;
mod stacks;
mod table;
mod wire;

pub use cost::{FunctionCost, costs};
pub use diff::{FunctionDelta, diff};
pub use error::Error;
pub use interval::{Interval, wilson};
pub use stacks::{Profile, Stack};
pub use table::{FunctionStat, functions, inclusive_samples};

#[cfg(test)]
mod tests;
