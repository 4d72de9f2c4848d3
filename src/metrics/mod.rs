//! What is counted: outcomes, histograms, series. Values in, values out: no clock, no I/O beyond `Write`.

mod answers;
mod batches;
mod bins;
mod durations;
mod histogram_log;
mod interval_log;
mod oddities;
mod outcome;
mod own_time;
mod packed;
mod recorder;
mod series;
mod served;
mod sound;
mod summary;
mod tally;
mod timetable;
mod window;

pub use answers::{Answers, Late, Silence, Unanswered};
pub use batches::{Batches, FEW_BURSTS, bursts_in};
pub use durations::Durations;
pub use histogram_log::{HistogramLog, read_histograms, read_intervals};
pub use interval_log::IntervalLog;
pub use oddities::Oddities;
pub use outcome::{ErrorKind, Moved, Outcome, Times};
pub use own_time::OwnTime;
pub use recorder::{Answered, Interval, Recorder};
pub use series::{SeriesRow, SeriesWriter, StoredSeries};
pub use served::Served;
pub use summary::{Quantiles, latency_quantiles, quantiles, value_at};
pub use tally::Tally;
pub use timetable::{Slices, Timetable};
pub use window::Window;
