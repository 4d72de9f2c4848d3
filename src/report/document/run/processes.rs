//! Instances of a target and services beside it as `result.json` has them, written and read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::{Served, Tally};
use crate::result::{InstanceUse, PhaseResult, ProcessUse, ServiceUse};
use crate::units::printable;

#[derive(Serialize, Deserialize)]
pub(super) struct InstanceJson {
    address: String,
    requests: ServedJson,
    throughput_rps: Option<f64>,
    cores: Option<f64>,
    cpu_s: Option<f64>,
    us_per_request: Option<f64>,
    peak_bytes: Option<u64>,
    gateway: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
struct ServedJson {
    ok: u64,
    failed: u64,
    completed_ok: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ServiceJson {
    name: String,
    cores: Option<f64>,
    cpu_s: Option<f64>,
    us_per_request: Option<f64>,
    peak_bytes: Option<u64>,
}

impl InstanceJson {
    pub(super) fn of(of: &InstanceUse, seconds: f64) -> Self {
        let by_seconds = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
        Self {
            address: of.address.clone(),
            requests: ServedJson {
                ok: of.served.ok,
                failed: of.served.failed,
                completed_ok: Some(of.served.completed_ok),
            },
            throughput_rps: by_seconds(of.served.completed_ok as f64),
            cores: of.used.cpu_seconds.and_then(by_seconds),
            cpu_s: of.used.cpu_seconds,
            us_per_request: of.us_per_request(),
            peak_bytes: of.used.peak_bytes,
            gateway: of.counters.clone(),
        }
    }

    /// Earlier versions tell rates alone.
    pub(super) fn instance(self, seconds: f64) -> InstanceUse {
        let of_rate = self.throughput_rps.map_or(0.0, |rate| rate * seconds);
        InstanceUse {
            address: printable(&self.address).into_owned(),
            used: ProcessUse {
                cpu_seconds: self.cpu_s.or(self.cores.map(|cores| cores * seconds)),
                peak_bytes: self.peak_bytes,
            },
            served: Served {
                ok: self.requests.ok,
                failed: self.requests.failed,
                completed_ok: self.requests.completed_ok.unwrap_or(of_rate.round() as u64),
            },
            counters: self.gateway,
        }
    }
}

impl ServiceJson {
    pub(super) fn of(service: &ServiceUse, phase: &PhaseResult, total: &Tally) -> Self {
        Self {
            name: service.name.clone(),
            cores: phase.service_cores(service),
            cpu_s: service.used.cpu_seconds,
            us_per_request: service.us_per_request(phase.charged(total)),
            peak_bytes: service.used.peak_bytes,
        }
    }

    /// Earlier versions tell cores alone.
    pub(super) fn service(self, seconds: f64) -> ServiceUse {
        ServiceUse {
            name: printable(&self.name).into_owned(),
            used: ProcessUse {
                cpu_seconds: self.cpu_s.or(self.cores.map(|cores| cores * seconds)),
                peak_bytes: self.peak_bytes,
            },
        }
    }
}
