//! The functions of one profile as a table.

use super::style::{indent, plain_table};
use crate::compare::is_of_cpu;
use crate::profile::{Labelled, Observed, Profile};
use crate::report::figures::change::if_free;
use crate::report::figures::top::{Top, observed};
use crate::report::figures::{amount, shortened};
use crate::units::{format_count, format_share};

/// The table for people.
pub fn render(top: &Top<'_>) -> String {
    let profile = top.profile;
    let slices = match top.functions.slices.len() {
        _ if profile.observed() == Observed::Records => {
            "how many samples they are is not known".to_owned()
        }
        0 | 1 => "not in slices: intervals cover chance in sampling alone".to_owned(),
        slices => format!("in {slices} slices"),
    };
    let mut text = format!(
        "{}: {}{}, {slices}\n",
        profile.kind(),
        observed(profile),
        whole(profile)
    );
    let rows = top.rows();
    let values = profile.is_of_values() || profile.cpu_ns().is_some();
    let header = [
        "self",
        "total",
        "95 % of total",
        "self",
        "total",
        "if free",
        "function",
    ];
    let mut table = plain_table(&header, 6);
    for row in &rows {
        let amount = |share: f64, samples: u64| {
            if values {
                amount(profile.value() as f64 * share, profile.unit())
            } else {
                format_count(samples as f64)
            }
        };
        let interval = row.total_share.interval;
        table.add_row([
            format_share(row.self_share.value),
            format_share(row.total_share.value),
            format!(
                "{} to {}",
                format_share(interval.low),
                format_share(interval.high)
            ),
            amount(row.self_share.value, row.self_samples),
            amount(row.total_share.value, row.total_samples),
            if is_of_cpu(profile) {
                if_free(row)
            } else {
                "–".to_owned()
            },
            shortened(&row.function),
        ]);
    }
    indent(&table.to_string(), "  ", &mut text);
    let left_out = top.functions.functions.len() - rows.len();
    if left_out > 0 {
        text.push_str(&format!(
            "  {} more functions; -n shows them\n",
            format_count(left_out as f64)
        ));
    }
    text
}

/// Values of a label that are listed.
const LABELS: usize = 64;

/// Labels with what of the profile has them.
pub fn labels(profile: &Profile, labels: &[Labelled]) -> String {
    if labels.is_empty() {
        return "its samples have no labels\n".to_owned();
    }
    let mut table = plain_table(&["share", "samples", "", "label"], 3);
    let (mut key, mut rows) = ("", 0);
    let mut left_out = Vec::new();
    for of in labels {
        if of.key != key {
            (key, rows) = (&of.key, 0);
        }
        rows += 1;
        if rows > LABELS {
            match left_out.last_mut() {
                Some((last, more)) if *last == key => *more += 1,
                _ => left_out.push((key, 1)),
            }
            continue;
        }
        let (part, whole) = if profile.is_of_values() {
            (of.amount, profile.value())
        } else {
            (of.samples, profile.samples())
        };
        let has_amount = profile.is_of_values() || profile.cpu_ns().is_some();
        table.add_row([
            format_share(part as f64 / whole.max(1) as f64),
            format_count(of.samples as f64),
            if has_amount {
                amount(of.amount as f64, profile.unit())
            } else {
                String::new()
            },
            format!("{}={}", shortened(&of.key), shortened(&of.value)),
        ]);
    }
    let mut text = String::new();
    indent(&table.to_string(), "  ", &mut text);
    for (key, more) in left_out {
        let more = format_count(f64::from(more));
        text.push_str(&format!(
            "  {more} more values of {}; --where {0}=VALUE selects\n",
            shortened(key)
        ));
    }
    text
}

fn whole(profile: &Profile) -> String {
    if profile.cpu_ns().is_some() || profile.is_of_values() {
        format!(", {}", amount(profile.value() as f64, profile.unit()))
    } else {
        String::new()
    }
}
