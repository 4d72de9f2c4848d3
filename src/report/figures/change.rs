//! Changes of metrics and of functions, in words.

use super::shortened;
use crate::compare::{Finding, FunctionComparison, Metric, MetricChange, ceiling};
use crate::profile::{DeltaFinding, FunctionDelta, FunctionShare, Unit};
use crate::report::figures;
use crate::units::{format_count, format_share, format_us};

/// The columns of a row, in words.
pub(in crate::report) fn cells(found: &FunctionComparison, delta: &FunctionDelta) -> [String; 9] {
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
pub(in crate::report) fn if_free(function: &FunctionShare) -> String {
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
    in_unit(found, function.total_share.value * whole)
}

/// A change in the unit of the comparison.
pub(in crate::report) fn signed(found: &FunctionComparison, change: f64) -> String {
    let sign = if change < 0.0 { "-" } else { "+" };
    if found.diff.unit == Unit::Share {
        // Percentage points, of which there are a hundred.
        let points = format_share(change.abs().min(1.0)).replace('%', "pp");
        return format!("{sign}{points}");
    }
    if change.is_infinite() {
        return format!("{sign}∞");
    }
    format!("{sign}{}", in_unit(found, change.abs()))
}

/// A figure in the unit of the comparison.
pub(in crate::report) fn in_unit(found: &FunctionComparison, value: f64) -> String {
    match found.diff.unit {
        Unit::PerRequest => format_us(value),
        Unit::PerSecond => format!("{}/s", format_us(value)),
        Unit::Bytes => figures::amount(value, "bytes"),
        Unit::Nanoseconds => figures::amount(value, "nanoseconds"),
        Unit::Count => {
            let unit = found.amounts.as_ref().map_or("count", |of| &of.unit);
            figures::amount(value, unit)
        }
        Unit::Share => format_share(value),
    }
}

/// What functions are compared in.
pub(in crate::report) fn unit_in_words(found: &FunctionComparison) -> &'static str {
    match found.diff.unit {
        Unit::PerRequest => "CPU per request",
        Unit::PerSecond => "CPU per second",
        Unit::Bytes => "bytes",
        Unit::Nanoseconds => "time",
        Unit::Count => "amount",
        Unit::Share => "share of the profile",
    }
}

/// A value of a metric with its unit.
pub(in crate::report) fn figure(metric: Metric, value: f64) -> String {
    if metric == Metric::Throughput {
        format!("{}/s", format_count(value))
    } else {
        format_us(value)
    }
}

pub(in crate::report) fn label(metric: Metric) -> &'static str {
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

pub(in crate::report) fn words(change: &MetricChange) -> String {
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
        Finding::Better => format!("better: {interval}{doubts}"),
        Finding::Worse => format!("worse: {interval}{doubts}"),
        Finding::NotDetected => {
            let seen = if change.doubts.is_empty() {
                format!("{} would have been", either(change.detectable))
            } else {
                "what would have been is not known".to_owned()
            };
            format!("no difference detected: {interval}; {seen}{doubts}")
        }
        Finding::NotJudged => format!("not judged: {interval}{doubts}"),
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
