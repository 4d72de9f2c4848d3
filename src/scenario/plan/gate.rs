//! The gate of a scenario: which figures of two arms are held against which changes for the worse, and how they are measured.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;

use crate::units::Rate;

/// The longest budget: what takes longer is no gate.
pub const LONGEST_BUDGET: Duration = Duration::from_secs(3_600);

/// What `telemload gate` judges, and for how long it measures.
#[derive(Debug, Clone, PartialEq)]
pub struct GatePlan {
    /// The phase whose load is used, by name; a variant may lack it.
    pub phase: String,
    /// How long all of it may take.
    pub budget: Duration,
    /// What is judged and what is shown, in the order of the report.
    pub metrics: Vec<Gated>,
    /// Functions that are judged, in the order of the report; all of them have been asked for.
    pub functions: Vec<GatedFunction>,
    /// When the arms are launched anew.
    pub relaunch: Relaunch,
    /// Whether a failure must be confirmed by fresh blocks.
    pub confirm: Confirm,
    /// What an inconclusive verdict ends with.
    pub on_inconclusive: OnInconclusive,
    /// What follows if the arms answer differently.
    pub answers: Answers,
    /// Rate of the turns in which latencies are measured; measured first if it is not given.
    pub rate: Option<Rate>,
}

/// Lines of the scenario that ask for a gate, from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateLines {
    /// That of the table `[gate]`, if there is one.
    pub table: Option<usize>,
    /// Those of metrics, by their names.
    pub metrics: BTreeMap<String, usize>,
}

/// One figure of the gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gated {
    /// Which.
    pub metric: GateMetric,
    /// What it is held against; `None` if it is only shown.
    pub limits: Option<Limits>,
    /// Whether the scenario names it: what was asked for and not measured is inconclusive.
    pub asked: bool,
}

/// Functions of the profile whose share or cost is judged.
#[derive(Debug, Clone)]
pub struct GatedFunction {
    /// As the scenario names it, such as `cost("^serde_json::")`; figure and pattern follow from it.
    pub name: String,
    /// What of them is judged.
    pub figure: FunctionFigure,
    /// Which functions, by their names; a sample counts if one of them is on its stack.
    pub pattern: Regex,
    /// What it is held against.
    pub limits: Limits,
}

impl PartialEq for GatedFunction {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.limits) == (&other.name, other.limits)
    }
}

/// What of a function is judged, with what it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionFigure {
    /// CPU per OK request, µs.
    Cost,
    /// Its share of the CPU time.
    Share,
}

/// Two changes for the worse, as shares of the base: 0.05 is 5 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The change that the gate promises to see.
    pub catch: f64,
    /// No estimate below it fails.
    pub tolerate: f64,
}

/// What of an arm is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GateMetric {
    /// CPU of its processes per OK request in turns in which its connections were never idle, µs.
    CpuPerRequest,
    /// The same at a fixed rate, where waking up costs most: a coarse figure.
    CpuAtRate,
    /// OK requests a second of turns in which its connections were never idle.
    Capacity,
    /// A quantile (0 to 1) of latency at a fixed rate, µs.
    Latency(f64),
    /// Largest memory, bytes.
    PeakMemory,
    /// What functions of a profile take: [`GatedFunction`] has which, and no block tells it.
    Function(FunctionFigure),
}

impl GatePlan {
    /// How many figures are judged, functions included.
    pub fn judged(&self) -> usize {
        let metrics = self.metrics.iter().filter(|of| of.limits.is_some());
        metrics.count() + self.functions.len()
    }
}

impl GateMetric {
    /// Its name in scenarios and results.
    pub fn name(self) -> String {
        match self {
            Self::CpuPerRequest => "cpu_per_request".to_owned(),
            Self::CpuAtRate => "cpu_per_request.at_rate".to_owned(),
            Self::Capacity => "capacity".to_owned(),
            Self::Latency(quantile) => {
                let digits = format!("{:.6}", quantile * 100.0);
                let digits = digits.trim_end_matches('0').trim_end_matches('.');
                format!("latency.p{digits}")
            }
            Self::PeakMemory => "peak_memory".to_owned(),
            Self::Function(FunctionFigure::Cost) => "cost".to_owned(),
            Self::Function(FunctionFigure::Share) => "share".to_owned(),
        }
    }

    /// Whether more of it is worse.
    pub fn more_is_worse(self) -> bool {
        self != Self::Capacity
    }

    /// Whether CPU time decides it.
    pub fn is_of_cpu(self) -> bool {
        matches!(
            self,
            Self::CpuPerRequest | Self::CpuAtRate | Self::Capacity | Self::Function(_)
        )
    }

    /// Whether it is measured at a fixed rate, where a neighbour on the machine makes it worthless.
    pub fn is_at_rate(self) -> bool {
        matches!(self, Self::Latency(_) | Self::CpuAtRate)
    }

    /// What is gated unless the scenario says otherwise: changes that were seen on shared machines within two minutes.
    pub fn default_limits(self) -> Limits {
        let (catch, tolerate) = match self {
            Self::CpuPerRequest | Self::Capacity => (0.05, 0.03),
            Self::CpuAtRate => (0.15, 0.09),
            // Up to the 75th percentile the middle of the distribution decides; beyond it, its tail.
            Self::Latency(quantile) if quantile > 0.75 => (0.20, 0.12),
            Self::Latency(_) | Self::PeakMemory => (0.10, 0.06),
            // What a function of a fifth of the CPU time has to change by to be seen in five launches of three seconds.
            Self::Function(_) => (0.30, 0.18),
        };
        Limits { catch, tolerate }
    }
}

/// When the arms are launched anew. What was measured on one launch is one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relaunch {
    /// After so many blocks, 1 or more.
    Every(u32),
    /// Never: the verdict is advisory, for a launch may be faster than the next one.
    Never,
}

/// Whether a failure is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// By blocks that were measured after it.
    Fresh,
    /// It stands as it is.
    No,
}

/// What the command ends with where the figures do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInconclusive {
    /// An exit code of its own.
    Exit,
    /// As if all had passed.
    Pass,
    /// As if it had failed.
    Fail,
}

impl OnInconclusive {
    /// Its name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// Whether the arms may answer differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// What answers with another class of status or less of a body does not pass.
    Alike,
    /// Differences are told.
    MayDiffer,
}
