//! A load as `result.json` has it: own types, so that the plan can change without the format.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::scenario::{Arrivals, Load, LoadModel, Pace, Stage};

/// A load as it is in a result.
#[derive(Serialize)]
pub(super) struct LoadJson<'a> {
    model: &'static str,
    connections: u32,
    keep_alive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<StageJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrivals: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    duration_s: f64,
    warmup_s: f64,
    timeout_s: f64,
    workers: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    weights: &'a BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overload: bool,
}

#[derive(Serialize)]
struct StageJson {
    from: f64,
    to: f64,
    duration_s: f64,
}

impl<'a> LoadJson<'a> {
    pub(super) fn of(load: &'a Load) -> Self {
        let open = match &load.model {
            LoadModel::Closed => None,
            LoadModel::Open { pace, arrivals } => Some((pace, *arrivals)),
        };
        Self {
            model: if open.is_some() { "open" } else { "closed" },
            connections: load.connections,
            keep_alive: load.keep_alive,
            rate: open.and_then(|(pace, _)| match pace {
                Pace::Constant(rate) => Some(rate.per_second()),
                Pace::Staged { .. } => None,
            }),
            stages: open.and_then(|(pace, _)| match pace {
                Pace::Constant(_) => None,
                Pace::Staged { begin, stages } => Some(stages_json(*begin, stages)),
            }),
            arrivals: open.map(|(_, arrivals)| match arrivals {
                Arrivals::Constant => "constant",
                Arrivals::Poisson => "poisson",
                Arrivals::Burst(_) => "burst",
            }),
            burst: open.and_then(|(_, arrivals)| match arrivals {
                Arrivals::Burst(size) => Some(size.get()),
                Arrivals::Constant | Arrivals::Poisson => None,
            }),
            duration_s: load.duration.as_secs_f64(),
            warmup_s: load.warmup.as_secs_f64(),
            timeout_s: load.timeout.as_secs_f64(),
            workers: load.workers,
            requests: load.requests,
            weights: &load.weights,
            overload: load.overload,
        }
    }
}

fn stages_json(begin: f64, stages: &[Stage]) -> Vec<StageJson> {
    let mut from = begin;
    stages
        .iter()
        .map(|stage| StageJson {
            from: std::mem::replace(&mut from, stage.to),
            to: stage.to,
            duration_s: stage.over.as_secs_f64(),
        })
        .collect()
}
