//! The hosts that a load goes to, as a worker knows them: where each is, and what connections to it took. All on one thread.

use std::cell::RefCell;

use super::end::Connections;
use super::instance::Instance;
use crate::transport::stream::Endpoint;
use crate::transport::tls::Handshake;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Target,
    /// By index.
    Other(usize),
}

impl Host {
    /// Its place among all hosts, the target first.
    fn at(self) -> usize {
        match self {
            Self::Target => 0,
            Self::Other(at) => at + 1,
        }
    }
}

/// The hosts beside the target, and the connections to all.
pub(super) struct Hosts {
    others: Vec<Endpoint>,
    connections: RefCell<Vec<Connections>>,
}

impl Hosts {
    pub(super) fn new(others: Vec<Endpoint>) -> Self {
        Self {
            connections: RefCell::new(vec![Connections::default(); 1 + others.len()]),
            others,
        }
    }

    /// How many there are beside the target.
    pub(super) fn others(&self) -> usize {
        self.others.len()
    }

    /// Where connections to a host go that are of `instance` if they go to the target.
    pub(super) fn endpoint<'a>(&'a self, host: Host, instance: &'a Instance) -> &'a Endpoint {
        match host {
            Host::Target => &instance.endpoint,
            Host::Other(at) => &self.others[at],
        }
    }

    /// Counts a connection that was opened within `took` ns.
    pub(super) fn note_opened(&self, host: Host, took: u64, handshake: Option<Handshake>) {
        let of = &mut self.connections.borrow_mut()[host.at()];
        of.opening.record(took);
        if let Some(handshake) = handshake {
            of.handshakes.record(handshake);
        }
    }

    /// Hands over what was counted, by host, the target first.
    pub(super) fn take(&self) -> Vec<Connections> {
        self.connections.take()
    }
}
