//! The devices of a worker, and what each was given by answers: the one owner of their state, by fleet and device. Cookies and
//! journeys would be more of it.
//!
//! It lives for one stretch of load and in one worker. Requests are dealt to workers by their number, so that several workers may
//! have state of one device, each its own.

use std::sync::Arc;

use crate::scenario::{Need, Request};
use crate::traffic::fleet::Roster;
use crate::traffic::template::Values;
use crate::traffic::variable::Variables;

/// A device: its fleet, and its place in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Device {
    pub(super) fleet: usize,
    pub(super) index: usize,
}

/// All devices.
#[derive(Debug)]
pub(super) struct Devices {
    rosters: Arc<[Roster]>,
    /// Each belongs to the fleet of the request that extracts it.
    variables: Variables,
}

impl Devices {
    /// Devices that were given nothing.
    pub(super) fn new(rosters: Arc<[Roster]>, requests: &[Request]) -> Self {
        // In the order of their indices, which is that of the requests.
        let extracts = requests.iter().flat_map(|request| {
            let fleet = request.fleet.map(|fleet| &rosters[fleet]);
            let devices = fleet.map_or(0, Roster::devices);
            request.extract.iter().map(move |_| devices)
        });
        Self {
            variables: Variables::new(extracts),
            rosters,
        }
    }

    pub(super) fn rosters(&self) -> &[Roster] {
        &self.rosters
    }

    /// Who sends request `n`.
    pub(super) fn sender(&self, request: &Request, n: u64) -> Option<Device> {
        let fleet = request.fleet?;
        let index = self.rosters[fleet].sender(n).index;
        Some(Device { fleet, index })
    }

    /// What request `n` is filled with.
    pub(super) fn values(&self, request: &Request, seed: u64, n: u64) -> Values<'_> {
        Values {
            seq: n,
            seed,
            device: request.fleet.map(|fleet| self.rosters[fleet].sender(n)),
            variables: &self.variables,
        }
    }

    /// Whether a device lacks what a request needs.
    pub(super) fn lacks(&self, device: Device, need: &Need) -> bool {
        self.variables.get(need.variable, device.index).is_none()
    }

    /// Gives a device the value of a variable, which is not empty, at `now` (ns).
    pub(super) fn give(&mut self, device: Device, variable: usize, value: &[u8], now: u64) {
        self.variables.set(variable, device.index, value, now);
    }

    /// Takes from a device what a request used that was sent at `sent` (ns), as far as it was given before that.
    pub(super) fn take_away(&mut self, device: Device, needs: &[Need], sent: u64) {
        for need in needs {
            self.variables.forget(need.variable, device.index, sent);
        }
    }
}
