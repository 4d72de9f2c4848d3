//! What is counted: outcomes, histograms, series. Values in, values out: no clock, no I/O beyond `Write`.

mod answers;
mod batches;
mod durations;
mod interval_log;
mod outcome;
mod recorder;
mod series;
mod served;
mod summary;
mod tally;
mod window;

pub use answers::{Answers, Late, Silence, Unanswered};
pub use batches::Batches;
pub use durations::Durations;
pub use interval_log::IntervalLog;
pub use outcome::{ErrorKind, Outcome, Times};
pub use recorder::{Answered, Interval, Recorder};
pub use series::{SeriesRow, SeriesWriter};
pub use served::Served;
pub use summary::{Quantiles, latency_quantiles, quantiles, value_at};
pub use tally::Tally;
pub use window::Window;
