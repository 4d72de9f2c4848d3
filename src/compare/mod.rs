//! Two variants, phase by phase: what differs, by how much, and what could not have been seen.
//!
//! Pure: results in, findings out. It never says that two things are the same. Variants of one run and of two stored runs
//! are compared alike: both become [`Subject`]s.

mod functions;
mod metrics;

use std::fmt;

use crate::experiment::{PhaseResult, RunResult};
use crate::scenario::Plan;
use crate::units::format_share;

pub use functions::{
    Amounts, Explanation, FunctionComparison, Incomparable, Part, Profiled, ceiling, functions,
    is_of_cpu,
};
pub use metrics::{
    ASSUMED_LATENCY_SPREAD, Basis, ENOUGH_ROUNDS, Finding, Metric, MetricChange, RoundFigures,
};

/// A pair of variants.
#[derive(Debug)]
pub struct Comparison {
    /// Name of the base.
    pub base: String,
    /// Name of the head.
    pub head: String,
    /// What makes it doubtful as a whole.
    pub cautions: Vec<Caution>,
    /// Phases that both have, in order.
    pub phases: Vec<PhaseComparison>,
}

/// One phase of both.
#[derive(Debug)]
pub struct PhaseComparison {
    /// Its name.
    pub phase: String,
    /// What is known on both sides.
    pub metrics: Vec<MetricChange>,
    /// What changed by function; `None` if either profile is missing or they do not measure the same.
    pub functions: Option<FunctionComparison>,
    /// What makes it doubtful.
    pub cautions: Vec<Caution>,
}

/// One phase of a variant, as far as comparisons look at it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// Its launches.
    pub rounds: Vec<RoundFigures>,
    /// Its profile.
    pub profile: Option<Profiled<'a>>,
}

/// What makes a comparison doubtful; each says what to do or to bear in mind.
#[derive(Debug, Clone, PartialEq)]
pub enum Caution {
    /// The scenarios are not the same.
    Scenario {
        /// What differs, in words.
        what: String,
    },
    /// The loads of a phase are not the same.
    Load {
        /// That of the base, in words.
        base: String,
        /// That of the head.
        head: String,
    },
    /// The machines are not the same.
    Machine {
        /// What differs, in words.
        what: String,
    },
    /// The profiles have different sample types of one unit.
    ProfileType {
        /// Type and unit of the base.
        base: String,
        /// Type and unit of the head.
        head: String,
    },
    /// The profiles cannot be compared.
    Incomparable(Incomparable),
    /// A side has so few samples that little can be found.
    FewSamples {
        /// Which.
        side: &'static str,
        /// How many.
        samples: u64,
    },
    /// Functions do not match by name.
    Names {
        /// Share of the base in functions that the head does not have.
        gone: f64,
        /// Share of the head in functions that the base does not have.
        new: f64,
    },
    /// A phase is on one side alone.
    OneSided {
        /// Its name.
        phase: String,
    },
    /// A side was not trusted or not finished when it was measured.
    Doubtful {
        /// Which, and why.
        what: String,
    },
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario { what } => write!(
                f,
                "{what}: what differs may come from that and not from the target"
            ),
            Self::Load { base, head } => write!(
                f,
                "the loads differ ({base}; {head}): only costs per request can be compared"
            ),
            Self::Machine { what } => write!(
                f,
                "the machines differ ({what}): measure both sides on one machine"
            ),
            Self::ProfileType { base, head } => write!(
                f,
                "the profiles are of different types ({base}; {head}): capture both alike"
            ),
            Self::Incomparable(error) => write!(f, "{error}"),
            Self::FewSamples { side, samples } => write!(
                f,
                "the profile of the {side} has few samples ({samples}): only large changes can be found; profile longer, at a higher rate, or under more load"
            ),
            Self::Names { gone, new } => write!(
                f,
                "names do not seem to match: {} of the base and {} of the head are in functions that the other side does not have; unless that is the change, build both with the same compiler and debug settings",
                format_share(*gone),
                format_share(*new)
            ),
            Self::OneSided { phase } => {
                write!(f, "phase {phase} is on one side alone and left out")
            }
            Self::Doubtful { what } => f.write_str(what),
        }
    }
}

/// All comparisons of the plan for which both sides have results.
pub fn compare(plan: &Plan, result: &RunResult) -> Vec<Comparison> {
    let find = |at: usize| {
        result
            .variants
            .iter()
            .find(|variant| variant.name == plan.variants[at].name)
    };
    plan.comparisons
        .iter()
        .filter_map(|of| {
            let (base, head) = (find(of.base)?, find(of.head)?);
            let phases = base.phases.iter().filter_map(|phase| {
                let other = head.phases.iter().find(|other| other.name == phase.name)?;
                Some(pair(&subject(phase), &subject(other)))
            });
            Some(Comparison {
                base: base.name.clone(),
                head: head.name.clone(),
                cautions: Vec::new(),
                phases: phases.collect(),
            })
        })
        .collect()
}

fn subject(phase: &PhaseResult) -> Subject<'_> {
    Subject {
        phase: &phase.name,
        rounds: phase
            .rounds
            .iter()
            .map(|round| RoundFigures {
                whole: round.whole,
                uncertainty: round.uncertainty,
            })
            .collect(),
        profile: phase.profile.as_ref().map(|profile| Profiled {
            profile: &profile.profile,
            functions: &profile.functions,
            per_request: profile.scale(),
        }),
    }
}

/// Compares one phase of both sides.
pub fn pair(base: &Subject<'_>, head: &Subject<'_>) -> PhaseComparison {
    let mut cautions = Vec::new();
    let functions = match (base.profile, head.profile) {
        (Some(base), Some(head)) => match functions(base, head, &mut cautions) {
            Ok(found) => Some(found),
            Err(error) => {
                cautions.push(Caution::Incomparable(error));
                None
            }
        },
        _ => None,
    };
    PhaseComparison {
        phase: base.phase.to_owned(),
        metrics: metrics::metrics(&base.rounds, &head.rounds),
        functions,
        cautions,
    }
}
