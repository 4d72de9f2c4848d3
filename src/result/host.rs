//! What the hosts of a load came to, where there are others than the target.

use super::PhaseResult;
use crate::metrics::{Durations, Tally};
use crate::transport::tls::Handshakes;

/// One of the hosts that requests go to.
#[derive(Debug, Clone, PartialEq)]
pub struct HostUse {
    /// Its URL, or what it is.
    pub name: String,
    /// Indices of the requests that go to it.
    pub requests: Vec<usize>,
    /// The connections to it that were opened.
    pub opening: Durations,
    /// How they were secured.
    pub handshakes: Handshakes,
}

impl HostUse {
    /// One to which nothing was opened yet.
    pub(crate) fn new(name: String, requests: Vec<usize>) -> Self {
        Self {
            name,
            requests,
            opening: Durations::default(),
            handshakes: Handshakes::default(),
        }
    }

    /// Its requests among all as one tally.
    pub fn tally(&self, phase: &PhaseResult) -> Tally {
        let mut tally = Tally::default();
        for &at in &self.requests {
            tally.add(&phase.tallies[at]);
        }
        tally
    }

    /// Adds what another launch found of the same host.
    pub(super) fn add(&mut self, other: &Self) {
        self.opening.add(&other.opening);
        self.handshakes.add(&other.handshakes);
    }
}

impl PhaseResult {
    /// Indices of the requests that go to other hosts than the target.
    pub(crate) fn elsewhere(&self) -> impl Iterator<Item = usize> {
        let others = self.hosts.iter().skip(1);
        others.flat_map(|host| host.requests.iter().copied())
    }

    /// OK responses of the target, of those of all hosts in `total`.
    pub fn target_ok(&self, total: &Tally) -> u64 {
        let others = self.elsewhere().map(|at| self.tallies[at].completed_ok);
        total.completed_ok.saturating_sub(others.sum())
    }
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
        assert_eq!(phase.hosts[1].tally(&phase).ok, 900);
    }
}
