//! Compares variants of a run, or any two sides, phase by phase.

use super::caution::Caution;
use super::change::MetricChange;
use super::doubts::{Doubtful, Untrusted};
use super::errors::ErrorRates;
use super::functions::{FunctionComparison, functions};
use super::metrics::metrics;
use super::pair;
use super::side::Side;
use crate::result::RunResult;
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
    /// How many requests failed; `None` for profiles on their own.
    pub errors: Option<ErrorRates>,
    /// What changed by function; `None` if either profile is missing or they do not measure the same.
    pub functions: Option<FunctionComparison>,
    /// What makes it doubtful.
    pub cautions: Vec<Caution>,
}

/// All comparisons of the plan for which both sides have results.
pub fn compare(plan: &Plan, result: &RunResult) -> Vec<Comparison> {
    let side = |at: usize| {
        let name = &plan.variants[at].name;
        let mut variants = result.variants.iter();
        let variant = variants.find(|variant| variant.name == *name)?;
        Some(Side::of(result, variant, &variant.name))
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
            trust: (of.trust, other.trust),
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
            errors: of
                .answers
                .zip(other.answers)
                .map(|(of, other)| ErrorRates::of(of, other, &doubtful)),
            metrics: metrics(&of.rounds, &other.rounds, &doubtful),
            functions,
            cautions,
        })
    });
    pairs.collect()
}
