//! A load in words.

use std::time::Duration;

use crate::pacer::Schedule;
use crate::result::PhaseResult;
use crate::scenario::{Load, LoadModel, Pace, describe_weights};
use crate::units::{format_duration, format_us, printable};

/// The load of a phase that was measured, in words.
pub(in crate::report) fn measured(phase: &PhaseResult) -> String {
    let turns = phase.turns.as_ref().map_or_else(String::new, |turns| {
        let length = format_us(turns.slice.as_secs_f64() * 1e6);
        format!(" in turns of {length} with {}", printable(&turns.with))
    });
    describe(&phase.load) + &turns
}

/// A load in words.
pub(in crate::report) fn describe(load: &Load) -> String {
    let model = match &load.model {
        LoadModel::Closed => "closed loop".to_owned(),
        LoadModel::Open { pace, arrivals } => {
            let rate = match pace {
                Pace::Constant(rate) => format!("at {rate}"),
                Pace::Staged { .. } => pace.to_string(),
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
    let mix = if load.weights.is_empty() {
        String::new()
    } else {
        format!(", weights {}", describe_weights(&load.weights))
    };
    format!("{model}, {connections}, {length}{warmup}{mix}{overload}")
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
