//! Changes of metrics and of functions, in words.

use super::shortened;
use crate::compare::{
    Answers, Basis, DoubtedSide, ENOUGH_ROUNDS, ErrorRates, Finding, FunctionComparison, Metric,
    MetricChange, Unjudged, Unmeasured, ceiling,
};
use crate::profile::{DeltaFinding, FunctionDelta, FunctionShare, Unit};
use crate::report::figures;
use crate::result::{
    ASSUMED_LATENCY_LAUNCH_SPREAD, ASSUMED_LATENCY_RUN_SPREAD, ASSUMED_LATENCY_TIME_SPREAD,
    ASSUMED_LAUNCH_SPREAD, ASSUMED_RUN_SPREAD, ASSUMED_TIME_SPREAD,
};
use crate::scenario::Also;
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

/// What is compared that was captured beside the CPU.
pub(in crate::report) fn kind_in_words(kind: Also, found: &FunctionComparison) -> String {
    let what = match kind {
        Also::Block => "time waited at channels, selects and locks",
        Also::Mutex => "time others waited for locks that it held",
        Also::Heap => "bytes allocated",
        Also::Goroutine => "time of goroutines",
        Also::OffCpu => "time of threads on no CPU",
    };
    let by = if found.scales.is_some() {
        "per request"
    } else {
        "in the profile"
    };
    format!("{what} {by}")
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Times,
    Percent,
    Divided,
}

impl Notation {
    fn of(ratio: f64) -> Self {
        if ratio >= 2.0 {
            Self::Times
        } else if ratio > 0.5 {
            Self::Percent
        } else {
            Self::Divided
        }
    }

    /// The number that is written of a ratio.
    fn number(self, ratio: f64) -> f64 {
        match self {
            Self::Times => ratio,
            Self::Percent => (ratio - 1.0) * 100.0,
            Self::Divided => 1.0 / ratio,
        }
    }

    /// A ratio, rounded to a multiple of `step`, which is a power of ten.
    fn text(self, ratio: f64, step: f64) -> String {
        let number = (self.number(ratio) / step).round() * step;
        let digits = (-step.log10()).round().max(0.0) as usize;
        let plain = if digits == 0 {
            format_count(number.abs())
        } else {
            format!("{:.digits$}", number.abs())
        };
        match self {
            Self::Times => format!("×{plain}"),
            Self::Divided => format!("÷{plain}"),
            Self::Percent if number < 0.0 => format!("-{plain} %"),
            Self::Percent => format!("+{plain} %"),
        }
    }
}

/// The place of the last digit that an interval leaves: the first digit of half its width, and no further left than that of the
/// smallest factor that is written. Open ends have no width.
fn step(notation: Notation, ratio: f64, interval: (f64, f64)) -> f64 {
    let ends = [interval.0, interval.1];
    let known = ends.into_iter().filter(|end| *end > 0.0 && end.is_finite());
    let (value, widths) = (notation.number(ratio), known.clone().count() as f64);
    let sum: f64 = known
        .clone()
        .map(|end| (notation.number(end) - value).abs())
        .sum();
    let half = if widths > 0.0 {
        sum / widths
    } else {
        value.abs()
    };
    let written = known.map(|end| notation.number(end)).chain([value]);
    let half = match notation {
        Notation::Percent => half,
        Notation::Times | Notation::Divided => written.fold(half, f64::min),
    };
    if half > 0.0 && half.is_finite() {
        10_f64.powf(half.log10().floor()).clamp(1e-3, 1e9)
    } else {
        0.1
    }
}

/// A ratio and its interval, if that has an end, in the digits that this leaves and in one notation.
fn written(ratio: f64, interval: (f64, f64)) -> (String, Option<String>) {
    let notation = Notation::of(ratio);
    let step = step(notation, ratio, interval);
    let text = |ratio| notation.text(ratio, step);
    let (low, high) = interval;
    // What is divided by more is less.
    let (below, above) = match notation {
        Notation::Divided => ("more", "less"),
        Notation::Times | Notation::Percent => ("less", "more"),
    };
    let ends = match (low > 0.0, high.is_finite()) {
        (true, true) => Some(format!("{} to {}", text(low), text(high))),
        (true, false) => Some(format!("{} and {above}", text(low))),
        (false, true) => Some(format!("{} and {below}", text(high))),
        (false, false) => None,
    };
    (text(ratio), ends)
}

/// A ratio of two or more, or of its inverse, with its interval; `None` of one that is better told in per cent.
pub(in crate::report) fn factor(ratio: f64, interval: (f64, f64)) -> Option<(String, String)> {
    if Notation::of(ratio) == Notation::Percent {
        return None;
    }
    let (factor, ends) = written(ratio, interval);
    Some((factor, ends.unwrap_or_else(|| "–".to_owned())))
}

/// A ratio with its interval.
fn measured(change: &MetricChange) -> String {
    match written(change.ratio, change.interval) {
        (ratio, Some(ends)) => format!("{ratio} (95 %: {ends})"),
        (ratio, None) => ratio,
    }
}

pub(in crate::report) fn words(change: &MetricChange) -> String {
    let interval = measured(change);
    let doubts = doubts_in_words(change.finding, &change.doubts);
    match change.finding {
        Finding::Better => format!("better: {interval}{doubts}"),
        Finding::Worse => format!("worse: {interval}{doubts}"),
        Finding::NotDetected => {
            let seen = match (change.doubts.is_empty(), change.detectable) {
                (true, Some(detectable)) => format!("; {} would have been", either(detectable)),
                (true, None) => String::new(),
                (false, _) => "; what would have been is not known".to_owned(),
            };
            format!(
                "no difference detected: {interval}{}{seen}{doubts}",
                by_chance(change)
            )
        }
        Finding::NotJudged => match change.unjudged {
            Some(reason) => format!("not judged: {}", reason_in_words(reason)),
            None => format!("not judged: {interval}{doubts}"),
        },
    }
}

fn reason_in_words(reason: Unjudged) -> String {
    match reason {
        Unjudged::LoadsDiffer => "the loads differ".to_owned(),
        Unjudged::FewRequests {
            side,
            requests,
            needed,
        } => format!("the {side}'s {requests} requests are too few to tell it, {needed} or more do"),
        Unjudged::TooWide => "the interval reaches beyond ×10, and says nothing: measure for longer, or with `rounds = 3` or more".to_owned(),
    }
}

/// What is said of a figure that one side alone has.
pub(in crate::report) fn unmeasured_words(of: &Unmeasured) -> &'static str {
    match of.base {
        Some(_) => "not judged: the head has none",
        None => "not judged: the base has none",
    }
}

/// A value of a metric with its unit; "–" where there is none.
pub(in crate::report) fn known_figure(metric: Metric, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| figure(metric, value))
}

/// Said of an interval without "no change" that is no finding all the same.
fn by_chance(change: &MetricChange) -> String {
    if change.interval.0 > 1.0 || change.interval.1 < 1.0 {
        format!(
            "; chance explains one such interval among the {} figures compared here",
            change.together
        )
    } else {
        String::new()
    }
}

/// What the intervals of a phase rest on that was not measured; `None` if there is nothing.
pub(in crate::report) fn assumed(changes: &[MetricChange]) -> Option<String> {
    let has = |basis| changes.iter().any(|change| change.basis == basis);
    let percent = |spread: f64| format!("{:.0} %", spread * 100.0);
    if has(Basis::Runs) {
        Some(format!(
            "two runs, measured at different times: {} is assumed between runs, {} of latency, however many rounds there are; compare variants within one run to measure it",
            percent(ASSUMED_RUN_SPREAD),
            percent(ASSUMED_LATENCY_RUN_SPREAD)
        ))
    } else if has(Basis::Times) {
        Some(format!(
            "too few launches to measure how measurements at different times differ: {} is assumed, {} of latency; `rounds = {ENOUGH_ROUNDS}` measures it",
            percent(ASSUMED_TIME_SPREAD),
            percent(ASSUMED_LATENCY_TIME_SPREAD)
        ))
    } else if has(Basis::Turns) {
        Some(format!(
            "too few launches to measure how launches that take turns differ: {} is assumed, {} of latency; `rounds = {ENOUGH_ROUNDS}` measures it",
            percent(ASSUMED_LAUNCH_SPREAD),
            percent(ASSUMED_LATENCY_LAUNCH_SPREAD)
        ))
    } else {
        None
    }
}

/// An error rate; "–" where no request ended.
pub(in crate::report) fn error_rate(answers: Answers) -> String {
    answers
        .error_rate()
        .map_or_else(|| "–".to_owned(), format_share)
}

/// What became of an error rate.
pub(in crate::report) fn error_words(errors: &ErrorRates) -> String {
    if let Some(reason) = errors.unjudged {
        return format!("not judged: {}", reason_in_words(reason));
    }
    let Some((change, interval)) = errors.change else {
        return "not judged: no request of one side ended".to_owned();
    };
    let points = |change: f64| {
        let sign = if change < 0.0 { "-" } else { "+" };
        format!(
            "{sign}{}",
            format_share(change.abs().min(1.0)).replace('%', "pp")
        )
    };
    let doubts = doubts_in_words(errors.finding, &errors.doubts);
    let unanswered = match (errors.base.unanswered, errors.head.unanswered) {
        (0, 0) => String::new(),
        (base, head) => format!("; {base} and {head} more were never answered"),
    };
    format!(
        "{}: {} (95 %: {} to {}){doubts}{unanswered}",
        errors.finding.name(),
        points(change),
        points(interval.low),
        points(interval.high)
    )
}

/// What can be said against a change; empty if nothing can.
fn doubts_in_words(finding: Finding, doubts: &[DoubtedSide]) -> String {
    let of = |side: &str| {
        let doubts = doubts.iter().filter(|doubt| doubt.side == side);
        let codes: Vec<_> = doubts.map(|doubt| doubt.cause.code()).collect();
        (!codes.is_empty()).then(|| format!("the {side}'s {}", codes.join(" and ")))
    };
    let sides: Vec<_> = ["base", "head"].into_iter().filter_map(of).collect();
    if sides.is_empty() {
        return String::new();
    }
    let sides = sides.join(" and ");
    match finding {
        Finding::NotJudged => format!("; it may come from {sides}"),
        Finding::NotDetected => format!(", for {sides}"),
        Finding::Better | Finding::Worse => {
            format!("; judged by `allow_untrusted`, in spite of {sides}")
        }
    }
}

/// A relative change in either direction, in two digits.
fn either(change: f64) -> String {
    let digits = |value: f64| (1.0 - value.log10().floor()).clamp(0.0, 2.0) as usize;
    if change >= 1.0 {
        format!("× or ÷{:.*}", digits(1.0 + change), 1.0 + change)
    } else {
        let percent = change * 100.0;
        format!("±{:.*} %", digits(percent), percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(ratio: f64, interval: (f64, f64)) -> MetricChange {
        MetricChange {
            metric: Metric::Throughput,
            base: 1.0,
            head: ratio,
            ratio,
            interval,
            p: 0.5,
            p_adjusted: 1.0,
            together: 8,
            finding: Finding::NotDetected,
            detectable: Some(0.123),
            basis: Basis::Times,
            unjudged: None,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn only_digits_that_the_interval_leaves_are_written() {
        for (ratio, interval, expected) in [
            (379.4, (336.2, 427.1), "×380 (95 %: ×340 to ×430)"),
            (
                1.0 / 379.4,
                (1.0 / 427.1, 1.0 / 336.2),
                "÷380 (95 %: ÷430 to ÷340)",
            ),
            (1.2493, (1.2071, 1.2932), "+25 % (95 %: +21 % to +29 %)"),
            (0.986, (0.9801, 0.9932), "-1.4 % (95 %: -2.0 % to -0.7 %)"),
            (2.048, (1.981, 2.123), "×2.05 (95 %: ×1.98 to ×2.12)"),
            (2.048, (1.2, 3.5), "×2 (95 %: ×1 to ×4)"),
            (
                52_345.0,
                (50_000.0, 55_000.0),
                "×52,000 (95 %: ×50,000 to ×55,000)",
            ),
            (1.0, (1.0, 1.0), "+0.0 % (95 %: +0.0 % to +0.0 %)"),
            (50.0, (12.0, f64::INFINITY), "×50 (95 %: ×10 and more)"),
            (1.0 / 155.0, (0.0, 1.0 / 17.0), "÷160 (95 %: ÷20 and more)"),
            (0.9, (0.0, 1.1), "-10 % (95 %: +10 % and less)"),
        ] {
            assert_eq!(measured(&change(ratio, interval)), expected);
        }
    }

    #[test]
    fn what_is_no_finding_says_why() {
        let found = words(&change(0.986, (0.98, 0.993)));
        assert_eq!(
            found,
            "no difference detected: -1.4 % (95 %: -2.0 % to -0.7 %); chance explains one such interval among the 8 figures compared here; ±12 % would have been"
        );
        let mut open = change(1.1, (0.5, f64::INFINITY));
        open.finding = Finding::NotJudged;
        open.unjudged = Some(Unjudged::TooWide);
        open.detectable = None;
        let found = words(&open);
        assert!(
            found.ends_with("measure for longer, or with `rounds = 3` or more"),
            "{found}"
        );
        assert!(!found.contains("would have been"), "{found}");
    }
}
