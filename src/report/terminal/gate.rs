//! A gate for people on a terminal: the verdict, a bar for each metric, and what would settle what is open.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{CellAlignment, Table};

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::gate::paired::GateVerdict;
use crate::gate::{Outcome, Verdict};
use crate::report::checks::GateRun;
use crate::report::figures::gate::{
    LEGEND, bar, change, evidence, failed, reason, used, value, verdict,
};
use crate::report::figures::one_line;
use crate::units::{format_share, printable};

/// Renders it. Writing to a String cannot fail.
pub fn render(gate: &GateRun<'_>) -> String {
    let mut text = String::new();
    let (of, arms) = (gate.verdict, gate.arms);
    let _ = writeln!(
        text,
        "{BOLD}gate · {}{BOLD:#}: {} → {}",
        printable(&gate.scenario.name),
        printable(arms.base),
        printable(arms.head)
    );
    indent(&table(of).to_string(), "  ", &mut text);
    let _ = writeln!(text, "  {LEGEND}");
    let errors = &of.errors;
    let _ = writeln!(
        text,
        "  errors: {} → {} failed  {}{}",
        failed(errors.base),
        failed(errors.head),
        styled(Some(errors.verdict)),
        words(errors.reason.as_deref().unwrap_or_default())
    );
    for metric in &of.metrics {
        let reason = reason(metric);
        if !reason.is_empty() {
            let (sign, _) = verdict(metric.verdict).split_once(' ').unwrap_or_default();
            let _ = writeln!(text, "  {sign} {}{}", metric.metric.name(), words(&reason));
        }
    }
    let used = used(of.used, gate.seconds);
    let _ = writeln!(
        text,
        "  {used}; `sees` is the smallest change for the worse that fails in nine of ten gates"
    );
    let evidence = evidence(&of.evidence);
    if !evidence.is_empty() {
        let _ = writeln!(text, "  beside it: {evidence}");
    }
    whole(of, &mut text);
    text
}

/// The verdict as a whole stands last, where a terminal shows it.
fn whole(of: &GateVerdict, text: &mut String) {
    let (style, sign) = match of.outcome {
        Outcome::Pass => (GOOD, "✓"),
        Outcome::Fail => (BAD, "✗"),
        Outcome::Inconclusive => (DOUBT, "?"),
        Outcome::Internal(_) | Outcome::Invalid(_) | Outcome::Interrupted => (BAD, "!"),
    };
    let name = match of.outcome {
        Outcome::Fail => "FAIL",
        _ => of.outcome.name(),
    };
    let _ = writeln!(
        text,
        "{style}{sign} {name}{style:#} (exit code {})",
        of.exit_code()
    );
    for reason in of.reasons.iter().filter(|reason| !is_told(of, reason)) {
        let _ = writeln!(text, "  {}", one_line(reason));
    }
    if let Some(advisory) = &of.advisory {
        let _ = writeln!(
            text,
            "  {DOUBT}advisory{DOUBT:#}, a failure does not count: {}",
            printable(advisory)
        );
    }
}

/// Whether it is the reason of a metric or of errors, which stand above.
fn is_told(of: &GateVerdict, reason: &str) -> bool {
    let names = of.metrics.iter().map(|of| of.metric.name());
    let mut names = names.chain(["errors".to_owned()]);
    names.any(|name| {
        let rest = reason.strip_prefix(&name);
        rest.is_some_and(|rest| rest.starts_with(": "))
    })
}

fn table(of: &GateVerdict) -> Table {
    let header = [
        "metric",
        "base",
        "head",
        "change",
        "95 %",
        "better │ worse",
        "",
        "sees",
    ];
    let mut table = plain_table(&header, 0);
    for column in [1, 2, 3, 4, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(bars) = table.column_mut(5) {
        bars.set_cell_alignment(CellAlignment::Center);
    }
    for metric in &of.metrics {
        let (by, interval) = change(metric.change);
        let sees = metric.smallest_effect.map(format_share);
        table.add_row([
            metric.metric.name(),
            value(metric.metric, metric.base),
            value(metric.metric, metric.head),
            by,
            interval,
            bar(metric),
            verdict(metric.verdict).to_owned(),
            sees.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    table
}

fn styled(of: Option<Verdict>) -> String {
    let style = match of {
        Some(Verdict::Pass) => GOOD,
        Some(Verdict::Fail) => BAD,
        Some(Verdict::Inconclusive) => DOUBT,
        None => Style::new(),
    };
    format!("{style}{}{style:#}", verdict(of))
}

fn words(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {}", one_line(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::gate_samples;

    fn shown(of: &GateVerdict) -> String {
        anstream::adapter::strip_str(&gate_samples::gate(of, render)).to_string()
    }

    #[test]
    fn outcomes_are_told_apart_without_colour() {
        for (verdict, cell, whole) in [
            (Verdict::Pass, "✓ pass", "✓ pass (exit code 0)"),
            (Verdict::Fail, "✗ FAIL", "✗ FAIL (exit code 1)"),
            (
                Verdict::Inconclusive,
                "? inconclusive",
                "? inconclusive (exit code 3)",
            ),
        ] {
            let text = shown(&gate_samples::verdict(verdict));
            let row = text.lines().find(|line| line.contains("412 µs")).unwrap();
            assert!(row.contains(cell), "{text}");
            assert!(text.lines().any(|line| line == whole), "{text}");
            assert!(text.contains("– not gated"), "{text}");
        }
    }

    #[test]
    fn a_failed_gate_says_what_it_rests_on() {
        let text = shown(&gate_samples::verdict(Verdict::Fail));
        for says in [
            "gate · service: ./old → ./new",
            "412 µs  431 µs  +4.7 %  +3.9 % to +5.5 %",
            "  ✗ cpu_per_request: because\n",
            "errors: 0 of 12,000 → 1 of 11,900 failed  ✓ pass",
            "rests on 16 launches of both arms (16 blocks) in 96 s, and on 8 blocks that should confirm; latencies of 2 blocks are void",
            "others used 0.10 CPUs (at most 0.40 CPUs)",
        ] {
            assert!(text.contains(says), "no {says:?} in {text}");
        }
        // Once.
        assert_eq!(text.matches("cpu_per_request: because").count(), 1);
    }

    #[test]
    fn words_of_several_lines_stay_in_theirs() {
        let mut of = gate_samples::verdict(Verdict::Pass);
        of.errors.reason = Some("it ended; its last lines:\n  ::error::x\n  y".to_owned());
        let text = shown(&of);
        let says = "  ✓ pass: it ended; its last lines: ::error::x y";
        let errors = text.lines().find(|line| line.contains("errors: "));
        assert!(errors.unwrap().ends_with(says), "{text}");
    }

    #[test]
    fn what_ended_early_is_no_verdict() {
        let mut of = gate_samples::verdict(Verdict::Pass);
        of.outcome = Outcome::Invalid("the base died\u{1b}[2J".to_owned());
        of.reasons = vec!["the base died\u{1b}[2J".to_owned()];
        of.advisory = Some("a stored baseline".to_owned());
        let text = shown(&of);
        assert!(
            text.contains("! invalid (exit code 4)\n  the base died\u{fffd}[2J"),
            "{text}"
        );
        assert!(
            text.contains("advisory, a failure does not count: a stored baseline"),
            "{text}"
        );
    }
}
