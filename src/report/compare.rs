//! A comparison for people on a terminal: first what changed and which few functions explain it, then the functions.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::Table;

use super::terminal::{BAD, BOLD, DOUBT, GOOD, indent, plain_table, shortened};
use crate::compare::{
    ASSUMED_LATENCY_SPREAD, Basis, Caution, Comparison, ENOUGH_ROUNDS, Finding, FunctionComparison,
    Metric, MetricChange, Part, PhaseComparison, ceiling,
};
use crate::profile::{
    ASSUMED_LAUNCH_SPREAD, DeltaFinding, Difference, FEWEST_SAMPLES, FunctionDelta, FunctionShare,
    Unit,
};
use crate::units::{format_count, format_share, format_us};

/// Functions that a comparison lists.
pub(super) const TOP_DELTAS: usize = 12;

/// Renders a comparison as a whole.
pub fn render(comparison: &Comparison) -> String {
    let mut text = String::new();
    heading(comparison, &mut text);
    for phase in &comparison.phases {
        changes(phase, &mut text);
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
pub(super) fn changes(phase: &PhaseComparison, text: &mut String) {
    let _ = writeln!(text, "  {}", phase.phase);
    let mut explained = false;
    for change in &phase.metrics {
        let (style, words) = words(change);
        let _ = writeln!(
            text,
            "    {:<16} {:>10} → {:<10} {style}{words}{style:#}",
            label(change.metric),
            figure(change.metric, change.base),
            figure(change.metric, change.head)
        );
        if let (Metric::CpuPerRequest, Some(found)) = (change.metric, &phase.functions) {
            explained = true;
            explanation(phase, found, text);
        }
    }
    if let (false, Some(found)) = (explained, &phase.functions) {
        explanation(phase, found, text);
    }
    if phase
        .metrics
        .iter()
        .any(|change| change.basis == Basis::Assumed)
    {
        let (spread, latency) = (
            ASSUMED_LAUNCH_SPREAD * 100.0,
            ASSUMED_LATENCY_SPREAD * 100.0,
        );
        let _ = writeln!(
            text,
            "    (too few launches to measure how they differ: {spread:.0} % is assumed, {latency:.0} % for latency; `rounds = {ENOUGH_ROUNDS}` measures it)"
        );
    }
    cautions(&phase.cautions, "    ", text);
}

/// Which functions explain a change, in a few lines.
pub(super) fn explanation_lines(
    phase: &PhaseComparison,
    found: &FunctionComparison,
) -> Vec<String> {
    let mut lines = Vec::new();
    let delta = |part: &Part| &found.diff.functions[part.function];
    let (before, after) = found.samples;
    if found.diff.unit == Unit::PerRequest && before > 0 && after > 0 {
        let (base, head) = found.diff.whole;
        let mut change = with_bounds(found, &found.diff.change);
        if !found.diff.has_changed() {
            change.insert_str(0, "no detectable change, ");
        }
        let (base, head) = (format_us(base), format_us(head));
        // Profiles without a run have the costs that they were given.
        lines.push(if phase.metrics.is_empty() {
            format!("CPU per request {base} → {head} as given: {change}")
        } else {
            format!("while profiled {base} → {head}: {change}")
        });
    }
    if let Some(amounts) = &found.amounts {
        let of = |value: u64| super::flame_top::amount(value as f64, &amounts.unit);
        lines.push(format!(
            "in all {} → {}",
            of(amounts.base),
            of(amounts.head)
        ));
    }
    if let Some(below) = &found.explanation.below {
        let total = with_bounds(found, &delta(below).total);
        let name = shortened(&delta(below).function);
        lines.push(format!("{}below {name}: {total}", share_of(below)));
    }
    for own in &found.explanation.own {
        let change = with_bounds(found, &delta(own).own);
        let name = shortened(&delta(own).function);
        lines.push(format!("{}{name} itself: {change}", share_of(own)));
    }
    lines.extend(rest(found));
    if found.diff.unit == Unit::Share {
        let mut words =
            "shares sum to 100 % on both sides: one can rise because another fell".to_owned();
        if found.amounts.is_none() {
            words.push_str("; the cost per request is not known");
        }
        lines.push(words);
    }
    lines
}

fn share_of(part: &Part) -> String {
    part.part
        .map_or_else(String::new, |part| format!("{:.0} % of it ", part * 100.0))
}

fn with_bounds(found: &FunctionComparison, difference: &Difference) -> String {
    format!(
        "{} (95 %: {} to {})",
        signed(found, difference.delta),
        signed(found, difference.interval.low),
        signed(found, difference.interval.high)
    )
}

/// What is to be said of the functions that explain nothing.
fn rest(found: &FunctionComparison) -> Vec<String> {
    let count = |finding| found.diff.count(finding);
    let functions = |count: usize, other: &str| {
        let noun = if count == 1 { "function" } else { "functions" };
        format!("{} {other}{noun}", format_count(count as f64))
    };
    let mut lines = Vec::new();
    let (quiet, few) = (
        count(DeltaFinding::NotDetected),
        count(DeltaFinding::TooFew),
    );
    if let Some(hidden) = found.diff.hidden() {
        let changed = count(DeltaFinding::Changed) > 0;
        let either = |change: f64| signed(found, change).replace('+', "±");
        let in_half = if quiet > 1 {
            format!(", one of {} in half of them", either(hidden.in_half))
        } else {
            String::new()
        };
        lines.push(format!(
            "no detectable change in {}: one of {} would have been found{in_half}, with {:.0} % assumed between launches",
            functions(quiet, if changed { "other " } else { "" }),
            either(hidden.in_any),
            ASSUMED_LAUNCH_SPREAD * 100.0,
        ));
    }
    if few > 0 {
        lines.push(format!(
            "not judged: {} with fewer than {FEWEST_SAMPLES} samples on both sides together",
            functions(few, ""),
        ));
    }
    lines
}

fn explanation(phase: &PhaseComparison, found: &FunctionComparison, text: &mut String) {
    for line in explanation_lines(phase, found) {
        let _ = writeln!(text, "      {line}");
    }
}

/// The tables of all phases.
pub(super) fn functions(comparison: &Comparison, text: &mut String) {
    for phase in &comparison.phases {
        let Some(found) = &phase.functions else {
            continue;
        };
        let what = match found.diff.unit {
            Unit::PerRequest => "CPU per request",
            Unit::Share => "share of the profile",
        };
        let _ = writeln!(
            text,
            "\n  {}: {what} by function, by the change of its own, findings first ({} and {} samples)",
            phase.phase,
            format_count(found.samples.0 as f64),
            format_count(found.samples.1 as f64)
        );
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

/// The columns of a row, in words.
pub(super) fn cells(found: &FunctionComparison, delta: &FunctionDelta) -> [String; 9] {
    let interval = delta.total.interval;
    [
        amount(found, delta.base.as_ref(), found.diff.whole.0),
        amount(found, delta.head.as_ref(), found.diff.whole.1),
        signed(found, delta.total.delta),
        format!(
            "{} to {}",
            signed(found, interval.low),
            signed(found, interval.high)
        ),
        mark(delta.total_finding).to_owned(),
        signed(found, delta.own.delta),
        if delta.own.delta == 0.0 {
            String::new()
        } else {
            mark(delta.own_finding).to_owned()
        },
        match &delta.head {
            Some(head) if found.amounts.is_none() => if_free(head),
            _ => "–".to_owned(),
        },
        shortened(&delta.function),
    ]
}

/// What a reader should know of a row.
fn mark(finding: DeltaFinding) -> &'static str {
    match finding {
        DeltaFinding::Changed => "",
        DeltaFinding::NotDetected => "?",
        DeltaFinding::TooFew => "few",
    }
}

/// How much more could be served if the function cost nothing.
pub(super) fn if_free(function: &FunctionShare) -> String {
    let ceiling = ceiling(function);
    if ceiling > 1e3 {
        "all".to_owned()
    } else if ceiling < 1.005 {
        "–".to_owned()
    } else {
        format!("≤ {ceiling:.2}x")
    }
}

fn amount(found: &FunctionComparison, function: Option<&FunctionShare>, whole: f64) -> String {
    let Some(function) = function else {
        return "–".to_owned();
    };
    match found.diff.unit {
        Unit::PerRequest => format_us(function.total_share.value * whole),
        Unit::Share => format_share(function.total_share.value),
    }
}

/// A change in the unit of the comparison.
pub(super) fn signed(found: &FunctionComparison, change: f64) -> String {
    let sign = if change < 0.0 { "-" } else { "+" };
    match found.diff.unit {
        Unit::PerRequest => format!("{sign}{}", format_us(change.abs())),
        // Percentage points, of which there are a hundred.
        Unit::Share => format!(
            "{sign}{}",
            format_share(change.abs().min(1.0)).replace('%', "pp")
        ),
    }
}

/// A value of a metric with its unit.
pub(super) fn figure(metric: Metric, value: f64) -> String {
    if metric == Metric::Throughput {
        format!("{}/s", format_count(value))
    } else {
        format_us(value)
    }
}

pub(super) fn label(metric: Metric) -> &'static str {
    match metric {
        Metric::Throughput => "throughput",
        Metric::CpuPerRequest => "CPU per request",
        Metric::P50 => "latency p50",
        Metric::P99 => "latency p99",
    }
}

/// How ratios are written: per cent when the change is small, else as a factor or a divisor.
fn notation(ratio: f64) -> fn(f64) -> String {
    if ratio >= 2.0 {
        |ratio| format!("×{}", format_count(ratio))
    } else if ratio > 0.5 {
        |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0)
    } else {
        |ratio| format!("÷{}", format_count(1.0 / ratio))
    }
}

pub(super) fn words(change: &MetricChange) -> (Style, String) {
    // One notation for a change and its bounds.
    let factor = notation(change.ratio);
    let interval = format!(
        "{} (95 %: {} to {})",
        factor(change.ratio),
        factor(change.interval.0),
        factor(change.interval.1)
    );
    let doubts = doubts_in_words(change);
    match change.finding {
        Finding::Better => (GOOD, format!("better: {interval}{doubts}")),
        Finding::Worse => (BAD, format!("worse: {interval}{doubts}")),
        Finding::NotDetected => {
            let seen = if change.doubts.is_empty() {
                format!("{} would have been", either(change.detectable))
            } else {
                "what would have been is not known".to_owned()
            };
            (
                DOUBT,
                format!("no difference detected: {interval}; {seen}{doubts}"),
            )
        }
        Finding::NotJudged => (DOUBT, format!("not judged: {interval}{doubts}")),
    }
}

/// What can be said against a change; empty if nothing can.
fn doubts_in_words(change: &MetricChange) -> String {
    let of = |side: &str| {
        let doubts = change.doubts.iter().filter(|doubt| doubt.side == side);
        let codes: Vec<_> = doubts.map(|doubt| doubt.cause.code()).collect();
        (!codes.is_empty()).then(|| format!("the {side}'s {}", codes.join(" and ")))
    };
    let sides: Vec<_> = ["base", "head"].into_iter().filter_map(of).collect();
    if sides.is_empty() {
        return String::new();
    }
    let sides = sides.join(" and ");
    match change.finding {
        Finding::NotJudged => format!("; it may come from {sides}"),
        Finding::NotDetected => format!(", for {sides}"),
        Finding::Better | Finding::Worse => {
            format!("; judged by `allow_untrusted`, in spite of {sides}")
        }
    }
}

/// A relative change in either direction.
fn either(change: f64) -> String {
    if change >= 1.0 {
        format!("× or ÷{}", format_count(1.0 + change))
    } else {
        format!("±{:.1} %", change * 100.0)
    }
}
