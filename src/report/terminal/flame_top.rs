//! The functions of one profile as a table.

use super::style::{indent, plain_table};
use crate::compare::is_of_cpu;
use crate::profile::{Labelled, Observed, Profile, worth_a_row};
use crate::report::figures::change::if_free;
use crate::report::figures::top::{Top, counted, observed};
use crate::report::figures::{amount, shortened};
use crate::units::{format_count, format_share, format_things};

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
            "  {}; -n shows more\n",
            format_things(left_out, "more function", "more functions")
        ));
    }
    text
}

/// Labels with what of the profile has them, a key's heaviest values.
pub fn labels(profile: &Profile, labels: &[Labelled]) -> String {
    if labels.is_empty() {
        return "its samples have no labels\n".to_owned();
    }
    let mut table = plain_table(&["share", "samples", "", "label"], 3);
    let mut left_out = String::new();
    for values in labels.chunk_by(|a, b| a.key == b.key) {
        let (shown, rest) = values.split_at(worth_a_row(values));
        for of in shown {
            table.add_row(label(profile, of));
        }
        let Some(most) = rest.iter().map(|of| of.samples).max() else {
            continue;
        };
        left_out.push_str(&format!(
            "  {} more values of {} ({} in all), each with {} or less; --where {1}=VALUE selects\n",
            format_count(rest.len() as f64),
            shortened(&values[0].key),
            format_count(values.len() as f64),
            counted(most, profile.observed()),
        ));
    }
    let mut text = String::new();
    indent(&table.to_string(), "  ", &mut text);
    text + &left_out
}

fn label(profile: &Profile, of: &Labelled) -> [String; 4] {
    let (part, whole) = if profile.is_of_values() {
        (of.amount, profile.value())
    } else {
        (of.samples, profile.samples())
    };
    let has_amount = profile.is_of_values() || profile.cpu_ns().is_some();
    [
        format_share(part as f64 / whole.max(1) as f64),
        format_count(of.samples as f64),
        if has_amount {
            amount(of.amount as f64, profile.unit())
        } else {
            String::new()
        },
        format!("{}={}", shortened(&of.key), shortened(&of.value)),
    ]
}

fn whole(profile: &Profile) -> String {
    if profile.cpu_ns().is_some() || profile.is_of_values() {
        format!(", {}", amount(profile.value() as f64, profile.unit()))
    } else {
        String::new()
    }
}
