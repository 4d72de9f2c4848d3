//! Two variants, phase by phase: what differs, by how much, and what could not have been seen.
//!
//! Pure: results in, findings out. It never says that two things are the same. Variants of one run and of two stored runs
//! are compared alike: both become [`Side`]s.

mod amounts;
mod caution;
mod change;
mod comparison;
mod doubts;
mod errors;
mod explanation;
mod functions;
mod load;
mod metrics;
mod pair;
mod side;
mod speed;

pub use amounts::{amounts, is_of_cpu};
pub use caution::{Caution, Incomparable};
pub use change::{Basis, DoubtedSide, Finding, Metric, MetricChange, Unjudged, Unmeasured};
pub use comparison::{Comparison, PhaseComparison, compare, pooled, sides, within};
pub use doubts::Untrusted;
pub use errors::{Answers, ErrorRates};
pub use explanation::{Explanation, Moved, Part};
pub use functions::{Amounts, FunctionComparison, Profiled, ceiling, functions, order};
pub use load::{LoadDifference, load_differences};
pub use metrics::{ENOUGH_ROUNDS, RoundFigures};
pub use side::{Generator, RunOf, Side, Subject};
