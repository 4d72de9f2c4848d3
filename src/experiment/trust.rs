//! How far the figures of a phase are the target's, and what speaks against it.

use std::fmt;

use super::PhaseResult;
use crate::metrics::{Tally, value_at};
use crate::scenario::LoadModel;
use crate::units::format_us;

/// How far a phase's figures are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// Nothing speaks against them.
    Trusted,
    /// Something disturbed the measurement.
    Suspect,
    /// The generator, not the target, set the pace.
    ClientLimited,
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted",
            Self::Suspect => "suspect",
            Self::ClientLimited => "client-limited",
        })
    }
}

/// Trust with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// The worst of all reasons.
    pub level: TrustLevel,
    /// Why it is not [`TrustLevel::Trusted`].
    pub reasons: Vec<String>,
}

/// Steal above this share disturbs a measurement.
pub(super) const STEAL_LIMIT: f64 = 0.02;
/// A worker above this share of a core may delay what it measures.
const BUSY_WORKER: f64 = 0.8;
/// A worker above this share of a core sets the pace.
const SATURATED_WORKER: f64 = 0.95;
/// A worker that waits for a CPU for more than this share of a window disturbs a measurement.
const WAIT_LIMIT: f64 = 0.1;
/// Dispatch lag above this at p99 disturbs an open loop, µs.
const LAG_LIMIT_US: f64 = 1_000.0;

impl PhaseResult {
    /// How far the figures are the target's, and why not.
    pub fn trust(&self, total: &Tally) -> Trust {
        let mut reasons = Vec::new();
        let mut level = TrustLevel::Trusted;
        let mut because = |of: TrustLevel, reason: String| {
            level = level.max(of);
            reasons.push(reason);
        };
        let busiest = self
            .rounds
            .iter()
            .map(|round| round.busiest_worker)
            .fold(0.0, f64::max);
        if busiest >= SATURATED_WORKER {
            because(
                TrustLevel::ClientLimited,
                format!(
                    "a worker of the generator used {:.0} % of a core: the target may be faster",
                    busiest * 100.0
                ),
            );
        } else if busiest >= BUSY_WORKER {
            because(
                TrustLevel::Suspect,
                format!(
                    "a worker of the generator used {:.0} % of a core",
                    busiest * 100.0
                ),
            );
        }
        if matches!(self.load.model, LoadModel::Open { .. }) && !total.dispatch_lag.is_empty() {
            let lag = value_at(&total.dispatch_lag, 0.99);
            if lag > LAG_LIMIT_US {
                because(
                    TrustLevel::Suspect,
                    format!(
                        "the generator sent 1 % of requests more than {} late",
                        format_us(lag)
                    ),
                );
            }
        }
        if let Some(steal) = self.steal_share()
            && steal > STEAL_LIMIT
        {
            because(
                TrustLevel::Suspect,
                format!(
                    "the machine's host took {:.1} % of its CPU time",
                    steal * 100.0
                ),
            );
        }
        if let Some(wait) = self.worker_wait()
            && wait > WAIT_LIMIT
        {
            because(
                TrustLevel::Suspect,
                format!(
                    "a worker of the generator waited for a CPU for {:.0} % of the window: latencies hold that too; leave it a core",
                    wait * 100.0
                ),
            );
        }
        Trust { level, reasons }
    }
}
