//! How far the figures of a phase are the target's, and what may have moved them.
//!
//! Pure. A [`Doubt`] says which figures it can move, and to which side: whoever judges a figure asks that, and not the level alone.

use std::fmt;
use std::time::Duration;

use super::{PhaseResult, Round};
use crate::metrics::{Tally, value_at};
use crate::scenario::LoadModel;
use crate::units::{format_duration, format_share, format_us};

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
    /// The target's CPU time was read late, or not at all.
    LateReadings,
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
    pub const ALL: [Self; 8] = [
        Self::WorkerSaturated,
        Self::WorkerBusy,
        Self::SentLate,
        Self::WaitedForCpu,
        Self::Stopped,
        Self::Throttled,
        Self::Steal,
        Self::LateReadings,
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
            Self::LateReadings => "late_readings",
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

    /// What it can do to a figure. Documented as a table in `docs/result.md`.
    pub fn bias(self, figure: Figure) -> Bias {
        match (self, figure) {
            (Self::Unstated(_), _) | (Self::LateReadings, Figure::CpuPerRequest | Figure::Cost) => {
                Bias::EITHER
            }
            // Another guest takes the caches too, and some kernels count what the host took while a process ran.
            (Self::Steal, Figure::CpuPerRequest | Figure::Cost) => Bias::HIGHER,
            // Steal hits all code alike, and a share is of samples alone.
            (_, Figure::Share | Figure::CpuPerRequest | Figure::Cost) => Bias::NONE,
            (Self::LateReadings, _) => Bias::NONE,
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
    /// times as much fits into a window. Time that a host takes may all be that of one CPU. Nothing of the kind holds for a percentile.
    pub fn factor(&self, figure: Figure, cpus: usize) -> f64 {
        let lost = match (self.cause, figure) {
            (
                Cause::WorkerBusy | Cause::WaitedForCpu | Cause::Stopped | Cause::Throttled,
                Figure::Throughput,
            ) => self.share,
            (Cause::LateReadings, Figure::CpuPerRequest) => self.share,
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

/// Steal above this share disturbs a measurement.
pub(super) const STEAL_LIMIT: f64 = 0.02;
/// A worker above this share of a core may delay what it measures.
const BUSY_WORKER: f64 = 0.8;
/// A worker above this share of a core sets the pace.
const SATURATED_WORKER: f64 = 0.95;
/// A worker that waits for a CPU for more than this share of a window disturbs a measurement.
const WAIT_LIMIT: f64 = 0.1;
/// The highest quantile that a summary looks at without being asked.
const COMMON_QUANTILE: f64 = 0.99;
/// Dispatch lag above this at p99 disturbs an open loop, µs.
const LAG_LIMIT_US: f64 = 1_000.0;
/// Share of a window by which readings may miss its ends, above which the CPU time of the target may be off by as much.
const MISSED_LIMIT: f64 = 0.01;

impl PhaseResult {
    /// How far the figures are the target's, and why not; of several launches the worst one.
    pub fn trust(&self, total: &Tally) -> Trust {
        self.trust_up_to(COMMON_QUANTILE, total)
    }

    /// The same where latencies are looked at up to a quantile: one request in a thousand that was late is nothing to p99 and all of
    /// p99.9.
    pub fn trust_up_to(&self, quantile: f64, total: &Tally) -> Trust {
        let quantile = quantile.max(COMMON_QUANTILE);
        let worker = self.busiest_worker();
        let busy = worker.filter(|share| *share >= BUSY_WORKER).map(|share| {
            let used = format!(
                "a worker of the generator used {:.0} % of a core",
                share * 100.0
            );
            if share >= SATURATED_WORKER {
                let words = format!(
                    "{used}: the target may be faster; use more workers, or another machine for the generator"
                );
                (Cause::WorkerSaturated, Some(share), words)
            } else {
                let words = format!("{used} and may delay what it measures; use more workers");
                (Cause::WorkerBusy, Some(share), words)
            }
        });
        let all = [
            busy,
            self.sent_late(quantile, total),
            self.waited(),
            self.stopped(quantile),
            self.throttled(quantile),
            self.stolen(),
            self.read_late(),
        ];
        let doubts = all.into_iter().flatten();
        Trust {
            doubts: doubts
                .map(|(cause, share, words)| Doubt {
                    cause,
                    share,
                    words,
                })
                .collect(),
        }
    }
}

/// A cause, its share, and what was seen.
type Seen = (Cause, Option<f64>, String);

impl PhaseResult {
    /// The largest share of a core that a worker used in any round.
    fn busiest_worker(&self) -> Option<f64> {
        let rounds = self.rounds.iter();
        rounds.map(|round| round.busiest_worker).reduce(f64::max)
    }

    fn sent_late(&self, quantile: f64, total: &Tally) -> Option<Seen> {
        let is_open = matches!(self.load.model, LoadModel::Open { .. });
        if !is_open || total.dispatch_lag.is_empty() {
            return None;
        }
        let lag = value_at(&total.dispatch_lag, quantile);
        (lag > LAG_LIMIT_US).then(|| {
            let words = format!(
                "the generator sent {} more than {} late: latencies hold that too; leave it a core, or use more workers",
                if quantile < 1.0 {
                    format!("{} of requests", format_share(1.0 - quantile))
                } else {
                    "a request".to_owned()
                },
                format_us(lag)
            );
            (Cause::SentLate, None, words)
        })
    }

    fn waited(&self) -> Option<Seen> {
        let wait = self.worker_wait().filter(|wait| *wait > WAIT_LIMIT)?;
        let words = format!(
            "a worker of the generator waited for a CPU for {:.0} % of the window: latencies hold that too; leave it a core",
            wait * 100.0
        );
        Some((Cause::WaitedForCpu, Some(wait), words))
    }

    fn stopped(&self, quantile: f64) -> Option<Seen> {
        let (seconds, window) = self.longest(quantile, |round| Some(round.stopped_seconds))?;
        let words = format!(
            "the generator did not run for {} of the {} window: throughput is lower and latencies are higher than the target's; let nothing stop it, and leave it a core",
            in_words(seconds),
            in_words(window)
        );
        Some((Cause::Stopped, Some(seconds / window), words))
    }

    fn throttled(&self, quantile: f64) -> Option<Seen> {
        let (seconds, window) = self.longest(quantile, |round| round.throttled_seconds)?;
        let words = format!(
            "the generator's control group was throttled for {} of the {} window: throughput is lower and latencies are higher than the target's; raise the group's CPU limit",
            in_words(seconds),
            in_words(window)
        );
        Some((Cause::Throttled, Some(seconds / window), words))
    }

    fn stolen(&self) -> Option<Seen> {
        let steal = self.steal_share().filter(|steal| *steal > STEAL_LIMIT)?;
        let words = format!(
            "the machine's host took {:.1} % of its CPU time: throughput is lower, latencies and CPU per request are higher than the target's; measure on a quieter machine",
            steal * 100.0
        );
        Some((Cause::Steal, Some(steal), words))
    }

    fn read_late(&self) -> Option<Seen> {
        let worst = self
            .rounds
            .iter()
            .max_by(|a, b| a.missed_share.total_cmp(&b.missed_share))?;
        let share = worst.missed_share;
        (share > MISSED_LIMIT).then(|| {
            let words = format!(
                "the readings that tell the target's CPU miss the ends of the {} window by {} of it: that CPU may be off by as much; leave the generator a core, or use a longer window",
                in_words(worst.seconds),
                format_share(share)
            );
            (Cause::LateReadings, Some(share.min(1.0)), words)
        })
    }

    /// Seconds and window of the round in which something took the largest share of it, if that reaches into latencies up to a
    /// quantile.
    fn longest(&self, quantile: f64, of: impl Fn(&Round) -> Option<f64>) -> Option<(f64, f64)> {
        let rounds = self.rounds.iter();
        let each = rounds.filter_map(|round| Some((of(round)?.min(round.seconds), round.seconds)));
        each.filter(|(seconds, window)| *seconds > (1.0 - quantile) * window)
            .max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)))
    }
}

fn in_words(seconds: f64) -> String {
    format_duration(Duration::from_millis((seconds * 1e3).round() as u64))
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
