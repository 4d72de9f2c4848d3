//! Which functions explain a change, in words.

use super::change::{in_unit, signed};
use super::{amount, shortened};
use crate::compare::{FunctionComparison, Part, PhaseComparison};
use crate::profile::{DeltaFinding, Difference, ENOUGH_SLICES, FEWEST_SAMPLES, Unit};
use crate::units::{format_count, format_things, format_us};

/// Which functions explain a change, in a few lines.
pub(in crate::report) fn explanation_lines(
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
    if found.diff.unit == Unit::PerSecond {
        let (base, head) = found.diff.whole;
        lines.push(format!(
            "CPU per second {} → {}: {}; a function is judged by its share as well, for the loads may differ",
            in_unit(found, base),
            in_unit(found, head),
            with_bounds(found, &found.diff.change)
        ));
    }
    if let Some(amounts) = &found.amounts {
        let of = |value: u64| amount(value as f64, &amounts.unit);
        let (base, head) = (of(amounts.base), of(amounts.head));
        let change = match found.diff.unit {
            Unit::Share => String::new(),
            _ => format!(": {}", with_bounds(found, &found.diff.change)),
        };
        lines.push(format!("in all {base} → {head}{change}"));
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
    for callees in &found.explanation.callees {
        let change = with_bounds(found, &delta(callees).total);
        let name = shortened(&delta(callees).function);
        lines.push(format!(
            "{}{name} with what it calls: {change}",
            share_of(callees)
        ));
    }
    for moved in &found.explanation.moved {
        let (function, caller) = (
            &found.diff.functions[moved.function],
            &found.diff.functions[moved.caller],
        );
        lines.push(format!(
            "{} is part of its caller {} on one side, as after inlining: together they changed by {}",
            shortened(&function.function),
            shortened(&caller.function),
            signed(found, function.own.delta + caller.own.delta)
        ));
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

/// What intervals allow for between launches.
fn between_launches(found: &FunctionComparison) -> String {
    let spread = format!("{:.0} %", found.launches.assumed() * 100.0);
    match found.launches.launches() {
        _ if found.launches.is_between_runs() => format!("{spread} assumed between runs"),
        1 => format!("{spread} assumed between launches"),
        few if few < ENOUGH_SLICES => {
            let degrees = format_things(few - 1, "degree", "degrees");
            format!(
                "{spread} between launches, which each function shows with {degrees} of freedom (`rounds = {ENOUGH_SLICES}` measures it)"
            )
        }
        _ => "the measured spread between launches".to_owned(),
    }
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
    if let Some(hidden) = found.diff.hidden {
        let changed = count(DeltaFinding::Changed) > 0;
        let either = |change: f64| signed(found, change).replace('+', "±");
        let would_be = match (hidden.in_any.is_finite(), hidden.in_half.is_finite()) {
            (true, true) if quiet > 1 => format!(
                "one of {} would have been found, one of {} in half of them",
                either(hidden.in_any),
                either(hidden.in_half)
            ),
            (true, _) => format!("one of {} would have been found", either(hidden.in_any)),
            (false, true) if quiet > 1 => format!(
                "one of {} would have been found in half of them, and none surely in the others",
                either(hidden.in_half)
            ),
            (false, _) => "these samples would surely have shown none".to_owned(),
        };
        lines.push(format!(
            "no detectable change in {}: {would_be}, with {}",
            functions(quiet, if changed { "other " } else { "" }),
            between_launches(found),
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
