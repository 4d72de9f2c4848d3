//! The before/after table of the bundled gateway: throughput, CPU, bcrypt, and what it would cost.

use std::collections::BTreeMap;

use comfy_table::Table;
use regex::Regex;

use super::style::plain_table;
use crate::compare::Comparison;
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::profile::inclusive;
use crate::report::figures::rate;
use crate::result::{BcryptRate, PhaseResult, RunResult};
use crate::scenario::{CostModel, Plan};
use crate::units::{format_count, format_share, format_us};

/// Most of bcrypt's own time is in another crate: what counts is everything below these frames.
const BCRYPT: &str = "^bcrypt::";

/// CPU of one bcrypt at cost 10, the cost of the story, µs.
const STORY_BCRYPT_US: f64 = 58_000.0;

/// The gateway's counters of a phase in one line; `None` for another target.
pub(super) fn counters(phase: &PhaseResult, total: &Tally) -> Option<String> {
    let rate = phase.counter_rate("bcrypt")?;
    let hits = phase
        .hit_rate()
        .map(|share| format!(" · cache hits {}", format_share(share)))
        .unwrap_or_default();
    let count = |name: &str, words: &str| {
        phase
            .counters
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
        format_count(*phase.counters.get("bcrypt")? as f64),
        bcrypt_rate(phase, total, rate),
    ))
}

/// What became of payloads, in one line; `None` where there were none.
pub(super) fn payloads(phase: &PhaseResult) -> Option<String> {
    let of = |known: &BTreeMap<String, u64>, name: &str| known.get(name).copied();
    let count = |name: &str| of(&phase.counters, name).filter(|&count| count > 0);
    let peak = |name: &str| of(&phase.peaks, name).filter(|&peak| peak > 0);
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

fn bcrypt_rate(phase: &PhaseResult, total: &Tally, rate: f64) -> String {
    match phase.expected_bcrypt_rate {
        Some(expected) => format!(
            "{}/s (expected of the fleet: {}/s)",
            format_count(rate),
            expected_words(expected)
        ),
        None if rate > 0.0 => format!(
            "{}/s ({} per request)",
            format_count(rate),
            format_count(
                *phase.counters.get("bcrypt").unwrap_or(&0) as f64
                    / total.completed_ok.max(1) as f64
            )
        ),
        None => format!("{}/s", format_count(rate)),
    }
}

/// How many there should be: one figure, or from each entry of a shared store once to once by each instance.
fn expected_words(expected: BcryptRate) -> String {
    let least = format_count(expected.least);
    if expected.most > expected.least {
        format!("{least} to {}", format_count(expected.most))
    } else {
        least
    }
}

/// The table of a comparison; `None` if neither side is the bundled gateway.
pub(super) fn table(plan: &Plan, result: &RunResult, comparison: &Comparison) -> Option<String> {
    let columns: Vec<Column<'_>> = [&comparison.base, &comparison.head]
        .into_iter()
        .filter_map(|name| result.variants.iter().find(|variant| variant.name == *name))
        .flat_map(|variant| {
            variant.phases.iter().map(|phase| Column {
                title: format!("{} · {}", variant.name, phase.name),
                total: phase.total(),
                phase,
            })
        })
        .collect();
    if !columns
        .iter()
        .any(|column| column.phase.counters.contains_key("bcrypt"))
    {
        return None;
    }
    let titles: Vec<&str> = [""]
        .into_iter()
        .chain(columns.iter().map(|column| column.title.as_str()))
        .collect();
    let mut table = plain_table(&titles, 0);
    for (label, cell) in ROWS {
        add(&mut table, label, &columns, cell);
    }
    let cost = &plan.cost;
    let instances = |column: &Column<'_>| {
        column
            .phase
            .us_per_request(&column.total)
            .map(|us| cost.instances(us))
    };
    add(
        &mut table,
        &format!("instances for {}/s", format_count(cost.target_rate)),
        &columns,
        |column| instances(column).map(|n| format_count(n as f64)),
    );
    add(&mut table, "their monthly cost", &columns, |column| {
        instances(column).map(|n| format!("${}", format_count(cost.monthly(n))))
    });
    Some(format!("{table}\n{}", assumption(cost)))
}

struct Column<'a> {
    title: String,
    phase: &'a PhaseResult,
    total: Tally,
}

type Cell = fn(&Column<'_>) -> Option<String>;

const ROWS: [(&str, Cell); 9] = [
    ("throughput", |column| {
        Some(rate(column.phase.throughput_rps(&column.total)))
    }),
    ("target CPU", |column| {
        let cores = column.phase.target_cores()?;
        Some(format!(
            "{} of {} cores",
            format_share(cores / column.phase.target_cpus),
            format_count(column.phase.target_cpus)
        ))
    }),
    ("latency p50", |column| latency(column, 0.5)),
    ("latency p99", |column| latency(column, 0.99)),
    ("bcrypt per second", |column| {
        column.phase.counter_rate("bcrypt").map(format_count)
    }),
    ("expected of the fleet", |column| {
        column.phase.expected_bcrypt_rate.map(expected_words)
    }),
    ("cache hit rate", |column| {
        column.phase.hit_rate().map(format_share)
    }),
    ("bcrypt's share of CPU", |column| {
        column
            .phase
            .profile
            .as_ref()
            .and_then(|profile| bcrypt_share(&profile.taken.as_ref()?.profile))
            .map(format_share)
    }),
    ("CPU per request", |column| {
        column.phase.us_per_request(&column.total).map(format_us)
    }),
];

fn latency(column: &Column<'_>, quantile: f64) -> Option<String> {
    let (histogram, exact_below) = latency_quantiles(&column.total);
    let bound = if quantile > exact_below { "≥ " } else { "" };
    (!histogram.is_empty()).then(|| format!("{bound}{}", format_us(value_at(&histogram, quantile))))
}

fn bcrypt_share(profile: &crate::profile::Profile) -> Option<f64> {
    let pattern = Regex::new(BCRYPT).expect("the pattern is valid");
    (!profile.is_empty()).then(|| inclusive(profile, &pattern).share.value)
}

fn add(
    table: &mut Table,
    label: &str,
    columns: &[Column<'_>],
    cell: impl Fn(&Column<'_>) -> Option<String>,
) {
    let cells = columns
        .iter()
        .map(|column| cell(column).unwrap_or_else(|| "–".to_owned()));
    table.add_row([label.to_owned()].into_iter().chain(cells));
}

fn assumption(cost: &CostModel) -> String {
    let text = format!(
        "instances = {}/s × CPU per request / ({} vCPUs × {}) of {} at ${} an hour, 730 hours a month",
        format_count(cost.target_rate),
        cost.vcpus,
        cost.utilisation,
        cost.instance,
        cost.hourly
    );
    if !cost.assumed {
        return text;
    }
    format!(
        "{text}\n(assumed; [cost] sets them. With bcrypt at cost 10, {} a request, that is {} instances)",
        format_us(STORY_BCRYPT_US),
        cost.instances(STORY_BCRYPT_US)
    )
}
