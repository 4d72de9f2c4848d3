//! The functions of one profile (`telemload.profile/1`).

use serde::Serialize;

use crate::compare::{ceiling, is_of_cpu};
use crate::profile::FunctionShare;
use crate::report::figures::top::Top;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    sample_type: &'a str,
    unit: &'a str,
    samples: u64,
    observed: &'static str,
    value: u64,
    period_ns: u64,
    duration_ns: u64,
    slices: &'a [u64],
    functions_total: usize,
    functions: Vec<Row<'a>>,
}

#[derive(Serialize)]
pub(in crate::report) struct Row<'a> {
    pub(in crate::report) function: &'a str,
    pub(in crate::report) self_samples: u64,
    pub(in crate::report) total_samples: u64,
    pub(in crate::report) self_share: f64,
    pub(in crate::report) self_share_low: f64,
    pub(in crate::report) self_share_high: f64,
    pub(in crate::report) total_share: f64,
    pub(in crate::report) total_share_low: f64,
    pub(in crate::report) total_share_high: f64,
    pub(in crate::report) if_free: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(in crate::report) raw: &'a [String],
}

/// A function's figures.
pub(in crate::report) fn row<'a>(top: &Top<'_>, function: &'a FunctionShare) -> Row<'a> {
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
        observed: top.profile.observed().name(),
        value: top.profile.value(),
        period_ns: top.profile.period_ns(),
        duration_ns: top.profile.duration_ns(),
        slices: &top.functions.slices,
        functions_total: top.functions.functions.len(),
        functions: top.rows().into_iter().map(|of| row(top, of)).collect(),
    };
    super::pretty(&document)
}
