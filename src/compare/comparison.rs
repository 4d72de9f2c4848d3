//! Compares variants of a run, or any two sides, phase by phase.

use super::caution::Caution;
use super::change::MetricChange;
use super::doubts::{Doubtful, Untrusted};
use super::functions::{FunctionComparison, Profiled, functions};
use super::metrics::{RoundFigures, metrics};
use super::pair;
use super::side::{RunOf, Side, Subject};
use crate::result::{PhaseResult, RunResult};
use crate::scenario::Plan;

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
        cautions: pair::cautions(base, head),
        phases: phases(base, head, untrusted),
    }
}

/// Compares the phases that both sides have.
fn phases(base: &Side<'_>, head: &Side<'_>, untrusted: Untrusted) -> Vec<PhaseComparison> {
    let pairs = base.phases.iter().filter_map(|of| {
        let other = head.find(of.phase)?;
        let doubtful = Doubtful {
            trust: (&of.trust, &other.trust),
            cpus: (base.cpus(), head.cpus()),
            untrusted,
        };
        let mut cautions = pair::phase_cautions((base, of), (head, other), untrusted);
        let functions = of.profile.zip(other.profile).and_then(|(of, other)| {
            let found = functions(of, other, &mut cautions);
            found
                .map_err(|error| cautions.push(Caution::Incomparable(error)))
                .ok()
        });
        Some(PhaseComparison {
            phase: of.phase.to_owned(),
            metrics: metrics(&of.rounds, &other.rounds, &doubtful),
            functions,
            cautions,
        })
    });
    pairs.collect()
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
