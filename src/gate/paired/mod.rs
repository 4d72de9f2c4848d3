//! The decision of `telemload gate`: two arms that were loaded in turns, block by block, to a verdict. Pure: blocks in, verdict out.
//!
//! What is looked at, how often, and what follows is fixed before anything is measured. Nothing is measured again because of what it says,
//! but for fresh launches that can only withdraw a failure. No data never passes.

mod bursts;
mod decide;
mod errors;
mod functions;
mod gross;
mod look;
mod metric;
mod observe;
mod stored;
mod verdict;
mod words;

pub use decide::{Ended, Measured, Next, Time, conclude, next};
pub use functions::{FunctionSeen, Profiled, asks_to_confirm, functions};
pub use look::{CONFIRMING, FALSE_FAILS, FIRST_LOOK, LAST_LOOK};
pub use stored::{against, stored};
pub use verdict::{
    Answered, Bursts, Change, Confirmation, ErrorVerdict, Evidence, Figures, GateVerdict,
    MetricVerdict, Spread, Stored, Used,
};

#[cfg(test)]
mod ends_tests;
#[cfg(test)]
mod errors_tests;
#[cfg(test)]
mod functions_tests;
#[cfg(test)]
mod gross_tests;
#[cfg(test)]
mod look_tests;
#[cfg(test)]
mod observe_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod stored_tests;
#[cfg(test)]
mod tests;
