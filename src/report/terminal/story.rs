//! The before/after table of a target that telemload knows: throughput, CPU, what is its own, and what it would cost.

use comfy_table::Table;
use regex::Regex;

use super::style::plain_table;
use crate::compare::Comparison;
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::profile::inclusive;
use crate::report::figures::rate;
use crate::result::{PhaseResult, RunResult};
use crate::scenario::CostModel;
use crate::tenant::{self, HEAVY};
use crate::units::{format_count, format_share, format_us};

/// The table of a comparison; `None` if neither side is such a target.
pub(super) fn table(
    cost: &CostModel,
    result: &RunResult,
    comparison: &Comparison,
) -> Option<String> {
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
        .any(|column| tenant::is_told(&column.phase.counters))
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
    for (label, cell) in tenant::ROWS {
        add(&mut table, label, &columns, |column| {
            cell(&column.phase.told(&column.total))
        });
    }
    add(&mut table, HEAVY.0, &columns, |column| {
        heavy_share(column).map(format_share)
    });
    add(&mut table, "CPU per request", &columns, |column| {
        column.phase.us_per_request(&column.total).map(format_us)
    });
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

const ROWS: [(&str, Cell); 4] = [
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
];

fn latency(column: &Column<'_>, quantile: f64) -> Option<String> {
    let (histogram, exact_below) = latency_quantiles([&column.total]);
    let bound = if quantile > exact_below { "≥ " } else { "" };
    (!histogram.is_empty()).then(|| format!("{bound}{}", format_us(value_at(&histogram, quantile))))
}

fn heavy_share(column: &Column<'_>) -> Option<f64> {
    let profile = &column.phase.profile.as_ref()?.taken.as_ref()?.profile;
    let pattern = Regex::new(HEAVY.1).expect("the pattern is valid");
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
    let (example, us) = tenant::EXAMPLE;
    format!(
        "{text}\n(assumed; [cost] sets them. {example}, {} a request, that is {} instances)",
        format_us(us),
        cost.instances(us)
    )
}
