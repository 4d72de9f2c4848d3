//! The profile of a phase in `result.json`: its samples are in `profile.pb.gz`.

use serde::{Deserialize, Serialize};

use crate::result::{AlsoResult, ProfileResult, ProfiledLaunch, RequestCost};
use crate::scenario::Also;

/// Functions that a profile lists, by total share.
const TOP_FUNCTIONS: usize = 50;
/// Launches that are read: no run has more.
const MOST_LAUNCHES: usize = 100;

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
    #[serde(default)]
    launches: Vec<LaunchJson>,
    #[serde(skip_deserializing)]
    top: Vec<FunctionJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    by_request: Vec<RequestJson>,
}

/// What was captured beside the CPU.
#[derive(Serialize, Deserialize)]
struct AlsoJson {
    kind: String,
    unit: String,
    samples: u64,
    slices: usize,
    per_request: Option<f64>,
    #[serde(default)]
    per_request_error: Option<f64>,
    #[serde(skip_deserializing)]
    per_request_low: Option<f64>,
    #[serde(skip_deserializing)]
    per_request_high: Option<f64>,
    #[serde(default)]
    launches: Vec<AlsoLaunchJson>,
    #[serde(skip_deserializing)]
    top: Vec<AmountJson>,
}

/// What the capture of one launch found.
#[derive(Serialize, Deserialize)]
struct LaunchJson {
    round: u32,
    samples: u64,
    slices: usize,
    target_us_per_request: Option<f64>,
    target_us_error: Option<f64>,
}

/// The same of what was captured beside the CPU.
#[derive(Serialize, Deserialize)]
struct AlsoLaunchJson {
    round: u32,
    samples: u64,
    slices: usize,
    per_request: Option<f64>,
    per_request_error: Option<f64>,
}

#[derive(Serialize)]
struct AmountJson {
    function: String,
    self_share: f64,
    total_share: f64,
    self_per_request: Option<f64>,
    self_per_request_low: Option<f64>,
    self_per_request_high: Option<f64>,
    total_per_request: Option<f64>,
    total_per_request_low: Option<f64>,
    total_per_request_high: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct RequestJson {
    request: Option<String>,
    samples: u64,
    share: f64,
    share_low: f64,
    share_high: f64,
    us_per_request: Option<f64>,
    us_per_request_low: Option<f64>,
    us_per_request_high: Option<f64>,
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
            launches: profile.launches.iter().map(LaunchJson::of).collect(),
            top: top.collect(),
            also: profile.also.iter().map(AlsoJson::of).collect(),
            by_request: profile.by_request.iter().map(RequestJson::of).collect(),
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
            launches: first(self.launches).map(LaunchJson::launch).collect(),
            taken: None,
            also: self.also.into_iter().filter_map(AlsoJson::also).collect(),
            by_request: self.by_request.into_iter().map(RequestJson::cost).collect(),
        }
    }
}

impl AlsoJson {
    fn of(also: &AlsoResult) -> Self {
        let amount = |share: f64| also.per_request.map(|all| share * all);
        let functions = also
            .taken
            .iter()
            .flat_map(|taken| &taken.functions.functions);
        let top = functions.take(TOP_FUNCTIONS).map(|function| {
            let (own, total) = (function.self_share, function.total_share);
            let (of_own, of_total) = (also.interval_of(own), also.interval_of(total));
            AmountJson {
                function: function.function.clone(),
                self_share: own.value,
                total_share: total.value,
                self_per_request: amount(own.value),
                self_per_request_low: of_own.map(|of| of.low),
                self_per_request_high: of_own.map(|of| of.high),
                total_per_request: amount(total.value),
                total_per_request_low: of_total.map(|of| of.low),
                total_per_request_high: of_total.map(|of| of.high),
            }
        });
        let interval = also.interval();
        Self {
            kind: also.kind.name().to_owned(),
            unit: also.unit().to_owned(),
            samples: also.samples,
            slices: also.slices,
            per_request: also.per_request,
            per_request_error: also.error,
            per_request_low: interval.map(|of| of.low),
            per_request_high: interval.map(|of| of.high),
            launches: also.launches.iter().map(AlsoLaunchJson::of).collect(),
            top: top.collect(),
        }
    }

    /// Without its samples; `None` for a kind that this version does not know.
    fn also(self) -> Option<AlsoResult> {
        Some(AlsoResult {
            kind: Also::named(&self.kind)?,
            samples: self.samples,
            slices: self.slices,
            per_request: self.per_request,
            error: self.per_request_error.filter(|error| *error >= 0.0),
            launches: first(self.launches).map(AlsoLaunchJson::launch).collect(),
            taken: None,
        })
    }
}

fn first<T>(launches: Vec<T>) -> impl Iterator<Item = T> {
    launches.into_iter().take(MOST_LAUNCHES)
}

impl LaunchJson {
    fn of(launch: &ProfiledLaunch) -> Self {
        Self {
            round: launch.round,
            samples: launch.samples,
            slices: launch.slices,
            target_us_per_request: launch.per_request,
            target_us_error: launch.error,
        }
    }

    fn launch(self) -> ProfiledLaunch {
        ProfiledLaunch {
            round: self.round,
            samples: self.samples,
            slices: self.slices,
            per_request: self.target_us_per_request,
            error: self.target_us_error.filter(|error| *error >= 0.0),
        }
    }
}

impl AlsoLaunchJson {
    fn of(launch: &ProfiledLaunch) -> Self {
        Self {
            round: launch.round,
            samples: launch.samples,
            slices: launch.slices,
            per_request: launch.per_request,
            per_request_error: launch.error,
        }
    }

    fn launch(self) -> ProfiledLaunch {
        ProfiledLaunch {
            round: self.round,
            samples: self.samples,
            slices: self.slices,
            per_request: self.per_request,
            error: self.per_request_error.filter(|error| *error >= 0.0),
        }
    }
}

impl RequestJson {
    fn of(cost: &RequestCost) -> Self {
        let (share, share_low, share_high) = cost.share;
        let us = cost.us_per_request;
        Self {
            request: cost.request.clone(),
            samples: cost.samples,
            share,
            share_low,
            share_high,
            us_per_request: us.map(|us| us.0),
            us_per_request_low: us.map(|us| us.1),
            us_per_request_high: us.map(|us| us.2),
        }
    }

    fn cost(self) -> RequestCost {
        let bounds = self.us_per_request_low.zip(self.us_per_request_high);
        RequestCost {
            request: self.request,
            samples: self.samples,
            share: (self.share, self.share_low, self.share_high),
            us_per_request: self
                .us_per_request
                .zip(bounds)
                .map(|(us, (low, high))| (us, low, high)),
        }
    }
}
