//! What is counted: outcomes, histograms, series. Values in, values out: no clock, no I/O beyond `Write`.

mod batches;
mod durations;
mod interval_log;
mod oddities;
mod outcome;
mod recorder;
mod series;
mod served;
mod summary;
mod tally;

pub use batches::Batches;
pub use durations::Durations;
pub use interval_log::IntervalLog;
pub use oddities::Oddities;
pub use outcome::{ErrorKind, Moved, Outcome, Times};
pub use recorder::{Interval, Recorder, Window};
pub use series::{SeriesRow, SeriesWriter};
pub use served::Served;
pub use summary::{Quantiles, latency_quantiles, quantiles, value_at};
pub use tally::Tally;
