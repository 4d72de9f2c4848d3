//! What is read of a target at one planned instant, and the CPU that it used between two of them. Pure.

use serde::{Deserialize, Serialize};

use crate::metrics::OwnTime;
use crate::tenant::Reading;

/// Where the CPU of a target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cpu {
    /// Its processes.
    Processes,
    /// Its metrics alone.
    Metrics,
    Nowhere,
}

/// What a process tree had used at one instant.
#[derive(Debug, Clone)]
pub(super) struct Used {
    /// When, ns.
    pub(super) at: u64,
    pub(super) cpu_seconds: Result<f64, String>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) peak_bytes: Option<u64>,
}

/// What was read of processes at one instant.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// When the last of them was read, ns.
    pub(super) at: u64,
    /// Each instance of the target.
    pub(super) instances: Vec<Used>,
    pub(super) services: Vec<Used>,
    /// CPU time of telemload itself, ns.
    pub(super) own_cpu_ns: u64,
}

/// What was read of the target at one planned instant.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) index: u64,
    /// Processes were read too late for the instant.
    pub(super) is_late: bool,
    pub(super) seen: Seen,
    pub(super) asked: Asked,
}

/// What a target's metrics said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scraped {
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) read: Result<Answer, String>,
}

/// The figures of an answer that are used; a target may publish much more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// CPU time of the target, s.
    pub(super) cpu_seconds: Option<f64>,
    /// Of each instance.
    pub(super) instances: Vec<Reading>,
}

/// The metrics at a mark.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// There is none to ask, or the last question was not answered yet.
    Not,
    UnderWay,
    /// The answer may still come, and counts for the window alone.
    Late,
    Answered(Scraped),
}

impl Scraped {
    /// The answer, and when it was true: between question and answer, taken as the middle.
    fn answer(&self) -> Result<(u64, &Answer), String> {
        let at = self.asked + (self.answered - self.asked) / 2;
        let answer = self.read.as_ref().map_err(Clone::clone)?;
        Ok((at, answer))
    }
}

impl Mark {
    /// What it published of itself then, if that was answered in time.
    pub(super) fn reading(&self) -> Option<Reading> {
        Some(Reading::sum(&self.answer().ok()?.1.instances))
    }

    /// What metrics said, and when that was true.
    pub(super) fn answer(&self) -> Result<(u64, &Answer), String> {
        match &self.asked {
            Asked::Answered(scraped) => scraped.answer(),
            Asked::Not => Err("it has no metrics".to_owned()),
            Asked::UnderWay | Asked::Late => Err("its metrics came too late".to_owned()),
        }
    }

    pub(super) fn rss_bytes(&self) -> Option<u64> {
        self.seen.instances.iter().map(|of| of.rss_bytes).sum()
    }

    pub(super) fn peak_bytes(&self) -> Option<u64> {
        self.seen.instances.iter().map(|of| of.peak_bytes).sum()
    }

    /// CPU of telemload itself from here to `last`, cores.
    pub(super) fn own_cores(&self, last: &Self) -> Option<f64> {
        let span = last.seen.at.checked_sub(self.seen.at)?;
        let used = last.seen.own_cpu_ns.checked_sub(self.seen.own_cpu_ns)?;
        (span > 0).then(|| used as f64 / span as f64)
    }

    /// CPU of all services from here to `last`, cores; `None` if there is none, or one is not known.
    pub(super) fn service_cores(&self, last: &Self, span: Span) -> Option<f64> {
        let pairs = self.seen.services.iter().zip(&last.seen.services);
        pairs
            .map(|pair| cores_used(pair, span).ok())
            .reduce(|sum, cores| Some(sum? + cores?))
            .flatten()
    }

    pub(super) fn cpu_is_known(&self) -> bool {
        let mut instances = self.seen.instances.iter();
        instances.all(|of| of.cpu_seconds.is_ok())
    }

    /// CPU time as metrics tell it, s, and when.
    fn published_cpu(&self) -> Result<(f64, u64), String> {
        let (at, answer) = self.answer()?;
        let missing = || format!("its metrics have no {PROCESS_CPU}");
        Ok((answer.cpu_seconds.ok_or_else(missing)?, at))
    }
}

/// CPU of a target that is known by its Prometheus endpoint alone.
pub(super) const PROCESS_CPU: &str = "process_cpu_seconds_total";

/// Which time CPU is by: own time, until the load ends. Processes are taken to use none from then on: a reading that comes later is one
/// of that instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) own: OwnTime,
    pub(super) end: u64,
}

impl Span {
    /// That of a load that goes on.
    pub(super) fn endless(own: OwnTime) -> Self {
        Self { own, end: u64::MAX }
    }
}

/// CPU of the target between two marks, cores. When metrics were true is not known so well that the end of the load would count.
pub(super) fn cores_of(cpu: Cpu, first: &Mark, last: &Mark, span: Span) -> Result<f64, String> {
    match cpu {
        Cpu::Processes => {
            let pairs = first.seen.instances.iter().zip(&last.seen.instances);
            pairs.map(|pair| cores_used(pair, span)).sum()
        }
        Cpu::Metrics => {
            let ((begin, from), (used, to)) = (first.published_cpu()?, last.published_cpu()?);
            rate(begin, used, span.own.between(from, to))
        }
        Cpu::Nowhere => Err("nothing tells it".to_owned()),
    }
}

/// The same of one process.
pub(super) fn cores_used((first, last): (&Used, &Used), span: Span) -> Result<f64, String> {
    let (begin, used) = (first.cpu_seconds.clone()?, last.cpu_seconds.clone()?);
    rate(
        begin,
        used,
        span.own.between(first.at, last.at.min(span.end)),
    )
}

fn rate(begin: f64, end: f64, span: u64) -> Result<f64, String> {
    if span > 0 && end >= begin {
        Ok((end - begin) / (span as f64 / 1e9))
    } else {
        Err("its CPU time went backwards".to_owned())
    }
}
