//! How one figure changed between two sides, and what follows from it: plain values.

use crate::result::{Cause, Figure};

/// How one metric changed.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricChange {
    /// Which.
    pub metric: Metric,
    /// Mean over the base's launches, in the metric's unit.
    pub base: f64,
    /// Mean over the head's launches.
    pub head: f64,
    /// Head by base, geometric over rounds.
    pub ratio: f64,
    /// 95 % interval of the ratio; 0 and infinity are open ends.
    pub interval: (f64, f64),
    /// How probable so large a difference is by chance.
    pub p: f64,
    /// The same for the smallest p of all figures that are judged together: up to 0.05 it is a finding.
    pub p_adjusted: f64,
    /// Figures that are judged together.
    pub together: usize,
    /// What follows.
    pub finding: Finding,
    /// Relative change that would have been seen with 80 % power; `None` if that is not known.
    pub detectable: Option<f64>,
    /// What the interval rests on.
    pub basis: Basis,
    /// What kept it from a finding, or in spite of what it has one.
    pub doubts: Vec<DoubtedSide>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// OK responses a second.
    Throughput,
    /// CPU of the target per OK request, µs.
    CpuPerRequest,
    /// Median latency, µs.
    P50,
    /// 99th percentile of latency, µs.
    P99,
}

/// What follows from an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The head is better.
    Better,
    /// The head is worse.
    Worse,
    /// Chance explains it.
    NotDetected,
    /// It would be better or worse, but what disturbed a side may be what was found; or the interval is too wide to say anything.
    NotJudged,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// This many pairs of launches: what differs from launch to launch is in it.
    Rounds(usize),
    /// What differs within launches, and an assumed spread between the times at which they were measured.
    Times,
    /// What differs within launches or between those of a run, and an assumed spread between runs.
    Runs,
}

/// What can be said against the figure of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubtedSide {
    /// `base` or `head`.
    pub side: &'static str,
    /// What it is.
    pub cause: Cause,
}

impl Finding {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NotDetected => "no difference detected",
            Self::NotJudged => "not judged",
        }
    }
}

impl Basis {
    /// Its name in results, and the number of pairs.
    pub fn described(self) -> (&'static str, Option<usize>) {
        match self {
            Self::Rounds(pairs) => ("rounds", Some(pairs)),
            Self::Times => ("assumed time spread", None),
            Self::Runs => ("assumed run spread", None),
        }
    }
}

impl MetricChange {
    /// Whether an end of the interval is open.
    pub fn is_open(&self) -> bool {
        self.interval.0 == 0.0 || self.interval.1.is_infinite()
    }
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Throughput, Self::CpuPerRequest, Self::P50, Self::P99];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput_rps",
            Self::CpuPerRequest => "target_us_per_request",
            Self::P50 => "latency_p50_us",
            Self::P99 => "latency_p99_us",
        }
    }

    pub(super) fn figure(self) -> Figure {
        match self {
            Self::Throughput => Figure::Throughput,
            Self::CpuPerRequest => Figure::CpuPerRequest,
            Self::P50 | Self::P99 => Figure::Latency,
        }
    }
}
