//! Percentiles of latency and of its parts, and what doubts can have made of them. Pure.

use hdrhistogram::Histogram;

use super::bounds::Percentile;
use super::delays::Delays;
use super::found::{Found, Looked};
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::result::{Cause, Figure};
use crate::scenario::Judge;
use crate::scenario::plan::threshold::Part;

/// Said where requests have no end.
const LOWER_BOUND: &str = "requests that were never answered make it a lower bound";

/// A percentile of latency.
pub(super) fn latency(quantile: f64, of: Looked<'_>) -> Found {
    let (latency, exact_below) = latency_quantiles([of.tally]);
    if latency.is_empty() {
        return Found::unknown(if of.tally.ok == 0 {
            "there was no OK response"
        } else {
            "the stored run lacks its histograms"
        });
    }
    let limit = of.expr.limit;
    let value = value_at(&latency, quantile);
    let is_exact = quantile <= exact_below;
    let percentile = Percentile::new(quantile, limit, of.judge, of.phase, of.tally);
    // A maximum is one of what was seen.
    let mut found = if of.judge == Judge::Value || quantile >= 1.0 {
        let high = if is_exact { value } else { f64::INFINITY };
        Found {
            bounds: Some((value, high)),
            ..Found::exact(value)
        }
    } else {
        Found::of(value, percentile.bounded(limit, value))
    };
    if !is_exact {
        found.reason = Some(LOWER_BOUND.to_owned());
    }
    let delays = Delays::of(of.phase, of.total, of.trust, of.cpus);
    if delays.is_some_and(|delays| percentile.is_missed_without(limit, &delays)) {
        found.outmost.0 = value;
    }
    if hidden(of).is_some_and(|hidden| percentile.is_kept_beside(limit, hidden)) {
        found.outmost.1 = value;
    }
    found
}

/// The share of a closed loop's time that its percentiles do not show; `None` if it is not known.
fn hidden(of: Looked<'_>) -> Option<f64> {
    let doubts = of.trust.about(Figure::Latency);
    let mut hidden: f64 = 0.0;
    for (doubt, _) in doubts.filter(|(_, bias)| bias.lower) {
        let is_stall = doubt.cause == Cause::Stalled;
        let silent = 1.0 - of.phase.answered_seconds() / of.phase.seconds();
        let share = doubt.share.filter(|share| is_stall && *share >= 0.0)?;
        hidden = hidden.max(share).max(silent);
    }
    Some(hidden)
}

/// A percentile of a part of latency, judged by its value.
pub(super) fn part(part: Part, quantile: f64, of: Looked<'_>) -> Found {
    let tally = of.tally;
    let known = match part {
        Part::QueueWait => &tally.queue_wait,
        Part::DispatchLag => &tally.dispatch_lag,
        Part::FirstByte => &tally.first_byte,
        Part::ServiceTime => &tally.service_time,
    };
    if known.is_empty() {
        return Found::unknown("there was no OK response, or the stored run lacks its histograms");
    }
    let found = match part {
        Part::QueueWait | Part::DispatchLag => before_sending(quantile, known, tally),
        Part::FirstByte | Part::ServiceTime => since_sent(quantile, known, tally),
    };
    let Some(delays) = Delays::of(of.phase, of.total, of.trust, of.cpus) else {
        return found;
    };
    let delay = match part {
        Part::QueueWait | Part::DispatchLag => delays.of_latency(),
        Part::FirstByte | Part::ServiceTime => delays.of_each(),
    };
    let least = found.bounds.map_or(0.0, |(low, _)| low - delay.delay_us);
    let kept = hidden(of).filter(|hidden| *hidden < 1.0 - quantile);
    let most = kept.map(|hidden| value_at(known, quantile / (1.0 - hidden)));
    Found {
        outmost: (least.max(0.0), most.unwrap_or(f64::INFINITY)),
        ..found
    }
}

/// What passed until a request was sent: those that never were waited longest.
fn before_sending(quantile: f64, known: &Histogram<u64>, tally: &Tally) -> Found {
    let of_known = quantile * (known.len() + tally.not_sent) as f64 / known.len() as f64;
    let least = value_at(known, of_known.min(1.0));
    open_ended(
        least,
        if of_known <= 1.0 {
            least
        } else {
            f64::INFINITY
        },
    )
}

/// What passed since a request was sent. What was never answered waited at least as long as in all without the longest wait before a
/// request was sent; what was never sent did not wait for it at all.
fn since_sent(quantile: f64, known: &Histogram<u64>, tally: &Tally) -> Found {
    let missing = tally.censored.len();
    if missing == 0 {
        return Found::exact(value_at(known, quantile));
    }
    let before = if tally.not_sent > 0 {
        u64::MAX
    } else {
        tally.queue_wait.max() + tally.dispatch_lag.max()
    };
    let mut all = known.clone();
    for at in tally.censored.iter_recorded() {
        let waited = at.value_iterated_to().saturating_sub(before);
        all.record_n(waited, at.count_at_value())
            .expect("a histogram that grows takes any value");
    }
    let of_known = quantile * (known.len() + missing) as f64 / known.len() as f64;
    let most = if of_known <= 1.0 {
        value_at(known, of_known)
    } else {
        f64::INFINITY
    };
    open_ended(value_at(&all, quantile), most)
}

fn open_ended(least: f64, most: f64) -> Found {
    Found {
        bounds: Some((least, most)),
        reason: (most > least).then(|| LOWER_BOUND.to_owned()),
        ..Found::exact(least)
    }
}
