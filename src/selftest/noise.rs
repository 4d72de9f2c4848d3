//! What speaks for a machine that is too noisy to tell: measured while it was loaded, before and after. Pure.

use hdrhistogram::Histogram;

use super::measure::{Disturbance, Measured};
use crate::metrics::{latency_quantiles, value_at};
use crate::units::{format_count, format_share, format_us};

/// Steal above this share disturbs a stretch.
const STEAL_LIMIT: f64 = 0.02;
/// Threads that were ready and had no core for more than this share of the time disturb one another, or others do. Beside
/// compilers on all cores figures held up to 20 %, and the first one was outside its bounds at 33 %.
const WAITED_LIMIT: f64 = 0.25;
/// A server that is this much later than it meant to be is no reference, µs.
const OVERRUN_LIMIT_US: f64 = 5_000.0;
/// A bare timer that is this late at p99 leaves nothing to measure, µs.
const BARE_LIMIT_US: f64 = 1_000.0;
/// Bare timers before and after that differ by more than this factor, and by more than so many µs, have not seen one machine.
const BARE_CHANGE: (f64, f64) = (4.0, 300.0);
/// A floor beyond these (p90, p99.8; µs) bounds nothing.
const FLOOR_LIMITS: [(f64, f64); 2] = [(0.9, 1_000.0), (0.998, 6_000.0)];

/// What the machine did to a stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The stretch.
    pub stretch: String,
    /// Share of the machine's CPU time that its host took; `None` if not known.
    pub steal_share: Option<f64>,
    /// Time that threads of this process were ready and had no core, by the time that passed; above 1 if several waited.
    pub waited_share: f64,
    /// The most by which the server was later than it meant to be, µs.
    pub server_late_us: f64,
}

/// What the machine did to a stretch.
pub(super) fn evidence(of: &Measured) -> Evidence {
    let Disturbance {
        steal_share,
        waited_share,
    } = of.disturbance;
    Evidence {
        stretch: of.stretch.name.clone(),
        steal_share,
        waited_share,
        server_late_us: of.truth.overrun_ns as f64 / 1e3,
    }
}

/// What in it disturbs a measurement, in words; nothing if the machine was quiet.
pub(super) fn disturbances(of: &Evidence) -> Vec<String> {
    let Evidence {
        stretch: name,
        steal_share,
        waited_share,
        server_late_us,
    } = of;
    let (waited_share, overrun_us) = (*waited_share, *server_late_us);
    let mut found = Vec::new();
    if let Some(steal) = steal_share.filter(|steal| *steal > STEAL_LIMIT) {
        let share = format_share(steal);
        found.push(format!(
            "{name}: the machine's host took {share} of its CPU time"
        ));
    }
    if waited_share > WAITED_LIMIT {
        let share = format_share(waited_share);
        found.push(format!(
            "{name}: threads waited for a core for {share} of the time; end what else runs here"
        ));
    }
    if overrun_us > OVERRUN_LIMIT_US {
        let late = format_us(overrun_us);
        found.push(format!("{name}: the server itself was up to {late} late"));
    }
    found
}

/// Whether a floor of immediate answers is too wide to bound anything, in words.
pub(super) fn wide_floor(of: &Measured) -> Option<String> {
    let (latency, _) = latency_quantiles([&of.reported]);
    FLOOR_LIMITS.iter().find_map(|(quantile, limit)| {
        let found = value_at(&latency, *quantile);
        (found > *limit).then(|| {
            format!(
                "{}: one request in {} took more than {} for an immediate answer; nothing finer can be told",
                of.stretch.name,
                format_count((1.0 / (1.0 - quantile)).round()),
                format_us(found)
            )
        })
    })
}

/// What the bare timer at `rate` a second says of the machine before and after the load, in words.
pub(super) fn bare_noise(
    rate: u32,
    before: &Histogram<u64>,
    after: &Histogram<u64>,
) -> Option<String> {
    let rate = format_count(f64::from(rate));
    let (first, second) = (value_at(before, 0.99), value_at(after, 0.99));
    let (least, most) = (first.min(second), first.max(second));
    if most > BARE_LIMIT_US {
        let late = format_us(most);
        return Some(format!("a bare timer at {rate}/s was {late} late at p99"));
    }
    (most > least * BARE_CHANGE.0 && most - least > BARE_CHANGE.1).then(|| {
        format!(
            "a bare timer at {rate}/s was {} late at p99 before the load and {} after it",
            format_us(first),
            format_us(second)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::{measured, way};
    use super::super::server::Behaviour;
    use super::*;
    use crate::metrics::Tally;

    #[test]
    fn a_machine_is_noisy_for_stated_reasons() {
        let quiet = measured("immediate", Behaviour::Immediate, way);
        assert_eq!(disturbances(&evidence(&quiet)), Vec::<String>::new());
        assert_eq!(wide_floor(&quiet), None);
        let mut noisy = measured("immediate", Behaviour::Immediate, |n| 9_000_000 * (n % 9));
        noisy.disturbance = Disturbance {
            steal_share: Some(0.05),
            waited_share: 0.31,
        };
        noisy.truth.overrun_ns = 7_000_000;
        let found = disturbances(&evidence(&noisy)).join("\n");
        for words in ["took 5 % of", "for 31 % of the time", "7 ms late"] {
            assert!(found.contains(words), "{found}");
        }
        assert!(wide_floor(&noisy).unwrap().contains("one request in 10"));
        let late = |us: u64| {
            let mut histogram = Tally::default().latency;
            histogram.record(us * 1_000).unwrap();
            histogram
        };
        for (before, after, says) in [
            (60, 60, None),
            (60, 200, None),
            (60, 500, Some("before the load and 500")),
            (900, 300, None),
            (60, 1_500, Some("1.5 ms late at p99")),
        ] {
            let found = bare_noise(2_000, &late(before), &late(after));
            assert_eq!(found.is_some(), says.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(says.unwrap_or("")));
        }
    }
}
