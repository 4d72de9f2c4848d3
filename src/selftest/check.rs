//! What is held against what: reported figures beside the truth, within bounds that follow from the floor of the same
//! run. Pure.

use hdrhistogram::Histogram;

use super::measure::Measured;
use crate::gate::Verdict;
use crate::metrics::{latency_quantiles, value_at};
use crate::units::{format_count, format_us};

/// A reported figure beside what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The stretch of load that it belongs to.
    pub stretch: String,
    /// What was reported, such as "service time p99".
    pub figure: String,
    /// Of all values.
    pub unit: Unit,
    /// What was reported.
    pub reported: f64,
    /// What is true.
    pub truth: f64,
    /// The least that may be reported.
    pub lowest: f64,
    /// The most that may be reported.
    pub highest: f64,
    /// What a busy machine can do to the figure.
    pub excuse: Excuse,
}

/// Of the values of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// µs.
    Microseconds,
    /// A number of requests.
    Requests,
}

/// What a busy machine can do to a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// Nothing: outside its bounds it is wrong.
    Nothing,
    /// Make it larger; below its bounds it is wrong.
    Larger,
    /// Move it either way.
    Either,
}

/// How a figure stands to its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Within.
    Holds,
    /// Outside, as a busy machine could bring it.
    Outside,
    /// Outside, as nothing but a wrong measurement could bring it.
    Wrong,
}

impl Standing {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Outside => "outside",
            Self::Wrong => "wrong",
        }
    }
}

impl Check {
    /// How the figure stands to its bounds.
    pub fn standing(&self) -> Standing {
        let excused = if self.reported < self.lowest {
            self.excuse == Excuse::Either
        } else if self.reported <= self.highest {
            return Standing::Holds;
        } else {
            // Not a number is no figure.
            self.excuse != Excuse::Nothing && !self.reported.is_nan()
        };
        if excused {
            Standing::Outside
        } else {
            Standing::Wrong
        }
    }

    /// In words, with what it should be.
    pub fn describe(&self) -> String {
        let write = |value| match self.unit {
            Unit::Microseconds => format_us(value),
            Unit::Requests => format_count(value),
        };
        let (low, high) = (write(self.lowest), write(self.highest));
        let bounds = if low == high {
            String::new()
        } else {
            format!(", allowed {low} to {high}")
        };
        format!(
            "{}, {}: reported {}, true {}{bounds}",
            self.stretch,
            self.figure,
            write(self.reported),
            write(self.truth)
        )
    }
}

/// What the checks come to: a wrong figure is a failure on any machine, one outside its bounds only on a quiet one.
pub fn verdict(checks: &[Check], noise: &[String]) -> Verdict {
    let is = |standing| checks.iter().any(|check| check.standing() == standing);
    if is(Standing::Wrong) {
        Verdict::Fail
    } else if !noise.is_empty() || checks.is_empty() {
        Verdict::Inconclusive
    } else if is(Standing::Outside) {
        Verdict::Fail
    } else {
        Verdict::Pass
    }
}

/// A histogram of 3 digits rounds up by at most this share.
const RESOLUTION: f64 = 1e-3;

/// Percentiles that are held against the server's own record.
const CHECKED: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
];

/// Part of the tail beyond a percentile that the floor's share of the bound takes.
const FLOOR_PART: f64 = 0.2;

/// Stalls: how far p95 and p99 may be from the formula, µs.
const STALL_TOLERANCE_US: f64 = 6_000.0;

/// A figure in the making.
struct Beside<'a> {
    stretch: &'a str,
    what: &'a str,
    reported: &'a Histogram<u64>,
    truth: &'a Histogram<u64>,
    floor: &'a Histogram<u64>,
    excuse: Excuse,
}

/// Percentiles of a sum of the server's delay and what the way there and back adds. The first is the truth's part, so that
/// no percentile can be below the truth's. With δ a part of the tail 1 − q, no more than 1 − q of all requests exceed
/// truth(q + δ) + floor(1 − δ), however the two depend on each other, as long as the way takes what it took for immediate
/// answers at the same rate.
fn percentiles(of: &Beside<'_>) -> Vec<Check> {
    let check = |(name, quantile): (&str, f64)| {
        let part = (1.0 - quantile) * FLOOR_PART;
        let truth = value_at(of.truth, quantile);
        Check {
            stretch: of.stretch.to_owned(),
            figure: format!("{} {name}", of.what),
            unit: Unit::Microseconds,
            reported: value_at(of.reported, quantile),
            truth,
            lowest: truth * (1.0 - 1.1 * RESOLUTION),
            highest: (value_at(of.truth, quantile + part) + value_at(of.floor, 1.0 - part))
                * (1.0 + 1.1 * RESOLUTION),
            excuse: of.excuse,
        }
    };
    CHECKED.map(check).into()
}

/// Numbers of requests: what is reported as due is what was planned, and as answered what the server answered.
pub(super) fn counts(of: &Measured) -> Vec<Check> {
    let check = |figure: &str, reported: u64, truth: u64, excuse| Check {
        stretch: of.stretch.name.clone(),
        figure: figure.to_owned(),
        unit: Unit::Requests,
        reported: reported as f64,
        truth: truth as f64,
        lowest: truth as f64,
        highest: truth as f64,
        excuse,
    };
    let (planned, tally) = (of.stretch.planned().1, &of.reported);
    let answered = of.truth.service.len();
    vec![
        check("requests due", tally.due, planned, Excuse::Nothing),
        check(
            "answers",
            tally.ok,
            answered,
            unless_lost(of, Excuse::Nothing),
        ),
        check("requests answered", tally.ok, planned, Excuse::Either),
    ]
}

/// What a busy machine can do to a figure of `of`: `usually`, unless it stood still for so long that requests timed out,
/// whose answers only the server has counted.
fn unless_lost(of: &Measured, usually: Excuse) -> Excuse {
    let tally = &of.reported;
    if tally.failed + tally.in_flight_at_end + tally.not_sent == 0 {
        usually
    } else {
        Excuse::Either
    }
}

/// Of a server with known delays: `floor` is that of immediate answers at the same rate.
pub(super) fn delayed(of: &Measured, floor: &Measured) -> Vec<Check> {
    let (latency, _) = latency_quantiles([&of.reported]);
    let (floor_latency, _) = latency_quantiles([&floor.reported]);
    let service = Beside {
        stretch: &of.stretch.name,
        what: "service time",
        reported: &of.reported.service_time,
        truth: &of.truth.service,
        floor: &floor.reported.service_time,
        excuse: unless_lost(of, Excuse::Larger),
    };
    let mut checks = percentiles(&service);
    checks.extend(percentiles(&Beside {
        what: "latency",
        reported: &latency,
        floor: &floor_latency,
        ..service
    }));
    checks
}

/// Of a server that stalls S of every T seconds: latency exceeds x for the share (S − x) / (T (1 − ρ)) of all requests,
/// with ρ the rate by the `capacity` of the same connections in a closed loop, because a backlog of S ends that much later.
///
/// What is due in a stall is never answered before its end, so that no machine brings a percentile below that of ρ = 0.
pub(super) fn stalled(of: &Measured, capacity: f64, stall_s: f64, every_s: f64) -> Vec<Check> {
    let rate = f64::from(of.stretch.rate.unwrap_or(0));
    let (latency, _) = latency_quantiles([&of.reported]);
    let check = |(name, quantile): (&str, f64)| {
        let at_load = |rho: f64| 1e6 * (stall_s - (1.0 - quantile) * every_s * (1.0 - rho));
        let truth = at_load(rate / capacity);
        let reported = value_at(&latency, quantile);
        // Two steps of the schedule: one for the percentile's rank, one for the stall's begin.
        let least = at_load(0.0) * (1.0 - 1.1 * RESOLUTION) - 2e6 / rate;
        Check {
            stretch: of.stretch.name.clone(),
            figure: format!("latency {name}"),
            unit: Unit::Microseconds,
            reported,
            truth,
            lowest: truth - STALL_TOLERANCE_US,
            highest: truth + STALL_TOLERANCE_US,
            excuse: if reported < least {
                unless_lost(of, Excuse::Larger)
            } else {
                Excuse::Either
            },
        }
    };
    [("p95", 0.95), ("p99", 0.99)].map(check).into()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::super::measure::{Disturbance, Stretch};
    use super::super::server::{Behaviour, Truth, delay};
    use super::*;
    use crate::metrics::{Outcome, Tally, Times};

    fn check(reported: f64, excuse: Excuse) -> Check {
        Check {
            stretch: "x".to_owned(),
            figure: "latency p99".to_owned(),
            unit: Unit::Microseconds,
            reported,
            truth: 100.0,
            lowest: 90.0,
            highest: 120.0,
            excuse,
        }
    }

    #[test]
    fn a_figure_stands_within_outside_or_is_wrong() {
        for (reported, excuse, standing) in [
            (90.0, Excuse::Nothing, Standing::Holds),
            (120.0, Excuse::Larger, Standing::Holds),
            (121.0, Excuse::Nothing, Standing::Wrong),
            (121.0, Excuse::Larger, Standing::Outside),
            (89.0, Excuse::Larger, Standing::Wrong),
            (89.0, Excuse::Either, Standing::Outside),
            (f64::NAN, Excuse::Either, Standing::Wrong),
        ] {
            let check = check(reported, excuse);
            assert_eq!(check.standing(), standing, "{check:?}");
        }
    }

    #[test]
    fn noise_excuses_what_it_can_explain_and_nothing_else() {
        let good = check(100.0, Excuse::Larger);
        let outside = check(500.0, Excuse::Larger);
        let wrong = check(50.0, Excuse::Larger);
        let noisy = ["steal".to_owned()];
        for (checks, noise, expected) in [
            (vec![good.clone()], &[][..], Verdict::Pass),
            (vec![good.clone(), outside.clone()], &[], Verdict::Fail),
            (vec![good.clone(), outside], &noisy, Verdict::Inconclusive),
            (vec![good.clone()], &noisy, Verdict::Inconclusive),
            (vec![good, wrong], &noisy, Verdict::Fail),
            (vec![], &[], Verdict::Inconclusive),
        ] {
            assert_eq!(verdict(&checks, noise), expected, "{checks:?} {noise:?}");
        }
    }

    /// What a stretch at 2,000/s would be whose server has the delays and whose requests took `way` (ns) more.
    pub(in crate::selftest) fn measured(
        name: &str,
        behaviour: Behaviour,
        way: impl Fn(u64) -> u64,
    ) -> Measured {
        let mut reported = Tally::default();
        let mut service = Tally::default().latency;
        for n in 0..4_000 {
            let held = match behaviour {
                Behaviour::Delayed => delay(n).as_nanos() as u64,
                _ => 1_000,
            };
            service.record(held).unwrap();
            let times = Times {
                intended: 0,
                startable: 0,
                sent: way(n) / 2,
                done: held + way(n),
            };
            reported.record(Outcome::Ok { status: 200 }, times, u64::MAX);
        }
        let stretch = Stretch {
            name: name.to_owned(),
            behaviour,
            rate: Some(2_000),
            warmup: Duration::ZERO,
            length: Duration::from_secs(2),
        };
        Measured {
            stretch,
            reported,
            throughput_rps: 2_000.0,
            truth: Truth {
                service,
                overrun_ns: 0,
            },
            disturbance: Disturbance::default(),
        }
    }

    /// Most take 50 µs, one in fifty 400 µs.
    pub(in crate::selftest) fn way(n: u64) -> u64 {
        if n.is_multiple_of(50) {
            400_000
        } else {
            50_000
        }
    }

    type Lie = fn(&mut Measured);

    const LIES: [(&str, Lie); 6] = [
        ("the tail is cut off", |of| {
            let largest = 20_000_000;
            let cut = |histogram: &mut Histogram<u64>| {
                let values: Vec<_> = histogram
                    .iter_recorded()
                    .map(|value| {
                        (
                            value.value_iterated_to().min(largest),
                            value.count_at_value(),
                        )
                    })
                    .collect();
                histogram.reset();
                for (value, count) in values {
                    histogram.record_n(value, count).unwrap();
                }
            };
            cut(&mut of.reported.latency);
            cut(&mut of.reported.service_time);
        }),
        ("slow requests are left out", |of| {
            of.reported.ok -= 5;
        }),
        ("not all that was due is counted", |of| {
            of.reported.due -= 1;
        }),
        ("times are in a wrong unit", |of| {
            let values: Vec<_> = of
                .reported
                .service_time
                .iter_recorded()
                .map(|value| (value.value_iterated_to() / 1_000, value.count_at_value()))
                .collect();
            of.reported.service_time.reset();
            for (value, count) in values {
                of.reported.service_time.record_n(value, count).unwrap();
            }
        }),
        ("times are rounded up to ms of a coarse timer", |of| {
            of.reported.latency.reset();
            for n in 0..4_000 {
                let ms = delay(n).as_millis() as u64 + 2;
                of.reported.latency.record(ms * 1_000_000).unwrap();
            }
        }),
        ("percentiles are taken at the wrong place", |of| {
            of.reported.latency.record_n(900_000_000, 300).unwrap();
        }),
    ];

    #[test]
    fn what_is_measured_truly_holds_and_what_lies_does_not() {
        let floor = measured("immediate", Behaviour::Immediate, way);
        let honest = measured("delayed", Behaviour::Delayed, way);
        let all_hold = |of: &Measured| {
            let mut checks = counts(of);
            checks.extend(delayed(of, &floor));
            verdict(&checks, &[])
        };
        assert_eq!(all_hold(&honest), Verdict::Pass);
        for (what, lie) in LIES {
            let mut lying = honest.clone();
            lie(&mut lying);
            assert_eq!(all_hold(&lying), Verdict::Fail, "{what}");
        }
    }

    #[test]
    fn answers_that_came_after_the_timeout_are_no_lie() {
        let floor = measured("immediate", Behaviour::Immediate, way);
        let mut of = measured("delayed", Behaviour::Delayed, way);
        of.reported.ok -= 5;
        of.reported.failed += 5;
        let mut checks = counts(&of);
        checks.extend(delayed(&of, &floor));
        let noisy = ["steal".to_owned()];
        assert_eq!(verdict(&checks, &noisy), Verdict::Inconclusive);
    }

    /// Latency of the n-th request at 2,000/s if each in a stall of 200 ms waits so much less than the one before.
    fn honest_for(n: u64, less: u64) -> u64 {
        200_000_000_u64.saturating_sub(n % 2_000 * less).max(50_000)
    }

    #[test]
    fn a_stall_that_is_left_out_is_seen() {
        let stalled_at = |latency_of: fn(u64) -> u64, noise: &[String]| {
            let mut of = measured("stalled", Behaviour::Immediate, |_| 0);
            of.reported.latency.reset();
            (0..4_000).for_each(|n| of.reported.latency.record(latency_of(n)).unwrap());
            verdict(&stalled(&of, 40_000.0, 0.2, 1.0), noise)
        };
        // At 2,000/s: the first 400 of each 2,000 wait for the end of the stall, and the backlog of ρ = 0.05.
        let honest = |n: u64| {
            200_000_000_u64
                .saturating_sub(n % 2_000 * 475_000)
                .max(50_000)
        };
        assert_eq!(stalled_at(honest, &[]), Verdict::Pass);
        // Coordinated omission: one request of each connection sees the stall, the others are sent later.
        let omitting = |n: u64| if n % 2_000 < 8 { 200_000_000 } else { 50_000 };
        let noisy = ["steal".to_owned()];
        assert_eq!(stalled_at(omitting, &[]), Verdict::Fail);
        assert_eq!(stalled_at(omitting, &noisy), Verdict::Fail);
        // A slow machine works the backlog off more slowly: longer latencies, which noise explains.
        let slow = |n: u64| honest_for(n, 400_000);
        assert_eq!(stalled_at(slow, &[]), Verdict::Fail);
        assert_eq!(stalled_at(slow, &noisy), Verdict::Inconclusive);
    }
}
