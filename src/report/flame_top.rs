//! The functions of one profile: as a table for people, as JSON and as CSV.

use serde::Serialize;

use super::terminal::{indent, plain_table, shortened};
use crate::compare::{ceiling, is_of_cpu};
use crate::profile::{FunctionShare, FunctionTable, Profile};
use crate::units::{format_count, format_share, format_us, printable};

/// By which share functions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Of the function itself.
    Own,
    /// With what it calls.
    Total,
}

/// What is shown of a profile.
#[derive(Debug, Clone, Copy)]
pub struct Top<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its functions.
    pub functions: &'a FunctionTable,
    /// How many; `None` for all.
    pub limit: Option<usize>,
    /// In which order.
    pub order: Order,
}

impl Top<'_> {
    fn rows(&self) -> Vec<&FunctionShare> {
        let mut rows: Vec<&FunctionShare> = self.functions.functions.iter().collect();
        if self.order == Order::Own {
            rows.sort_by(|a, b| b.self_share.value.total_cmp(&a.self_share.value));
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows
    }
}

/// The table for people.
pub fn render(top: &Top<'_>) -> String {
    let profile = top.profile;
    let slices = match top.functions.slices.len() {
        0 | 1 => "not in slices: intervals cover chance in sampling alone".to_owned(),
        slices => format!("in {slices} slices"),
    };
    let mut text = format!(
        "{}: {} {}{}, {slices}\n",
        profile.kind(),
        format_count(profile.samples() as f64),
        if profile.samples() == 1 {
            "sample"
        } else {
            "samples"
        },
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
                super::compare::if_free(row)
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

fn whole(profile: &Profile) -> String {
    if profile.cpu_ns().is_some() || profile.is_of_values() {
        format!(", {}", amount(profile.value() as f64, profile.unit()))
    } else {
        String::new()
    }
}

/// A value of a profile with its unit.
pub(super) fn amount(value: f64, unit: &str) -> String {
    match unit {
        "nanoseconds" => format_us(value / 1e3),
        "bytes" => bytesize::ByteSize(value as u64).display().iec().to_string(),
        unit => format!("{} {}", format_count(value), printable(unit)),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    sample_type: &'a str,
    unit: &'a str,
    samples: u64,
    value: u64,
    period_ns: u64,
    duration_ns: u64,
    slices: &'a [u64],
    functions_total: usize,
    functions: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    function: &'a str,
    self_samples: u64,
    total_samples: u64,
    self_share: f64,
    self_share_low: f64,
    self_share_high: f64,
    total_share: f64,
    total_share_low: f64,
    total_share_high: f64,
    if_free: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    raw: &'a [String],
}

fn row<'a>(top: &Top<'_>, function: &'a FunctionShare) -> Row<'a> {
    let (own, total) = (function.self_share, function.total_share);
    Row {
        function: &function.function,
        self_samples: function.self_samples,
        total_samples: function.total_samples,
        self_share: own.value,
        self_share_low: own.interval.low,
        self_share_high: own.interval.high,
        total_share: total.value,
        total_share_low: total.interval.low,
        total_share_high: total.interval.high,
        if_free: Some(ceiling(function))
            .filter(|ceiling| ceiling.is_finite() && is_of_cpu(top.profile)),
        raw: &function.raw,
    }
}

/// The document, schema `telemload.profile/1`, with a line break at its end.
pub fn json(top: &Top<'_>) -> String {
    let document = Document {
        schema: "telemload.profile/1",
        sample_type: top.profile.sample_type(),
        unit: top.profile.unit(),
        samples: top.profile.samples(),
        value: top.profile.value(),
        period_ns: top.profile.period_ns(),
        duration_ns: top.profile.duration_ns(),
        slices: &top.functions.slices,
        functions_total: top.functions.functions.len(),
        functions: top.rows().into_iter().map(|of| row(top, of)).collect(),
    };
    super::pretty(&document)
}

/// A row a function, with a header.
pub fn csv(top: &Top<'_>) -> String {
    let header = [
        "function",
        "self_samples",
        "total_samples",
        "self_share",
        "total_share",
        "total_share_low",
        "total_share_high",
        "self_share_low",
        "self_share_high",
        "if_free",
    ];
    super::csv(
        &header,
        top.rows().into_iter().map(|function| {
            let of = row(top, function);
            [
                of.function.to_owned(),
                of.self_samples.to_string(),
                of.total_samples.to_string(),
                of.self_share.to_string(),
                of.total_share.to_string(),
                of.total_share_low.to_string(),
                of.total_share_high.to_string(),
                of.self_share_low.to_string(),
                of.self_share_high.to_string(),
                of.if_free.map_or(String::new(), |value| value.to_string()),
            ]
        }),
    )
}
