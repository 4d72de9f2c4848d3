//! A variant's life: start the target, drive its phases, profile it, stop it, collect. Rounds repeat that with fresh
//! launches, in alternating order.
//!
//! It prints nothing; an [`Observer`] is told how it goes.

mod absence;
mod answering;
mod background;
mod blocks;
mod doubts;
mod drive;
mod files;
mod gather;
mod instance;
mod instances;
mod late;
mod lateness;
mod launch;
mod ledger;
mod mark;
mod observer;
mod phase;
mod probe;
mod profiled;
mod reach;
mod readings;
mod result;
mod rounds;
mod run_dir;
#[cfg(test)]
pub(crate) mod samples;
mod sampling;
mod services;
mod started;
mod stop;
mod stretch;
mod trust;
mod uncertainty;
mod variant;
mod warning;
mod watch;
mod watched;

pub use absence::Absence;
pub use answering::{Answering, Answerings, Gone, Quiet};
pub use doubts::COMMON_QUANTILE;
pub use instances::InstanceUse;
pub use late::{Late, Planned};
pub use observer::{Live, Observer, PhaseStart};
pub use phase::port_warning;
pub use result::{
    AcknowledgedFile, Estimates, Failure, PhaseResult, ProfileResult, Round, RunResult, ServiceUse,
    VariantResult,
};
pub use rounds::run;
pub use run_dir::{CreateError, RunDir, WriteError};
pub use stop::Stop;
pub use trust::{Bias, Cause, Doubt, Figure, Trust, TrustLevel};
pub use uncertainty::Uncertainty;
pub use warning::Warning;
