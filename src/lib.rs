//! telemload: load testing and profiling in one run.
//!
//! # Layout
//! A scenario file becomes a plan (`scenario`), an experiment starts the target (`process`), drives it (`engine`, with the
//! requests of `traffic`, by the schedule of `pacer`, over `transport`), records (`metrics`) and profiles (`profile`) it; `result` is what it
//! found, `compare` and `gate` judge that, `report` renders it, `cli` is the command line. `selftest` holds all of it against a server whose delays are known.
//!
//! Dependencies point one way: cli → gate, report, selftest → experiment, compare → result → tenant → engine, profile, process → scenario,
//! pacer → shard → metrics, traffic, transport → units, statistics.

pub mod ablation;
pub mod cli;
pub mod compare;
pub mod engine;
pub mod experiment;
pub mod gate;
pub mod import;
pub mod metrics;
pub mod pacer;
pub mod parity;
pub mod process;
pub mod profile;
pub mod report;
pub mod result;
pub mod scenario;
pub mod selftest;
pub mod shard;
pub mod statistics;
pub mod tap;
pub mod tenant;
pub mod traffic;
pub mod transport;
pub mod units;
