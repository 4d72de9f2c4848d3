//! The words of verdicts: why, and what would settle it.

use std::time::Duration;

use super::bursts::ENOUGH;
use super::look::{CONFIRMING, FIRST_LOOK};
use super::verdict::{Bursts, Change, MetricVerdict};
use crate::gate::Verdict;
use crate::scenario::plan::gate::{GateMetric, Limits};
use crate::units::{format_share, format_things, format_us};

/// What settles a failure that was not confirmed.
pub(super) const NEEDS_CONFIRMATION: &str = "measure again where nothing else runs, or with a longer `--budget`; a failure that fresh launches do not confirm is none";
/// What settles one of functions whose fresh launches could not be profiled.
pub(super) const NEEDS_PROFILES: &str = "arms that can be profiled in each of their launches; a failure that no fresh launch confirms is none";
/// What settles a change of answers.
pub(super) const NEEDS_ANSWERS: &str = "make the head answer as the base does, or set `answers = \"may-differ\"` in [gate] if the change is meant";

/// Why a capacity says nothing.
pub(super) const OUTRUNS: &str = "a worker of the generator was busy all the while in the base's turns: the base may take more than it was sent, and a slower head would look the same";
/// What settles that.
pub(super) const NEEDS_WORKERS: &str = "more `workers` of the load, where there are CPUs for them";

/// What settles it for functions that no sample holds.
pub(super) const NEEDS_PATTERN: &str = "a pattern that matches functions as a profile of the target names them, or functions that take more of the CPU time";
/// What settles it for functions of which too little is known.
pub(super) const NEEDS_SAMPLES: &str =
    "more samples: a larger `hz` in [profile], a wider pattern, or a larger `catch`";

/// Times the budget from which a longer one is no advice.
const MOST_TIMES: f64 = 8.0;

/// A change with its sign.
fn signed(share: f64) -> String {
    let sign = if share < 0.0 { "-" } else { "+" };
    format!("{sign}{}", format_share(share.abs()))
}

fn estimate(change: Option<Change>) -> String {
    change.map_or_else(
        || "no estimate".to_owned(),
        |change| {
            format!(
                "{} (95 %: {} to {})",
                signed(change.by),
                signed(change.low),
                signed(change.high)
            )
        },
    )
}

pub(super) fn fails(verdict: &MetricVerdict, limits: Limits) -> String {
    let Some(change) = verdict.change else {
        return "the head spends CPU time in it, and the base does not".to_owned();
    };
    let confirmed = verdict.confirmation.map_or_else(String::new, |of| {
        format!(
            "; {} fresh launches confirm it: {}",
            of.n,
            estimate(of.change)
        )
    });
    format!(
        "{} is worse than the tolerated {}{confirmed}",
        estimate(Some(change)),
        format_share(limits.tolerate)
    )
}

pub(super) fn passes(upper: f64, limits: Limits) -> String {
    let found = if upper > 0.0 {
        format!("at most {} worse (95 %)", format_share(upper))
    } else {
        "not worse (95 %)".to_owned()
    };
    format!(
        "no change for the worse of {} or more: {found}",
        format_share(limits.catch)
    )
}

pub(super) fn between(verdict: &MetricVerdict, limits: Limits) -> String {
    format!(
        "{} may be {} worse, and may be less than the tolerated {}",
        estimate(verdict.change),
        format_share(limits.catch),
        format_share(limits.tolerate)
    )
}

/// Of a failure that `wanted` fresh launches should have confirmed.
pub(super) fn unconfirmed(verdict: &MetricVerdict, wanted: usize) -> String {
    let found = estimate(verdict.change);
    match verdict.confirmation {
        None => format!("{found} would fail, but no time was left to confirm it"),
        Some(of) if of.n < wanted => format!(
            "{found} would fail, but only {} of {wanted} fresh launches could confirm it",
            of.n
        ),
        Some(of) => format!(
            "{found} would fail, but {} fresh launches do not confirm it: {}",
            of.n,
            estimate(of.change)
        ),
    }
}

/// Of a failure whose fresh launches could not be profiled.
pub(super) fn not_to_be_confirmed(verdict: &MetricVerdict, why: &str) -> String {
    format!(
        "{} would fail, but could not be confirmed: {why}",
        estimate(verdict.change)
    )
}

pub(super) fn quieter(sd: f64, times: f64) -> String {
    let quiet = format_share(sd / times.sqrt());
    let here = format_share(sd);
    if times > MOST_TIMES {
        format!("launches that differ by {quiet} or less; here they differ by {here}")
    } else {
        format!(
            "launches that differ by {quiet} or less, if the estimate holds; here they differ by {here}: a `--budget` of {times:.1} times as long would do"
        )
    }
}

/// What tells where a stored baseline does not.
pub(super) fn side_by_side(spread: f64, catch: f64) -> String {
    format!(
        "both versions side by side; beside a stored baseline machines are assumed to differ by {}, and a `catch` of {} or more would pass",
        format_share(spread),
        format_share(catch)
    )
}

/// Of a metric that is only shown, of which each launch is void.
pub(super) fn void(voided: usize) -> String {
    match voided {
        1 => "its launch does not count, for something else used the machine".to_owned(),
        _ => format!("{voided} launches do not count, for something else used the machine"),
    }
}

pub(super) fn few(n: usize, voided: usize, unknown: Option<(usize, &'static str)>) -> String {
    let launches = format_things(n, "launch", "launches");
    let mut words = format!("it rests on {launches}, and fewer than {FIRST_LOOK} do not tell");
    if voided > 0 {
        words += &format!("; {voided} more do not count, for something else used the machine");
    }
    if let Some((count, why)) = unknown {
        words += &format!("; {count} more say nothing: {why}");
    }
    words
}

pub(super) fn needs_launches(voided: usize) -> String {
    let quiet = if voided > 0 {
        ", where nothing else runs"
    } else {
        ""
    };
    format!(
        "{FIRST_LOOK} launches of both arms{quiet}: a longer `--budget`, or a smaller `relaunch`"
    )
}

/// A budget that has time for what there was none for.
pub(super) fn budget(budget: Duration) -> String {
    format!(
        "a `--budget` of {}s, which has time for {FIRST_LOOK} launches and for {CONFIRMING} that confirm a failure",
        budget.as_secs()
    )
}

/// A figure that nothing judges and in which the head is plainly worse, as geometric means over launches, µs.
#[derive(Debug, Clone)]
pub(super) struct Gross {
    /// Which, such as "on average".
    pub(super) of: String,
    pub(super) base: f64,
    pub(super) head: f64,
}

/// Of a metric that is not judged for this reason, and in which the head is plainly worse.
pub(super) fn plain(unjudged: Option<&str>, gross: &Gross) -> String {
    format!(
        "{}; the head is plainly slower all the same: it takes {:.1} times as long {} ({} → {})",
        unjudged.unwrap_or("it is not gated"),
        gross.head / gross.base,
        gross.of,
        format_us(gross.base),
        format_us(gross.head)
    )
}

/// What lets a metric be judged that is not.
pub(super) fn needs_gating(of: &MetricVerdict) -> String {
    if of.limits.is_none() {
        return format!(
            "a `[[gate.metric]]` with `name = \"{}\"`, so that it is judged",
            of.metric.name()
        );
    }
    let longer = || "a longer `--budget`, in which it can be judged".to_owned();
    of.needs.clone().unwrap_or_else(longer)
}

/// The same beside a stored baseline, of which nothing else judges it.
pub(super) fn needs_side_by_side(of: &MetricVerdict) -> String {
    match of.limits {
        None => needs_gating(of),
        Some(_) => "both versions side by side, with `--base` and `--head`".to_owned(),
    }
}

/// What a pass is of, where less was judged than CPU time, throughput and latency; `None` if all of that was.
pub(super) fn scope(metrics: &[MetricVerdict]) -> Option<String> {
    let is_open = |of: &&MetricVerdict| {
        let usual = [
            GateMetric::CpuPerRequest,
            GateMetric::Capacity,
            GateMetric::Latency(0.5),
        ];
        of.verdict.is_none() && usual.contains(&of.metric)
    };
    let name = |of: &MetricVerdict| match of.metric {
        GateMetric::CpuPerRequest => "CPU per request".to_owned(),
        _ => of.name(),
    };
    let open: Vec<String> = metrics.iter().filter(is_open).map(name).collect();
    let judged = metrics
        .iter()
        .filter(|of| of.verdict == Some(Verdict::Pass));
    let judged: Vec<String> = judged.map(name).collect();
    let were = if open.len() == 1 { "was" } else { "were" };
    (!open.is_empty()).then(|| {
        format!(
            "of {} alone: {} {were} not judged",
            listed(&judged),
            listed(&open)
        )
    })
}

/// "a, b and c".
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

pub(super) fn few_bursts(bursts: Bursts) -> String {
    format!(
        "its tail rests on {:.0} and {:.0} bursts of slow requests, and fewer than {ENOUGH:.0} do not tell",
        bursts.base, bursts.head
    )
}

pub(super) fn more_bursts(bursts: Bursts) -> String {
    let least = bursts.base.min(bursts.head).max(1.0);
    format!(
        "some {:.0} times as long at the fixed rate: a longer `--budget`",
        (ENOUGH / least).ceil()
    )
}

pub(super) fn few_samples(samples: u64, launches: usize) -> String {
    let launches = format_things(launches, "launch", "launches");
    format!("{samples} samples of both arms hold it, of {launches} each: too few to tell")
}
