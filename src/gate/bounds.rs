//! How far the figures of a phase may be off: the bounds that thresholds are held against. Pure.

use hdrhistogram::Histogram;

use super::delays::{Delays, Without};
use crate::compare::ENOUGH_ROUNDS;
use crate::metrics::{FEW_BURSTS, Tally, latency_quantiles};
use crate::result::{ASSUMED_LATENCY_TIME_SPREAD, ASSUMED_TIME_SPREAD, PhaseResult, Round};
use crate::scenario::Judge;
use crate::statistics::{
    Reach, Z95, clopper_pearson, error_of_mean, fewest_trials, poisson_reach, reach_of_mean,
};
use crate::units::{format_count, format_share, format_things, format_us};

/// Share of the planned rate below which an open loop was not the planned load.
pub const PLANNED_SHARE: f64 = 0.99;

/// Bounds of a figure, and their words.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) ends: (f64, f64),
    pub(super) words: String,
}

/// How far ln of a figure reaches that depends on the machine's speed, from its launches: from what they differ by, or from what differs
/// within them and what is assumed between times.
pub(super) fn of_rounds(
    rounds: &[Round],
    value: fn(&Round) -> Option<f64>,
    error: fn(&Round) -> Option<f64>,
) -> f64 {
    let logs = rounds.iter().filter_map(value).filter(|value| *value > 0.0);
    let logs: Vec<f64> = logs.map(f64::ln).collect();
    if logs.len() >= ENOUGH_ROUNDS {
        return error_of_mean(&logs).reach.longer();
    }
    let within = rounds.iter().map(|round| {
        // What shows no error of its own is assumed to be off as much as at another time.
        let within = error(round).unwrap_or(ASSUMED_TIME_SPREAD);
        Reach::even(Z95 * within.hypot(ASSUMED_TIME_SPREAD))
    });
    reach_of_mean(&within.collect::<Vec<_>>()).longer()
}

/// The same of the throughput of a plan, on which the machine has no influence.
pub(super) fn of_plan(rounds: &[Round]) -> f64 {
    let within = rounds
        .iter()
        .map(|round| Reach::even(Z95 * round.uncertainty.throughput.unwrap_or(0.0)));
    reach_of_mean(&within.collect::<Vec<_>>()).longer()
}

/// The same of a count of independent events.
pub(super) fn of_count(count: u64) -> f64 {
    Z95 / (count.max(1) as f64).sqrt()
}

/// A value whose logarithm reaches as far.
pub(super) fn of_ratio(value: f64, reach: f64, shown: fn(f64) -> String) -> Bounded {
    let ends = (value * (-reach).exp(), value * reach.exp());
    Bounded {
        ends,
        words: format!("95 % interval {} to {}", shown(ends.0), shown(ends.1)),
    }
}

/// A rate whose logarithm reaches as far, with what a second the ends of a window may hide and hold too much.
pub(super) fn of_rate(value: f64, reach: f64, (hidden, surplus): (f64, f64)) -> Bounded {
    let of = of_ratio(value, reach, |rate| format!("{}/s", format_count(rate)));
    let (low, high) = (of.ends.0 - surplus, of.ends.1 + hidden);
    // Beside many answers one of each connection is nothing.
    let words = if hidden > 0.1 * value {
        format!(
            "{}/s to {}/s, for one answer of each connection is under way at the end of a window",
            format_count(low.max(0.0)),
            format_count(high)
        )
    } else {
        of.words
    };
    Bounded {
        ends: (low.max(0.0), high),
        words,
    }
}

/// The probability of failure: `failed` of `of` failed, and at most `most` if those without an end did.
pub(super) fn of_failures(failed: u64, most: u64, of: u64) -> Bounded {
    let ends = (clopper_pearson(failed, of).0, clopper_pearson(most, of).1);
    Bounded {
        ends,
        words: format!(
            "{failed} of {of} failed, 95 % interval {} to {}",
            format_share(ends.0),
            format_share(ends.1)
        ),
    }
}

/// What a percentile of latency is judged by: how many requests are beyond a limit. The part beyond it has the interval of Clopper and
/// Pearson, wider by how requests beyond it come together, and the limit is moved by what is assumed of machines at other times.
#[derive(Debug)]
pub(super) struct Percentile<'a> {
    quantile: f64,
    judge: Judge,
    /// What latencies are assumed to differ by at another time, as a logarithm.
    speed: f64,
    inflation: f64,
    /// Bursts that make what is beyond the limit, if they are few.
    bursts: Option<usize>,
    all: Histogram<u64>,
    tally: &'a Tally,
}

impl<'a> Percentile<'a> {
    /// Against a limit, µs. By the value alone nothing is assumed.
    pub(super) fn new(
        quantile: f64,
        limit: f64,
        judge: Judge,
        phase: &PhaseResult,
        tally: &'a Tally,
    ) -> Self {
        // A maximum is one of what was seen.
        let judge = if quantile >= 1.0 { Judge::Value } else { judge };
        let launches = phase.rounds.len().max(1) as f64;
        let (speed, inflation) = match judge {
            Judge::Value => (0.0, 1.0),
            Judge::Interval => (
                Z95 * ASSUMED_LATENCY_TIME_SPREAD / launches.sqrt(),
                inflation(phase, limit),
            ),
        };
        Self {
            quantile,
            judge,
            speed,
            inflation,
            bursts: few_bursts(phase, limit).filter(|_| judge == Judge::Interval),
            all: latency_quantiles([tally]).0,
            tally,
        }
    }

    /// The least and the most requests that took longer than a limit: of a lower bound below it, it is not known on which side it is.
    fn beyond(&self, limit: f64) -> (u64, u64) {
        let most = above(&self.tally.latency, limit) + self.tally.censored.len();
        (above(&self.all, limit), most)
    }

    /// The part of all that so many are, with its interval.
    fn part(&self, hits: u64) -> (f64, f64) {
        let count = self.all.len();
        let part = hits as f64 / count as f64;
        if self.judge == Judge::Value {
            return (part, part);
        }
        let (low, high) = clopper_pearson(hits, count);
        // Of few bursts it is their number that is known badly.
        let bursts = self.bursts.map(|bursts| poisson_reach(bursts as f64));
        let (below, above) = bursts.unwrap_or_default();
        (
            part - ((part - low) * self.inflation).max(part * below),
            (part + ((high - part) * self.inflation).max(part * above)).min(1.0),
        )
    }

    /// Whether surely more than may took longer than the limit, also if a number of them would not have without what delayed all by so
    /// much, µs.
    fn is_missed(&self, of: &Histogram<u64>, limit: f64, without: Without) -> bool {
        let hits = above(of, limit * self.speed.exp() + without.delay_us);
        self.part(hits.saturating_sub(without.requests)).0 > 1.0 - self.quantile
    }

    /// Whether a percentile that is above the limit surely is so without what the generator and the machine added to it.
    pub(super) fn is_missed_without(&self, limit: f64, delays: &Delays) -> bool {
        let of_all = delays.of_latency();
        let each = delays.of_service();
        let served = delays.served(&self.all, &self.tally.service_time);
        self.is_missed(&self.all, limit, of_all)
            || each
                .into_iter()
                .any(|without| self.is_missed(served, limit, without))
    }

    /// Whether a percentile that is below the limit surely is so for users who come at any time, if a share of the time is in no
    /// percentile of a closed loop: the others are within the limit then, and few enough are not.
    pub(super) fn is_kept_beside(&self, limit: f64, hidden: f64) -> bool {
        let allowed = 1.0 - self.quantile / (1.0 - hidden);
        hidden < 1.0 && self.part(self.beyond(limit / self.speed.exp()).1).1 < allowed
    }

    pub(super) fn bounded(&self, limit: f64, value: f64) -> Bounded {
        let without = Without::default();
        let ends = if self.is_kept_beside(limit, 0.0) || self.is_missed(&self.all, limit, without) {
            (value, value)
        } else {
            (0.0, f64::INFINITY)
        };
        Bounded {
            ends,
            words: self.words(limit),
        }
    }

    fn words(&self, limit: f64) -> String {
        let (count, allowed) = (self.all.len() as f64, 1.0 - self.quantile);
        let needed = fewest_trials(allowed);
        if count < needed {
            return format!(
                "{} requests are too few to judge it: {} or more tell",
                self.all.len(),
                format_count(needed.ceil())
            );
        }
        let (least, most) = self.beyond(limit);
        let part = |hits| format_share(hits as f64 / count);
        let beyond = if least == most {
            part(least)
        } else {
            format!("{} to {}", part(least), part(most))
        };
        let bursts = self.bursts.map_or_else(String::new, |bursts| {
            let words = of_bursts(bursts, "they come", "measure");
            format!("; {words}")
        });
        format!(
            "{beyond} of {} requests took longer than {}, 95 % interval {} to {}, and {} may; at another time latencies are assumed to differ by {:.0} %{bursts}",
            format_count(count),
            format_us(limit),
            format_share(self.part(least).0.max(0.0)),
            format_share(self.part(most).1),
            format_share(allowed),
            self.speed * 100.0
        )
    }
}

/// How many of a histogram, ns, are above a limit, µs.
fn above(of: &Histogram<u64>, limit: f64) -> u64 {
    of.len() - of.count_between(0, (limit * 1e3) as u64)
}

/// Bursts beyond a limit in all launches, if they are fewer than tell a part.
fn few_bursts(phase: &PhaseResult, limit: f64) -> Option<usize> {
    let tails = phase.rounds.iter().flat_map(|round| &round.tails);
    let of_limit = tails.filter(|tail| tail.limit_us == limit);
    // One launch in which it lies at all times alike tells it.
    let bursts: usize = of_limit.map(|tail| tail.bursts).sum::<Option<_>>()?;
    (1..FEW_BURSTS).contains(&bursts).then_some(bursts)
}

/// In words, what makes a figure and how much longer to measure for it.
pub(super) fn of_bursts(bursts: usize, what: &str, measure: &str) -> String {
    let bursts_of = format_things(bursts, "burst", "bursts");
    format!(
        "{what} in {bursts_of}, and fewer than {FEW_BURSTS} tell no part: {measure} {} times as long or longer",
        FEW_BURSTS.div_ceil(bursts)
    )
}

/// That of the launches together; they are independent of each other.
fn inflation(phase: &PhaseResult, limit: f64) -> f64 {
    let tails = phase.rounds.iter().flat_map(|round| &round.tails);
    let of_limit = tails.filter(|tail| tail.limit_us == limit);
    let squares: Vec<f64> = of_limit.map(|tail| tail.inflation.powi(2)).collect();
    let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
    mean.sqrt().max(1.0)
}
