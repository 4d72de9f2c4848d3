//! Two variants, phase by phase: what differs, by how much, and what could not have been seen.
//!
//! Pure: results in, findings out. It never says that two things are the same. Variants of one run and of two stored runs
//! are compared alike: both become [`Side`]s.

mod caution;
mod doubts;
mod functions;
mod load;
mod metrics;
mod side;

use crate::experiment::{PhaseResult, RunResult};
use crate::scenario::Plan;

pub use caution::Caution;
pub use doubts::DoubtedSide;
pub use functions::{
    Amounts, Explanation, FunctionComparison, Incomparable, Part, Profiled, ceiling, functions,
    is_of_cpu,
};
pub use load::{LoadDifference, load_differences};
pub use metrics::{
    ASSUMED_LATENCY_SPREAD, Basis, ENOUGH_ROUNDS, Finding, Metric, MetricChange, RoundFigures,
};
pub use side::{RunOf, Side, Subject, Untrusted};

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

/// All comparisons of the plan for which both sides have results.
pub fn compare(plan: &Plan, result: &RunResult) -> Vec<Comparison> {
    let run = RunOf {
        scenario: (&plan.name, &plan.sha256),
        machine: &result.machine,
        interrupted: result.interrupted,
    };
    let side = |at: usize| {
        let name = &plan.variants[at].name;
        let mut variants = result.variants.iter();
        let variant = variants.find(|variant| variant.name == *name)?;
        Some(Side {
            label: &variant.name,
            run: Some(run),
            phases: variant.phases.iter().map(subject).collect(),
        })
    };
    let untrusted = Untrusted::from(plan.allow_untrusted);
    let pairs = plan.comparisons.iter();
    pairs
        .filter_map(|of| Some(sides(&side(of.base)?, &side(of.head)?, untrusted)))
        .collect()
}

/// Compares two sides, phases of one name with each other.
pub fn sides(base: &Side<'_>, head: &Side<'_>, untrusted: Untrusted) -> Comparison {
    Comparison {
        base: base.label.to_owned(),
        head: head.label.to_owned(),
        cautions: side::cautions(base, head),
        phases: side::phases(base, head, untrusted),
    }
}

fn subject(phase: &PhaseResult) -> Subject<'_> {
    let rounds = phase.rounds.iter().map(|round| RoundFigures {
        whole: round.whole,
        uncertainty: round.uncertainty,
    });
    Subject {
        phase: &phase.name,
        load: Some(&phase.load),
        rounds: rounds.collect(),
        trust: phase.trust(&phase.total()),
        profile: phase.profile.as_ref().map(|profile| Profiled {
            profile: &profile.profile,
            functions: &profile.functions,
            per_request: profile.scale(),
        }),
        profiled: phase.profile.is_some(),
    }
}
