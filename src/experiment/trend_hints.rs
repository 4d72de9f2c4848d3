//! What the course of a window is known to mean: a tail that comes round with a period, and a target that was not warm when the window
//! began. A rule speaks where chance explains what it saw once in some hundred windows at most.

use std::time::Duration;

use super::trend::{Point, Trend};
use crate::result::Note;
use crate::scenario::{Load, LoadModel, Pace};
use crate::units::{format_count, format_us};

/// What the course of a window is known to mean under this load.
pub(super) fn hints(trend: &Trend, load: &Load) -> Vec<Note> {
    // What the load itself changes says nothing of the target.
    let is_steady = match &load.model {
        LoadModel::Closed => true,
        LoadModel::Open { pace, .. } => matches!(pace, Pace::Constant(_)),
    };
    if !is_steady || trend.has_gaps {
        return Vec::new();
    }
    periodic_tail(trend)
        .into_iter()
        .chain(cold_start(trend, load))
        .collect()
}

/// The 99th percentile of a burst is so many times the usual one, and by so much larger, µs.
const BURST: (f64, f64) = (2.0, 1_000.0);
/// Points from one burst to the next, at least: nearer ones are as regular by the grid of the points alone.
const NEAREST: f64 = 4.0;
/// The share of points that bursts may take: what is slow half of the time has no period.
const MOST_SLOW: f64 = 1.0 / 3.0;

/// A period of bursts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Period {
    /// s.
    length: f64,
    bursts: usize,
    usual_us: f64,
    /// The smallest of the bursts, µs.
    burst_us: f64,
}

fn periodic_tail(trend: &Trend) -> Option<Note> {
    let found = period(trend.points(), trend.step())?;
    let Period {
        length,
        bursts,
        usual_us,
        burst_us,
    } = found;
    let every = match length {
        ..1.0 => format!("{} ms", format_count((length * 1e3).round())),
        ..10.0 => format!("{length:.1} s"),
        _ => format!("{} s", format_count(length.round())),
    };
    Some(
        Note::hint(
            "periodic_tail",
            format!(
                "p99 rose from {} to {} or more every {every}, {bursts} times",
                format_us(usual_us),
                format_us(burst_us)
            ),
        )
        .with_remedy(
            "something comes round with that period: entries of a cache that expire together, a collector, a cron job; look for what has it",
        ),
    )
}

/// The period with which bursts begin, if they have one. Of n gaps that chance makes, all are within a share r of their sum with the
/// probability (n - 1)! r^(n - 1).
fn period(points: &[Point], step: Duration) -> Option<Period> {
    let usual_us = median(points.iter().map(|point| point.p99_us))?;
    let is_slow =
        |point: &Point| point.p99_us > usual_us * BURST.0 && point.p99_us > usual_us + BURST.1;
    let slow = points.iter().filter(|point| is_slow(point)).count();
    if slow as f64 > MOST_SLOW * points.len() as f64 {
        return None;
    }
    let mut begins = Vec::new();
    let mut burst_us = f64::INFINITY;
    let mut at = 0;
    for run in points.chunk_by(|a, b| is_slow(a) == is_slow(b)) {
        if is_slow(&run[0]) {
            begins.push(at);
            let largest = run.iter().map(|point| point.p99_us).fold(0.0, f64::max);
            burst_us = burst_us.min(largest);
        }
        at += run.len();
    }
    let gaps: Vec<usize> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (least, most) = (gaps.iter().min()?, gaps.iter().max()?);
    let mean = (begins.last()? - begins.first()?) as f64 / gaps.len() as f64;
    // Three gaps must be very alike, for which they need many points.
    let is_told = gaps.len() >= 4 && mean >= NEAREST || gaps.len() == 3 && mean >= 10.0;
    let is_regular = (most - least) as f64 <= (0.1 * mean).max(1.0);
    (is_told && is_regular).then(|| Period {
        length: slope(&begins) * step.as_secs_f64(),
        bursts: begins.len(),
        usual_us,
        burst_us,
    })
}

/// By how much values that are numbered from 0 grow, by least squares.
fn slope(values: &[usize]) -> f64 {
    let middle = (values.len() - 1) as f64 / 2.0;
    let offsets = (0..values.len()).map(|at| at as f64 - middle);
    let (mut sum, mut squares) = (0.0, 0.0);
    for (offset, value) in offsets.zip(values) {
        sum += offset * *value as f64;
        squares += offset * offset;
    }
    sum / squares
}

/// Points below which a window shows no drift.
const FEWEST: usize = 16;
/// The beginning is so many times slower than the second half.
const DRIFT: f64 = 1.2;

fn cold_start(trend: &Trend, load: &Load) -> Option<Note> {
    let points = trend.points();
    let latency: Vec<f64> = points.iter().map(|point| point.p50_us).collect();
    let costs: Vec<f64> = points.iter().filter_map(|point| point.cost_us).collect();
    let costs = settled(&costs).filter(|_| costs.len() == points.len());
    let (what, of, found) = match settled(&latency) {
        Some(found) => ("half of the answers took", "", found),
        None => ("a request cost", " of CPU", costs?),
    };
    let seconds = |points: usize| (trend.own_step() * points as u32).as_secs_f64();
    let warm = load.warmup.as_secs_f64() + seconds(found.after);
    Some(
        Note::hint(
            "cold_start",
            format!(
                "{what} {}{of} or more at the beginning of the window, and {} in its second half",
                format_us(found.first),
                format_us(found.rest)
            ),
        )
        .with_remedy(&format!(
            "the target was not warm when the window began: caches and pools filled up, or code was compiled while it ran; `warmup = \"{}s\"` or more leaves that out",
            warm.ceil()
        )),
    )
}

/// A course that comes down and stays there.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Settled {
    /// The least at the beginning.
    first: f64,
    /// The median of the second half.
    rest: f64,
    /// Points until it stays within a tenth of that.
    after: usize,
}

/// Whether all values of the beginning, an eighth and at least three, are above all of the second half, and that is level. By chance three of
/// eleven are the largest once in 165 times, and larger by a fifth much more rarely.
fn settled(values: &[f64]) -> Option<Settled> {
    if values.len() < FEWEST {
        return None;
    }
    let begin = &values[..(values.len() / 8).max(3)];
    let half = &values[values.len() / 2..];
    let rest = median(half.iter().copied())?;
    let first = begin.iter().copied().fold(f64::INFINITY, f64::min);
    let most = half.iter().copied().fold(0.0, f64::max);
    // Its own two halves are alike: what still comes down, or goes up again, is something else.
    let (third, fourth) = half.split_at(half.len() / 2);
    let level = median(third.iter().copied())? / median(fourth.iter().copied())?;
    let is_level = (1.0 / 1.1..1.1).contains(&level);
    let after = values.iter().rposition(|value| *value > 1.1 * most);
    (first > most && first >= DRIFT * rest && is_level).then(|| Settled {
        first,
        rest,
        after: after.map_or(begin.len(), |at| at + 1),
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::samples::phase;
    use crate::scenario::Arrivals;
    use crate::traffic::random::{draw, unit};
    use crate::units::Rate;
    use hdrhistogram::Histogram;

    /// A window of a second a point: each has a median, a 99th percentile and cores.
    fn window(points: impl IntoIterator<Item = (f64, f64, f64)>) -> Trend {
        let second = Duration::from_secs(1);
        fill(Trend::of(second, second), points)
    }

    fn fill(mut trend: Trend, points: impl IntoIterator<Item = (f64, f64, f64)>) -> Trend {
        for (p50_ms, p99_ms, cores) in points {
            let mut latency = Histogram::<u64>::new(3).unwrap();
            latency.auto(true);
            latency.record_n((p50_ms * 1e6) as u64, 95).unwrap();
            latency.record_n((p99_ms * 1e6) as u64, 5).unwrap();
            trend.add(&latency, 100.0, Some(cores));
        }
        trend
    }

    fn said(trend: &Trend) -> Vec<String> {
        hints(trend, &phase(|_| ()).load)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn tail(seconds: u32, p99_ms: impl Fn(u32) -> f64) -> Trend {
        window((0..seconds).map(|at| (1.0, p99_ms(at), 0.5)))
    }

    #[test]
    fn a_tail_that_comes_round_has_its_period_told() {
        // Entries that expire every 30 s, and slow answers for two seconds each time.
        let herd = tail(120, |at| if at % 30 < 2 { 40.0 } else { 2.0 });
        let words = said(&herd);
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(
            words[0].starts_with(
                "p99 rose from 2 ms to 40 ms or more every 30 s, 4 times; something comes round"
            ),
            "{words:?}"
        );
        // The grid of points cuts a period of 7.5 s now to 7 and now to 8.
        let collector = tail(60, |at| if f64::from(at) % 7.5 < 1.0 { 9.0 } else { 2.0 });
        let words = said(&collector);
        assert!(words[0].contains("every 7.5 s, 8 times"), "{words:?}");
    }

    #[test]
    fn what_is_no_period_is_not_called_one() {
        for (what, p99_ms) in [
            (
                "three bursts",
                &(|at: u32| if at % 40 == 39 { 40.0 } else { 2.0 }) as &dyn Fn(u32) -> f64,
            ),
            ("irregular bursts", &|at| {
                if [3, 20, 31, 70, 90].contains(&at) {
                    40.0
                } else {
                    2.0
                }
            }),
            ("small ones", &|at| if at % 10 == 0 { 2.9 } else { 2.0 }),
            ("slow half of the time", &|at| {
                if at % 10 < 5 { 40.0 } else { 2.0 }
            }),
            ("every third point", &|at| {
                if at % 3 == 0 { 40.0 } else { 2.0 }
            }),
        ] {
            assert_eq!(said(&tail(120, p99_ms)), [""; 0], "{what}");
        }
        // A short run shows nothing.
        assert_eq!(
            said(&tail(9, |at| if at % 4 == 0 { 40.0 } else { 2.0 })),
            [""; 0]
        );
        // What was not answered may be a burst or none.
        let mut gaps = tail(120, |at| if at % 30 < 2 { 40.0 } else { 2.0 });
        gaps.has_gaps = true;
        assert_eq!(said(&gaps), [""; 0]);
    }

    #[test]
    fn chance_hardly_ever_looks_like_a_period_or_a_warm_up() {
        let (mut periods, mut drifts) = (0, 0);
        for seed in 0..2_000 {
            let mut drawn = 0;
            let mut share = || {
                drawn += 1;
                unit(draw(seed, drawn, 0))
            };
            let mut point = || {
                // One point in ten is slow, and medians differ by a factor of two.
                let slow = share() < 0.1;
                Point {
                    p50_us: 1e3 + 1e3 * share(),
                    p99_us: 2e3 + 1e3 * share() + if slow { 2e4 } else { 0.0 },
                    cost_us: None,
                }
            };
            let points: Vec<Point> = (0..60).map(|_| point()).collect();
            periods += usize::from(period(&points, Duration::from_secs(1)).is_some());
            let medians: Vec<f64> = points.iter().map(|point| point.p50_us).collect();
            drifts += usize::from(settled(&medians).is_some());
        }
        assert!(
            periods <= 20 && drifts <= 20,
            "{periods} and {drifts} of 2000"
        );
    }

    fn warming(
        seconds: u32,
        p50_ms: impl Fn(u32) -> f64,
        cores: impl Fn(u32) -> f64,
    ) -> Vec<String> {
        said(&window(
            (0..seconds).map(|at| (p50_ms(at), 10.0, cores(at))),
        ))
    }

    #[test]
    fn a_target_that_was_cold_is_seen_by_latency_or_by_cost() {
        let words = warming(20, |at| if at < 4 { 3.0 } else { 1.0 }, |_| 0.5);
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(
            words[0].starts_with("half of the answers took 3 ms or more at the beginning of the window, and 1 ms in its second half; the target was not warm")
                && words[0].contains("`warmup = \"4s\"`"),
            "{words:?}"
        );
        let words = warming(20, |_| 1.0, |at| if at < 3 { 0.9 } else { 0.5 });
        assert!(
            words[0].starts_with("a request cost 9 ms of CPU or more at the beginning of the window, and 5 ms in its second half"),
            "{words:?}"
        );
    }

    #[test]
    fn advice_on_turns_is_by_the_time_of_ones_own_and_a_period_by_the_clock() {
        let of = |points: &dyn Fn(u32) -> (f64, f64, f64), count: u32| {
            let trend = Trend::of(Duration::from_secs(3), Duration::from_secs(1));
            said(&fill(trend, (0..count).map(points)))
        };
        let words = of(&|at| (if at < 4 { 3.0 } else { 1.0 }, 10.0, 0.5), 20);
        assert!(words[0].contains("`warmup = \"4s\"`"), "{words:?}");
        let herd = |at| (1.0, if at % 10 == 0 { 40.0 } else { 2.0 }, 0.5);
        let words = of(&herd, 60);
        assert!(words[0].contains("every 30 s, 6 times"), "{words:?}");
    }

    #[test]
    fn what_is_no_warm_up_is_not_called_one() {
        let level = |_| 0.5;
        // It comes down all the time, goes up, is a little slower at first, or has one slow point; and short runs show nothing.
        assert_eq!(
            warming(20, |at| 3.0 / (1.0 + f64::from(at) / 5.0), level),
            [""; 0]
        );
        assert_eq!(warming(20, |at| 1.0 + f64::from(at) / 10.0, level), [""; 0]);
        assert_eq!(
            warming(20, |at| if at < 4 { 1.1 } else { 1.0 }, level),
            [""; 0]
        );
        assert_eq!(
            warming(20, |at| if at == 0 { 9.0 } else { 1.0 }, level),
            [""; 0]
        );
        assert_eq!(
            warming(10, |at| if at < 3 { 3.0 } else { 1.0 }, level),
            [""; 0]
        );
        // The load itself changes.
        let trend = window((0..20).map(|at| (if at < 4 { 3.0 } else { 1.0 }, 10.0, 0.5)));
        let rate = Rate::new(100.0).unwrap();
        let mut load = phase(|_| ()).load;
        let mut said = |pace| {
            load.model = LoadModel::Open {
                pace,
                arrivals: Arrivals::Constant,
            };
            hints(&trend, &load).len()
        };
        assert_eq!(said(Pace::Constant(rate)), 1);
        assert_eq!(
            said(Pace::Staged {
                begin: 100.0,
                stages: Vec::new().into()
            }),
            0
        );
    }
}
