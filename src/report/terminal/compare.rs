//! A comparison for people on a terminal: first what changed and which few functions explain it, then the functions.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::Table;

use super::detail::Detail;
use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::compare::{Caution, Comparison, Finding, FunctionComparison, Metric, PhaseComparison};
use crate::report::figures::change::{assumed, cells, kind_in_words, unit_in_words};
use crate::report::figures::explanation::explanation_lines;
use crate::report::figures::rows::rows;
use crate::report::figures::top::counted;

/// Functions that a comparison lists.
pub(super) const TOP_DELTAS: usize = 12;

/// Renders a comparison as a whole.
pub fn render(comparison: &Comparison) -> String {
    let mut text = String::new();
    heading(comparison, &mut text);
    for phase in &comparison.phases {
        changes(phase, Detail::Full, &mut text);
    }
    functions(comparison, &mut text);
    text
}

// Writing to a String cannot fail, here and below.
pub(super) fn heading(comparison: &Comparison, text: &mut String) {
    let _ = writeln!(
        text,
        "{BOLD}{} → {}{BOLD:#}",
        comparison.base, comparison.head
    );
    cautions(&comparison.cautions, "  ", text);
}

fn cautions(cautions: &[Caution], by: &str, text: &mut String) {
    for caution in cautions {
        let _ = writeln!(text, "{by}{DOUBT}note{DOUBT:#} {caution}");
    }
}

/// What changed in a phase, and what explains it.
pub(super) fn changes(phase: &PhaseComparison, detail: Detail, text: &mut String) {
    let _ = writeln!(text, "  {}", phase.phase);
    let mut explained = false;
    for row in rows(phase) {
        let style = style(row.finding);
        let _ = writeln!(
            text,
            "    {:<16} {:>10} → {:<10} {style}{}{style:#}",
            row.label, row.base, row.head, row.words
        );
        let is_cost = row.change.is_some() && row.metric == Some(Metric::CpuPerRequest);
        if let (true, Some(found)) = (is_cost, &phase.functions) {
            explained = true;
            explanation(phase, found, detail, text);
        }
    }
    if let (false, Some(found)) = (explained, &phase.functions) {
        explanation(phase, found, detail, text);
    }
    if let Some(assumed) = assumed(&phase.metrics) {
        let _ = writeln!(text, "    ({assumed})");
    }
    cautions(&phase.cautions, "    ", text);
}

/// The lines of an explanation that a summary has; the first say most.
const FIRST_LINES: usize = 3;

fn explanation(
    phase: &PhaseComparison,
    found: &FunctionComparison,
    detail: Detail,
    text: &mut String,
) {
    let lines = explanation_lines(phase, found);
    let told = match detail {
        Detail::Brief => FIRST_LINES.min(lines.len()),
        Detail::Full => lines.len(),
    };
    for line in &lines[..told] {
        let _ = writeln!(text, "      {line}");
    }
}

/// The tables of all phases.
pub(super) fn functions(comparison: &Comparison, text: &mut String) {
    for phase in &comparison.phases {
        let Some(found) = &phase.functions else {
            continue;
        };
        let what = unit_in_words(found);
        let _ = writeln!(
            text,
            "\n  {}: {what} by function, by the change of its own, findings first ({} and {})",
            phase.phase,
            counted(found.samples.0, found.observed.0),
            counted(found.samples.1, found.observed.1)
        );
        indent(&delta_table(found).to_string(), "    ", text);
    }
    for (phase, (kind, found)) in comparison
        .phases
        .iter()
        .flat_map(|phase| phase.also.iter().map(move |of| (phase, of)))
    {
        let what = kind_in_words(*kind, found);
        let _ = writeln!(
            text,
            "\n  {} · {}: {what} by function, by the change of its own, findings first ({} and {})",
            phase.phase,
            kind.name(),
            counted(found.samples.0, found.observed.0),
            counted(found.samples.1, found.observed.1)
        );
        explanation(phase, found, Detail::Full, text);
        indent(&delta_table(found).to_string(), "    ", text);
    }
}

fn delta_table(found: &FunctionComparison) -> Table {
    let header = [
        "before", "after", "change", "95 %", "", "own", "", "if free", "function",
    ];
    let mut table = plain_table(&header, 8);
    for marks in [4, 6] {
        if let Some(column) = table.column_mut(marks) {
            column.set_cell_alignment(comfy_table::CellAlignment::Left);
        }
    }
    for delta in found.diff.functions.iter().take(TOP_DELTAS) {
        table.add_row(cells(found, delta));
    }
    table
}

fn style(finding: Finding) -> Style {
    match finding {
        Finding::Better => GOOD,
        Finding::Worse => BAD,
        Finding::NotDetected | Finding::NotJudged => DOUBT,
    }
}
