//! Threshold expressions such as `latency.p99 < 50ms`: text to value and back. `gate` evaluates them.

use std::fmt;

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::ErrorKind;
use crate::units;

/// One expression: a metric, a comparison, a limit in the metric's unit.
#[derive(Debug, Clone)]
pub struct Expression {
    /// What is looked at.
    pub metric: Metric,
    /// How it must stand to the limit.
    pub comparison: Comparison,
    /// In the metric's unit: µs, share (0..=1), requests or requests per second.
    pub limit: f64,
    text: String,
}

/// What a threshold looks at. Quantiles are 0..=1, and 1 is the maximum.
#[derive(Debug, Clone)]
pub enum Metric {
    /// A quantile of latency, µs.
    Latency(f64),
    /// A quantile of a part of it, µs.
    Part(Part, f64),
    /// Failed requests by requests completed, a share.
    ErrorRate,
    /// Requests that failed in one way.
    Failures(Failure),
    /// The same by requests completed, a share.
    FailureShare(Failure),
    /// Requests that were sent a second time.
    Resent,
    /// The same by requests sent, a share.
    ResentShare,
    /// OK responses per second.
    Throughput,
    /// CPU of the target per OK request, µs.
    CpuPerRequest,
    /// Inclusive share of the profile's samples with a function that matches.
    Share(Regex),
    /// Inclusive cost of the functions that match, µs per request.
    Cost(Regex),
}

/// A part of latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// From the intended start until a connection was free: the target's fault.
    QueueWait,
    /// From then on until it was sent: the generator's fault.
    DispatchLag,
    /// From sending to the first byte.
    FirstByte,
    /// From sending to the end of the answer.
    ServiceTime,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A kind of result.
    Kind(ErrorKind),
    /// An answer with a status that was not expected.
    Status(u16),
}

/// The comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
}

impl Comparison {
    /// Whether `value` meets the limit.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
            Self::Equal => value == limit,
        }
    }
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// A message that says which part is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (metric_text, comparison, limit_text) = split(text).ok_or_else(|| {
            format!(
                "{text:?} has no comparison; write METRIC < LIMIT with one of <, <=, >, >= and =="
            )
        })?;
        let metric = metric(metric_text, limit_text)?;
        let is_count = matches!(metric, Metric::Resent | Metric::Failures(_));
        if comparison == Comparison::Equal && !is_count {
            return Err(format!(
                "in {text:?}: `==` compares counts, and no measured figure is exactly its limit; write < or >"
            ));
        }
        let unit = |error: units::UnitError| format!("in {text:?}: {error}");
        let limit = match &metric {
            Metric::Latency(_) | Metric::Part(..) | Metric::CpuPerRequest | Metric::Cost(_) => {
                units::parse_duration(limit_text)
                    .map_err(unit)?
                    .as_secs_f64()
                    * 1e6
            }
            Metric::ErrorRate
            | Metric::Share(_)
            | Metric::ResentShare
            | Metric::FailureShare(_) => units::parse_share(limit_text).map_err(unit)?,
            Metric::Resent | Metric::Failures(_) => {
                limit_text.parse::<u32>().map(f64::from).map_err(|_| {
                    format!("in {text:?}: `{metric_text}` has a number of requests such as 0, or a share such as 1%")
                })?
            }
            Metric::Throughput => units::Rate::parse(limit_text).map_err(unit)?.per_second(),
        };
        Ok(Self {
            metric,
            comparison,
            limit,
            text: text.trim().to_owned(),
        })
    }
}

impl Expression {
    /// What was meant, if the expression holds for services that are worse than the limit.
    pub fn turned(&self) -> Option<String> {
        let more_is_better = match self.metric {
            Metric::Share(_) | Metric::Cost(_) => return None,
            Metric::Throughput => true,
            _ => false,
        };
        let turned = match (self.comparison, more_is_better) {
            (Comparison::Less, true) => ">",
            (Comparison::LessOrEqual, true) => ">=",
            // Nothing is less than 0.
            (Comparison::Greater, false) if self.limit > 0.0 => "<",
            (Comparison::Greater | Comparison::GreaterOrEqual, false) => "<=",
            _ => return None,
        };
        let (metric, _, limit) = split(&self.text)?;
        Some(format!("{metric} {turned} {limit}"))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits at the comparison; one inside quotes belongs to a pattern.
fn split(text: &str) -> Option<(&str, Comparison, &str)> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'=' if !quoted => {
                let limit = text[at + 1..].strip_prefix('=')?;
                return Some((text[..at].trim(), Comparison::Equal, limit.trim()));
            }
            b'<' | b'>' if !quoted => {
                let rest = &text[at + 1..];
                let (or_equal, limit) = rest
                    .strip_prefix('=')
                    .map_or((false, rest), |limit| (true, limit));
                let comparison = match (byte, or_equal) {
                    (b'<', false) => Comparison::Less,
                    (b'<', true) => Comparison::LessOrEqual,
                    (_, false) => Comparison::Greater,
                    (_, true) => Comparison::GreaterOrEqual,
                };
                return Some((text[..at].trim(), comparison, limit.trim()));
            }
            _ => {}
        }
    }
    None
}

/// A metric of a quantile.
type OfQuantile = fn(f64) -> Metric;

/// The percentiles, by what stands before them.
const PERCENTILES: [(&str, OfQuantile); 6] = [
    ("latency.ttfb", |of| Metric::Part(Part::FirstByte, of)),
    ("latency", Metric::Latency),
    ("first_byte", |of| Metric::Part(Part::FirstByte, of)),
    ("service_time", |of| Metric::Part(Part::ServiceTime, of)),
    ("queue_wait", |of| Metric::Part(Part::QueueWait, of)),
    ("dispatch_lag", |of| Metric::Part(Part::DispatchLag, of)),
];

/// The way to fail that `errors.NAME` names.
fn failure(name: &str) -> Result<Failure, String> {
    let mut kinds = ErrorKind::ALL.into_iter();
    if let Some(kind) = kinds.find(|kind| kind.name() == name) {
        return Ok(Failure::Kind(kind));
    }
    let status = name.strip_prefix("status_").and_then(|of| of.parse().ok());
    let status = status.filter(|status| (100..=999).contains(status));
    status.map(Failure::Status).ok_or_else(|| {
        let kinds = ErrorKind::ALL.map(ErrorKind::name).join(", ");
        format!(
            "there is no kind of error `{name}`; there is rate, {kinds}, and status_503 or the like"
        )
    })
}

/// The metric; of counts the limit says whether it is a number or a share.
pub(in crate::scenario) fn metric(text: &str, limit: &str) -> Result<Metric, String> {
    for (prefix, of) in PERCENTILES {
        let percentile = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(percentile) = percentile {
            return quantile(percentile).map(of).ok_or_else(|| format!("`{text}` is not a percentile; write {prefix}.p50, {prefix}.p99, {prefix}.p99.9 or {prefix}.max"));
        }
    }
    let is_share = limit.ends_with('%');
    let failures = |of| match is_share {
        true => Metric::FailureShare(of),
        false => Metric::Failures(of),
    };
    if let Some(name) = text.strip_prefix("errors.").filter(|name| *name != "rate") {
        return failure(name).map(failures);
    }
    let pattern = |prefix: &str| {
        text.strip_prefix(prefix)
            .and_then(|rest| rest.trim().strip_prefix("(\""))
            .and_then(|rest| rest.strip_suffix("\")"))
    };
    let regex = |pattern: &str| {
        Regex::new(pattern).map_err(|error| {
            // The last line of several says what is wrong; the ones before it draw where.
            let error = error.to_string();
            let cause = error.lines().last().unwrap_or_default();
            let cause = cause.trim_start_matches("error: ");
            format!("the pattern {pattern:?} is not a regular expression: {cause}")
        })
    };
    match text {
        "errors.rate" => Ok(Metric::ErrorRate),
        "timeouts" => Ok(failures(Failure::Kind(ErrorKind::Timeout))),
        "resent" if is_share => Ok(Metric::ResentShare),
        "resent" => Ok(Metric::Resent),
        "throughput" => Ok(Metric::Throughput),
        "cpu_per_request" => Ok(Metric::CpuPerRequest),
        _ => {
            if let Some(pattern) = pattern("share") {
                regex(pattern).map(Metric::Share)
            } else if let Some(pattern) = pattern("cost") {
                regex(pattern).map(Metric::Cost)
            } else {
                Err(format!(
                    "unknown metric `{text}`; known are latency.pN, first_byte.pN, service_time.pN, queue_wait.pN, dispatch_lag.pN, errors.rate, errors.KIND, timeouts, resent, throughput, cpu_per_request, share(\"PATTERN\") and cost(\"PATTERN\")"
                ))
            }
        }
    }
}

fn quantile(text: &str) -> Option<f64> {
    if text == "max" {
        return Some(1.0);
    }
    let percentile: f64 = text.strip_prefix('p')?.replace('_', ".").parse().ok()?;
    (percentile > 0.0 && percentile <= 100.0).then_some(percentile / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_have_a_limit_in_the_unit_of_their_metric() {
        for (text, limit) in [
            ("latency.p99 < 50ms", 50_000.0),
            ("latency.p99.9<=1.5s", 1_500_000.0),
            ("latency.max < 2s", 2_000_000.0),
            ("first_byte.p99 < 20ms", 20_000.0),
            ("latency.ttfb.p99 < 20ms", 20_000.0),
            ("service_time.p50 < 20ms", 20_000.0),
            ("queue_wait.max < 1s", 1_000_000.0),
            ("dispatch_lag.p99 < 1ms", 1_000.0),
            ("errors.timeout == 0", 0.0),
            ("errors.connect_refused < 1%", 0.01),
            ("errors.status_503 <= 5", 5.0),
            ("timeouts == 0", 0.0),
            ("timeouts < 0.1%", 0.001),
            ("errors.rate < 1%", 0.01),
            ("throughput >= 20000/s", 20_000.0),
            ("resent == 0", 0.0),
            ("resent<=3", 3.0),
            ("resent < 1%", 0.01),
            ("cpu_per_request < 100us", 100.0),
            ("share(\"^bcrypt::\") < 5%", 0.05),
            ("cost(\"a<b>\") < 20us", 20.0),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert!((expression.limit - limit).abs() < 1e-9, "{text}");
            assert_eq!(expression.to_string(), text);
        }
        assert!(
            matches!(Expression::parse("latency.p99_9 > 1ms").unwrap().metric, Metric::Latency(q) if (q - 0.999).abs() < 1e-12)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("latency.p99", "no comparison"),
            ("latency.p101 < 1s", "not a percentile"),
            ("first_byte.99 < 1s", "write first_byte.p50"),
            ("latency.p99 < 50", "not a duration"),
            ("errors.rate < 2", "not a share"),
            ("errors.rate == 0%", "`==` compares counts"),
            (
                "errors.time_out == 0",
                "there is no kind of error `time_out`; there is rate, connect_refused, ",
            ),
            ("errors.status_5 == 0", "and status_503 or the like"),
            (
                "errors.timeout < 0.5",
                "`errors.timeout` has a number of requests",
            ),
            ("errors.timeout == 1%", "`==` compares counts"),
            ("service_time.99 < 1s", "write service_time.p50"),
            ("resent = 0", "no comparison"),
            (
                "resent < 0.5",
                "a number of requests such as 0, or a share such as 1%",
            ),
            ("speed > 1/s", "unknown metric `speed`"),
            ("throughput > 20000", "not a rate"),
            ("share(\"(\") < 5%", "not a regular expression"),
            ("share(bcrypt) < 5%", "unknown metric"),
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_holds_for_worse_services_is_told_with_what_was_meant() {
        for (text, turned) in [
            ("errors.rate > 1%", Some("errors.rate < 1%")),
            ("latency.p99>=50ms", Some("latency.p99 <= 50ms")),
            ("throughput < 1000/s", Some("throughput > 1000/s")),
            ("cpu_per_request > 3ms", Some("cpu_per_request < 3ms")),
            ("timeouts > 0", Some("timeouts <= 0")),
            ("throughput >= 1000/s", None),
            ("latency.p99 < 50ms", None),
            ("resent == 0", None),
            ("share(\"^b>\") > 5%", None),
            ("cost(\"b\") > 5us", None),
        ] {
            let found = Expression::parse(text).unwrap().turned();
            assert_eq!(found.as_deref(), turned, "{text}");
        }
    }

    #[test]
    fn comparisons_hold_as_written() {
        for (comparison, below, equal, above) in [
            (Comparison::Less, true, false, false),
            (Comparison::LessOrEqual, true, true, false),
            (Comparison::Greater, false, false, true),
            (Comparison::GreaterOrEqual, false, true, true),
        ] {
            assert_eq!(
                [0.0, 1.0, 2.0].map(|value| comparison.holds(value, 1.0)),
                [below, equal, above]
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,60}") {
            let _ = Expression::parse(&text);
        }
    }
}
