//! The profile of a phase in `result.json`: its samples are in `profile.pb.gz`.

use serde::{Deserialize, Serialize};

use crate::result::ProfileResult;

/// Functions that a profile lists, by total share.
const TOP_FUNCTIONS: usize = 50;

#[derive(Serialize, Deserialize)]
pub(super) struct ProfileJson {
    #[serde(default)]
    samples: u64,
    #[serde(default)]
    slices: usize,
    #[serde(default)]
    hz: u32,
    capture_ratio: Option<f64>,
    target_us_per_request: Option<f64>,
    #[serde(default)]
    target_us_error: f64,
    throughput_rps: Option<f64>,
    steal_share: Option<f64>,
    neighbour_cores: Option<f64>,
    #[serde(skip_deserializing)]
    top: Vec<FunctionJson>,
}

#[derive(Serialize)]
struct FunctionJson {
    function: String,
    self_share: f64,
    total_share: f64,
    self_us: Option<f64>,
    total_us: Option<f64>,
    total_share_low: f64,
    total_share_high: f64,
}

impl ProfileJson {
    pub(super) fn of(profile: &ProfileResult) -> Self {
        let us = |share: f64| profile.us_per_request.map(|us| share * us);
        let functions = profile
            .taken
            .iter()
            .flat_map(|taken| &taken.functions.functions);
        let top = functions.take(TOP_FUNCTIONS).map(|function| FunctionJson {
            function: function.function.clone(),
            self_share: function.self_share.value,
            total_share: function.total_share.value,
            self_us: us(function.self_share.value),
            total_us: us(function.total_share.value),
            total_share_low: function.total_share.interval.low,
            total_share_high: function.total_share.interval.high,
        });
        Self {
            samples: profile.samples,
            slices: profile.slices,
            hz: profile.hz,
            capture_ratio: profile.capture_ratio,
            target_us_per_request: profile.us_per_request,
            target_us_error: profile.us_error,
            throughput_rps: profile.throughput_rps,
            steal_share: profile.steal_share,
            neighbour_cores: profile.neighbour_cores,
            top: top.collect(),
        }
    }

    /// Without its samples.
    pub(super) fn profile(self) -> ProfileResult {
        ProfileResult {
            samples: self.samples,
            slices: self.slices,
            hz: self.hz,
            capture_ratio: self.capture_ratio,
            us_per_request: self.target_us_per_request,
            throughput_rps: self.throughput_rps,
            steal_share: self.steal_share,
            neighbour_cores: self.neighbour_cores,
            us_error: self.target_us_error.max(0.0),
            taken: None,
        }
    }
}
