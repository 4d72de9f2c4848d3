//! telemload: load testing and profiling in one run.
//!
//! # Layout
//! A scenario file becomes a plan (`scenario`), an experiment starts the target (`target`), drives it (`engine`, by the
//! schedule of `pacer`, over `transport`), records (`metrics`) and profiles (`profile`) it; `compare` and `gate` judge the
//! results, `report` renders them, `cli` is the command line.
//!
//! Dependencies point one way: cli → gate, report → experiment, compare → engine, profile, target → metrics, scenario,
//! pacer, transport → units.

pub mod engine;
pub mod metrics;
pub mod pacer;
pub mod scenario;
pub mod transport;
pub mod units;
