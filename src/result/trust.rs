//! How far figures are the target's, what may have moved them, and to which side. What is found of a phase is `doubts`.
//!
//! Pure. A [`Doubt`] says which figures it can move, and to which side: whoever judges a figure asks that, and not the level alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Steal above this share disturbs a measurement.
pub const STEAL_LIMIT: f64 = 0.02;

/// The factor by which other processes are assumed to make CPU per request larger at most, through caches and the threads of a core that
/// they share: their own time is not charged to the target.
const CROWDED_CPU: f64 = 3.0;

/// How far a phase's figures are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustLevel {
    /// Nothing speaks against them.
    Trusted,
    /// Something disturbed the measurement.
    Suspect,
    /// The generator, not the target, set the pace.
    ClientLimited,
}

impl TrustLevel {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Suspect => "suspect",
            Self::ClientLimited => "client-limited",
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What moves figures off the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A worker of the generator used all of a core.
    WorkerSaturated,
    /// A worker of the generator used most of a core.
    WorkerBusy,
    /// An open loop sent requests late.
    SentLate,
    /// A worker of the generator was ready to run and had no CPU.
    WaitedForCpu,
    /// A worker of the generator did not run although it was due.
    Stopped,
    /// The limit of the generator's control group stopped it.
    Throttled,
    /// The machine's host took CPU time.
    Steal,
    /// Processes that are none of the run kept its CPUs busy.
    Neighbour,
    /// The target's CPU time was read late, or not at all.
    LateReadings,
    /// A closed loop waited for few answers for a large part of its time.
    Stalled,
    /// Requests without an OK answer took much more of a closed loop's time than their number tells.
    LostTime,
    /// The target, or an instance of it, answered no more.
    Gone,
    /// A kind of request had no OK answer any more, and others had.
    RequestGone,
    /// Shards of one load may have begun apart.
    Skewed,
    /// A stored result does not say it in a way that this version knows.
    Unstated(TrustLevel),
}

/// What a threshold or a comparison looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Percentiles of latency.
    Latency,
    /// Failed requests by requests that ended.
    ErrorRate,
    /// Requests that were sent a second time.
    Resent,
    /// OK responses a second.
    Throughput,
    /// CPU of the target per OK response.
    CpuPerRequest,
    /// A function's share of a profile.
    Share,
    /// A function's share of the CPU per OK response.
    Cost,
}

/// Which side of the target's own figure a measured one may lie on; neither if a cause does not bear on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bias {
    /// The measured figure may be higher.
    pub higher: bool,
    /// The measured figure may be lower.
    pub lower: bool,
}

impl Bias {
    const NONE: Self = Self::new(false, false);
    const HIGHER: Self = Self::new(true, false);
    const LOWER: Self = Self::new(false, true);
    const EITHER: Self = Self::new(true, true);

    const fn new(higher: bool, lower: bool) -> Self {
        Self { higher, lower }
    }

    /// Whether there is any.
    pub fn is_any(self) -> bool {
        self.higher || self.lower
    }

    /// What several causes do together.
    pub fn and(self, other: Self) -> Self {
        Self::new(self.higher || other.higher, self.lower || other.lower)
    }

    /// "higher", "lower", or both; empty if there is none.
    pub fn words(self) -> &'static str {
        match (self.higher, self.lower) {
            (true, true) => "higher or lower",
            (true, false) => "higher",
            (false, true) => "lower",
            (false, false) => "",
        }
    }
}

impl Cause {
    /// All that this version finds.
    pub const ALL: [Self; 14] = [
        Self::WorkerSaturated,
        Self::WorkerBusy,
        Self::SentLate,
        Self::WaitedForCpu,
        Self::Stopped,
        Self::Throttled,
        Self::Steal,
        Self::Neighbour,
        Self::LateReadings,
        Self::Stalled,
        Self::LostTime,
        Self::Gone,
        Self::RequestGone,
        Self::Skewed,
    ];

    /// Its name in results; it never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::WorkerSaturated => "worker_saturated",
            Self::WorkerBusy => "worker_busy",
            Self::SentLate => "sent_late",
            Self::WaitedForCpu => "waited_for_cpu",
            Self::Stopped => "stopped",
            Self::Throttled => "throttled",
            Self::Steal => "steal",
            Self::Neighbour => "neighbour",
            Self::LateReadings => "late_readings",
            Self::Stalled => "stalled",
            Self::LostTime => "lost_time",
            Self::Gone => "gone",
            Self::RequestGone => "request_gone",
            Self::Skewed => "skewed",
            Self::Unstated(_) => "unstated",
        }
    }

    /// What it makes of a phase.
    pub fn level(self) -> TrustLevel {
        match self {
            Self::WorkerSaturated => TrustLevel::ClientLimited,
            Self::Unstated(level) => level,
            _ => TrustLevel::Suspect,
        }
    }

    /// What it can do to a figure. Documented as a table in `docs/reference/result.md`.
    pub fn bias(self, figure: Figure) -> Bias {
        match (self, figure) {
            (Self::Unstated(_), _) | (Self::LateReadings, Figure::CpuPerRequest) => Bias::EITHER,
            // Whoever else runs takes the caches too, and some kernels count what the host took while a process ran.
            (Self::Steal | Self::Neighbour, Figure::CpuPerRequest | Figure::Cost) => Bias::HIGHER,
            // Steal hits all code alike, and a share is of samples alone.
            (_, Figure::Share | Figure::CpuPerRequest | Figure::Cost | Figure::Resent) => {
                Bias::NONE
            }
            // A closed loop asks for little while it waits or while requests fail: its percentiles and its error rate hide that.
            (Self::Stalled, Figure::Latency)
            | (Self::LostTime, Figure::ErrorRate)
            // The rate of all requests hides that those of one kind fail.
            | (Self::RequestGone, Figure::ErrorRate)
            | (Self::Gone, Figure::Throughput) => Bias::LOWER,
            // A load whose parts begin apart is another one than was planned.
            (Self::Skewed, Figure::Throughput | Figure::Latency | Figure::ErrorRate) => Bias::EITHER,
            (
                Self::LateReadings
                | Self::Stalled
                | Self::LostTime
                | Self::Gone
                | Self::RequestGone,
                _,
            ) => Bias::NONE,
            // Whatever keeps the generator from its work is added to what the target takes.
            (_, Figure::Latency | Figure::ErrorRate) => Bias::HIGHER,
            (_, Figure::Throughput) => Bias::LOWER,
        }
    }
}

/// One reason not to take a phase's figures for the target's.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubt {
    /// What it is.
    pub cause: Cause,
    /// How much of the window, of a core, of the machine's CPU time or of the readings it is, 0..=1; `None` where it has no share.
    pub share: Option<f64>,
    /// What was seen, and the remedy.
    pub words: String,
}

impl Doubt {
    /// The factor by which a figure that has a [`Bias`] may be off at most, given the CPUs of the machine; infinite where
    /// nothing bounds it.
    ///
    /// What a generator does while it runs is no slower for the time in which it does not: without a wait of a share w, 1 / (1 − w)
    /// times as much fits into a window. Time that a host or other processes take may all be that of one CPU. What doubts do to percentiles
    /// is judged by their lengths.
    pub fn factor(&self, figure: Figure, cpus: usize) -> f64 {
        let lost = match (self.cause, figure) {
            (
                Cause::WorkerBusy
                | Cause::WaitedForCpu
                | Cause::Stopped
                | Cause::Throttled
                | Cause::Gone,
                Figure::Throughput,
            ) => self.share,
            (Cause::LateReadings, Figure::CpuPerRequest)
            | (Cause::Neighbour, Figure::Throughput) => self.share,
            (Cause::Neighbour, Figure::CpuPerRequest) => return CROWDED_CPU,
            (Cause::Steal, Figure::Throughput | Figure::CpuPerRequest) => {
                self.share.map(|share| share * cpus as f64)
            }
            _ => None,
        };
        match lost {
            Some(lost) if (0.0..1.0).contains(&lost) => 1.0 / (1.0 - lost),
            _ => f64::INFINITY,
        }
    }
}

/// Trust in a phase, with its reasons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trust {
    /// Why it is not [`TrustLevel::Trusted`]; empty if it is.
    pub doubts: Vec<Doubt>,
}

impl Trust {
    /// The worst of all reasons.
    pub fn level(&self) -> TrustLevel {
        let levels = self.doubts.iter().map(|doubt| doubt.cause.level());
        levels.max().unwrap_or(TrustLevel::Trusted)
    }

    /// What of it bears on one kind of request: figures of one hide none of the others.
    pub fn of_one_request(&self) -> Self {
        let doubts = self.doubts.iter();
        let doubts = doubts.filter(|doubt| doubt.cause != Cause::RequestGone);
        Self {
            doubts: doubts.cloned().collect(),
        }
    }

    /// What can be said against a figure.
    pub fn about(&self, figure: Figure) -> impl Iterator<Item = (&Doubt, Bias)> {
        self.doubts.iter().filter_map(move |doubt| {
            let bias = doubt.cause.bias(figure);
            bias.is_any().then_some((doubt, bias))
        })
    }

    /// What all doubts together can do to a figure.
    pub fn bias(&self, figure: Figure) -> Bias {
        self.about(figure)
            .fold(Bias::NONE, |all, (_, bias)| all.and(bias))
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
