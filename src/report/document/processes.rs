//! Instances of a target and services beside it as `result.json` has them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::Tally;
use crate::result::{InstanceUse, PhaseResult};

#[derive(Serialize)]
pub(super) struct InstanceJson<'a> {
    address: &'a str,
    requests: ServedJson,
    throughput_rps: Option<f64>,
    cores: Option<f64>,
    us_per_request: Option<f64>,
    peak_bytes: Option<u64>,
    gateway: &'a BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct ServedJson {
    ok: u64,
    failed: u64,
}

#[derive(Serialize)]
pub(super) struct ServiceJson<'a> {
    name: &'a str,
    cores: Option<f64>,
    us_per_request: Option<f64>,
    peak_bytes: Option<u64>,
}

/// Each instance of the target, where there are several.
pub(super) fn instances(phase: &PhaseResult) -> Vec<InstanceJson<'_>> {
    let seconds = phase.seconds();
    let instances = phase.instances.iter();
    instances.map(|of| instance(of, seconds)).collect()
}

/// Each service beside it.
pub(super) fn services<'a>(phase: &'a PhaseResult, total: &Tally) -> Vec<ServiceJson<'a>> {
    let services = phase.services.iter();
    services
        .map(|service| ServiceJson {
            name: &service.name,
            cores: phase.service_cores(service),
            us_per_request: service.us_per_request(total),
            peak_bytes: service.peak_bytes,
        })
        .collect()
}

fn instance(of: &InstanceUse, seconds: f64) -> InstanceJson<'_> {
    let by_seconds = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
    InstanceJson {
        address: &of.address,
        requests: ServedJson {
            ok: of.served.ok,
            failed: of.served.failed,
        },
        throughput_rps: by_seconds(of.served.completed_ok as f64),
        cores: of.cpu_seconds.and_then(by_seconds),
        us_per_request: of.us_per_request(),
        peak_bytes: of.peak_bytes,
        gateway: &of.counters,
    }
}
