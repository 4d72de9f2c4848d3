//! A load in words.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::pacer::Schedule;
use crate::scenario::{Arrivals, Load, LoadModel, Pace, Stage};
use crate::units::{format_count, format_duration};

/// A load in words.
pub(in crate::report) fn describe(load: &Load) -> String {
    let model = match &load.model {
        LoadModel::Closed => "closed loop".to_owned(),
        LoadModel::Open { pace, arrivals } => {
            let arrivals = match arrivals {
                Arrivals::Constant => "constant arrivals".to_owned(),
                Arrivals::Poisson => "poisson arrivals".to_owned(),
                Arrivals::Burst(size) => format!("bursts of {size}"),
            };
            let rate = match pace {
                Pace::Constant(rate) => format!("at {rate}"),
                Pace::Staged { begin, stages } => describe_stages(*begin, stages),
            };
            format!("open loop {rate}, {arrivals}")
        }
    };
    let length = load.requests.map_or_else(
        || format_duration(load.duration),
        |requests| format!("{requests} requests"),
    );
    let warmup = if load.warmup.is_zero() {
        String::new()
    } else {
        format!(" after {} of warm-up", format_duration(load.warmup))
    };
    let connections = if load.keep_alive {
        format!("{} connections", load.connections)
    } else {
        format!(
            "{} connections, a new one for each request",
            load.connections
        )
    };
    let overload = if load.overload {
        ", meant to be too much"
    } else {
        ""
    };
    let mix = describe_mix(&load.weights);
    format!("{model}, {connections}, {length}{warmup}{mix}{overload}")
}

/// Weights that a load has of its own, in words that go behind others.
pub(in crate::report) fn describe_mix(weights: &BTreeMap<String, u32>) -> String {
    let one = |(name, weight): (&String, &u32)| format!("{name} {weight}");
    let all: Vec<String> = weights.iter().map(one).collect();
    if all.is_empty() {
        return String::new();
    }
    format!(", weights {}", all.join(" and "))
}

/// The requests that a load plans in its window, on average; `None` if their number does not follow from time.
pub(in crate::report) fn planned(load: &Load) -> Option<f64> {
    let LoadModel::Open { pace, .. } = &load.model else {
        return None;
    };
    let schedule = Schedule::new(pace, load.warmup);
    let at = |offset: Duration| schedule.requests_before(offset.as_nanos() as u64);
    load.requests
        .is_none()
        .then(|| at(load.warmup + load.duration) - at(load.warmup))
}

/// Stages in words: "0 → 20,000/s over 30s, hold 60s".
pub(in crate::report) fn describe_stages(begin: f64, stages: &[Stage]) -> String {
    let mut from = begin;
    let mut words = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let over = format_duration(stage.over);
        let how = if stage.over.is_zero() {
            "at once".to_owned()
        } else {
            format!("over {over}")
        };
        let (first, last) = (format_count(from), format_count(stage.to));
        words.push(match (at, stage.to == from) {
            (0, true) => format!("{first}/s for {over}"),
            (_, true) => format!("hold {over}"),
            (0, false) => format!("{first} → {last}/s {how}"),
            (_, false) => format!("→ {last}/s {how}"),
        });
        from = stage.to;
    }
    words.join(", ")
}

// Writing to a String cannot fail.

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_said_in_words() {
        let stage = |to, seconds| Stage {
            to,
            over: Duration::from_secs(seconds),
        };
        for (begin, stages, words) in [
            (
                0.0,
                vec![stage(20_000.0, 30), stage(20_000.0, 60)],
                "0 → 20,000/s over 30s, hold 60s",
            ),
            (
                100.0,
                vec![
                    stage(100.0, 5),
                    stage(500.0, 0),
                    stage(500.0, 5),
                    stage(0.0, 180),
                ],
                "100/s for 5s, → 500/s at once, hold 5s, → 0/s over 3m",
            ),
        ] {
            assert_eq!(describe_stages(begin, &stages), words);
        }
    }
}
