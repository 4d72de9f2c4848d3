//! The profile of a phase in `result.json`.

use crate::result::ProfileResult;
use serde::Serialize;

/// Functions that a profile lists, by total share.
const TOP_FUNCTIONS: usize = 50;

#[derive(Serialize)]
pub(super) struct ProfileJson<'a> {
    samples: u64,
    slices: usize,
    hz: u32,
    capture_ratio: Option<f64>,
    target_us_per_request: Option<f64>,
    target_us_error: f64,
    throughput_rps: Option<f64>,
    top: Vec<FunctionJson<'a>>,
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    function: &'a str,
    self_share: f64,
    total_share: f64,
    self_us: Option<f64>,
    total_us: Option<f64>,
    total_share_low: f64,
    total_share_high: f64,
}

pub(super) fn profile_json(profile: &ProfileResult) -> ProfileJson<'_> {
    let us = |share: f64| profile.us_per_request.map(|us| share * us);
    let top = profile
        .functions
        .functions
        .iter()
        .take(TOP_FUNCTIONS)
        .map(|function| FunctionJson {
            function: &function.function,
            self_share: function.self_share.value,
            total_share: function.total_share.value,
            self_us: us(function.self_share.value),
            total_us: us(function.total_share.value),
            total_share_low: function.total_share.interval.low,
            total_share_high: function.total_share.interval.high,
        });
    ProfileJson {
        samples: profile.profile.samples(),
        slices: profile.functions.slices.len(),
        hz: profile.hz,
        capture_ratio: profile.capture_ratio,
        target_us_per_request: profile.us_per_request,
        target_us_error: profile.us_error,
        throughput_rps: profile.throughput_rps,
        top: top.collect(),
    }
}
