//! The table of a merged run's shards: the same cells on a terminal, in Markdown and on a page. What is each shard's own is never summed.

use std::time::Duration;

use super::rate;
use crate::result::{MergedShard, RunResult, ShardWindow, TrustLevel};
use crate::units::{format_count, format_duration, format_us};

/// Titles of the columns. Those that begin with `#` are numbers.
pub(in crate::report) const HEADS: [&str; 11] = [
    "shard",
    "phase",
    "#due",
    "#ok",
    "#throughput",
    "#p50",
    "#p99",
    "#lag p99",
    "#begin",
    "#clock ±",
    "trust",
];

/// What stands where nothing is known.
const UNKNOWN: &str = "–";

/// A row for each window of each shard.
pub(in crate::report) fn rows(run: &RunResult) -> Vec<[String; HEADS.len()]> {
    let shards = run.shards.iter();
    shards
        .flat_map(|shard| match &shard.lost {
            Some(lost) => vec![lost_row(shard.index, lost.due)],
            None => shard.windows.iter().map(|of| row(shard, of)).collect(),
        })
        .collect()
}

fn lost_row(index: u32, due: Option<u64>) -> [String; HEADS.len()] {
    let mut row = [UNKNOWN; HEADS.len()].map(str::to_owned);
    row[0] = index.to_string();
    row[2] = due.map_or_else(|| UNKNOWN.to_owned(), |due| format_count(due as f64));
    row[HEADS.len() - 1] = "lost: in no figure".to_owned();
    row
}

fn row(shard: &MergedShard, of: &ShardWindow) -> [String; HEADS.len()] {
    let known = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let round = if of.round > 1 {
        format!(" ({})", of.round)
    } else {
        String::new()
    };
    let mut words = vec![of.trust.to_string()];
    if of.trust > TrustLevel::Trusted && !of.doubts.is_empty() {
        words = vec![format!("{} ({})", of.trust, of.doubts.join(", "))];
    }
    if of.apart {
        words.push("stands apart".to_owned());
    }
    if shard.interrupted {
        words.push(format!("was there for {}", time(of.window_s)));
    }
    [
        shard.index.to_string(),
        format!("{} · {}{round}", of.variant, of.phase),
        format_count(of.due as f64),
        format_count(of.ok as f64),
        rate(of.throughput_rps),
        known(of.latency_p50_us.map(format_us)),
        known(of.latency_p99_us.map(format_us)),
        known(of.dispatch_lag_p99_us.map(format_us)),
        known(of.begin_error_s.map(begin)),
        known(shard.clock_bound_s.map(time)),
        words.join("; "),
    ]
}

/// How late a window began.
fn begin(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "+" };
    format!("{sign}{}", time(seconds.abs()))
}

fn time(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if seconds >= 1.0 => {
            format_duration(Duration::from_millis(time.as_millis() as u64))
        }
        Ok(_) => format_us(seconds * 1e6),
        Err(_) => UNKNOWN.to_owned(),
    }
}
