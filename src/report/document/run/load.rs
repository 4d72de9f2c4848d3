//! A load as `result.json` has it, written and read again: own types, so that the plan can change without the format.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::scenario::{Arrivals, Load, LoadModel, Pace, Stage};
use crate::units::Rate;

/// A load as it is in a result.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LoadJson {
    model: Model,
    connections: u32,
    #[serde(default = "kept_alive")]
    keep_alive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<StageJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrivals: Option<Spacing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<NonZeroU32>,
    duration_s: f64,
    warmup_s: f64,
    timeout_s: f64,
    workers: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    weights: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    overload: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Model {
    Closed,
    Open,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Spacing {
    Constant,
    Poisson,
    Burst,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StageJson {
    from: f64,
    to: f64,
    duration_s: f64,
}

/// What a result means that does not say whether connections are kept.
fn kept_alive() -> bool {
    true
}

impl LoadJson {
    fn of(load: &Load) -> Self {
        let open = match &load.model {
            LoadModel::Closed => None,
            LoadModel::Open { pace, arrivals } => Some((pace, *arrivals)),
        };
        Self {
            model: open.map_or(Model::Closed, |_| Model::Open),
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
                Arrivals::Constant => Spacing::Constant,
                Arrivals::Poisson => Spacing::Poisson,
                Arrivals::Burst(_) => Spacing::Burst,
            }),
            burst: open.and_then(|(_, arrivals)| match arrivals {
                Arrivals::Burst(size) => Some(size),
                Arrivals::Constant | Arrivals::Poisson => None,
            }),
            duration_s: load.duration.as_secs_f64(),
            warmup_s: load.warmup.as_secs_f64(),
            timeout_s: load.timeout.as_secs_f64(),
            workers: load.workers,
            requests: load.requests,
            weights: load.weights.clone(),
            overload: load.overload,
        }
    }

    fn load(self) -> Result<Load, String> {
        let model = match self.model {
            Model::Closed => LoadModel::Closed,
            Model::Open => LoadModel::Open {
                pace: pace(self.rate, self.stages.as_deref())?,
                arrivals: match (self.arrivals, self.burst) {
                    (Some(Spacing::Poisson), _) => Arrivals::Poisson,
                    (Some(Spacing::Burst), Some(size)) => Arrivals::Burst(size),
                    (Some(Spacing::Burst), None) => {
                        return Err("a load in bursts without `burst`".to_owned());
                    }
                    (Some(Spacing::Constant) | None, _) => Arrivals::Constant,
                },
            },
        };
        Ok(Load {
            model,
            connections: self.connections,
            duration: seconds(self.duration_s)?,
            requests: self.requests,
            warmup: seconds(self.warmup_s)?,
            timeout: seconds(self.timeout_s)?,
            workers: self.workers,
            keep_alive: self.keep_alive,
            weights: self.weights,
            overload: self.overload,
            // It ends a load and makes no other one of it.
            silent_for: None,
        })
    }
}

/// Writes a load into a document.
pub(super) fn serialize<S: Serializer>(load: &Load, document: S) -> Result<S::Ok, S::Error> {
    LoadJson::of(load).serialize(document)
}

/// Reads a load of a document.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(document: D) -> Result<Load, D::Error> {
    LoadJson::deserialize(document)?
        .load()
        .map_err(de::Error::custom)
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| format!("a load has a duration of {seconds} s: {error}"))
}

fn pace(rate: Option<f64>, stages: Option<&[StageJson]>) -> Result<Pace, String> {
    match (rate, stages) {
        (Some(rate), None) => Rate::new(rate)
            .map(Pace::Constant)
            .map_err(|error| error.to_string()),
        (None, Some(stages @ [first, ..])) => {
            let stage = |of: &StageJson| {
                Ok(Stage {
                    to: of.to,
                    over: seconds(of.duration_s)?,
                })
            };
            Ok(Pace::Staged {
                begin: first.from,
                stages: stages.iter().map(stage).collect::<Result<_, String>>()?,
            })
        }
        _ => Err("an open loop has either `rate` or `stages`".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(model: LoadModel) -> Load {
        Load {
            model,
            connections: 7,
            duration: Duration::from_millis(1_500),
            requests: Some(9),
            warmup: Duration::from_millis(100),
            timeout: Duration::from_micros(3_333_333),
            workers: 2,
            keep_alive: false,
            weights: BTreeMap::from([("a".to_owned(), 3)]),
            overload: true,
            silent_for: None,
        }
    }

    #[test]
    fn every_load_is_read_as_it_was_written() {
        let constant = Pace::Constant(Rate::new(1_000_000.0 / 60.0).unwrap());
        let stages = [(0.1, 0), (500.0, 30)].map(|(to, seconds)| Stage {
            to,
            over: Duration::from_secs(seconds),
        });
        let staged = Pace::Staged {
            begin: 0.7,
            stages: stages.into(),
        };
        let size = NonZeroU32::new(1_000).unwrap();
        let open = |pace, arrivals| LoadModel::Open { pace, arrivals };
        for model in [
            LoadModel::Closed,
            open(constant.clone(), Arrivals::Constant),
            open(constant, Arrivals::Burst(size)),
            open(staged, Arrivals::Poisson),
        ] {
            let load = load(model);
            let text = serde_json::to_string(&LoadJson::of(&load)).unwrap();
            let read: LoadJson = serde_json::from_str(&text).unwrap();
            assert_eq!(read.load().unwrap(), load, "{text}");
        }
    }

    #[test]
    fn a_load_that_cannot_be_is_refused() {
        let begin = r#"{"connections": 1, "duration_s": 1, "warmup_s": 0, "workers": 1"#;
        for (rest, says) in [
            (
                r#""model": "open", "timeout_s": 1"#,
                "either `rate` or `stages`",
            ),
            (
                r#""model": "open", "timeout_s": 1, "stages": []"#,
                "either `rate` or `stages`",
            ),
            (r#""model": "open", "timeout_s": 1, "rate": -3"#, "rate"),
            (
                r#""model": "open", "timeout_s": 1, "rate": 3, "arrivals": "burst""#,
                "without `burst`",
            ),
            (
                r#""model": "closed", "timeout_s": -1"#,
                "a load has a duration of -1 s",
            ),
            (r#""model": "closed""#, "missing field `timeout_s`"),
            (
                r#""model": "half", "timeout_s": 1"#,
                "unknown variant `half`",
            ),
        ] {
            let text = format!("{begin}, {rest}}}");
            let error = deserialize(&mut serde_json::Deserializer::from_str(&text)).unwrap_err();
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
