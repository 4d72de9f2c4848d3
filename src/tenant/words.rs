//! What a summary says of the bundled gateway's counts. Pure.

use std::collections::BTreeMap;

use super::Expected;
use crate::units::{format_count, format_share};

/// The function below which its cost lies, as a row of a table: what it is called, and a pattern. Most of bcrypt's own time is in another
/// crate: what counts is everything below these frames.
pub const HEAVY: (&str, &str) = ("bcrypt's share of CPU", "^bcrypt::");

/// What a request costs in the story that it stands for: in words, and CPU of one bcrypt at cost 10, µs.
pub const EXAMPLE: (&str, f64) = ("With bcrypt at cost 10", 58_000.0);

/// What was told of it over the windows of a phase.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Increase of its counters, by name.
    pub counters: &'a BTreeMap<String, u64>,
    /// The highest values of its gauges, by name.
    pub peaks: &'a BTreeMap<String, u64>,
    /// Length of the windows.
    pub seconds: f64,
    /// OK responses completed in them.
    pub ok: u64,
    /// What its load should cost.
    pub expected: Option<Expected>,
}

/// A row of a table of phases.
pub type Row = (&'static str, fn(&Told<'_>) -> Option<String>);

/// Rows of the table that compares phases.
pub const ROWS: [Row; 3] = [
    ("bcrypt per second", |told| {
        told.rate("bcrypt").map(format_count)
    }),
    ("expected of the fleet", |told| {
        told.expected.map(expected_words)
    }),
    ("cache hit rate", |told| told.hit_rate().map(format_share)),
];

/// Whether these counts are the gateway's.
pub fn is_told(counters: &BTreeMap<String, u64>) -> bool {
    counters.contains_key("bcrypt")
}

/// Lines of a phase, each with its label.
pub fn lines(told: &Told<'_>) -> Vec<(&'static str, String)> {
    let all = [(super::NAME, counters(told)), ("payloads", payloads(told))];
    let known = all.into_iter();
    known
        .filter_map(|(label, words)| Some((label, words?)))
        .collect()
}

/// What is said of one instance of several.
pub fn of_instance(counters: &BTreeMap<String, u64>) -> Option<String> {
    let count = counters.get("bcrypt")?;
    Some(format!("{} bcrypt", format_count(*count as f64)))
}

impl Told<'_> {
    /// A counter's increase per second.
    fn rate(&self, name: &str) -> Option<f64> {
        per(*self.counters.get(name)? as f64, self.seconds)
    }

    /// Cache hits by lookups.
    fn hit_rate(&self) -> Option<f64> {
        let of = |name: &str| Some(*self.counters.get(name)? as f64);
        let (hits, misses) = (of("cache_hits")?, of("cache_misses")?);
        per(hits, hits + misses)
    }
}

fn per(amount: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| amount / of)
}

/// The gateway's counters of a phase in one line.
fn counters(told: &Told<'_>) -> Option<String> {
    let rate = told.rate("bcrypt")?;
    let hits = told
        .hit_rate()
        .map(|share| format!(" · cache hits {}", format_share(share)))
        .unwrap_or_default();
    let count = |name: &str, words: &str| {
        told.counters
            .get(name)
            .copied()
            .filter(|&count| count > 0)
            .map(|count| format!(" · {} {words}", format_count(count as f64)))
            .unwrap_or_default()
    };
    let others = [
        ("shared", "shared"),
        ("rejected", "rejected"),
        ("limited", "limited"),
        ("refusal_hits", "refused again"),
        ("sessions", "sessions"),
        ("store_errors", "store errors"),
    ];
    let others: String = others.map(|(name, words)| count(name, words)).concat();
    Some(format!(
        "{} bcrypt, {}{hits}{others}",
        format_count(*told.counters.get("bcrypt")? as f64),
        bcrypt_rate(told, rate),
    ))
}

/// What became of payloads, in one line; `None` where there were none.
fn payloads(told: &Told<'_>) -> Option<String> {
    let of = |known: &BTreeMap<String, u64>, name: &str| known.get(name).copied();
    let count = |name: &str| of(told.counters, name).filter(|&count| count > 0);
    let peak = |name: &str| of(told.peaks, name).filter(|&peak| peak > 0);
    count("payloads_accepted").or(count("payloads_rejected"))?;
    let words = [
        (
            Some(count("payloads_acknowledged").unwrap_or(0)),
            "acknowledged",
        ),
        (Some(count("payloads_stored").unwrap_or(0)), "stored"),
        (count("payloads_rejected"), "rejected"),
        (count("uploads"), "uploads"),
        (count("upload_failures"), "attempts failed"),
        (peak("ingest_tasks"), "tasks at the most"),
        (peak("ingest_queue"), "in the queue at the most"),
        (
            peak("acknowledged_unstored"),
            "acknowledged and not stored at the most",
        ),
    ];
    let known = words
        .iter()
        .filter_map(|(count, words)| Some(format!("{} {words}", format_count((*count)? as f64))));
    Some(known.collect::<Vec<_>>().join(" · "))
}

fn bcrypt_rate(told: &Told<'_>, rate: f64) -> String {
    match told.expected {
        Some(expected) => format!(
            "{}/s (expected of the fleet: {}/s)",
            format_count(rate),
            expected_words(expected)
        ),
        None if rate > 0.0 => format!(
            "{}/s ({} per request)",
            format_count(rate),
            format_count(*told.counters.get("bcrypt").unwrap_or(&0) as f64 / told.ok.max(1) as f64)
        ),
        None => format!("{}/s", format_count(rate)),
    }
}

/// How many there should be: one figure, or from each entry of a shared store once to once by each instance.
fn expected_words(expected: Expected) -> String {
    let least = format_count(expected.least);
    if expected.most > expected.least {
        format!("{least} to {}", format_count(expected.most))
    } else {
        least
    }
}
