//! One phase of a variant, pooled over its launches.

use std::collections::BTreeMap;

use super::{
    AcknowledgedFile, HostUse, InTurns, InstanceUse, Note, ProfileResult, Round, ServiceUse, Trust,
    per,
};
use crate::metrics::{Durations, ErrorKind, Oddities, Tally};
use crate::scenario::{Load, LoadModel};
use crate::tenant::{Expected, Told};
use crate::transport::tls::Handshakes;

/// One phase of a variant, pooled over its rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseResult {
    /// Its name.
    pub name: String,
    /// Its load.
    pub load: Load,
    /// Names of the requests, in the order of `tallies`.
    pub requests: Vec<String>,
    /// How it took turns with the phase of another variant, if it did.
    pub turns: Option<InTurns>,
    /// Counts by request.
    pub tallies: Vec<Tally>,
    /// The first failure of each kind, in words.
    pub exemplars: BTreeMap<ErrorKind, String>,
    /// Each launch's own figures.
    pub rounds: Vec<Round>,
    /// CPUs that the target may use.
    pub target_cpus: f64,
    /// Largest memory of the target within a window, bytes.
    pub peak_bytes: Option<u64>,
    /// Increase of what the target counts of itself over the windows, by name.
    pub counters: BTreeMap<String, u64>,
    /// The highest value of its gauges at the ends of intervals, by name.
    pub peaks: BTreeMap<String, u64>,
    /// What the target acknowledged, if requests say how that is called.
    pub acknowledged: Vec<AcknowledgedFile>,
    /// How the target ended in the middle of the load, the first time that it did.
    pub died: Option<String>,
    /// Every connection that was opened, those of warm-ups too: how long that took, TLS handshake included.
    pub opening: Durations,
    /// What answers did that they should not, though they could be read.
    pub oddities: Oddities,
    /// How they were secured, if they were.
    pub handshakes: Handshakes,
    /// Each instance of the target, where there are several.
    pub instances: Vec<InstanceUse>,
    /// The hosts that requests go to, the target first, where there are others than that.
    pub hosts: Vec<HostUse>,
    /// What ran beside the target, in the order of the plan.
    pub services: Vec<ServiceUse>,
    /// What its load should cost a target that telemload knows.
    pub expected: Option<Expected>,
    /// The profile of the profiled phase.
    pub profile: Option<ProfileResult>,
    /// How far its figures are the target's.
    pub trust: Trust,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

impl PhaseResult {
    /// A phase of which nothing is known but its plan: no round, no counts, one CPU for its target.
    pub fn blank(name: String, load: Load, requests: Vec<String>) -> Self {
        Self {
            name,
            load,
            turns: None,
            tallies: vec![Tally::default(); requests.len()],
            requests,
            exemplars: BTreeMap::new(),
            oddities: Oddities::default(),
            rounds: Vec::new(),
            target_cpus: 1.0,
            peak_bytes: None,
            counters: BTreeMap::new(),
            peaks: BTreeMap::new(),
            acknowledged: Vec::new(),
            died: None,
            opening: Durations::default(),
            handshakes: Handshakes::default(),
            instances: Vec::new(),
            hosts: Vec::new(),
            services: Vec::new(),
            expected: None,
            profile: None,
            trust: Trust::default(),
            notes: Vec::new(),
        }
    }

    /// All requests as one tally.
    pub fn total(&self) -> Tally {
        Tally::sum(&self.tallies)
    }

    /// Indices of the requests that go to other hosts than the target.
    pub(crate) fn elsewhere(&self) -> impl Iterator<Item = usize> {
        let others = self.hosts.iter().skip(1);
        others.flat_map(|host| host.requests.iter().copied())
    }

    /// OK responses of the target, of those of all hosts in `total`.
    pub fn target_ok(&self, total: &Tally) -> u64 {
        let others = self.elsewhere().map(|at| self.charged(&self.tallies[at]));
        self.charged(total).saturating_sub(others.sum())
    }

    /// The OK responses among `tally` that the CPU time of processes is charged to: where they are read between turns, also those that came
    /// between two.
    pub fn charged(&self, tally: &Tally) -> u64 {
        match self.turns {
            Some(_) => tally.ok,
            None => tally.completed_ok,
        }
    }

    /// Seconds of all windows.
    pub fn seconds(&self) -> f64 {
        // Not `sum`, which is -0.0 for no rounds.
        self.rounds
            .iter()
            .fold(0.0, |sum, round| sum + round.seconds)
    }

    /// OK responses completed per second of the windows; `None` if there was none.
    pub fn throughput_rps(&self, total: &Tally) -> Option<f64> {
        per(total.completed_ok as f64, self.seconds())
    }

    /// Requests that were due and sent per second of the windows.
    pub fn sent_rps(&self, total: &Tally) -> Option<f64> {
        per(total.sent_in_window as f64, self.seconds())
    }

    /// CPU time of the target over all windows, s.
    pub fn target_cpu_seconds(&self) -> Option<f64> {
        self.rounds
            .iter()
            .map(|round| round.target_cpu_seconds)
            .sum()
    }

    /// CPU of the target, cores.
    pub fn target_cores(&self) -> Option<f64> {
        per(self.target_cpu_seconds()?, self.seconds())
    }

    /// CPU of the target per OK response of its own, µs.
    pub fn us_per_request(&self, total: &Tally) -> Option<f64> {
        per(
            self.target_cpu_seconds()? * 1e6,
            self.target_ok(total) as f64,
        )
    }

    /// CPU of a service, cores.
    pub fn service_cores(&self, service: &ServiceUse) -> Option<f64> {
        per(service.used.cpu_seconds?, self.seconds())
    }

    /// CPU of all services, cores; `None` if one is not known, or there is none.
    pub fn all_service_cores(&self) -> Option<f64> {
        let services = self.services.iter();
        services
            .map(|service| self.service_cores(service))
            .reduce(|sum, cores| Some(sum? + cores?))
            .flatten()
    }

    /// CPU of the generator, cores, weighted by the windows.
    pub fn generator_cores(&self) -> Option<f64> {
        let rounds = self.rounds.iter();
        let used: Option<f64> = rounds
            .map(|round| Some(round.generator_cores? * round.seconds))
            .sum();
        per(used?, self.seconds())
    }

    /// Largest share of CPU time that the host took in any round.
    pub fn steal_share(&self) -> Option<f64> {
        worst(self.rounds.iter().map(|round| round.steal_share))
    }

    /// Largest share of a window in which a worker of the generator waited for a CPU, in any round.
    pub fn worker_wait(&self) -> Option<f64> {
        worst(self.rounds.iter().map(|round| round.worker_wait))
    }

    /// What is known of a target that telemload knows.
    pub fn told(&self, total: &Tally) -> Told<'_> {
        Told {
            counters: &self.counters,
            peaks: &self.peaks,
            seconds: self.seconds() * self.turns.as_ref().map_or(1.0, InTurns::stretch),
            ok: self.target_ok(total),
            expected: self.expected,
        }
    }

    /// Share of the scheduled requests that were sent in the window; 1 for a closed loop.
    pub fn sent_share(&self, total: &Tally) -> f64 {
        match self.load.model {
            LoadModel::Closed => 1.0,
            LoadModel::Open { .. } => total.scheduled_share().unwrap_or(1.0),
        }
    }
}

fn worst(shares: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    shares.flatten().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{ok, phase};
    use super::*;

    #[test]
    fn the_cost_of_a_request_is_by_the_answers_of_the_target_alone() {
        let mut phase = phase(|tally| ok(tally, 100, 50));
        assert_eq!(phase.us_per_request(&phase.total()), Some(5_000.0));
        let mut other = Tally::default();
        ok(&mut other, 900, 50);
        phase.tallies.push(other);
        phase.requests.push("login".to_owned());
        assert_eq!(phase.us_per_request(&phase.total()), Some(500.0));
        let host = |name: &str, at| HostUse::new(name.to_owned(), vec![at]);
        phase.hosts = vec![host("target", 0), host("https://idp.test", 1)];
        assert_eq!(phase.us_per_request(&phase.total()), Some(5_000.0));
        assert_eq!(phase.throughput_rps(&phase.total()), Some(500.0));
        assert_eq!(phase.hosts[1].tally(&phase.tallies).ok, 900);
    }
}
