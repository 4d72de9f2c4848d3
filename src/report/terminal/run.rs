//! The summary for people: per variant and phase, first whether it can be trusted, then what was found.

use std::fmt::Write as _;

use comfy_table::CellAlignment;

use super::detail::Detail;
use super::style::{BOLD, indent, plain_table};
use super::{compare, phase, story, verdict};
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements, Outcome};
use crate::report::figures::shards;
use crate::result::{RunResult, VariantResult};
use crate::scenario::Judged;

/// A run with all that is concluded from it.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// What it is judged by.
    pub judged: &'a Judged,
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
        render_variant(&summary.judged.name, variant, judged, &mut text);
    }
    render_shards(summary.result, &mut text);
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
    name: &str,
    variant: &VariantResult,
    judged: &[Vec<Judgement>],
    text: &mut String,
) {
    let _ = writeln!(
        text,
        "{BOLD}{name} · {}{BOLD:#}  ({})",
        variant.name, variant.target
    );
    for (phase, judgements) in variant.phases.iter().zip(judged) {
        phase::render(phase, judgements, text);
    }
    text.push('\n');
}

/// Each shard of a merged run.
fn render_shards(result: &RunResult, text: &mut String) {
    let rows = shards::rows(result);
    if rows.is_empty() {
        return;
    }
    let heads = shards::HEADS.map(|head| head.trim_start_matches('#'));
    let mut table = plain_table(&heads, 0);
    for (at, head) in shards::HEADS.iter().enumerate() {
        if let (true, Some(column)) = (head.starts_with('#'), table.column_mut(at)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in &rows {
        table.add_row(row);
    }
    let _ = writeln!(text, "{BOLD}shards{BOLD:#}");
    indent(&table.to_string(), "  ", text);
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
    if let Some(table) = story::table(&summary.judged.cost, summary.result, comparison) {
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
