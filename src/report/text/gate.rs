//! A gate as Markdown, for the summary of a job: its figures, beside the checks that [`super::markdown`] has.

use std::fmt::Write as _;

use super::markdown::{code, plain};
use crate::report::checks::GateRun;
use crate::report::figures::gate::{LEGEND, bar, change, value, verdict};
use crate::units::format_share;

/// The figures of a gate. Writing to a String cannot fail.
pub fn markdown(gate: &GateRun<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "### {} → {}\n\n| | base | head | change | 95 % | better │ worse | | sees |\n|---|--:|--:|--:|--:|---|---|--:|",
        plain(gate.arms.base),
        plain(gate.arms.head)
    );
    for of in &gate.verdict.metrics {
        let (by, interval) = change(of.change);
        let sees = of.smallest_effect.map(format_share);
        let bar = bar(of).replace(' ', "\u{a0}");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {by} | {interval} | {} | {} | {} |",
            code(&of.name()),
            value(of.metric, of.base),
            value(of.metric, of.head),
            if bar.is_empty() { bar } else { code(&bar) },
            verdict(of.verdict),
            sees.unwrap_or_else(|| "–".to_owned())
        );
    }
    let _ = writeln!(
        text,
        "\n{LEGEND}; `sees`: the smallest change for the worse that fails in nine of ten gates.\n"
    );
    text.push_str(
        &gate
            .functions
            .map_or_else(String::new, super::compare::markdown),
    );
    text
}
