//! The summary for people: per variant and phase, first whether it can be trusted, then what was found.

use std::fmt::Write as _;

use super::detail::Detail;
use super::style::{BOLD, indent};
use super::{compare, phase, story, verdict};
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements, Outcome};
use crate::result::{RunResult, VariantResult};
use crate::scenario::Plan;

/// A run with all that is concluded from it.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// What was found.
    pub result: &'a RunResult,
    /// What differs between variants.
    pub comparisons: &'a [Comparison],
    /// What became of the thresholds, by variant and phase.
    pub judgements: &'a Judgements,
    /// What it comes to.
    pub outcome: &'a Outcome,
    /// What this machine could show at best, if that was measured.
    pub floor: Option<&'a str>,
    /// How much is told of functions.
    pub detail: Detail,
}

/// Renders a run. The last lines are those that matter, because they stay on a terminal: what differs, and the verdict.
pub fn render(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    for (variant, judged) in summary.result.variants.iter().zip(summary.judgements) {
        render_variant(summary.plan, variant, judged, &mut text);
    }
    if let Some(floor) = summary.floor {
        let _ = writeln!(text, "{floor}\n");
    }
    for comparison in summary.comparisons {
        render_comparison(summary, comparison, &mut text);
    }
    verdict::render(
        summary.outcome,
        summary.result,
        summary.judgements,
        &mut text,
    );
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

fn render_comparison(summary: &Summary<'_>, comparison: &Comparison, text: &mut String) {
    if summary.detail == Detail::Full {
        compare::functions(comparison, text);
        text.push('\n');
    }
    compare::heading(comparison, text);
    for phase in &comparison.phases {
        compare::changes(phase, summary.detail, text);
    }
    if let Some(table) = story::table(summary.plan, summary.result, comparison) {
        text.push('\n');
        indent(&table, "  ", text);
    }
    let has_functions = comparison.phases.iter().any(|of| of.functions.is_some());
    if has_functions && summary.detail == Detail::Brief {
        let (base, head) = (&comparison.base, &comparison.head);
        let _ = writeln!(
            text,
            "  (every function: telemload compare RUN:{base} RUN:{head}, or run with --verbose)"
        );
    }
    text.push('\n');
}
