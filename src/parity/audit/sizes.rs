//! How long bodies and header blocks are.

use super::finding::{Finding, Verdict};
use super::presence::is_compared;
use super::shape::FEWEST;
use super::side::Sides;
use crate::import::{Bodies, Headers};
use crate::parity::record::{Field, Record, Value};

pub(super) fn findings(sides: &Sides<'_>) -> Vec<Finding> {
    vec![
        found(
            sides,
            "body",
            sides.production.holds.body != Bodies::Nothing,
            |record| record.body.map(|body| body.bytes),
        ),
        found(
            sides,
            "header block",
            sides.production.holds.headers == Headers::AllBut(Vec::new()),
            |record| Some(header_bytes(record)),
        ),
    ]
}

/// Without what frames a message, which telemload writes itself and archives often lack.
fn header_bytes(record: &Record) -> u64 {
    let compared = record.headers.iter();
    let compared = compared.filter(|Field(name, _)| is_compared(&name.to_ascii_lowercase()));
    let lines = compared.map(|Field(name, value)| {
        let value = match value {
            Value::Hidden => 0,
            Value::Word(word) => word.len() as u64,
            Value::Print(print) => print.bytes,
        };
        name.len() as u64 + value + 4
    });
    lines.sum()
}

fn found(
    sides: &Sides<'_>,
    subject: &str,
    is_held: bool,
    size: impl Fn(&Record) -> Option<u64>,
) -> Finding {
    let unjudged = |why: &str| Finding::unjudged("size", subject, why);
    if !is_held {
        return unjudged("this source does not hold it whole");
    }
    let [there, here] = sides.whole().map(|records| {
        let mut sizes: Vec<u64> = records.iter().filter_map(|record| size(record)).collect();
        sizes.sort_unstable();
        sizes
    });
    if there.len().min(here.len()) < FEWEST {
        return unjudged("too few requests are known with it");
    }
    let words = format!(
        "median {} and p99 {} bytes there, {} and {} here",
        quantile(&there, 0.5),
        quantile(&there, 0.99),
        quantile(&here, 0.5),
        quantile(&here, 0.99)
    );
    let (gap, at) = largest_gap(&there, &here);
    let chance = gap_of_chance(&there, &here);
    let moved = quantile(&there, 0.5).abs_diff(quantile(&here, 0.5));
    let is_far = moved > 4.max(quantile(&there, 0.5) / 10)
        || quantile(&there, 0.99) > 2 * quantile(&here, 0.99).max(16);
    if gap > chance.max(0.1) && is_far {
        let words = format!("{words}; they differ most at {at} bytes");
        Finding::new(Verdict::Different, "size", subject, words)
    } else {
        Finding::new(Verdict::Same, "size", subject, words)
    }
}

/// Of sorted values that are not empty.
pub(super) fn quantile(sorted: &[u64], share: f64) -> u64 {
    let rank = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1]
}

/// The gap that two curves of one distribution have in one of a hundred tries (Kolmogorov and Smirnov).
pub(super) fn gap_of_chance(one: &[u64], other: &[u64]) -> f64 {
    1.63 * (1.0 / one.len() as f64 + 1.0 / other.len() as f64).sqrt()
}

/// The largest difference of two distribution functions, and where it is; both are sorted.
pub(super) fn largest_gap(one: &[u64], other: &[u64]) -> (f64, u64) {
    let below = |sorted: &[u64], value: u64| {
        sorted.partition_point(|of| *of <= value) as f64 / sorted.len() as f64
    };
    let mut values: Vec<u64> = one.iter().chain(other).copied().collect();
    values.sort_unstable();
    values.dedup();
    let gaps = values
        .into_iter()
        .map(|value| ((below(one, value) - below(other, value)).abs(), value));
    gaps.max_by(|one, other| one.0.total_cmp(&other.0))
        .unwrap_or((0.0, 0))
}
