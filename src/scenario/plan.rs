//! The validated plan: what a run does, with nothing left to check. Immutable once made.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use target_service::IngestMode;

use crate::transport::tls::Tls;
use crate::units::Rate;

use super::command::Command;
use super::gateway::Places;
use super::threshold::Expression;
use crate::traffic::expect::{Expect, Extract};
use crate::traffic::fleet::Fleet;
use crate::traffic::template::{Secrets, Stamp, Template};

/// Stands for the launch's own directory within the run directory in the gateway's `sink`.
pub const LAUNCH_DIRECTORY: &str = "{dir}";

/// A scenario after validation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name for people and for the run directory.
    pub name: String,
    /// What the scenario shows.
    pub description: String,
    /// Hex SHA-256 of the scenario's text.
    pub sha256: String,
    /// The scenario's text with literal credentials redacted and the flags that override it.
    pub text: String,
    /// How often each variant is launched and measured; variants alternate between rounds.
    pub rounds: u32,
    /// Interval of the series.
    pub interval: Duration,
    /// At least one, in the order written.
    pub variants: Vec<Variant>,
    /// Pairs of variants to compare.
    pub comparisons: Vec<ComparisonPlan>,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// How cost is estimated from CPU per request.
    pub cost: CostModel,
    /// Whether dry runs and the words of failures show secrets.
    pub secrets: Secrets,
}

/// One variant with everything resolved.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Unique within the plan.
    pub name: String,
    /// What is loaded.
    pub target: Target,
    /// What runs beside it, in the order in which it is started.
    pub services: Vec<Service>,
    /// Fleets by the order of their names.
    pub fleets: Vec<Fleet>,
    /// At least one.
    pub phases: Vec<Phase>,
    /// At least one.
    pub requests: Vec<Request>,
    /// If the target is profiled.
    pub profile: Option<Profile>,
}

/// What is loaded.
#[derive(Debug, Clone)]
pub enum Target {
    /// The bundled gateway as a child process.
    Gateway {
        /// Its configuration, as it was written.
        config: Box<target_service::Config>,
        /// Where that names ports of services.
        places: Places,
        /// How many processes, each with a port of its own.
        instances: u32,
        /// Fixed port of a single one, else a free one.
        port: Option<u16>,
        /// How long it may take to answer.
        ready_within: Duration,
    },
    /// A command that telemload starts and stops.
    Command {
        /// Its command line.
        command: Command,
        /// Path that answers 2xx once the target is ready.
        ready: String,
        /// How long that may take.
        ready_within: Duration,
        /// How many processes, each with a port of its own.
        instances: u32,
        /// Fixed port of a single one, else a free one.
        port: Option<u16>,
        /// If it serves https.
        tls: Option<Tls>,
    },
    /// Something that runs already.
    Url {
        /// What it is called.
        base: BaseUrl,
        /// Where connections go.
        route: Route,
        /// Process to measure, if it is local.
        pid: Option<u32>,
        /// Prometheus endpoint with `process_cpu_seconds_total`.
        metrics: Option<String>,
    },
}

/// What a target needs beside it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Unique within the variant.
    pub name: String,
    /// Its command line, which names its port.
    pub command: Command,
    /// Path that answers 2xx once it is ready; without one it is ready when it accepts a connection.
    pub ready: Option<String>,
    /// How long that may take.
    pub ready_within: Duration,
}

/// Where connections to a URL target go. The URL names it in the Host header and to TLS in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the URL's host and port.
    Url,
    /// To another host and port.
    Host {
        /// Host name or address; an IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// To a unix socket.
    Unix(Arc<Path>),
}

/// Scheme and authority of a URL target.
#[derive(Debug, Clone)]
pub struct BaseUrl {
    /// If the scheme is https.
    pub tls: Option<Tls>,
    /// Host name or address; an IPv6 address without brackets.
    pub host: String,
    /// Port, 80 for http and 443 for https if it was not given.
    pub port: u16,
    /// As sent in the Host header.
    pub authority: String,
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// A stretch of load with its own results.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Unique within the variant.
    pub name: String,
    /// Its load.
    pub load: Load,
}

/// How requests are started and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// When requests start.
    pub model: LoadModel,
    /// Connections in all, at least one per worker.
    pub connections: u32,
    /// Length of the measured window.
    pub duration: Duration,
    /// Stops earlier after this many requests in the window.
    pub requests: Option<u64>,
    /// Load before the window that is not measured.
    pub warmup: Duration,
    /// Longest a request may take from its sending.
    pub timeout: Duration,
    /// Worker threads.
    pub workers: u32,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
    /// Weights of requests in this load, by their names; the others have their own.
    pub weights: BTreeMap<String, u32>,
    /// Whether it is meant to be more than the target takes: that the target falls behind or dies is a finding then, and no
    /// failure of the run.
    pub overload: bool,
}

/// When requests start.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadModel {
    /// Every connection sends its next request when the last one is answered.
    Closed,
    /// Requests start by a schedule, whatever the target does.
    Open {
        /// How many are due, and when.
        pace: Pace,
        /// Spacing of the schedule.
        arrivals: Arrivals,
    },
}

/// The rate of an open loop over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// The same all the time.
    Constant(Rate),
    /// In stages, which are the window.
    Staged {
        /// Where it begins, and what the warm-up holds: requests per second, 0 or more.
        begin: f64,
        /// At least one; the rate is above 0 in some.
        stages: Arc<[Stage]>,
    },
}

/// A stretch in which the rate goes linearly to where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Where it ends, requests per second, 0 or more; where it began if the rate is held.
    pub to: f64,
    /// How long it lasts; zero for a step.
    pub over: Duration,
}

/// Spacing of an open schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Constant,
    /// Independent of each other (exponential gaps).
    Poisson,
    /// So many at the same instant, and then none until the next as many are due.
    Burst(NonZeroU32),
}

impl Pace {
    /// The highest rate that it reaches.
    pub fn highest(&self) -> Rate {
        match self {
            Self::Constant(rate) => *rate,
            Self::Staged { begin, stages } => {
                let highest = stages.iter().map(|stage| stage.to).fold(*begin, f64::max);
                Rate::new(highest).expect("stages have a rate above 0, and each is in range")
            }
        }
    }
}

/// A request template.
#[derive(Debug, Clone)]
pub struct Request {
    /// Unique within the variant.
    pub name: String,
    /// Index into the variant's fleets.
    pub fleet: Option<usize>,
    /// Share of the mix, unless a load has its own; 0 if it is sent only when another one needs what it brings.
    pub weight: u32,
    /// As sent.
    pub method: String,
    /// Path and query.
    pub path: Template,
    /// Names and values in the order written, without Host and Content-Length.
    pub headers: Vec<(String, Template)>,
    /// Whether the literal value of the header at the same index must not be shown.
    pub sensitive: Vec<bool>,
    /// Body, if there is one.
    pub body: Option<Template>,
    /// What is OK.
    pub expect: Expect,
    /// What an OK answer gives to the device.
    pub extract: Vec<Extract>,
    /// What the device must have been given before.
    pub needs: Vec<Need>,
    /// The ids of what an OK answer acknowledges; each is different for every request of a run.
    pub acknowledged: Vec<Template>,
}

/// A variable that a request uses, by index, and the request that extracts it. There are no cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Index of the variable.
    pub variable: usize,
    /// Index of the request that extracts it; it has the same fleet.
    pub request: usize,
}

/// How the target is profiled.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who takes the samples.
    pub source: ProfileSource,
    /// Samples per second and busy core.
    pub hz: u32,
    /// Whole seconds.
    pub duration: Duration,
}

/// Who takes the samples of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// The target, which is asked for them.
    Pprof {
        /// Its endpoint, with `{port}` in the place of the target's port; the gateway's own if none.
        url: Option<String>,
    },
    /// The system's perf; the processes of the target are known.
    Perf,
}

/// A pair of variants, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonPlan {
    /// Before.
    pub base: usize,
    /// After.
    pub head: usize,
}

/// What must hold, and where.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// The expression.
    pub expr: Expression,
    /// Only in this variant.
    pub variant: Option<String>,
    /// Only in this phase.
    pub phase: Option<String>,
    /// Only for this request.
    pub request: Option<String>,
    /// Whether a pattern may match no function of the profile.
    pub allow_absent: bool,
}

/// How many instances a rate needs, and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct CostModel {
    /// Name of the instance type.
    pub instance: String,
    /// Its vCPUs.
    pub vcpus: u32,
    /// Price of an hour, dollars.
    pub hourly: f64,
    /// Requests per second to serve.
    pub target_rate: f64,
    /// Share of an instance's CPU that is planned for.
    pub utilisation: f64,
    /// Whether nothing of it was given in the scenario.
    pub assumed: bool,
}

impl CostModel {
    /// Instances needed when a request costs `us_per_request` µs of CPU: rate × cost / (vCPUs × utilisation), rounded up.
    pub fn instances(&self, us_per_request: f64) -> u64 {
        (self.target_rate * us_per_request / 1e6 / (f64::from(self.vcpus) * self.utilisation))
            .ceil()
            .max(1.0) as u64
    }

    /// Dollars a month (730 hours) for that many instances.
    pub fn monthly(&self, instances: u64) -> f64 {
        instances as f64 * self.hourly * 730.0
    }
}

impl Request {
    /// The request as one stretch of load sends it.
    fn stamp(&mut self, stamp: Stamp) {
        let headers = self.headers.iter_mut().map(|(_, value)| value);
        let others = [&mut self.path].into_iter().chain(&mut self.body);
        for template in headers.chain(others).chain(&mut self.acknowledged) {
            template.stamp(stamp);
        }
    }
}

impl Variant {
    /// The requests as a stretch of load sends them: in its mix, and with `Connection: close` behind their headers where each has
    /// its own connection.
    pub fn requests_of(&self, load: &Load, stamp: Stamp) -> Vec<Request> {
        let mut requests = self.requests.clone();
        for (at, request) in requests.iter_mut().enumerate() {
            request.weight = self.weight_of(at, load);
        }
        requests.iter_mut().for_each(|request| request.stamp(stamp));
        if !load.keep_alive {
            for request in &mut requests {
                let close = Template::raw(b"close".to_vec());
                request.headers.push(("Connection".to_owned(), close));
                request.sensitive.push(false);
            }
        }
        requests
    }

    /// Share of the mix that the request with this index has in a load.
    pub fn weight_of(&self, at: usize, load: &Load) -> u32 {
        let request = &self.requests[at];
        let given = load.weights.get(&request.name);
        given.copied().unwrap_or(request.weight)
    }

    /// Whether a phase sends the request with this index, or another one needs it.
    pub(super) fn sends(&self, at: usize) -> bool {
        let is_needed = |other: &Request| other.needs.iter().any(|need| need.request == at);
        self.requests.iter().any(is_needed)
            || self
                .phases
                .iter()
                .any(|phase| self.weight_of(at, &phase.load) > 0)
    }
}

impl Target {
    /// What kind it is and how it is configured, for people.
    pub fn describe(&self) -> String {
        match self.instances() {
            1 => self.describe_one(),
            instances => format!("{instances} instances of {}", self.describe_one()),
        }
    }

    fn describe_one(&self) -> String {
        match self {
            Self::Gateway { config, .. } => {
                let ingest = match config.ingest {
                    IngestMode::Discard => String::new(),
                    mode => format!(", ingest {mode} into {}", config.sink),
                };
                format!(
                    "bundled gateway, auth {}, rbac {}, bcrypt cost {}, {} CPU(s){ingest}",
                    config.auth, config.rbac, config.bcrypt_cost, config.cpus
                )
            }
            Self::Command { command, .. } => format!("command `{}`", command.line()),
            Self::Url { base, route, .. } => match route {
                Route::Url => base.to_string(),
                Route::Host { host, port } => format!("{base} through {host}:{port}"),
                Route::Unix(path) => format!("{base} through {}", path.display()),
            },
        }
    }

    /// How many processes it is.
    pub fn instances(&self) -> u32 {
        match self {
            Self::Gateway { instances, .. } | Self::Command { instances, .. } => *instances,
            Self::Url { .. } => 1,
        }
    }

    /// How it is spoken to, if that is over TLS.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Gateway { .. } => None,
            Self::Command { tls, .. } => tls.as_ref(),
            Self::Url { base, .. } => base.tls.as_ref(),
        }
    }

    /// Whether it is on this machine, as far as its name tells.
    pub fn is_loopback(&self) -> bool {
        let Self::Url { base, route, .. } = self else {
            return true;
        };
        let host = match route {
            Route::Url => &base.host,
            Route::Host { host, .. } => host,
            Route::Unix(_) => return true,
        };
        host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Whether connections to it take local ports.
    pub fn takes_ports(&self) -> bool {
        !matches!(
            self,
            Self::Url {
                route: Route::Unix(_),
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storys_instances_follow_from_its_figures() {
        let model = CostModel {
            instance: "c6g.16xlarge".to_owned(),
            vcpus: 64,
            hourly: 2.176,
            target_rate: 20_000.0,
            utilisation: 0.7,
            assumed: true,
        };
        assert_eq!(model.instances(58_000.0), 26);
        assert_eq!(model.instances(1.0), 1);
        assert!((model.monthly(27) - 42_889.0).abs() < 1.0);
    }
}
