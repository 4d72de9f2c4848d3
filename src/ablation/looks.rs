//! Trials are looked at more than once: what a look settles is launched no more, and what it leaves open is launched again, up to a fixed number
//! of launches. Pure.
//!
//! The number of looks is fixed before the first one, and each has an equal part of the 5 % of reports that may find something where nothing
//! is (`statistics::Family`). So the promise holds whichever trials are launched again.

use std::num::NonZeroU32;

use super::effects::{Answers, Effect, LITTLE};
use super::trial::Direction;
use crate::compare::{Basis, Finding, MetricChange, Unjudged};
use crate::result::{PhaseResult, RunResult};

/// The smallest effect of interest, relative to the cost without it. A tenth of what all factors cost is none either.
pub const SMALLEST: f64 = 0.05;

/// The error of fewer than three launches rests on what launches are assumed to differ by. Only what would stand with a reach so many times
/// as long is settled by them.
const DOUBTED: f64 = 3.0;

/// When trials are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looks {
    /// Launches of each side at the first one.
    first: u32,
    /// Launches at the last one.
    most: u32,
}

impl Looks {
    /// With so many launches at the first one, at least 1, and so many at the last one.
    pub(super) fn new(first: u32, most: u32) -> Self {
        let first = first.max(1);
        Self {
            first,
            most: most.max(first),
        }
    }

    /// Launches of each side at a look, from 1: each has twice as many as the one before.
    fn launches(self, look: u32) -> u32 {
        let doubled = 2_u32.checked_pow(look - 1);
        let launches = doubled.and_then(|times| self.first.checked_mul(times));
        launches.map_or(self.most, |launches| launches.min(self.most))
    }

    /// How many there are at most.
    pub(super) fn count(self) -> NonZeroU32 {
        let last = (1..=u32::BITS + 1).find(|look| self.launches(*look) == self.most);
        last.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }

    /// What a look adds to the launches before it; nothing if it is not taken.
    pub(super) fn added(self, look: u32) -> Option<u32> {
        let before = if look > 1 { self.launches(look - 1) } else { 0 };
        (look <= self.count().get()).then(|| self.launches(look) - before)
    }
}

/// Whether more launches would say nothing else that is of interest: the answer is another one, a difference was detected, or it is smaller
/// than the smallest effect of interest, or than a tenth of `gap`, µs. What all factors cost is asked whatever their answers are.
pub(super) fn is_settled(effect: &Effect, direction: Direction, gap: Option<f64>) -> bool {
    match (&effect.answers, &effect.cost) {
        (Answers::Unknown, _) => false,
        (Answers::Changed(_), _) if direction != Direction::Whole => true,
        (_, None) => true,
        (_, Some(cost)) => match cost.finding {
            // What keeps it from a judgement does not pass with more launches, unless it is their number.
            Finding::NotJudged => !matches!(
                cost.unjudged,
                Some(Unjudged::TooWide | Unjudged::FewRequests { .. })
            ),
            Finding::Better | Finding::Worse => {
                let (low, high) = believed(cost);
                low > 1.0 || high < 1.0
            }
            Finding::NotDetected => is_small(cost, gap),
        },
    }
}

fn is_small(cost: &MetricChange, gap: Option<f64>) -> bool {
    let (low, high) = believed(cost);
    let is_within = |most: f64| low >= 1.0 / (1.0 + most) && high <= 1.0 + most;
    let little = gap.map_or(0.0, |gap| LITTLE * gap.abs() / cost.base);
    is_within(SMALLEST.max(little))
}

/// The interval that is believed.
fn believed(cost: &MetricChange) -> (f64, f64) {
    let (low, high) = cost.interval;
    match cost.basis {
        Basis::Rounds(_) => (low, high),
        Basis::Turns | Basis::Times | Basis::Runs => {
            let further = |end: f64| cost.ratio * (end / cost.ratio).powf(DOUBTED);
            (further(low), further(high))
        }
    }
}

/// Adds what other launches of the same trials found. Those that took turns and those that did not are not one.
pub(super) fn join(so_far: &mut RunResult, more: &RunResult) {
    so_far.interrupted |= more.interrupted;
    for variant in &more.variants {
        let mut known = so_far.variants.iter_mut();
        let Some(known) = known.find(|of| of.name == variant.name) else {
            so_far.variants.push(variant.clone());
            continue;
        };
        for phase in &variant.phases {
            match known.phases.iter_mut().find(|of| of.name == phase.name) {
                Some(of) if of.turns.is_some() == phase.turns.is_some() => add(of, phase.clone()),
                Some(_) => {}
                None => known.phases.push(phase.clone()),
            }
        }
    }
}

/// Adds launches behind those that there are.
fn add(known: &mut PhaseResult, mut more: PhaseResult) {
    let last = known.rounds.iter().map(|round| round.number).max();
    for round in &mut more.rounds {
        round.number += last.unwrap_or(0);
    }
    known.add(more);
    known.conclude_trust();
}

#[cfg(test)]
#[path = "looks_tests.rs"]
mod tests;
