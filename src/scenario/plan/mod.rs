//! The validated plan: what a run does, with nothing left to check. Immutable once made.

pub mod command;
pub mod gate;
pub mod places;
pub mod ports;
pub mod threshold;
pub(super) mod words;

mod host;
mod judged;
mod load;
mod order;
mod profile;
mod request;
mod target;

use std::time::Duration;

use self::gate::{GateLines, GatePlan};
use crate::shard::Part;
use crate::traffic::fleet::Fleet;
use crate::traffic::template::{Secrets, Stamp, Template};
use crate::transport::sources::Sources;

pub use host::{BaseUrl, Host, Route};
pub use judged::{Abort, CostModel, Judge, Judged, Threshold};
pub use load::{Arrivals, Load, LoadModel, Pace, Phase, Stage};
pub use order::{not_in_turns, shared_port};
pub use profile::{Also, Profile, ProfileSource};
pub use request::{Chunks, Elsewhere, Need, Request};
pub use target::{Service, Target};

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
    /// What the user should know of it before it runs.
    pub notes: Vec<String>,
    /// Seed of the mix, of arrivals and of random values.
    pub seed: u64,
    /// How often each variant is launched and measured.
    pub rounds: u32,
    /// In which order, round by round.
    pub sequence: Sequence,
    /// Interval of the series.
    pub interval: Duration,
    /// At least one, in the order written.
    pub variants: Vec<Variant>,
    /// Pairs of variants to compare.
    pub comparisons: Vec<ComparisonPlan>,
    /// Those of them whose variants are up together and take turns; no variant is in two.
    pub turns: Vec<ComparisonPlan>,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// Whether comparisons are judged where figures may not be the target's.
    pub allow_untrusted: bool,
    /// How cost is estimated from CPU per request.
    pub cost: CostModel,
    /// What `telemload gate` judges.
    pub gate: GatePlan,
    /// Where the scenario asks for that.
    pub gate_lines: GateLines,
    /// Which part of it this process runs, if it is split over several.
    pub part: Option<Part>,
    /// Whether dry runs and the words of failures show secrets.
    pub secrets: Secrets,
}

impl Plan {
    /// The limits of thresholds on latencies, µs.
    pub(crate) fn latency_limits(&self) -> Vec<f64> {
        let latencies = self.thresholds.iter().filter(|of| of.is_of_latency());
        latencies.map(|of| of.expr.limit).collect()
    }

    /// What its results are judged by.
    pub(crate) fn judged(&self) -> Judged {
        let name = |at: usize| self.variants[at].name.clone();
        let pairs = self.comparisons.iter();
        Judged {
            name: self.name.clone(),
            thresholds: self.thresholds.clone(),
            pairs: pairs.map(|of| (name(of.base), name(of.head))).collect(),
            allow_untrusted: self.allow_untrusted,
            cost: self.cost.clone(),
        }
    }
}

/// In which order variants are launched, so that what drifts over time falls on all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// As they are written, and the next round the other way round.
    ThereAndBack,
    /// In a random order that follows from this seed, and the next round the other way round: over two rounds each is as often before another
    /// one as behind it.
    Shuffled(u64),
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
    /// Other hosts that requests go to, in the order in which they are named.
    pub hosts: Vec<Host>,
    /// Fleets by the order of their names.
    pub fleets: Vec<Fleet>,
    /// At least one.
    pub phases: Vec<Phase>,
    /// At least one.
    pub requests: Vec<Request>,
    /// If the target is profiled.
    pub profile: Option<Profile>,
    /// Addresses of this machine that connections of a load come from, unless the system chooses.
    pub sources: Option<Sources>,
}

/// A pair of variants, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonPlan {
    /// Before.
    pub base: usize,
    /// After.
    pub head: usize,
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
        for request in &mut requests {
            let asked = match &request.elsewhere {
                None => self.target.asked_proxy(),
                Some(elsewhere) => self.hosts[elsewhere.host].asked_proxy(),
            };
            if let Some((proxy, origin)) = asked {
                request.ask_proxy(&origin, proxy.authorization.as_deref());
            }
        }
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
