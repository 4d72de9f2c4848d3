//! The summary for people: per variant and phase, first whether it can be trusted, then what was found.

use std::fmt::Write as _;

use super::style::{BOLD, indent};
use super::{compare, phase, story};
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements};
use crate::result::{RunResult, VariantResult};
use crate::scenario::Plan;

/// Renders a run.
pub fn render(
    plan: &Plan,
    result: &RunResult,
    comparisons: &[Comparison],
    judgements: &Judgements,
) -> String {
    let mut text = String::new();
    for (variant, judged) in result.variants.iter().zip(judgements) {
        render_variant(plan, variant, judged, &mut text);
    }
    for comparison in comparisons {
        render_comparison(plan, result, comparison, &mut text);
    }
    text
}

// Writing to a String cannot fail, here and in all that is rendered.
fn render_variant(
    plan: &Plan,
    variant: &VariantResult,
    judged: &[Vec<Judgement>],
    text: &mut String,
) {
    let _ = writeln!(
        text,
        "{BOLD}{} · {}{BOLD:#}  ({})",
        plan.name, variant.name, variant.target
    );
    for (phase, judgements) in variant.phases.iter().zip(judged) {
        phase::render(phase, judgements, text);
    }
    text.push('\n');
}

fn render_comparison(plan: &Plan, result: &RunResult, comparison: &Comparison, text: &mut String) {
    compare::heading(comparison, text);
    for phase in &comparison.phases {
        compare::changes(phase, text);
    }
    if let Some(table) = story::table(plan, result, comparison) {
        text.push('\n');
        indent(&table, "  ", text);
    }
    compare::functions(comparison, text);
    text.push('\n');
}
