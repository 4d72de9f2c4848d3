//! The hosts of a load as `result.json` has them, written and read again.

use serde::{Deserialize, Serialize};

use super::counts::CountsJson;
use crate::metrics::{Quantiles, quantiles};
use crate::result::{HostUse, PhaseResult};
use crate::transport::tls::Handshakes;
use crate::units::printable;

#[derive(Serialize, Deserialize)]
pub(super) struct HostJson {
    host: String,
    #[serde(skip_deserializing)]
    is_target: bool,
    request_names: Vec<String>,
    #[serde(skip_deserializing)]
    counts: CountsJson,
    connections: OpenedJson,
}

#[derive(Serialize, Deserialize)]
struct OpenedJson {
    #[serde(skip_deserializing)]
    opened: u64,
    #[serde(skip_deserializing)]
    open_us: Quantiles,
    #[serde(default, skip_serializing_if = "Handshakes::is_empty")]
    tls: Handshakes,
}

impl HostJson {
    /// Of all hosts, the target first.
    pub(super) fn all(phase: &PhaseResult) -> Vec<Self> {
        let of = |(at, host): (usize, &HostUse)| Self {
            host: host.name.clone(),
            is_target: at == 0,
            request_names: (host.requests.iter())
                .map(|&at| phase.requests[at].clone())
                .collect(),
            counts: CountsJson::of(&host.tally(&phase.tallies), phase),
            connections: OpenedJson {
                opened: host.opening.count(),
                open_us: quantiles(host.opening.histogram()),
                tls: host.handshakes.clone(),
            },
        };
        phase.hosts.iter().enumerate().map(of).collect()
    }

    /// The host of some of these requests; what they came to is known of each.
    pub(super) fn host(self, requests: &[String]) -> HostUse {
        let at = |name: &String| requests.iter().position(|known| known == name);
        let name = printable(&self.host).into_owned();
        let mut host = HostUse::new(name, self.request_names.iter().filter_map(at).collect());
        host.handshakes = self.connections.tls;
        host
    }
}
