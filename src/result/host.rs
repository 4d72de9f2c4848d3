//! What the hosts of a load came to, where there are others than the target.

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
    pub fn tally(&self, tallies: &[Tally]) -> Tally {
        let mut tally = Tally::default();
        for &at in &self.requests {
            tally.add(&tallies[at]);
        }
        tally
    }

    /// Adds what another launch found of the same host.
    pub(super) fn add(&mut self, other: &Self) {
        self.opening.add(&other.opening);
        self.handshakes.add(&other.handshakes);
    }
}
