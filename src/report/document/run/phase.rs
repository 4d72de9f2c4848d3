//! A phase of a variant in `result.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::{CountsJson, QuantilesJson, counts_json, quantiles_json};
use super::profile::{ProfileJson, profile_json};
use crate::experiment::{AcknowledgedFile, PhaseResult, Uncertainty};
use crate::metrics::{Tally, quantiles};
use crate::profile::Z95;
use crate::report::document::load::LoadJson;
use crate::report::document::processes::{self, InstanceJson, ServiceJson};
use crate::report::document::trust::TrustJson;

#[derive(Serialize)]
pub(super) struct PhaseJson<'a> {
    name: &'a str,
    load: LoadJson,
    rounds: Vec<RoundJson>,
    #[serde(flatten)]
    counts: CountsJson,
    sent_rps: f64,
    #[serde(flatten)]
    answering: AnsweringJson,
    per_request: BTreeMap<&'a str, RequestJson>,
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

/// For how much of the windows the target answered.
#[derive(Serialize)]
struct AnsweringJson {
    answered_s: f64,
    answered_rps: Option<f64>,
    longest_silence_s: f64,
    longest_silence_from_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_time_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<String>,
}

#[derive(Serialize)]
struct RequestJson {
    #[serde(flatten)]
    counts: CountsJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<String>,
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

pub(super) fn phase_json(phase: &PhaseResult) -> PhaseJson<'_> {
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
        answering: answering_json(phase, &total),
        per_request: requests_json(phase),
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
        expected_bcrypt_rps: phase.expected.map(|rate| rate.least),
        expected_bcrypt_rps_most: phase
            .expected
            .filter(|rate| rate.most > rate.least)
            .map(|rate| rate.most),
        profile: phase.profile.as_ref().map(profile_json),
        trust: TrustJson::of(&trust),
        warnings: phase.warnings.iter().map(ToString::to_string).collect(),
    }
}

fn answering_json(phase: &PhaseResult, total: &Tally) -> AnsweringJson {
    let silence = phase.longest_silence();
    AnsweringJson {
        answered_s: phase.answered_seconds(),
        answered_rps: phase.answered_rps(total),
        longest_silence_s: silence.map_or(0.0, |of| of.seconds),
        longest_silence_from_s: silence.map(|of| of.from),
        lost_time_share: phase.lost_share(),
        gone: phase.gone().map(|gone| gone.words),
    }
}

fn requests_json(phase: &PhaseResult) -> BTreeMap<&str, RequestJson> {
    let sent = phase.requests.iter().zip(&phase.tallies).enumerate();
    sent.map(|(at, (name, tally))| {
        let request = RequestJson {
            counts: counts_json(tally, phase),
            gone: phase.request_gone(at).map(|gone| gone.words("")),
        };
        (name.as_str(), request)
    })
    .collect()
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
