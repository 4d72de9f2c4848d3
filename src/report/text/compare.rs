//! A comparison in plain text: the functions as CSV, and Markdown.

use std::fmt::Write as _;

use crate::compare::{Comparison, FunctionComparison, PhaseComparison};
use crate::report::document::compare::delta_json;
use crate::report::figures::change::{assumed, cells, kind_in_words, unit_in_words};
use crate::report::figures::explanation::explanation_lines;
use crate::report::figures::rows::rows;
use crate::report::figures::top::counted;
use crate::report::text::markdown::{code, plain};

/// Functions that the Markdown lists.
const MARKDOWN_FUNCTIONS: usize = 20;

/// All functions of all phases, a row each; amounts are in the column `unit`.
pub fn csv(comparison: &Comparison) -> String {
    let header = [
        "phase",
        "function",
        "unit",
        "base",
        "head",
        "change",
        "change_low",
        "change_high",
        "self_change",
        "finding",
        "base_samples",
        "head_samples",
        "head_if_free",
        "p",
        "self_change_low",
        "self_change_high",
        "self_finding",
    ];
    let phases = comparison.phases.iter();
    let found = phases.filter_map(|phase| Some((&phase.phase, phase.functions.as_ref()?)));
    let rows = found.flat_map(|(phase, found)| {
        found.diff.functions.iter().map(move |delta| {
            let of = delta_json(found, delta);
            let known = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            [
                phase.clone(),
                of.function.to_owned(),
                found.diff.unit.name().to_owned(),
                known(of.base),
                known(of.head),
                of.change.change.to_string(),
                of.change.change_low.to_string(),
                of.change.change_high.to_string(),
                of.self_change.to_string(),
                of.finding.to_owned(),
                of.base_samples.to_string(),
                of.head_samples.to_string(),
                known(of.head_if_free),
                of.p.to_string(),
                of.self_change_low.to_string(),
                of.self_change_high.to_string(),
                of.self_finding.to_owned(),
            ]
        })
    });
    super::csv(&header, rows)
}

/// The comparison as Markdown: figures, what explains them, and a table of functions.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "## {} → {}\n",
        plain(&comparison.base),
        plain(&comparison.head)
    );
    for caution in &comparison.cautions {
        let _ = writeln!(text, "> **Note** {}\n", plain(&caution.to_string()));
    }
    for phase in &comparison.phases {
        let _ = writeln!(text, "### {}\n", plain(&phase.phase));
        for caution in &phase.cautions {
            let _ = writeln!(text, "> **Note** {}\n", plain(&caution.to_string()));
        }
        if !phase.metrics.is_empty() || phase.errors.is_some() {
            text.push_str("| | before | after | |\n|---|--:|--:|---|\n");
            for row in rows(phase) {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} |",
                    row.label, row.base, row.head, row.words
                );
            }
            text.push('\n');
        }
        if let Some(assumed) = assumed(&phase.metrics) {
            let _ = writeln!(text, "{assumed}\n");
        }
        if let Some(found) = &phase.functions {
            functions(phase, found, unit_in_words(found), &mut text);
        }
        for (kind, found) in &phase.also {
            let what = kind_in_words(*kind, found);
            let _ = writeln!(text, "#### {}: {what}\n", kind.name());
            functions(phase, found, &what, &mut text);
        }
    }
    text
}

fn functions(phase: &PhaseComparison, found: &FunctionComparison, what: &str, text: &mut String) {
    for line in explanation_lines(phase, found) {
        let _ = writeln!(text, "- {}", plain(&line));
    }
    let _ = writeln!(
        text,
        "\n<details><summary>Functions by {what} ({} and {})</summary>\n",
        counted(found.samples.0, found.observed.0),
        counted(found.samples.1, found.observed.1)
    );
    text.push_str("| before | after | change | 95 % | | own | | if free | function |\n|--:|--:|--:|--:|---|--:|---|--:|---|\n");
    for delta in found.diff.functions.iter().take(MARKDOWN_FUNCTIONS) {
        let [
            before,
            after,
            change,
            interval,
            mark,
            own,
            own_mark,
            free,
            function,
        ] = cells(found, delta);
        let _ = writeln!(
            text,
            "| {before} | {after} | {change} | {interval} | {mark} | {own} | {own_mark} | {free} | {} |",
            code(&function)
        );
    }
    text.push_str(
        "\n`?`: no detectable change; `few`: too few samples to judge.\n\n</details>\n\n",
    );
}
