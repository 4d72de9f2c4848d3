//! A gate for people on a terminal: the verdict, a bar for each metric, and what would settle what is open.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{CellAlignment, Table};

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::gate::paired::{GateVerdict, MetricVerdict};
use crate::gate::{Outcome, Verdict};
use crate::report::checks::GateRun;
use crate::report::figures::gate::{
    LEGEND, bar, change, evidence, failures, is_blank, reason, used, value, verdict,
};
use crate::report::figures::one_line;
use crate::units::{format_share, printable};

const SEES: &str = "; `sees` is the smallest change for the worse that fails in nine of ten gates";

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
    let is_blank = is_blank(of);
    if !is_blank {
        indent(&table(of).to_string(), "  ", &mut text);
        let _ = writeln!(text, "  {LEGEND}");
    }
    let errors = &of.errors;
    let _ = writeln!(
        text,
        "  errors: {}  {}{}",
        failures(errors),
        styled(errors.verdict),
        words(errors.reason.as_deref().unwrap_or_default())
    );
    if !is_blank {
        reasons(of, &mut text);
    }
    let used = used(of.used, gate.seconds);
    let sees = if is_blank { "" } else { SEES };
    let _ = writeln!(text, "  {used}{sees}");
    let evidence = evidence(&of.evidence);
    if !evidence.is_empty() {
        let _ = writeln!(text, "  beside it: {evidence}");
    }
    whole(of, &mut text);
    text
}

/// Why each metric has its verdict.
fn reasons(of: &GateVerdict, text: &mut String) {
    for metric in &of.metrics {
        let reason = reason(metric);
        if !reason.is_empty() {
            let (sign, _) = verdict(metric.verdict).split_once(' ').unwrap_or_default();
            let _ = writeln!(
                text,
                "  {sign} {}{}",
                printable(&metric.name()),
                words(&reason)
            );
        }
    }
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
    let names = of.metrics.iter().map(MetricVerdict::name);
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
            printable(&metric.name()).into_owned(),
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
    fn where_nothing_was_loaded_no_figure_and_no_pass_is_shown() {
        let mut of = gate_samples::verdict(Verdict::Pass);
        for metric in &mut of.metrics {
            (metric.base, metric.head, metric.change) = (None, None, None);
            metric.verdict = None;
            metric.reason = Some("neither arm was loaded".to_owned());
        }
        (of.errors.base, of.errors.head) = ((0, 0), (0, 0));
        of.errors.verdict = None;
        of.outcome = Outcome::Invalid("the base never became ready: boom".to_owned());
        of.reasons = vec!["the base never became ready: boom".to_owned()];
        let text = shown(&of);
        assert!(!text.contains("pass") && !text.contains("0 of 0"), "{text}");
        assert!(!text.contains("cpu_per_request"), "{text}");
        assert!(
            text.contains("errors: no request was answered  – not gated\n"),
            "{text}"
        );
        let last = "! invalid (exit code 4)\n  the base never became ready: boom\n";
        assert!(text.ends_with(last), "{text}");
    }

    #[test]
    fn a_pass_says_what_was_not_judged() {
        let mut of = gate_samples::verdict(Verdict::Pass);
        let says = "of CPU per request alone: capacity was not judged";
        of.reasons.insert(0, says.to_owned());
        let text = shown(&of);
        let last = format!("✓ pass (exit code 0)\n  {says}\n");
        assert!(text.ends_with(&last), "{text}");
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
