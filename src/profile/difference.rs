//! Differences of shares, and when one is a finding. Pure arithmetic: it must not know of what they are shares.
//!
//! A machine that is slower makes every cost of a request larger by the same factor. So a cost is judged by its share of the whole too, and the
//! whole by itself: what moved with everything else is one finding.

use std::collections::HashMap;

use super::bounds::{Bounds, Z95};
use super::launch_spread::{ASSUMED_LAUNCH_SPREAD, LaunchSpread};
use super::share::{Share, quantile_975};
use crate::statistics::{NORMAL_FROM, moderated, t_quantile, t_tail};

/// The part of the findings of one table that may be chance.
pub const FALSE_DISCOVERIES: f64 = 0.01;

/// The factor between the speeds of a machine at two times, or of two machines of one kind, beyond which not all costs change by it alone: a
/// shared machine was seen to change by a fifth.
const MACHINE_SPEED: f64 = 1.25;

/// The power at which the smallest detectable change is stated.
const POWER: f64 = 0.8;

/// Above this p no difference is a finding in a table of any length.
const NO_FINDING: f64 = 0.05;

/// One side of a comparison: what a share is multiplied with, such as µs of CPU per request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The factor; not negative.
    pub factor: f64,
    /// Its relative standard error within the launch.
    error: f64,
    /// Degrees of freedom of the error.
    degrees: f64,
    /// By how much it and each function differ from launch to launch.
    launches: LaunchSpread,
    /// What shares of it are.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A part of a whole that is one.
    Share,
    /// What a request costs, which a slower machine makes larger.
    Cost,
    /// What is spent in a second, which the load makes larger.
    Rate,
    /// Bytes, or time that was waited: each function's own, whatever the others hold.
    Amount,
}

impl Scale {
    /// Shares as they are.
    pub const SHARE: Self = Self {
        factor: 1.0,
        error: 0.0,
        degrees: f64::INFINITY,
        launches: LaunchSpread::Assumed(ASSUMED_LAUNCH_SPREAD),
        kind: Kind::Share,
    };

    /// A cost of which is not known how sure it is: without an error of its own.
    pub const fn cost(factor: f64) -> Self {
        Self {
            factor,
            kind: Kind::Cost,
            ..Self::SHARE
        }
    }

    /// What is spent in a second: of different loads only what has another share too is a finding.
    pub const fn rate(factor: f64) -> Self {
        Self {
            factor,
            kind: Kind::Rate,
            ..Self::SHARE
        }
    }

    /// A whole of bytes or of time that was waited, to which a function adds what is its own.
    pub const fn amount(factor: f64) -> Self {
        Self {
            factor,
            kind: Kind::Amount,
            ..Self::SHARE
        }
    }

    /// The same with a relative standard error, known from this many slices; with fewer than [`super::ENOUGH_SLICES`] it rests on shorter
    /// and more numerous stretches.
    #[must_use]
    pub fn known_to(self, error: f64, slices: usize) -> Self {
        let degrees = if slices < super::ENOUGH_SLICES {
            f64::INFINITY
        } else {
            slices as f64 - 1.0
        };
        Self {
            error,
            degrees,
            ..self
        }
    }

    /// The same with a relative standard error of the mean of so many launches, two at least, as [`moderated`] has it of a few.
    #[must_use]
    pub fn known_from_launches(self, error: f64, launches: usize) -> Self {
        let degrees = if launches < super::ENOUGH_SLICES {
            moderated(0.0, Some((0.0, launches))).1
        } else {
            launches as f64 - 1.0
        };
        Self {
            error,
            degrees,
            ..self
        }
    }

    /// The same of a profile that spans launches, with what these show of how they differ.
    #[must_use]
    pub fn of_launches(self, launches: LaunchSpread) -> Self {
        Self { launches, ..self }
    }

    /// The same for the whole alone, of which an error from launches tells what they differ by.
    pub(super) fn of_whole(self) -> Self {
        let is_known = self.error > 0.0;
        Self {
            launches: if is_known {
                self.launches.of_whole()
            } else {
                self.launches
            },
            ..self
        }
    }

    /// What launches differ by.
    pub fn launches(self) -> LaunchSpread {
        self.launches
    }

    /// Shares of what this is a scale of, as they are.
    fn shares(self) -> Self {
        Self {
            launches: self.launches,
            ..Self::SHARE
        }
    }

    /// Standard error of a share of it, without that of the share.
    fn error_of(self, share: Share) -> f64 {
        share.value * self.factor * self.error
    }

    /// Half of the 95 % interval of the same.
    fn half_of(self, share: Share) -> f64 {
        quantile_975(self.degrees) * self.error_of(share)
    }

    /// Standard errors of a share below and above, in the unit of the scale.
    fn errors_of(self, share: Share) -> (f64, f64) {
        let (below, above) = match self.kind {
            Kind::Amount => share.amount_errors,
            _ => share.errors,
        };
        (below * self.factor, above * self.factor)
    }

    /// How far the 95 % interval of the same reaches.
    fn reach_of(self, share: Share) -> (f64, f64) {
        let (below, above) = match self.kind {
            Kind::Amount => {
                let (below, above) = share.amount_errors;
                (below * Z95, above * Z95)
            }
            _ => share.reach,
        };
        (below * self.factor, above * self.factor)
    }

    /// By how much the same launches again would differ, with the degrees of freedom of that. A share can only change against the rest: of a
    /// whole that is one, the odds have the spread, and p has p(1 − p) of it.
    fn launch_error_of(self, share: Share) -> (f64, f64) {
        let rest = match self.kind {
            Kind::Share => 1.0 - share.value,
            Kind::Cost | Kind::Rate | Kind::Amount => 1.0,
        };
        let amount = share.value * rest;
        let (error, degrees) = self.launches.error_of(amount, share.between);
        (error * self.factor, degrees)
    }

    /// The 95 % interval of a share of it, in its unit: what is true of this launch, or of the program where several launches were measured.
    pub fn interval_of(self, share: Share) -> Bounds {
        let launches = match self.launches {
            LaunchSpread::Assumed(_) => 0.0,
            LaunchSpread::Measured { .. } => {
                let (error, degrees) = self.launch_error_of(share);
                quantile_975(degrees) * error
            }
        };
        let half = self.half_of(share).hypot(launches);
        let below = ((share.value - share.interval.low) * self.factor).hypot(half);
        let above = ((share.interval.high - share.value) * self.factor).hypot(half);
        let value = share.value * self.factor;
        Bounds {
            low: (value - below).max(0.0),
            high: value + above,
        }
    }
}

/// Head minus base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// In the unit of the scales.
    pub delta: f64,
    /// Its 95 % interval by Newcombe's square-and-add; the errors of the scales and what launches are assumed to differ by are added as
    /// squares.
    pub interval: Bounds,
    /// How probable so large a difference is by chance, two-sided.
    pub p: f64,
    /// Its standard error.
    error: f64,
    degrees: f64,
}

impl Difference {
    pub(super) const NONE: Self = Self::unjudged(0.0);

    /// One of which nothing else is known.
    pub(super) const fn unjudged(delta: f64) -> Self {
        Self {
            delta,
            interval: Bounds {
                low: 0.0,
                high: 0.0,
            },
            p: 1.0,
            error: 0.0,
            degrees: f64::INFINITY,
        }
    }

    /// The difference of two scaled shares. Of costs its p is that of what no other speed of the machine explains.
    pub fn of(base: (Share, Scale), head: (Share, Scale)) -> Self {
        let plain = Self::plain(base, head);
        if plain.p > NO_FINDING || !matches!(base.1.kind, Kind::Cost | Kind::Rate) {
            return plain;
        }
        let share = Self::plain((base.0, base.1.shares()), (head.0, head.1.shares())).p;
        let beyond = match base.1.kind {
            Kind::Cost => Self::beyond_speed(base, head, plain.delta),
            _ => 1.0,
        };
        Self {
            p: plain.p.max(share.min(beyond)),
            ..plain
        }
    }

    /// The head minus so much more than the base as `by` says (0.1 is a tenth), whatever explains it: of sides that were measured side
    /// by side, where the machine was the same for both.
    pub fn beyond(base: (Share, Scale), head: (Share, Scale), by: f64) -> Self {
        let factor = base.1.factor * (1.0 + by);
        Self::plain((base.0, Scale { factor, ..base.1 }), head)
    }

    /// One-sided p: how probable a rise as large is by chance.
    pub fn p_of_rise(&self) -> f64 {
        if self.delta > 0.0 {
            self.p / 2.0
        } else {
            1.0 - self.p / 2.0
        }
    }

    /// Its standard error, in the unit of the scales, and how many degrees of freedom that has.
    pub fn error(&self) -> (f64, f64) {
        (self.error, self.degrees)
    }

    /// The p of what is left of a difference if the machine was as much slower as it can be on the side that costs more.
    fn beyond_speed(mut base: (Share, Scale), mut head: (Share, Scale), delta: f64) -> f64 {
        let slower = if delta > 0.0 { &mut head } else { &mut base };
        slower.1.factor /= MACHINE_SPEED;
        let left = Self::plain(base, head);
        if left.delta * delta > 0.0 {
            left.p
        } else {
            1.0
        }
    }

    /// The difference of two scaled shares, whatever explains it.
    pub(super) fn plain(base: (Share, Scale), head: (Share, Scale)) -> Self {
        let ((before, b), (after, h)) = (base, head);
        let (from, to) = (before.value * b.factor, after.value * h.factor);
        // What is equal but for rounding is equal.
        let delta = match to - from {
            rest if rest.abs() <= 1e-12 * to.abs().max(from.abs()) => 0.0,
            delta => delta,
        };
        let launches = [b.launch_error_of(before), h.launch_error_of(after)];
        let beside = b.half_of(before).hypot(h.half_of(after));
        let beside = launches.iter().fold(beside, |sum, (error, degrees)| {
            sum.hypot(quantile_975(*degrees) * error)
        });
        // Newcombe's square-and-add interval of a difference (R. G. Newcombe, Stat. Med. 17, 1998, p. 873, method 10).
        let (before_reach, after_reach) = (b.reach_of(before), h.reach_of(after));
        let (below, above) = (
            before_reach.1.hypot(after_reach.0),
            before_reach.0.hypot(after_reach.1),
        );
        // Towards zero: what would have to be by chance.
        let (before_errors, after_errors) = (b.errors_of(before), h.errors_of(after));
        let (of_base, of_head) = if delta > 0.0 {
            (before_errors.1, after_errors.0)
        } else {
            (before_errors.0, after_errors.1)
        };
        let parts = [
            (of_base, before.degrees),
            (of_head, after.degrees),
            (b.error_of(before), b.degrees),
            (h.error_of(after), h.degrees),
            launches[0],
            launches[1],
        ];
        let error = parts.iter().fold(0.0, |sum: f64, part| sum.hypot(part.0));
        // Welch and Satterthwaite.
        let limited: f64 = parts
            .iter()
            .map(|(error, degrees)| error.powi(4) / degrees)
            .sum();
        let degrees = error.powi(4) / limited;
        Self {
            delta,
            interval: Bounds {
                low: delta - below.hypot(beside),
                high: delta + above.hypot(beside),
            },
            p: if delta == 0.0 {
                1.0
            } else if error > 0.0 {
                2.0 * t_tail(delta.abs() / error, degrees)
            } else {
                0.0
            },
            error,
            degrees: if degrees.is_nan() {
                f64::INFINITY
            } else {
                degrees
            },
        }
    }
}

/// The smallest changes that are found with 80 % power where findings need a p of at most a limit.
pub(super) struct Detectable {
    limit: f64,
    /// By degrees of freedom, rounded down, so that few quantiles have to be searched for.
    reaches: HashMap<u64, f64>,
}

/// Rounds in which a change settles that its own error depends on.
const ROUNDS: usize = 200;

impl Detectable {
    pub(super) fn at(limit: f64) -> Self {
        Self {
            limit,
            reaches: HashMap::new(),
        }
    }

    fn reach(&mut self, degrees: f64) -> f64 {
        let limit = self.limit;
        let degrees = degrees.min(NORMAL_FROM).floor();
        *self
            .reaches
            .entry(degrees as u64)
            .or_insert_with(|| t_quantile(1.0 - limit / 2.0, degrees) + t_quantile(POWER, degrees))
    }

    /// The change that would have been found of a difference that was not.
    pub(super) fn change(
        &mut self,
        base: (Share, Scale),
        head: (Share, Scale),
        found: &Difference,
    ) -> f64 {
        let reach = self.reach(found.degrees);
        let change = rise(base, head, reach);
        if !matches!(base.1.kind, Kind::Cost | Kind::Rate) {
            return change;
        }
        // Of costs the share has to change as well, or more than the machine's speed explains.
        let of_share = rise((base.0, base.1.shares()), (head.0, head.1.shares()), reach);
        let (share, whole) = (pooled(base.0, head.0), head.1.factor);
        let rest = 1.0 - share - of_share;
        let by_share = if rest > 0.0 {
            of_share * whole / rest
        } else {
            f64::INFINITY
        };
        let beyond = match base.1.kind {
            Kind::Cost => MACHINE_SPEED * change + (MACHINE_SPEED - 1.0) * share * whole,
            _ => f64::INFINITY,
        };
        change.max(by_share.min(beyond))
    }
}

/// The share of both sides, or that of a single observation if neither has any.
fn pooled(base: Share, head: Share) -> f64 {
    let seen = (base.value + head.value) / 2.0;
    if seen > 0.0 {
        seen
    } else {
        base.errors.1.max(head.errors.1) / Z95
    }
}

/// The rise d that is as many times its own error as `reach` says. The error is taken at the change, not at none:
/// e(d)² = e_base² + e_head² (p + d)/p + s² (p² + (p + d)²) with the errors e of sampling, p the pooled share and s what launches and scales
/// are off by.
fn rise((before, b): (Share, Scale), (after, h): (Share, Scale), reach: f64) -> f64 {
    let share = pooled(before, after) * h.factor;
    let widest = |of: (f64, f64)| of.0.max(of.1);
    let of_base = widest(b.errors_of(before));
    let of_head = widest(h.errors_of(after));
    let rest = match b.kind {
        Kind::Share => 1.0 - pooled(before, after),
        _ => 1.0,
    };
    let of_before = b.error.hypot(b.launches.error() * rest);
    let of_after = h.error.hypot(h.launches.error() * rest);
    let mut change = 0.0_f64;
    for _ in 0..ROUNDS {
        let grown = share + change;
        let sampling = of_base.hypot(of_head * (grown / share).sqrt());
        let error = sampling.hypot((of_before * share).hypot(of_after * grown));
        let next = reach * error;
        if (next - change).abs() <= 1e-3 * next || !next.is_finite() {
            return next;
        }
        change = next;
    }
    // Its error grows as fast as it does: however large, it could be hidden.
    f64::INFINITY
}

/// The largest p that is a finding when at most [`FALSE_DISCOVERIES`] of the findings may be chance, by the procedure of Benjamini and
/// Hochberg (J. R. Stat. Soc. B 57, 1995, p. 289); with no finding, what the first would have needed.
pub(super) fn findings_up_to(p_values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = p_values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let all = sorted.len().max(1) as f64;
    let limit = |rank: usize| FALSE_DISCOVERIES * rank as f64 / all;
    let kept = (1..=sorted.len())
        .rev()
        .find(|rank| sorted[rank - 1] <= limit(*rank));
    limit(kept.unwrap_or(1))
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
