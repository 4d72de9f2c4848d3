//! The words and digits of a figure, the same wherever it is shown.

pub(super) mod ablation;
pub(super) mod change;
pub(super) mod explanation;
pub(super) mod gate;
pub(super) mod judgement;
pub(super) mod load;
pub(super) mod rows;
pub(super) mod shards;
pub mod top;

use crate::units::{format_count, format_us, printable};

/// A name of a profile for people: long generic ones hide what matters, and the files have them whole.
pub(in crate::report) fn shortened(function: &str) -> String {
    const LONGEST: usize = 90;
    let function = printable(function);
    if function.chars().count() <= LONGEST {
        return function.into_owned();
    }
    function.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Text of several lines in one, fit for a cell.
pub(in crate::report) fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    printable(&lines.join(" ")).into_owned()
}

/// A rate in words; "–" where there was no time in which it could be measured.
pub(in crate::report) fn rate(per_second: Option<f64>) -> String {
    per_second.map_or_else(
        || "–".to_owned(),
        |rate| format!("{}/s", format_count(rate)),
    )
}

/// A value of a profile with its unit.
pub(in crate::report) fn amount(value: f64, unit: &str) -> String {
    match unit {
        "nanoseconds" => format_us(value / 1e3),
        "microseconds" => format_us(value),
        "milliseconds" => format_us(value * 1e3),
        "seconds" => format_us(value * 1e6),
        "bytes" => bytesize::ByteSize(value as u64).display().iec().to_string(),
        unit => format!("{} {}", format_count(value), printable(unit)),
    }
}
