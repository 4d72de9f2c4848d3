//! Profiles of a target: capture, reading, folding, function tables, comparison and flame graphs.
//!
//! Bytes become a [`Profile`] ([`read()`], a reader for each format: [`pprof`], [`folded`], [`perf_script`], OTLP and several in JSON), a profile becomes a table
//! ([`FunctionTable`]), two tables become a comparison ([`diff()`]), and profiles become pictures ([`flamegraph`], [`union`]). All of it is
//! pure but [`capture`], the only module that opens a connection. Profiles come from targets and files, so nothing here may
//! panic or grow without bound on any bytes, and nothing but [`names`] may decide which two functions are the same.

mod bounds;
mod by_label;
pub mod capture;
mod choice;
mod columns;
mod course;
mod diff;
mod difference;
mod dotnet;
pub mod encode;
mod error;
mod faults;
pub mod flamegraph;
mod fold;
pub mod folded;
mod json;
mod labels;
mod launch_spread;
mod magic;
pub mod names;
mod observations;
mod other;
mod otlp;
pub mod perf_script;
mod plain;
pub mod pprof;
mod pruning;
mod read;
mod reports;
mod runs;
mod sample;
mod share;
mod soundness;
mod stacks;
mod symbols;
mod table;
mod threads;
mod tree;
pub mod union;
mod weight;
mod wire;

pub use bounds::{Bounds, wilson};
pub use by_label::{ByLabel, by_label};
pub use choice::Choice;
pub use course::Forecast;
pub use diff::{DeltaFinding, Diff, FunctionDelta, Hidden, Side, Unit, diff};
pub use difference::{Difference, FALSE_DISCOVERIES, Scale};
pub use error::Error;
pub use fold::{Fold, fold};
pub use labels::{Labelled, worth_a_row};
pub use launch_spread::{ASSUMED_LAUNCH_SPREAD, LaunchSpread};
pub use observations::Meaning;
pub use read::{labelled, read};
pub use share::{ENOUGH_SLICES, FEW_SAMPLES, FEWEST_SAMPLES, Share};
pub use soundness::{differently_selected, doubts, doubts_between, is_on_the_wall};
pub use stacks::{Profile, Stack};
pub use table::{
    FunctionShare, FunctionTable, Matched, inclusive, main_caller, matched, share_with,
};
pub use threads::{renamed_thread, with_threads_of};
pub use weight::Observed;

#[cfg(test)]
mod tests;
