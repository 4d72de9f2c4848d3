//! Recorded times → a load. Pure.

use std::time::Duration;

use crate::import::sample::{Exchange, Source, Times};
use crate::units::format_duration;

/// How recorded times are used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Whether the course of the rate is kept, and not its mean alone.
    pub keeps_times: bool,
    /// How many times as fast.
    pub speed: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            keeps_times: false,
            speed: 1.0,
        }
    }
}

/// A load, as a scenario says it and in words.
pub(super) struct Load {
    pub(super) toml: String,
    pub(super) words: String,
}

/// Stages of a schedule.
const MOST_STAGES: usize = 2000;
/// How long a load with the mean rate lasts, in seconds.
const SHORTEST: f64 = 10.0;
const LONGEST: f64 = 60.0;
/// Seconds in which one request comes at least.
const RAREST: f64 = 3600.0;
/// Recorded requests from which on their pattern is judged.
const JUDGED: usize = 20;
/// Intervals from which on it is, and the most that it is judged by: those of longer times are longer.
const FEWEST: f64 = 5.0;
const MOST_INTERVALS: f64 = 1e6;

pub(super) fn load(
    exchanges: &[Exchange],
    sources: &[Source],
    pace: Pace,
    notes: &mut Vec<String>,
) -> Load {
    let mut times: Vec<i64> = exchanges
        .iter()
        .filter_map(|exchange| exchange.at_us)
        .collect();
    times.sort_unstable();
    let is_whole = sources
        .iter()
        .any(|source| source.holds.time == Times::Seconds);
    let span = match (times.first(), times.last()) {
        (Some(first), Some(last)) => (last - first) as f64 / 1e6 + if is_whole { 1.0 } else { 0.0 },
        _ => 0.0,
    };
    if times.len() < 2 || times.len() < exchanges.len() || span < 1e-3 {
        if pace.keeps_times {
            notes.push("--timing: there are no times to keep, so one connection sends the requests one after the other".to_owned());
        } else if exchanges.len() > 1 {
            let why = match exchanges.len() - times.len() {
                0 => "all requests are of one moment".to_owned(),
                _ if times.is_empty() => "times are not recorded".to_owned(),
                missing => format!("{missing} of {} requests have no time", exchanges.len()),
            };
            notes.push(format!("{why}: one connection sends the requests one after the other; give `[load]` the rate of production"));
        }
        return one_after_the_other();
    }
    let rate = times.len() as f64 / span * pace.speed;
    if rate * RAREST < 1.0 {
        notes.push("requests are further apart than a load lasts: one connection sends them one after the other".to_owned());
        return one_after_the_other();
    }
    let connections = connections(exchanges, rate);
    if pace.keeps_times {
        return schedule(&times, is_whole, pace.speed, connections, notes);
    }
    notes.extend(pause(&times, span));
    let arrivals = arrivals(&times, span, is_whole, notes);
    let seconds = (span / pace.speed)
        .clamp(SHORTEST, LONGEST)
        .max(1.5 / rate)
        .ceil();
    let rate = written(rate);
    Load {
        toml: format!(
            "model = \"open\"\nrate = \"{rate}/s\"\narrivals = \"{arrivals}\"\nconnections = {connections}\nduration = \"{seconds}s\"\n"
        ),
        words: format!("open loop, {rate}/s ({arrivals}), {seconds} s"),
    }
}

/// That a mean rate is of a time in which mostly nothing came, as between files of two days.
fn pause(times: &[i64], span: f64) -> Option<String> {
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = gaps.max().unwrap_or_default() as f64 / 1e6;
    let whole = |seconds: f64| format_duration(Duration::from_secs(seconds.round() as u64));
    (times.len() >= JUDGED && longest > span / 2.0).then(|| {
        format!(
            "nothing came for {} of the {} from the first request to the last, and the rate is the mean of all that: name files of one time, or give `[load]` the rate of production",
            whole(longest),
            whole(span)
        )
    })
}

/// What is left where times say nothing.
fn one_after_the_other() -> Load {
    Load {
        toml: "model = \"closed\"\nconnections = 1\nduration = \"10s\"\n".to_owned(),
        words: "closed loop, 1 connection, 10 s (no times are kept)".to_owned(),
    }
}

/// Enough for a burst, and for answers that take as long as they were recorded to take.
fn connections(exchanges: &[Exchange], rate: f64) -> u64 {
    let known: Vec<f64> = exchanges
        .iter()
        .filter_map(|exchange| exchange.duration_us)
        .map(|us| us as f64 / 1e6)
        .collect();
    let mean = if known.is_empty() {
        1.0
    } else {
        known.iter().sum::<f64>() / known.len() as f64
    };
    ((rate * mean * 2.0).ceil() as u64).clamp(16, 1000)
}

/// Even, or random: by how the numbers of requests in equal intervals spread (their index of dispersion).
fn arrivals(times: &[i64], span: f64, is_whole: bool, notes: &mut Vec<String>) -> &'static str {
    // Whole seconds say nothing of what is within one.
    let width = (span / 20.0).min(1.0);
    let width = if is_whole || span >= 20.0 { 1.0 } else { width };
    let width = width.max(span / MOST_INTERVALS);
    if times.len() < JUDGED || span / width < FEWEST {
        return "poisson";
    }
    let counts = counts(times, width, span);
    let mean = times.len() as f64 / counts.len() as f64;
    let variance = counts
        .iter()
        .map(|count| (*count as f64 - mean).powi(2))
        .sum::<f64>()
        / counts.len() as f64;
    let dispersion = variance / mean;
    if dispersion > 2.0 {
        notes.push(format!("arrivals are burstier than random ones (index of dispersion {dispersion:.1} at {width:.2} s, where random ones have 1); --timing keeps their course"));
    }
    if dispersion < 0.5 {
        "constant"
    } else {
        "poisson"
    }
}

fn counts(times: &[i64], width: f64, span: f64) -> Vec<u64> {
    let most = MOST_INTERVALS as usize;
    let mut counts = vec![0; ((span / width).ceil() as usize).clamp(1, most)];
    let last = counts.len() - 1;
    for time in times {
        let at = (time - times[0]) as f64 / 1e6 / width;
        counts[(at as usize).min(last)] += 1;
    }
    counts
}

/// The recorded numbers of requests of each interval, as stages of constant rates.
fn schedule(
    times: &[i64],
    is_whole: bool,
    speed: f64,
    connections: u64,
    notes: &mut Vec<String>,
) -> Load {
    let span = (times[times.len() - 1] - times[0]) as f64 / 1e6;
    let finest = if is_whole { 1.0 } else { 0.1 };
    let mut width = finest;
    while span / width > MOST_STAGES as f64 {
        width *= 10.0;
    }
    let counts = counts(times, width, span + width * 1e-6);
    let mut stages = String::new();
    let mut at = 0;
    let first = counts[0];
    while at < counts.len() {
        let alike = counts[at..]
            .iter()
            .take_while(|count| **count == counts[at])
            .count();
        let rate = written(counts[at] as f64 / width * speed);
        if at > 0 {
            stages += &format!("  {{ to = \"{rate}/s\", over = \"0s\" }},\n");
        }
        stages += &format!(
            "  {{ hold = \"{}ms\" }},\n",
            written(alike as f64 * width / speed * 1e3)
        );
        at += alike;
    }
    notes.push(format!("--timing keeps how many requests came in each {width} s, which the schedule spreads evenly within it; which kind of request comes when is drawn by the weights: telemload replays no order of kinds"));
    let rate = written(first as f64 / width * speed);
    Load {
        toml: format!(
            "model = \"open\"\nrate = \"{rate}/s\"\narrivals = \"constant\"\nconnections = {connections}\nstages = [\n{stages}]\n"
        ),
        words: format!(
            "open loop, {} requests in {} s as recorded, in steps of {width} s",
            times.len(),
            written(counts.len() as f64 * width / speed)
        ),
    }
}

/// With six significant digits at most.
fn written(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let digits = (5 - number.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
