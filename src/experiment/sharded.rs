//! The way of a shard through its run: when each stretch of load begins, and when it did. Reads the time of day once for each stretch,
//! and turns it into an instant of the monotonic clock: later steps of the time of day change nothing.

use std::cell::RefCell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::stop::Stop;
use super::timeline::{Planned, longest, timeline};
use crate::engine::{Appointment, now_ns};
use crate::result::{Failure, ShardResult, ShardStretch};
use crate::scenario::{Load, Plan};
use crate::shard::{GAP, Part, READY_BEFORE, Slot, begins};
use crate::traffic::wall_clock;

/// Workers start no earlier than this before a stretch: connections that are opened long before they are used are closed again by
/// many servers.
const PREPARING: Duration = Duration::from_secs(10);

/// The longest time without a look at the clock, which may be set while a shard waits.
const LOOK: Duration = Duration::from_millis(500);

/// How long before a later stretch its workers must be ready.
const READY_BEFORE_NEXT: Duration = Duration::from_millis(20);

/// A shard under way.
pub(super) struct Sharded<'a> {
    part: &'a Part,
    stretches: RefCell<Vec<ShardStretch>>,
}

/// A stretch of load, as its run names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) variant: &'a str,
    pub(super) phase: &'a str,
    pub(super) round: u32,
    pub(super) profiled: bool,
}

/// All stretches of a shard in their order, with when they begin.
pub fn stretches(plan: &Plan, starts_at: Timestamp) -> Vec<ShardStretch> {
    let planned = timeline(plan);
    let loads: Vec<(Slot, u32)> = planned.iter().map(|of| slot(plan, of)).collect();
    let begins = begins(loads.iter().map(|(slot, _)| *slot));
    let all = planned.into_iter().zip(loads).zip(begins);
    all.map(|((of, (_, workers)), begin)| ShardStretch {
        variant: of.variant,
        phase: of.phase,
        round: of.round,
        profiled: of.profiled,
        workers,
        begins_at: after(starts_at, begin),
        begun_at: None,
    })
    .collect()
}

/// From the start of a run that is split to the end of its last stretch, with the answers that are waited for.
pub fn length(plan: &Plan) -> Duration {
    let planned = timeline(plan);
    let slots = planned.iter().map(|of| slot(plan, of).0);
    let last = slots.clone().next_back();
    let begins = begins(slots).last().copied().unwrap_or_default();
    last.map_or(begins, |last| {
        begins
            .saturating_add(last.length)
            .saturating_add(last.timeout)
    })
}

fn slot(plan: &Plan, of: &Planned) -> (Slot, u32) {
    let mut variants = plan.variants.iter();
    let variant = variants.find(|variant| variant.name == of.variant);
    let variant = variant.expect("a stretch is of a variant");
    let mut phases = variant.phases.iter();
    let phase = phases.find(|phase| phase.name == of.phase);
    let load: &Load = &phase.expect("a stretch is of a phase").load;
    let window = match &variant.profile {
        Some(profile) if of.profiled => longest(profile),
        _ => load.duration,
    };
    let slot = Slot {
        length: load.warmup + window,
        timeout: load.timeout,
    };
    (slot, load.workers)
}

fn after(start: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    start.saturating_add(time).unwrap_or(Timestamp::MAX)
}

impl<'a> Sharded<'a> {
    /// Nothing has begun yet.
    pub(super) fn new(part: &'a Part, plan: &Plan) -> Self {
        Self {
            part,
            stretches: RefCell::new(stretches(plan, part.starts_at)),
        }
    }

    /// The number of a stretch, from 0.
    pub(super) fn number(&self, which: Which<'_>) -> usize {
        let stretches = self.stretches.borrow();
        let found = stretches.iter().position(|of| {
            (of.variant.as_str(), of.phase.as_str()) == (which.variant, which.phase)
                && (of.round, of.profiled) == (which.round, which.profiled)
        });
        found.expect("what is driven was planned")
    }

    fn begins_at(&self, number: usize) -> Timestamp {
        let planned = self.stretches.borrow()[number].begins_at;
        after(planned, self.part.skew)
    }

    /// Waits until it is time to prepare a stretch, or until the user wishes to end. The answer is when its schedule begins.
    pub(super) async fn appointment(&self, number: usize, stop: &Stop) -> Appointment {
        let begins_at = self.begins_at(number);
        let mut stop = stop.clone();
        loop {
            let until = begins_at.duration_since(wall_clock::now());
            let until = Duration::try_from(until).unwrap_or(Duration::ZERO);
            let wait = until.saturating_sub(PREPARING);
            if wait.is_zero() || stop.is_asked() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.min(LOOK)) => {}
                () = stop.asked() => {}
            }
        }
        let (now, wall) = (now_ns(), wall_clock::now());
        let until = begins_at.duration_since(wall).as_nanos();
        // One that has passed is missed; so is one that lies before the clock's first instant.
        let at = u64::try_from(i128::from(now) + until).unwrap_or(0);
        let before = if number == 0 {
            READY_BEFORE
        } else {
            READY_BEFORE_NEXT
        };
        Appointment {
            at,
            ready_by: at.saturating_sub(before.as_nanos() as u64),
        }
    }

    /// Notes when a stretch began by the machine's clock, as soon as it has.
    pub(super) async fn begun(&self, number: usize, at: u64) {
        loop {
            let left = at.saturating_sub(now_ns());
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_nanos(left)).await;
        }
        let (now, wall) = (now_ns(), wall_clock::now());
        let since = Duration::from_nanos(now - at);
        let since = SignedDuration::try_from(since).unwrap_or_default();
        let begun = wall.checked_sub(since).ok();
        self.stretches.borrow_mut()[number].begun_at = begun;
    }

    /// Why a stretch was not begun.
    pub(super) fn missed(&self, number: usize) -> Failure {
        let at = self.begins_at(number);
        let stretches = self.stretches.borrow();
        let which = &stretches[number];
        let (shard, phase) = (self.part.shard, &which.phase);
        Failure::Target(if number == 0 {
            format!(
                "shard {shard} was not ready {} s before its start at {at}, and sent nothing; start shards earlier, or let them begin later (--start-at)",
                READY_BEFORE.as_secs()
            )
        } else {
            format!(
                "shard {shard} was not ready when phase {phase} of {} began at {at}, and sent nothing of it; the machine was busy, or connecting took longer than {} s",
                which.variant,
                GAP.as_secs()
            )
        })
    }

    /// What a result keeps of it.
    pub(super) fn result(&self) -> ShardResult {
        let part = self.part;
        ShardResult {
            shard: part.shard,
            key: part.key.clone(),
            plan_sha256: part.plan_sha256.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            attempt: part.attempt.clone(),
            starts_at: part.starts_at,
            clock_bound: part.clock_bound,
            stretches: self.stretches.borrow().clone(),
        }
    }
}
