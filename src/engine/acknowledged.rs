//! Which requests were acknowledged: those answered as expected whose kind says what such an answer acknowledges. A worker
//! notes numbers; ids are rendered by whoever writes them, from the same templates. Nothing here is written.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use crate::scenario::Request;
use crate::traffic::fleet::Roster;
use crate::traffic::template::Values;
use crate::traffic::variable::Variables;

/// Requests that a worker notes before it cursors them over: 64 KiB.
const MOST_HELD: usize = 4_096;

/// A request that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Which kind of request it is.
    pub kind: usize,
    /// Its number within the phase.
    pub n: u64,
}

/// What is acknowledged under which ids.
#[derive(Debug)]
pub struct AcknowledgedIds {
    requests: Arc<[Request]>,
    rosters: Arc<[Roster]>,
    seed: u64,
    variables: Variables,
}

impl AcknowledgedIds {
    /// The ids of `requests` that are sent by the devices of `rosters`.
    pub fn new(requests: Arc<[Request]>, rosters: Arc<[Roster]>, seed: u64) -> Self {
        Self {
            requests,
            rosters,
            seed,
            variables: Variables::default(),
        }
    }

    /// Whether there are any.
    pub fn are_noted(requests: &[Request]) -> bool {
        requests.iter().any(is_noted)
    }

    /// Appends the ids that the answer to a request acknowledges, a line each; returns how many.
    pub fn append(&self, acknowledged: Acknowledgement, out: &mut Vec<u8>) -> u64 {
        let request = &self.requests[acknowledged.kind];
        let sender = |fleet: usize| self.rosters[fleet].sender(acknowledged.n);
        let values = Values {
            seq: acknowledged.n,
            seed: self.seed,
            device: request.fleet.map(sender),
            variables: &self.variables,
        };
        for id in &request.acknowledged {
            id.append(&values, out);
            out.push(b'\n');
        }
        request.acknowledged.len() as u64
    }
}

fn is_noted(request: &Request) -> bool {
    !request.acknowledged.is_empty()
}

/// A worker's notes. They are handed over when there are many, once an interval, and at the worker's end however it comes.
#[derive(Debug)]
pub(super) struct Notes {
    /// By kind of request: whether it is noted.
    is_noted: Vec<bool>,
    held: Vec<Acknowledgement>,
    to: SyncSender<Vec<Acknowledgement>>,
    /// What could not be handed over, because what was before it was not taken.
    lost: u64,
    interval_ns: u64,
    /// When they are handed over next, ns.
    due: u64,
}

impl Notes {
    pub(super) fn new(
        requests: &[Request],
        to: SyncSender<Vec<Acknowledgement>>,
        interval_ns: u64,
    ) -> Self {
        Self {
            is_noted: requests.iter().map(is_noted).collect(),
            held: Vec::with_capacity(MOST_HELD),
            to,
            lost: 0,
            interval_ns,
            due: 0,
        }
    }

    pub(super) fn note(&mut self, kind: usize, n: u64) {
        if self.is_noted[kind] {
            self.held.push(Acknowledgement { kind, n });
            if self.held.len() == MOST_HELD {
                self.hand_over();
            }
        }
    }

    /// Hands over what is there if the last time was an interval ago.
    pub(super) fn hand_over_if_due(&mut self, now: u64) {
        if now >= self.due {
            self.due = now + self.interval_ns;
            if !self.held.is_empty() {
                self.hand_over();
            }
        }
    }

    /// Hands over the last of them; tells how many were lost.
    pub(super) fn finish(mut self) -> u64 {
        self.hand_over();
        self.lost
    }

    /// Never waits: what finds no room is lost, and counted.
    fn hand_over(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.held = match self.to.try_send(held) {
            Err(TrySendError::Full(mut held)) => {
                self.lost += held.len() as u64;
                held.clear();
                held
            }
            // A receiver that is gone has no use for them.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Vec::with_capacity(MOST_HELD),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::scenario::{Overrides, parse};

    fn requests() -> (Arc<[Request]>, Arc<[Roster]>) {
        let text = r#"
name = "t"
target.url = "http://127.0.0.1:1"
load = { model = "closed", connections = 1, duration = "1s" }
[fleet.cars]
devices = 2
[[request]]
name = "plain"
path = "/"
[[request]]
name = "documents"
fleet = "cars"
path = "/"
acknowledged = ["{{device.id}}-{{seq}}-a", "{{base64 seq}}"]
"#;
        let plan = parse("t.toml", text, Path::new("."), &Overrides::default()).unwrap();
        let variant = &plan.variants[0];
        let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
        (variant.requests.clone().into(), rosters.into())
    }

    #[test]
    fn ids_are_those_that_were_sent() {
        let (requests, rosters) = requests();
        assert!(AcknowledgedIds::are_noted(&requests));
        assert!(!AcknowledgedIds::are_noted(&requests[..1]));
        let ids = AcknowledgedIds::new(requests, rosters, 1);
        let mut out = Vec::new();
        let mut append = |kind, n| ids.append(Acknowledgement { kind, n }, &mut out);
        assert_eq!((append(1, 7), append(0, 8), append(1, 12)), (2, 0, 2));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "cars-0001-7-a\nNw==\ncars-0000-12-a\nMTI=\n"
        );
    }

    #[test]
    fn notes_are_handed_over_in_time_when_they_are_many_and_at_the_end() {
        let (requests, _) = requests();
        let (to, from) = sync_channel(4);
        let mut notes = Notes::new(&requests, to, 1_000);
        notes.hand_over_if_due(5_000);
        notes.note(0, 1);
        notes.note(1, 2);
        notes.hand_over_if_due(5_999);
        assert!(from.try_recv().is_err());
        notes.hand_over_if_due(6_000);
        let held = vec![Acknowledgement { kind: 1, n: 2 }];
        assert_eq!(from.try_recv(), Ok(held));
        (0..=MOST_HELD as u64).for_each(|n| notes.note(1, n));
        assert_eq!(from.try_recv().map(|held| held.len()), Ok(MOST_HELD));
        assert_eq!(notes.finish(), 0);
        let last: Vec<_> = from.iter().flatten().map(|one| one.n).collect();
        assert_eq!(last, [MOST_HELD as u64]);
    }

    #[test]
    fn notes_that_nobody_takes_are_counted_and_hold_up_nobody() {
        let (requests, _) = requests();
        let (to, from) = sync_channel(1);
        let mut notes = Notes::new(&requests, to, 1_000);
        (0..3 * MOST_HELD as u64 + 5).for_each(|n| notes.note(1, n));
        assert_eq!(notes.finish(), 2 * MOST_HELD as u64 + 5);
        assert_eq!(from.iter().flatten().count(), MOST_HELD);
    }
}
