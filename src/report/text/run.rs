//! A run in plain text: a row for each request as CSV, and Markdown for where changes are discussed.

use std::fmt::Write as _;

use super::compare;
use super::markdown::{checks, plain};
use crate::metrics::{Tally, latency_quantiles, quantiles};
use crate::report::chart::percentile_cells;
use crate::report::checks::{Ran, of_run};
use crate::report::document::run::Concluded;
use crate::report::figures::{rate, shards::HEADS, shards::rows};
use crate::result::{PhaseResult, RunResult};
use crate::units::{format_count, format_share, format_us};

/// What stands for all requests of a phase.
const ALL: &str = "";

/// A row for each request of each phase, and one for all of them, whose request is empty.
pub fn csv(run: &RunResult) -> String {
    let header = [
        "variant",
        "phase",
        "request",
        "due",
        "sent",
        "ok",
        "failed",
        "timed_out",
        "throughput_rps",
        "latency_min_us",
        "latency_mean_us",
        "latency_p50_us",
        "latency_p90_us",
        "latency_p95_us",
        "latency_p99_us",
        "latency_p99_9_us",
        "latency_max_us",
        "exact_below",
        "target_us_per_request",
        "trust",
    ];
    let phases = run.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.map(move |phase| (variant.name.as_str(), phase))
    });
    let rows = phases.flat_map(|(variant, phase)| {
        let total = phase.total();
        let us = phase.us_per_request(&total);
        let all = row(variant, phase, ALL, &total, us);
        let each = phase.requests.iter().zip(&phase.tallies);
        let each = each.map(move |(name, tally)| row(variant, phase, name, tally, None));
        std::iter::once(all).chain(each)
    });
    super::csv(&header, rows)
}

fn row(
    variant: &str,
    phase: &PhaseResult,
    request: &str,
    tally: &Tally,
    us_per_request: Option<f64>,
) -> [String; 20] {
    let known = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let (histogram, exact_below) = latency_quantiles([tally]);
    let points = quantiles(&histogram);
    [
        variant.to_owned(),
        phase.name.clone(),
        request.to_owned(),
        tally.due.to_string(),
        tally.sent.to_string(),
        tally.ok.to_string(),
        tally.failed.to_string(),
        tally.timed_out.to_string(),
        known(phase.throughput_rps(tally)),
        known(points.min),
        known(points.mean),
        known(points.p50),
        known(points.p90),
        known(points.p95),
        known(points.p99),
        known(points.p99_9),
        known(points.max),
        exact_below.to_string(),
        known(us_per_request),
        phase.trust.level().to_string(),
    ]
}

/// What was judged, a table of phases, and the comparisons.
pub fn markdown(run: &Concluded<'_>) -> String {
    let mut text = checks(&of_run(&Ran::stored(run)));
    text.push_str("| phase | trust | throughput | failed | p50 | p99 | CPU per request |\n|---|---|--:|--:|--:|--:|--:|\n");
    for variant in &run.result.variants {
        for phase in &variant.phases {
            figures(&variant.name, phase, &mut text);
        }
    }
    shards(run.result, &mut text);
    for comparison in run.comparisons {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "\n{}", compare::markdown(comparison));
    }
    text
}

/// Each shard of a merged run.
fn shards(run: &RunResult, text: &mut String) {
    let rows = rows(run);
    if rows.is_empty() {
        return;
    }
    let titles = HEADS.map(|head| head.trim_start_matches('#'));
    let rule = HEADS.map(|head| if head.starts_with('#') { "--:" } else { "---" });
    let _ = writeln!(text, "\n| {} |\n|{}|", titles.join(" | "), rule.join("|"));
    for row in rows {
        let cells = row.map(|cell| plain(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

fn figures(variant: &str, phase: &PhaseResult, text: &mut String) {
    let total = phase.total();
    let [(p50, _), (p99, _)] = percentile_cells(&total, [0.5, 0.99]);
    let failed = match total.failed {
        0 => "0".to_owned(),
        failed => format!(
            "{} ({})",
            format_count(failed as f64),
            format_share(total.error_rate())
        ),
    };
    let cost = phase.us_per_request(&total);
    let _ = writeln!(
        text,
        "| {} · {} | {} | {} | {failed} | {p50} | {p99} | {} |",
        plain(variant),
        plain(&phase.name),
        phase.trust.level(),
        rate(phase.throughput_rps(&total)),
        cost.map_or_else(|| "–".to_owned(), format_us)
    );
}
