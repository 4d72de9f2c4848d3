//! How far the figures of a phase may be off: the bounds that thresholds are held against. Pure.

use crate::compare::ENOUGH_ROUNDS;
use crate::metrics::{Tally, latency_quantiles};
use crate::result::{ASSUMED_LATENCY_TIME_SPREAD, ASSUMED_TIME_SPREAD, PhaseResult, Round};
use crate::statistics::{Reach, Z95, clopper_pearson, error_of_mean, fewest_trials, reach_of_mean};
use crate::units::{format_count, format_share, format_us};

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

/// A percentile against a limit: whether surely fewer requests than may are beyond the limit, or surely more. The part beyond it has the
/// interval of Clopper and Pearson, wider by how requests beyond it come together, and the limit is moved by what is assumed of machines
/// at other times.
pub(super) fn of_latency(
    quantile: f64,
    limit: f64,
    value: f64,
    phase: &PhaseResult,
    tally: &Tally,
) -> Bounded {
    let speed = Z95 * ASSUMED_LATENCY_TIME_SPREAD / (phase.rounds.len().max(1) as f64).sqrt();
    let (all, _) = latency_quantiles(tally);
    // Of a lower bound below the limit it is not known on which side it is.
    let beyond = |limit: f64| {
        let limit = (limit * 1e3) as u64;
        let above = |of: &hdrhistogram::Histogram<u64>| of.len() - of.count_between(0, limit);
        (above(&all), above(&tally.latency) + tally.censored.len())
    };
    let inflation = inflation(phase, limit);
    let count = all.len();
    let stretched = |hits: u64| {
        let part = hits as f64 / count as f64;
        let (low, high) = clopper_pearson(hits, count);
        (
            part - (part - low) * inflation,
            (part + (high - part) * inflation).min(1.0),
        )
    };
    let allowed = 1.0 - quantile;
    let surely_more = stretched(beyond(limit * speed.exp()).0).0 > allowed;
    let surely_fewer = stretched(beyond(limit / speed.exp()).1).1 < allowed;
    let ends = match (surely_fewer, surely_more) {
        (true, _) | (_, true) => (value, value),
        _ => (0.0, f64::INFINITY),
    };
    let ((least, most), needed) = (beyond(limit), fewest_trials(allowed));
    let words = if (count as f64) < needed {
        format!(
            "{count} requests are too few to judge it: {} or more tell",
            format_count(needed.ceil())
        )
    } else {
        let beyond = if least == most {
            format_share(least as f64 / count as f64)
        } else {
            let part = |hits| format_share(hits as f64 / count as f64);
            format!("{} to {}", part(least), part(most))
        };
        let (low, high) = (stretched(least).0.max(0.0), stretched(most).1);
        format!(
            "{beyond} of {} requests took longer than {}, 95 % interval {} to {}, and {} may; at another time latencies are assumed to differ by {:.0} %",
            format_count(count as f64),
            format_us(limit),
            format_share(low),
            format_share(high),
            format_share(allowed),
            speed * 100.0
        )
    };
    Bounded { ends, words }
}

/// That of the launches together; they are independent of each other.
fn inflation(phase: &PhaseResult, limit: f64) -> f64 {
    let tails = phase.rounds.iter().flat_map(|round| &round.tails);
    let of_limit = tails.filter(|tail| tail.limit_us == limit);
    let squares: Vec<f64> = of_limit.map(|tail| tail.inflation.powi(2)).collect();
    let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
    mean.sqrt().max(1.0)
}
