//! The figures of a gate in words, and the bar of an interval.

use std::fmt::Write as _;

use super::change::factor;
use crate::gate::Verdict;
use crate::gate::paired::{
    Change, ErrorVerdict, Evidence, GateVerdict, MetricVerdict, Spread, Used,
};
use crate::scenario::plan::gate::{FunctionFigure, GateMetric};
use crate::units::{format_count, format_share, format_things, format_us};

/// What a bar's marks mean.
pub(in crate::report) const LEGEND: &str = "bars: ├─●─┤ the estimate in its 95 % interval, worse to the right; │ no change, ╎ tolerated, ┃ caught, at half of the bar's reach; ◀ ▶ beyond it";

/// Cells of a bar on each side of "no change".
const HALF: i32 = 12;
/// How far a bar reaches, in changes that are caught.
const REACH: f64 = 2.0;
/// How far the bar of a metric without limits reaches, in the farther end of its interval.
const ROOM: f64 = 1.2;

/// A value of a metric with its unit; "–" where it is not known.
pub(in crate::report) fn value(metric: GateMetric, value: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    match metric {
        GateMetric::CpuPerRequest
        | GateMetric::CpuAtRate
        | GateMetric::Latency(_)
        | GateMetric::Function(FunctionFigure::Cost) => format_us(value),
        GateMetric::Function(FunctionFigure::Share) => format_share(value),
        GateMetric::Capacity => format!("{}/s", format_count(value)),
        GateMetric::PeakMemory => crate::report::figures::amount(value, "bytes"),
    }
}

/// A share with its sign.
pub(in crate::report) fn signed(share: f64) -> String {
    let sign = if share < 0.0 { "-" } else { "+" };
    format!("{sign}{}", format_share(share.abs()))
}

/// A change and its interval, as a factor if it is large; "–" where there is none.
pub(in crate::report) fn change(change: Option<Change>) -> (String, String) {
    let Some(Change { by, low, high }) = change else {
        return ("–".to_owned(), "–".to_owned());
    };
    let large = factor(1.0 + by, (1.0 + low, 1.0 + high));
    large.unwrap_or_else(|| {
        let interval = format!("{} to {}", signed(low), signed(high));
        (signed(by), interval)
    })
}

/// What follows, told apart by a sign and a word; of a metric that is shown alone as well.
pub(in crate::report) fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "✓ pass",
        Some(Verdict::Fail) => "✗ FAIL",
        Some(Verdict::Inconclusive) => "? inconclusive",
        None => "– not gated",
    }
}

/// Why, and what would settle it; empty if nothing is to be said.
pub(in crate::report) fn reason(of: &MetricVerdict) -> String {
    let needs = of.needs.as_ref().map(|needs| format!("needs {needs}"));
    let parts = of.reason.iter().cloned().chain(needs);
    parts.collect::<Vec<_>>().join("; ")
}

/// Requests of both arms that failed, of all that ended.
pub(in crate::report) fn failures(of: &ErrorVerdict) -> String {
    if of.base.1 + of.head.1 == 0 {
        return "no request was answered".to_owned();
    }
    format!("{} → {} failed", failed(of.base), failed(of.head))
}

/// Whether nothing at all is known of the arms, as where one never became ready.
pub(in crate::report) fn is_blank(of: &GateVerdict) -> bool {
    let is_known = |of: &MetricVerdict| of.base.is_some() || of.head.is_some();
    let mut metrics = of.metrics.iter();
    !metrics.any(|of| is_known(of) || of.verdict.is_some())
}

/// Requests that failed, of all that ended; "–" without any.
pub(in crate::report) fn failed((failed, of): (u64, u64)) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    format!(
        "{} of {}",
        format_count(failed as f64),
        format_count(of as f64)
    )
}

/// What a verdict rests on.
pub(in crate::report) fn used(of: Used, seconds: f64) -> String {
    let blocks = |count: usize| format_things(count, "block", "blocks");
    let mut words = format!(
        "rests on {} of both arms ({}) in {seconds:.0} s",
        format_things(of.launches, "launch", "launches"),
        blocks(of.blocks)
    );
    if of.confirming > 0 {
        let _ = write!(
            words,
            ", and on {} that should confirm",
            blocks(of.confirming)
        );
    }
    if of.voided > 0 {
        let _ = write!(
            words,
            "; latencies of {} are void, for something else disturbed the machine",
            blocks(of.voided)
        );
    }
    words
}

/// What the machine did besides, as medians and largest values of blocks; empty if nothing is known.
pub(in crate::report) fn evidence(of: &Evidence) -> String {
    let spread = |what: &str, spread: Option<Spread>, shown: fn(f64) -> String| {
        let spread = spread?;
        let (median, most) = (shown(spread.median), shown(spread.most));
        Some(format!("{what} {median} (at most {most})"))
    };
    let throttled = (of.throttled_seconds > 0.0)
        .then(|| format!("throttled for {:.2} s", of.throttled_seconds));
    let all = [
        spread("others used", of.foreign_cores, |cores| {
            format!("{cores:.2} CPUs")
        }),
        spread("the generator", of.generator_cores, |cores| {
            format!("{cores:.2} CPUs")
        }),
        spread("steal", of.steal, format_share),
        spread("dispatch lag p99", of.dispatch_lag_us, format_us),
        throttled,
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// An interval in units of its bar's reach: 0 is no change, 1 the end where things are worse.
pub(in crate::report) struct Reached {
    pub(in crate::report) low: f64,
    pub(in crate::report) by: f64,
    pub(in crate::report) high: f64,
    /// What is tolerated and what is caught, if it is judged.
    pub(in crate::report) limits: Option<(f64, f64)>,
}

/// The interval of a change beside its limits; `None` if there is none.
pub(in crate::report) fn reached(of: &MetricVerdict) -> Option<Reached> {
    let change = of.change?;
    let worse = |share: f64| {
        if of.metric.more_is_worse() {
            share
        } else {
            -share
        }
    };
    let ends = [worse(change.low), worse(change.high)];
    let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let reach = of.limits.map_or_else(
        || ROOM * low.abs().max(high.abs()).max(f64::MIN_POSITIVE),
        |limits| REACH * limits.catch,
    );
    let limits = of.limits.map(|of| (of.tolerate / reach, of.catch / reach));
    Some(Reached {
        low: low / reach,
        by: worse(change.by) / reach,
        high: high / reach,
        limits,
    })
}

/// The same in so many cells as every other bar.
pub(in crate::report) fn bar(of: &MetricVerdict) -> String {
    let Some(reached) = reached(of) else {
        return String::new();
    };
    let at = |of: f64| (of * f64::from(HALF)).round() as i32;
    let (low, high) = (at(reached.low), at(reached.high));
    let mut cells = Cells([' '; 2 * HALF as usize + 1]);
    for place in low..=high {
        cells.set(place, '─');
    }
    cells.set(0, '│');
    if let Some((tolerate, catch)) = reached.limits {
        cells.set(at(tolerate), '╎');
        cells.set(at(catch), '┃');
    }
    cells.end(low, '├');
    cells.end(high, '┤');
    cells.set(at(reached.by), '●');
    cells.0.iter().collect()
}

/// The cells of a bar, the middle one at 0.
struct Cells([char; 2 * HALF as usize + 1]);

impl Cells {
    fn set(&mut self, at: i32, mark: char) {
        let cell = usize::try_from(at + HALF).ok();
        if let Some(cell) = cell.and_then(|cell| self.0.get_mut(cell)) {
            *cell = mark;
        }
    }

    /// An end of the interval, or which way it lies.
    fn end(&mut self, at: i32, mark: char) {
        if at < -HALF {
            self.set(-HALF, '◀');
        } else if at > HALF {
            self.set(HALF, '▶');
        } else {
            self.set(at, mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::gate_samples::metric;
    use crate::scenario::plan::gate::Limits;

    #[test]
    fn a_large_change_is_a_factor() {
        for ((low, by, high), expected) in [
            ((-0.0121, 0.0181, 0.0492), ("+1.81 %", "-1.21 % to +4.92 %")),
            ((59.28, 75.38, 95.78), ("×80", "×60 to ×100")),
            ((-0.995, -0.994, -0.993), ("÷170", "÷200 to ÷140")),
            ((-1.0, -0.9, -0.5), ("÷10", "÷2 and more")),
        ] {
            let found = change(Some(Change { by, low, high }));
            let found = (found.0.as_str(), found.1.as_str());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_bar_shows_an_interval_beside_its_limits() {
        let limits = Some(Limits {
            catch: 0.06,
            tolerate: 0.03,
        });
        for (metric_of, limits, (low, by, high), expected) in [
            // Twelve cells are 12 %.
            (
                GateMetric::CpuPerRequest,
                limits,
                (0.07, 0.08, 0.10),
                "            │  ╎  ┃├●─┤  ",
            ),
            (
                GateMetric::CpuPerRequest,
                limits,
                (-0.02, 0.01, 0.04),
                "          ├─│●─╎┤ ┃      ",
            ),
            // Less capacity is worse.
            (
                GateMetric::Capacity,
                limits,
                (-0.10, -0.08, -0.07),
                "            │  ╎  ┃├●─┤  ",
            ),
            (
                GateMetric::CpuPerRequest,
                limits,
                (-0.5, 0.0, 0.5),
                "◀───────────●──╎──┃─────▶",
            ),
            (
                GateMetric::CpuPerRequest,
                limits,
                (0.4, 0.5, 0.6),
                "            │  ╎  ┃     ▶",
            ),
            (
                GateMetric::PeakMemory,
                None,
                (-0.1, 0.0, 0.1),
                "  ├─────────●─────────┤  ",
            ),
        ] {
            let mut of = metric(metric_of, None);
            of.limits = limits;
            of.change = Some(Change { by, low, high });
            assert_eq!(bar(&of), expected, "{metric_of:?} {low} {by} {high}");
        }
        let mut unknown = metric(GateMetric::CpuPerRequest, None);
        unknown.change = None;
        assert_eq!(bar(&unknown), "");
    }
}
