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
    /// Why nothing follows, where no doubt is the reason.
    pub unjudged: Option<Unjudged>,
    /// What kept it from a finding, or in spite of what it has one.
    pub doubts: Vec<DoubtedSide>,
}

/// A figure that one side alone has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unmeasured {
    /// Which.
    pub metric: Metric,
    /// Mean over the base's launches, if that is the side.
    pub base: Option<f64>,
    /// Mean over the head's launches, if that is the side.
    pub head: Option<f64>,
}

/// Why nothing follows from a figure of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// The loads differ, and so would the figure of one target.
    LoadsDiffer,
    /// A side has too few requests for its percentile to have an interval.
    FewRequests {
        /// `base` or `head`.
        side: &'static str,
        /// How many it has.
        requests: u64,
        /// From how many on there is one.
        needed: u64,
    },
    /// The interval reaches beyond the factor from which it says nothing.
    TooWide,
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
    /// The figures do not tell: the change says why.
    NotJudged,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// This many pairs of launches: what differs from launch to launch is in it.
    Rounds(usize),
    /// What the ratio differs by while both took turns, and an assumed spread between launches.
    Turns,
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

impl Unjudged {
    /// Its name in results.
    pub fn code(self) -> &'static str {
        match self {
            Self::LoadsDiffer => "loads_differ",
            Self::FewRequests { .. } => "few_requests",
            Self::TooWide => "interval_too_wide",
        }
    }
}

impl Basis {
    /// Its name in results, and the number of pairs.
    pub fn described(self) -> (&'static str, Option<usize>) {
        match self {
            Self::Rounds(pairs) => ("rounds", Some(pairs)),
            Self::Turns => ("turns", None),
            Self::Times => ("assumed time spread", None),
            Self::Runs => ("assumed run spread", None),
        }
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

    /// The part of requests that a percentile leaves above it.
    pub(super) fn above(self) -> Option<f64> {
        match self {
            Self::Throughput | Self::CpuPerRequest => None,
            Self::P50 => Some(0.5),
            Self::P99 => Some(0.01),
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
