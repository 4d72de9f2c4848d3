//! This machine's floor, and whether the reported figures are true: telemload loads a server whose delays are known, on the
//! path that every run takes, and holds what it reports against what the server did. It prints nothing.

mod bare;
mod check;
pub mod floor;
mod measure;
mod noise;
mod server;

use std::time::Duration;

use hdrhistogram::Histogram;

pub use check::{Check, Excuse, Standing, Unit, verdict};
pub use floor::Floor;
pub use measure::Error;
pub use noise::Evidence;

use crate::experiment::{Observer, Stop};
use crate::gate::Verdict;
use crate::process::machine::Fingerprint;
use crate::units::format_count;
use floor::{Points, RateFloor};
use measure::{Measured, Stretch, drive};
use server::Behaviour;

/// Rates at which the floor is measured, requests a second.
const RATES: [u32; 3] = [1_000, 2_000, 20_000];
/// Rate at which known delays are checked.
const DELAYED_RATE: u32 = 2_000;
/// Rates at which stalls are checked.
const STALLED_RATES: [u32; 2] = [2_000, 20_000];
/// A closed loop must reach so many times a rate for its floor to be one.
const ROOM_FOR_FLOOR: f64 = 1.5;
/// And for a stall, whose backlog has to be worked off.
const ROOM_FOR_STALL: f64 = 2.5;

/// How long each part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The bare timer at each rate, before the load and once more after it.
    pub bare: Duration,
    /// Before each stretch of load.
    pub warmup: Duration,
    /// Immediate answers at each rate, and in a closed loop.
    pub immediate: Duration,
    /// Known delays.
    pub delayed: Duration,
    /// A stall.
    pub stall: Duration,
    /// From the begin of one stall to that of the next.
    pub every: Duration,
    /// Stalls at each rate.
    pub stalls: u32,
}

impl Extent {
    /// Some 14 s, as the command takes.
    pub const WHOLE: Self = Self {
        bare: Duration::from_millis(300),
        warmup: Duration::from_millis(300),
        immediate: Duration::from_millis(1_000),
        delayed: Duration::from_millis(2_000),
        stall: Duration::from_millis(200),
        every: Duration::from_millis(1_000),
        stalls: 2,
    };
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The floor.
    pub floor: Floor,
    /// Reported figures beside the truth.
    pub checks: Vec<Check>,
    /// What the machine did to each stretch, those that were measured again included.
    pub evidence: Vec<Evidence>,
    /// What speaks for a machine that is too noisy to tell.
    pub noise: Vec<String>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

impl Report {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.checks, &self.noise)
    }
}

/// Measures the floor and checks the reported figures.
///
/// # Errors
/// The system refuses something, the load ends early, or the user ends it.
pub async fn run(extent: &Extent, observer: &dyn Observer, stop: &Stop) -> Result<Report, Error> {
    let measured_at = crate::traffic::wall_clock::now();
    let before = bare_timers(extent)?;
    let closed = drive(&[closed(extent)], observer, stop).await?;
    let capacity = closed.first().map_or(0.0, |closed| closed.throughput_rps);
    let (stretches, left_out) = plan(extent, capacity);
    let measured = drive(&stretches, observer, stop).await?;
    let after = bare_timers(extent)?;
    let mut checks = check_all(&measured, &measured, capacity, extent);
    let all = closed.iter().chain(&measured);
    let mut evidence: Vec<Evidence> = all.map(noise::evidence).collect();
    let mut reasons: Vec<String> = immediate(&measured).filter_map(noise::wide_floor).collect();
    reasons.extend(unchecked(&stretches, capacity));
    for ((rate, before), (_, after)) in before.iter().zip(&after) {
        reasons.extend(noise::bare_noise(*rate, before, after));
    }
    let doubtful = doubtful(&stretches, &checks);
    if !doubtful.is_empty() {
        let again = drive(&doubtful, observer, stop).await?;
        evidence.extend(again.iter().map(noise::evidence));
        let second = check_all(&again, &measured, capacity, extent);
        reasons.extend(agree(&mut checks, &second));
    }
    reasons.extend(evidence.iter().flat_map(noise::disturbances));
    let rates = immediate(&measured).filter_map(|of| {
        let rate = of.stretch.rate?;
        let at = before.iter().position(|(bare, _)| *bare == rate)?;
        let mut bare = before[at].1.clone();
        bare.add(&after[at].1).expect("both have the same bounds");
        Some(rate_floor(rate, of, &bare))
    });
    Ok(Report {
        floor: Floor {
            schema: floor::SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            measured_at,
            machine: Fingerprint::read(),
            closed_loop_rps: capacity,
            rates: rates.collect(),
        },
        checks,
        evidence,
        noise: reasons,
        left_out,
    })
}

fn bare_timers(extent: &Extent) -> Result<Vec<(u32, Histogram<u64>)>, Error> {
    RATES
        .iter()
        .map(|&rate| Ok((rate, bare::lateness(rate, extent.bare)?)))
        .collect()
}

fn closed(extent: &Extent) -> Stretch {
    Stretch {
        name: "closed".to_owned(),
        behaviour: Behaviour::Immediate,
        rate: None,
        warmup: extent.warmup,
        length: extent.immediate,
    }
}

/// The stretches for which a closed loop of `capacity` leaves room, and words for the others.
fn plan(extent: &Extent, capacity: f64) -> (Vec<Stretch>, Vec<String>) {
    let stalled = Behaviour::Stalled {
        stall: extent.stall,
        every: extent.every,
    };
    let stretch = |name: &str, behaviour, rate: u32, length| Stretch {
        name: format!("{name}-{rate}"),
        behaviour,
        rate: Some(rate),
        warmup: extent.warmup,
        length,
    };
    let mut all = Vec::new();
    for rate in RATES {
        let of = stretch("immediate", Behaviour::Immediate, rate, extent.immediate);
        all.push((of, ROOM_FOR_FLOOR));
    }
    let of = stretch("delayed", Behaviour::Delayed, DELAYED_RATE, extent.delayed);
    all.push((of, ROOM_FOR_FLOOR));
    for rate in STALLED_RATES {
        let of = stretch("stalled", stalled, rate, extent.every * extent.stalls);
        all.push((of, ROOM_FOR_STALL));
    }
    let mut left_out = Vec::new();
    all.retain(|(stretch, room)| {
        let needed = f64::from(stretch.rate.unwrap_or(0)) * room;
        if capacity < needed {
            left_out.push(format!(
                "{}: it needs a closed loop of {}/s, and that reaches {}/s here",
                stretch.name,
                format_count(needed),
                format_count(capacity)
            ));
        }
        capacity >= needed
    });
    let stretches = all.into_iter().map(|(stretch, _)| stretch).collect();
    (stretches, left_out)
}

/// A machine that leaves no room for delays or for any stall has not been checked, in words.
fn unchecked(stretches: &[Stretch], capacity: f64) -> Option<String> {
    let is_delayed = |stretch: &Stretch| stretch.behaviour == Behaviour::Delayed;
    let is_stalled = |stretch: &Stretch| matches!(stretch.behaviour, Behaviour::Stalled { .. });
    let is_whole = stretches.iter().any(is_delayed) && stretches.iter().any(is_stalled);
    (!is_whole).then(|| {
        format!(
            "a closed loop reaches {}/s here: too slow for known delays and stalls to be checked",
            format_count(capacity)
        )
    })
}

fn immediate(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
    measured
        .iter()
        .filter(|of| of.stretch.behaviour == Behaviour::Immediate)
}

/// All checks of `of`; the bounds come from the immediate answers among `floors`.
fn check_all(of: &[Measured], floors: &[Measured], capacity: f64, extent: &Extent) -> Vec<Check> {
    let mut checks = Vec::new();
    for of in of {
        checks.extend(check::counts(of));
        match of.stretch.behaviour {
            Behaviour::Immediate => {}
            Behaviour::Delayed => {
                let floor = immediate(floors).find(|floor| floor.stretch.rate == of.stretch.rate);
                checks.extend(
                    floor
                        .map(|floor| check::delayed(of, floor))
                        .into_iter()
                        .flatten(),
                );
            }
            Behaviour::Stalled { .. } => {
                let (stall, every) = (extent.stall.as_secs_f64(), extent.every.as_secs_f64());
                checks.extend(check::stalled(of, capacity, stall, every));
            }
        }
    }
    checks
}

/// The stretches in which a figure is outside its bounds as chance could bring it.
fn doubtful(stretches: &[Stretch], checks: &[Check]) -> Vec<Stretch> {
    let is_doubtful = |stretch: &&Stretch| {
        checks
            .iter()
            .any(|check| check.stretch == stretch.name && check.standing() == Standing::Outside)
    };
    stretches.iter().filter(is_doubtful).cloned().collect()
}

/// Holds figures against those of the same stretches measured again: what was outside and is so no more is put down to the
/// machine, in words; what is wrong now is wrong.
fn agree(checks: &mut [Check], again: &[Check]) -> Vec<String> {
    let mut words = Vec::new();
    for check in checks {
        let same = |other: &&Check| other.stretch == check.stretch && other.figure == check.figure;
        let Some(second) = again.iter().find(same) else {
            continue;
        };
        match (check.standing(), second.standing()) {
            (Standing::Outside, Standing::Holds) => {
                words.push(format!("{}; measured again it was not", check.describe()))
            }
            (_, Standing::Wrong) => *check = second.clone(),
            _ => {}
        }
    }
    words
}

fn rate_floor(rate: u32, of: &Measured, bare: &Histogram<u64>) -> RateFloor {
    let tally = &of.reported;
    RateFloor {
        rate,
        requests: tally.ok,
        bare_steps: bare.len(),
        bare_timer_us: Points::of(bare),
        dispatch_lag_us: Points::of(&tally.dispatch_lag),
        service_time_us: Points::of(&tally.service_time),
        latency_us: Points::of(&crate::metrics::latency_quantiles([tally]).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stretch: &str, reported: f64) -> Check {
        Check {
            stretch: stretch.to_owned(),
            figure: "latency p99".to_owned(),
            unit: Unit::Microseconds,
            reported,
            truth: 10.0,
            lowest: 10.0,
            highest: 20.0,
            excuse: Excuse::Larger,
        }
    }

    #[test]
    fn rates_beyond_the_machine_are_left_out_and_named() {
        for (capacity, stretches, left_out) in [
            (60_000.0, 6, 0),
            (40_000.0, 5, 1),
            (9_000.0, 4, 2),
            (0.0, 0, 6),
        ] {
            let (planned, words) = plan(&Extent::WHOLE, capacity);
            assert_eq!(
                (planned.len(), words.len()),
                (stretches, left_out),
                "{words:?}"
            );
        }
        for (capacity, is_unchecked) in [(9_000.0, false), (4_000.0, true), (0.0, true)] {
            let (planned, _) = plan(&Extent::WHOLE, capacity);
            assert_eq!(unchecked(&planned, capacity).is_some(), is_unchecked);
        }
        let (_, words) = plan(&Extent::WHOLE, 9_000.0);
        assert_eq!(
            words[1],
            "stalled-20000: it needs a closed loop of 50,000/s, and that reaches 9,000/s here"
        );
    }

    #[test]
    fn what_is_outside_once_but_not_twice_is_the_machines_doing() {
        for (second, noise, verdict) in [
            (15.0, 1, Verdict::Inconclusive),
            (99.0, 0, Verdict::Fail),
            (1.0, 0, Verdict::Fail),
        ] {
            let mut checks = [check("a", 15.0), check("b", 30.0)];
            let words = agree(&mut checks, &[check("b", second)]);
            assert_eq!(words.len(), noise, "{words:?}");
            assert_eq!(super::verdict(&checks, &words), verdict, "{second}");
        }
    }
}
