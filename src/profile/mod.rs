//! Profiles of a target: capture, reading, folding, function tables, comparison and flame graphs.
//!
//! Bytes become a [`Profile`] ([`read()`], a reader for each format: [`pprof`], [`folded`], [`perf_script`], OTLP and several in JSON), a profile becomes a table
//! ([`FunctionTable`]), two tables become a comparison ([`diff()`]), and profiles become pictures ([`flamegraph`], [`union`]). All of it is
//! pure but [`capture`], the only module that opens a connection. Profiles come from targets and files, so nothing here may
//! panic or grow without bound on any bytes, and nothing but [`names`] may decide which two functions are the same.

pub mod capture;
mod choice;
mod diff;
pub mod encode;
mod error;
mod faults;
pub mod flamegraph;
mod fold;
pub mod folded;
mod interval;
mod json;
mod labels;
pub mod names;
mod other;
mod otlp;
pub mod perf_script;
pub mod pprof;
mod pruning;
mod read;
mod sample;
mod share;
mod stacks;
mod symbols;
mod table;
mod tree;
pub mod union;
mod wire;

pub use choice::Choice;
pub use diff::{DeltaFinding, Diff, FunctionDelta, Hidden, Side, Unit, diff};
pub use error::Error;
pub use fold::{Fold, fold};
pub use interval::{Interval, wilson};
pub use read::read;
pub use share::{
    ASSUMED_LAUNCH_SPREAD, Difference, ENOUGH_SLICES, FALSE_DISCOVERIES, FEW_SAMPLES,
    FEWEST_SAMPLES, Scale, Share,
};
pub use stacks::{Profile, Stack};
pub use table::{FunctionShare, FunctionTable, Matched, inclusive};

#[cfg(test)]
mod tests;
