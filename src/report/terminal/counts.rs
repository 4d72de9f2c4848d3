//! What became of requests, how long answers took, and how connections were secured, in words.

use std::fmt::Write as _;

use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::transport::tls::Negotiated;
use crate::units::{format_count, format_share, format_us};

pub(super) fn handshakes(negotiated: &Negotiated) -> String {
    format!(
        "{} with {}: {} full handshakes, {} resumed",
        negotiated.version,
        negotiated.cipher,
        format_count(negotiated.full as f64),
        format_count(negotiated.resumed as f64)
    )
}

pub(super) fn requests(total: &Tally) -> String {
    let mut text = format!(
        "{} due, {} OK, {} failed",
        format_count(total.due as f64),
        format_count(total.ok as f64),
        format_count(total.failed as f64)
    );
    for (count, what) in [
        (total.timed_out, "of them timed out"),
        (total.in_flight_at_end, "in flight at the end"),
        (total.not_sent, "not sent"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", format_count(count as f64));
        }
    }
    if total.failed > 0 {
        let _ = write!(text, " ({})", format_share(total.error_rate()));
    }
    text
}

pub(super) fn latency(total: &Tally) -> String {
    let (histogram, exact_below) = latency_quantiles([total]);
    if histogram.is_empty() {
        return match total.ok {
            0 => "no OK response".to_owned(),
            _ => "not stored".to_owned(),
        };
    }
    let points = [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("max", 1.0),
    ];
    let point = |(name, quantile): (&str, f64)| {
        let bound = if quantile > exact_below { "≥ " } else { "" };
        format!(
            "{name} {bound}{}",
            format_us(value_at(&histogram, quantile))
        )
    };
    points.map(point).join(" · ")
}
