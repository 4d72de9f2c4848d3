//! What a run found: plain values, complete enough to be judged, compared, rendered, stored and read again. Whoever looks at a run,
//! live or stored, looks at these.

mod absence;
pub(crate) mod answering;
mod blocks;
mod host;
mod in_turns;
mod merged;
mod note;
mod phase;
mod pooled;
mod pooled_profile;
mod profiled;
mod profiled_launch;
mod round;
mod run;
#[cfg(test)]
pub(crate) mod samples;
mod shard;
mod trust;
mod used;

pub use absence::Absence;
pub use answering::{Answering, Answerings, Gone, Quiet};
pub use blocks::{ArmBlock, Arms, Around, Block, Down, Turns};
pub use host::HostUse;
pub use in_turns::{InTurns, RatioErrors};
pub(crate) use merged::shard_names;
pub use merged::{Lost, MergedShard, ShardWindow};
pub use note::{Count, Note, Severity};
pub use phase::PhaseResult;
pub(crate) use pooled_profile::Joined;
pub use profiled::{AlsoResult, ProfileResult, RequestCost, Samples};
pub use profiled_launch::{ProfiledLaunch, over_launches};
pub use round::{
    ASSUMED_LATENCY_LAUNCH_SPREAD, ASSUMED_LATENCY_RUN_SPREAD, ASSUMED_LATENCY_TIME_SPREAD,
    ASSUMED_LAUNCH_SPREAD, ASSUMED_RUN_SPREAD, ASSUMED_TIME_SPREAD, Estimates, Round, Tail,
    Uncertainty,
};
pub use run::{Failure, RunResult, ScenarioId, VariantResult};
pub use shard::{ShardResult, ShardStretch};
pub use trust::{Bias, Cause, Doubt, Figure, STEAL_LIMIT, Trust, TrustLevel};
pub use used::{AcknowledgedFile, InstanceUse, ProcessUse, ServiceUse};

fn per(amount: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| amount / of)
}
