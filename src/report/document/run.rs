//! `result.json`, schema `telemload.result/1`: own types, so that the core can change without the format.
//! Keys that were published are kept.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::MetricJson;
use super::load::LoadJson;
use super::processes::{self, InstanceJson, ServiceJson};
use super::trust::TrustJson;
use crate::compare::Comparison;
use crate::experiment::{
    AcknowledgedFile, PhaseResult, ProfileResult, RunResult, Uncertainty, VariantResult,
};
use crate::gate::{Judgement, Judgements};
use crate::metrics::{Quantiles, Tally, latency_quantiles, quantiles};
use crate::process::machine::Fingerprint;
use crate::profile::{DeltaFinding, Diff, FunctionDelta, FunctionShare, Unit, Z95};
use crate::scenario::Plan;

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.result/1";

/// Functions that a profile lists, by total share.
const TOP_FUNCTIONS: usize = 50;

/// Functions that a comparison lists by change of self cost, and as many by change of total cost.
const TOP_DELTAS: usize = 50;

/// The document as text, with a line break at its end. A run may be interrupted after its last load.
///
/// # Panics
/// Never: every key is a string and every number finite or written as null.
pub fn json(
    plan: &Plan,
    result: &RunResult,
    comparisons: &[Comparison],
    judgements: &Judgements,
    interrupted: bool,
) -> String {
    let variants = result
        .variants
        .iter()
        .zip(judgements)
        .map(|(variant, judged)| variant_json(variant, judged))
        .collect();
    let document = Document {
        schema: SCHEMA,
        tool: Tool {
            version: env!("CARGO_PKG_VERSION"),
        },
        scenario: ScenarioJson {
            name: &plan.name,
            sha256: &plan.sha256,
        },
        started_at: result.started_at.to_string(),
        machine: &result.machine,
        interrupted: interrupted || result.interrupted,
        failure: result.failure.as_ref().map(ToString::to_string),
        variants,
        comparisons: comparisons.iter().map(comparison_json).collect(),
    };
    super::pretty(&document)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    scenario: ScenarioJson<'a>,
    started_at: String,
    machine: &'a Fingerprint,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    variants: Vec<VariantJson<'a>>,
    comparisons: Vec<ComparisonJson<'a>>,
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
}

#[derive(Serialize)]
struct ScenarioJson<'a> {
    name: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct VariantJson<'a> {
    name: &'a str,
    target: &'a str,
    phases: Vec<PhaseJson<'a>>,
    thresholds: Vec<ThresholdJson<'a>>,
}

#[derive(Serialize)]
struct PhaseJson<'a> {
    name: &'a str,
    load: LoadJson,
    rounds: Vec<RoundJson>,
    #[serde(flatten)]
    counts: CountsJson,
    sent_rps: f64,
    per_request: BTreeMap<&'a str, CountsJson>,
    exemplars: BTreeMap<&'static str, &'a str>,
    connections: ConnectionsJson,
    cpu: CpuJson,
    memory: MemoryJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instances: Vec<InstanceJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<ServiceJson<'a>>,
    gateway: BTreeMap<&'static str, u64>,
    gateway_peak: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<AcknowledgedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_bcrypt_rps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_bcrypt_rps_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileJson<'a>>,
    trust: TrustJson,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct RoundJson {
    window_s: f64,
    throughput_rps: Option<f64>,
    target_us_per_request: Option<f64>,
    latency_p50_us: Option<f64>,
    latency_p99_us: Option<f64>,
    relative_error: ErrorsJson,
    latency_p50_interval_us: Option<(f64, f64)>,
    latency_p99_interval_us: Option<(f64, f64)>,
}

/// Relative standard errors of a launch's figures.
#[derive(Serialize)]
struct ErrorsJson {
    throughput_rps: Option<f64>,
    target_us_per_request: Option<f64>,
    latency_p50_us: Option<f64>,
    latency_p99_us: Option<f64>,
}

/// What is reported of all requests, and of each kind.
#[derive(Serialize)]
struct CountsJson {
    requests: RequestsJson,
    errors: BTreeMap<&'static str, u64>,
    status: BTreeMap<u16, u64>,
    throughput_rps: f64,
    latency_us: QuantilesJson,
    service_time_us: QuantilesJson,
    queue_wait_us: QuantilesJson,
    dispatch_lag_us: QuantilesJson,
    failed_latency_us: QuantilesJson,
    exact_below: f64,
}

#[derive(Serialize)]
struct RequestsJson {
    due: u64,
    sent: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    in_flight_at_end: u64,
    not_sent: u64,
}

#[derive(Serialize)]
struct QuantilesJson {
    min: f64,
    mean: f64,
    p50: f64,
    p75: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p99_9: f64,
    p99_99: f64,
    max: f64,
}

#[derive(Serialize)]
struct ConnectionsJson {
    opened: u64,
    open_us: QuantilesJson,
    resent: u64,
}

#[derive(Serialize)]
struct CpuJson {
    target_cores: Option<f64>,
    target_utilisation: Option<f64>,
    target_us_per_request: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_cores: Option<Option<f64>>,
    generator_cores: f64,
    generator_wait_share: Option<f64>,
    steal_share: Option<f64>,
}

#[derive(Serialize)]
struct MemoryJson {
    target_peak_bytes: Option<u64>,
}

#[derive(Serialize)]
struct AcknowledgedJson {
    ids: u64,
    files: Vec<AcknowledgedFileJson>,
}

#[derive(Serialize)]
struct AcknowledgedFileJson {
    file: String,
    ids: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<String>,
}

#[derive(Serialize)]
struct ProfileJson<'a> {
    samples: u64,
    slices: usize,
    hz: u32,
    capture_ratio: Option<f64>,
    target_us_per_request: Option<f64>,
    target_us_error: f64,
    throughput_rps: f64,
    top: Vec<FunctionJson<'a>>,
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    function: &'a str,
    self_share: f64,
    total_share: f64,
    self_us: f64,
    total_us: f64,
    total_share_low: f64,
    total_share_high: f64,
}

#[derive(Serialize)]
struct ThresholdJson<'a> {
    phase: &'a str,
    expr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    value: Option<f64>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    doubts: &'a [&'static str],
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    base: &'a str,
    head: &'a str,
    warnings: Vec<String>,
    metrics: Vec<PhaseMetricJson<'a>>,
    functions: Vec<DeltaJson<'a>>,
}

#[derive(Serialize)]
struct PhaseMetricJson<'a> {
    phase: &'a str,
    #[serde(flatten)]
    metric: MetricJson,
}

#[derive(Serialize)]
struct DeltaJson<'a> {
    phase: &'a str,
    function: &'a str,
    base_total_us: Option<f64>,
    head_total_us: Option<f64>,
    delta_total_us: f64,
    delta_total_low_us: f64,
    delta_total_high_us: f64,
    delta_self_us: f64,
    significant: bool,
}

fn variant_json<'a>(variant: &'a VariantResult, judged: &'a [Vec<Judgement>]) -> VariantJson<'a> {
    let thresholds = variant
        .phases
        .iter()
        .zip(judged)
        .flat_map(|(phase, judgements)| {
            judgements.iter().map(|judgement| ThresholdJson {
                phase: &phase.name,
                expr: &judgement.expr,
                request: judgement.request.as_deref(),
                value: judgement.value,
                verdict: judgement.verdict.name(),
                reason: judgement.reason.as_deref(),
                doubts: &judgement.doubts,
            })
        });
    VariantJson {
        name: &variant.name,
        target: &variant.target,
        phases: variant.phases.iter().map(phase_json).collect(),
        thresholds: thresholds.collect(),
    }
}

fn phase_json(phase: &PhaseResult) -> PhaseJson<'_> {
    let total = phase.total();
    let trust = phase.trust(&total);
    let seconds = phase.seconds();
    let target_cores = phase.target_cores();
    PhaseJson {
        name: &phase.name,
        load: LoadJson::of(&phase.load),
        rounds: phase
            .rounds
            .iter()
            .map(|round| RoundJson {
                window_s: round.seconds,
                throughput_rps: round.whole.throughput_rps,
                target_us_per_request: round.whole.us_per_request,
                latency_p50_us: round.whole.p50_us,
                latency_p99_us: round.whole.p99_us,
                relative_error: errors_json(&round.uncertainty),
                latency_p50_interval_us: round.uncertainty.p50_us,
                latency_p99_interval_us: round.uncertainty.p99_us,
            })
            .collect(),
        counts: counts_json(&total, phase),
        sent_rps: if seconds > 0.0 {
            total.sent_in_window as f64 / seconds
        } else {
            0.0
        },
        per_request: phase
            .requests
            .iter()
            .zip(&phase.tallies)
            .map(|(name, tally)| (name.as_str(), counts_json(tally, phase)))
            .collect(),
        exemplars: phase
            .exemplars
            .iter()
            .map(|(kind, words)| (kind.name(), words.as_str()))
            .collect(),
        connections: ConnectionsJson {
            opened: phase.opening.count(),
            open_us: quantiles_json(quantiles(phase.opening.histogram())),
            resent: phase.resent,
        },
        cpu: CpuJson {
            target_cores,
            target_utilisation: target_cores.map(|cores| cores / phase.target_cpus),
            target_us_per_request: phase.us_per_request(&total),
            service_cores: (!phase.services.is_empty()).then(|| phase.all_service_cores()),
            generator_cores: phase.generator_cores(),
            generator_wait_share: phase.worker_wait(),
            steal_share: phase.steal_share(),
        },
        memory: MemoryJson {
            target_peak_bytes: phase.peak_bytes,
        },
        instances: processes::instances(phase),
        services: processes::services(phase, &total),
        gateway: phase.counters.clone(),
        gateway_peak: phase.peaks.clone(),
        acknowledged: acknowledged_json(&phase.acknowledged),
        ended: phase.died.as_deref(),
        expected_bcrypt_rps: phase.expected_bcrypt_rate.map(|rate| rate.least),
        expected_bcrypt_rps_most: phase
            .expected_bcrypt_rate
            .filter(|rate| rate.most > rate.least)
            .map(|rate| rate.most),
        profile: phase.profile.as_ref().map(profile_json),
        trust: TrustJson::of(&trust),
        warnings: phase.warnings.iter().map(ToString::to_string).collect(),
    }
}

fn acknowledged_json(files: &[AcknowledgedFile]) -> Option<AcknowledgedJson> {
    let one = |file: &AcknowledgedFile| AcknowledgedFileJson {
        file: file.file.display().to_string(),
        ids: file.ids,
        sink: file.sink.clone(),
    };
    (!files.is_empty()).then(|| AcknowledgedJson {
        ids: files.iter().map(|file| file.ids).sum(),
        files: files.iter().map(one).collect(),
    })
}

fn errors_json(of: &Uncertainty) -> ErrorsJson {
    // An even error that reaches as far.
    let even = |(low, high): (f64, f64)| (low > 0.0).then(|| (high / low).ln() / 2.0 / Z95);
    ErrorsJson {
        throughput_rps: of.throughput,
        target_us_per_request: of.us_per_request,
        latency_p50_us: of.p50_us.and_then(even),
        latency_p99_us: of.p99_us.and_then(even),
    }
}

fn counts_json(tally: &Tally, phase: &PhaseResult) -> CountsJson {
    let (latency, exact_below) = latency_quantiles(tally);
    CountsJson {
        requests: RequestsJson {
            due: tally.due,
            sent: tally.sent,
            ok: tally.ok,
            failed: tally.failed,
            timed_out: tally.timed_out,
            in_flight_at_end: tally.in_flight_at_end,
            not_sent: tally.not_sent,
        },
        errors: tally
            .error_counts()
            .map(|(kind, count)| (kind.name(), count))
            .collect(),
        status: tally
            .status
            .iter()
            .filter(|&(_, &count)| count > 0)
            .map(|(&status, &count)| (status, count))
            .collect(),
        throughput_rps: phase.throughput_rps(tally),
        latency_us: quantiles_json(quantiles(&latency)),
        service_time_us: quantiles_json(quantiles(&tally.service_time)),
        queue_wait_us: quantiles_json(quantiles(&tally.queue_wait)),
        dispatch_lag_us: quantiles_json(quantiles(&tally.dispatch_lag)),
        failed_latency_us: quantiles_json(quantiles(&tally.failed_latency)),
        exact_below,
    }
}

fn quantiles_json(points: Quantiles) -> QuantilesJson {
    let Quantiles {
        min,
        mean,
        p50,
        p75,
        p90,
        p95,
        p99,
        p99_9,
        p99_99,
        max,
    } = points;
    QuantilesJson {
        min,
        mean,
        p50,
        p75,
        p90,
        p95,
        p99,
        p99_9,
        p99_99,
        max,
    }
}

fn profile_json(profile: &ProfileResult) -> ProfileJson<'_> {
    let us = profile.us_per_request.unwrap_or(0.0);
    let top = profile
        .functions
        .functions
        .iter()
        .take(TOP_FUNCTIONS)
        .map(|function| FunctionJson {
            function: &function.function,
            self_share: function.self_share.value,
            total_share: function.total_share.value,
            self_us: function.self_share.value * us,
            total_us: function.total_share.value * us,
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

fn comparison_json(comparison: &Comparison) -> ComparisonJson<'_> {
    let phases = || comparison.phases.iter();
    ComparisonJson {
        base: &comparison.base,
        head: &comparison.head,
        warnings: comparison
            .cautions
            .iter()
            .map(ToString::to_string)
            .chain(phases().flat_map(|phase| {
                let cautions = phase.cautions.iter();
                cautions.map(|caution| format!("{}: {caution}", phase.phase))
            }))
            .collect(),
        metrics: phases()
            .flat_map(|phase| {
                phase.metrics.iter().map(|change| PhaseMetricJson {
                    phase: &phase.phase,
                    metric: MetricJson::of(change),
                })
            })
            .collect(),
        functions: phases()
            .filter_map(|phase| {
                let found = phase.functions.as_ref()?;
                (found.diff.unit == Unit::PerRequest).then_some((&phase.phase, &found.diff))
            })
            .flat_map(|(phase, diff)| {
                let least_total = least_of_largest_totals(&diff.functions);
                let functions = diff.functions.iter().enumerate();
                functions
                    .filter(move |(at, delta)| {
                        *at < TOP_DELTAS || delta.total.delta.abs() >= least_total
                    })
                    .map(|(_, delta)| delta_json(phase, diff, delta))
            })
            .collect(),
    }
}

/// The smallest change of total cost that is among the largest: callers of what changed have little self cost.
fn least_of_largest_totals(functions: &[FunctionDelta]) -> f64 {
    let mut totals: Vec<f64> = functions
        .iter()
        .map(|delta| delta.total.delta.abs())
        .collect();
    totals.sort_by(|a, b| b.total_cmp(a));
    totals.get(TOP_DELTAS - 1).copied().unwrap_or(0.0)
}

fn delta_json<'a>(phase: &'a str, diff: &Diff, delta: &'a FunctionDelta) -> DeltaJson<'a> {
    let us = |function: &Option<FunctionShare>, whole: f64| {
        let function = function.as_ref();
        function.map(|function| function.total_share.value * whole)
    };
    DeltaJson {
        phase,
        function: &delta.function,
        base_total_us: us(&delta.base, diff.whole.0),
        head_total_us: us(&delta.head, diff.whole.1),
        delta_total_us: delta.total.delta,
        delta_total_low_us: delta.total.interval.low,
        delta_total_high_us: delta.total.interval.high,
        delta_self_us: delta.own.delta,
        significant: delta.total_finding == DeltaFinding::Changed,
    }
}
