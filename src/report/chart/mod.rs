//! Charts as values: lines over one axis, what is marked on it, and words. Whoever draws them decides nothing.
//!
//! A chart has a fixed number of points, however long a run was and however many requests it has: what is longer is aggregated here, and
//! the chart says how.

mod grid;
mod heat;
mod kinds;
mod over_time;
mod percentile;
pub mod svg;

use serde::{Serialize, Serializer};

pub use heat::Heat;
pub use over_time::{Panel, panels};
pub(in crate::report) use percentile::cells as percentile_cells;
pub use percentile::{Curves, curves};

/// What was stored of one launch of a phase, as text; `None` where the file is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Name of the variant.
    pub variant: String,
    /// Name of the phase.
    pub phase: String,
    /// Number of the launch.
    pub round: u32,
    /// Its `series.csv`.
    pub series: Option<String>,
    /// Its `latency.hlog`.
    pub latency: Option<String>,
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// Per second.
    Rate,
    /// Whole numbers.
    Count,
    /// CPU-seconds per second.
    Cores,
    /// Bytes.
    Bytes,
}

/// How a line is drawn: lines of one chart differ by this where they have the colour of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// A whole line.
    Solid,
    /// Long dashes.
    Dashed,
    /// Short ones.
    Dotted,
    /// A whole line that steps back.
    Thin,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Index of its variant; `None` for what is of no variant.
    pub variant: Option<usize>,
    /// The request that it is of, if it is not of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// How it is drawn.
    pub look: Look,
    /// At each point of the axis; `None` where nothing is known.
    #[serde(serialize_with = "short")]
    pub values: Vec<Option<f64>>,
}

/// A horizontal line that something is held against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    /// Where it is looked at, on the axis.
    pub at: f64,
    /// The limit.
    pub value: f64,
    /// In words.
    pub words: String,
}

/// A 95 % interval of a point of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Index of the line's variant.
    pub variant: usize,
    /// Where it is, on the axis.
    pub at: f64,
    /// Its lower end.
    pub low: f64,
    /// Its upper end; `None` if it is open.
    pub high: Option<f64>,
}

/// What the axis of a chart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Seconds since the start of the window.
    Time,
    /// log10(1 / (1 − p)): 1 is the 90th percentile, 2 the 99th.
    Percentile,
}

/// How lines become a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Lines from 0 upwards.
    Linear,
    /// Lines on a logarithmic scale.
    Log,
    /// A lane of bars for each line.
    Lanes,
}

/// A chart over the axis of its panel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// Its name, unique within its panel.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence; may be empty.
    pub words: String,
    /// What its values are.
    pub unit: Unit,
    /// How they are drawn.
    pub shape: Shape,
    /// In the order of their variants.
    pub lines: Vec<Line>,
}

/// Four significant digits: no picture shows more.
pub(in crate::report) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// Numbers as short as they can be written.
pub(in crate::report) fn short<S: Serializer>(
    values: &[Option<f64>],
    document: S,
) -> Result<S::Ok, S::Error> {
    document.collect_seq(values.iter().map(|value| value.map(Short)))
}

struct Short(f64);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, document: S) -> Result<S::Ok, S::Error> {
        let value = rounded(self.0);
        if value.fract() == 0.0 && value.abs() < 1e15 {
            document.serialize_i64(value as i64)
        } else {
            document.serialize_f64(value)
        }
    }
}

/// A value with its unit, for people.
pub(in crate::report) fn words(unit: Unit, value: f64) -> String {
    use crate::units::{format_count, format_us};
    match unit {
        Unit::Us => format_us(value),
        Unit::Rate => format!("{}/s", format_count(value)),
        Unit::Count => format_count(value),
        Unit::Cores => format!("{value:.2}"),
        Unit::Bytes => bytesize::ByteSize(value as u64).display().iec().to_string(),
    }
}
