//! Reads `result.json` again, as far as comparisons need it: keys that it does not know are ignored, another schema is refused.
//!
//! It must not trust the file: numbers that are no numbers are refused, and so are names that are more than a part of a path.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::run::SCHEMA;
use crate::compare::RoundFigures;
use crate::experiment::{Estimates, Uncertainty};
use crate::process::machine::Fingerprint;
use crate::profile::{Scale, Z95};
use crate::report::figures::load::describe_mix;
use crate::scenario::is_name;
use crate::units::printable;

/// A run as it was stored.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredRun {
    /// Its scenario.
    pub scenario: StoredScenario,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// Where it ran.
    pub machine: Fingerprint,
    /// Whether it ended before its time.
    pub interrupted: bool,
    /// In the scenario's order.
    pub variants: Vec<StoredVariant>,
}

/// The scenario of a stored run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredScenario {
    /// Its name.
    pub name: String,
    /// The hash of its text.
    pub sha256: String,
}

/// A variant of a stored run.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredVariant {
    /// Its name.
    pub name: String,
    /// Its phases.
    pub phases: Vec<StoredPhase>,
}

/// A phase of a stored variant.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredPhase {
    /// Its name.
    pub name: String,
    /// Its load.
    pub load: StoredLoad,
    rounds: Vec<StoredRound>,
    /// What its profile is worth, if it has one.
    pub profile: Option<StoredProfile>,
    /// How far its figures are the target's.
    pub trust: StoredTrust,
}

/// The load of a phase; its length does not make it another one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredLoad {
    model: String,
    connections: u32,
    rate: Option<f64>,
    stages: Option<serde_json::Value>,
    arrivals: Option<String>,
    workers: u32,
    #[serde(default = "kept_alive")]
    keep_alive: bool,
    #[serde(default)]
    weights: BTreeMap<String, u32>,
}

/// What a result means that does not say whether connections are kept.
fn kept_alive() -> bool {
    true
}

impl std::fmt::Display for StoredLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} loop", self.model)?;
        if let Some(rate) = self.rate {
            write!(f, ", {}/s", crate::units::format_count(rate))?;
        }
        if let Some(stages) = &self.stages {
            write!(f, ", stages {stages}")?;
        }
        if let Some(arrivals) = &self.arrivals {
            write!(f, ", {arrivals} arrivals")?;
        }
        let kept = if self.keep_alive {
            ""
        } else {
            " for one request each"
        };
        let (connections, workers) = (self.connections, self.workers);
        let mix = describe_mix(&self.weights);
        write!(
            f,
            ", {connections} connections{kept}, {workers} worker(s){mix}"
        )
    }
}

#[derive(Debug, Clone, Deserialize)]
struct StoredRound {
    #[serde(flatten)]
    figures: Figures,
    #[serde(default)]
    relative_error: Figures,
    latency_p50_interval_us: Option<(f64, f64)>,
    latency_p99_interval_us: Option<(f64, f64)>,
}

impl StoredRound {
    fn uncertainty(&self) -> Uncertainty {
        let errors = &self.relative_error;
        // Results of earlier versions have errors alone.
        let even = |value: Option<f64>, error: Option<f64>| {
            let (value, reach) = (value?, (Z95 * error?).exp());
            Some((value / reach, value * reach))
        };
        let figures = &self.figures;
        Uncertainty {
            throughput: errors.throughput_rps,
            us_per_request: errors.target_us_per_request,
            p50_us: self
                .latency_p50_interval_us
                .or_else(|| even(figures.latency_p50_us, errors.latency_p50_us)),
            p99_us: self
                .latency_p99_interval_us
                .or_else(|| even(figures.latency_p99_us, errors.latency_p99_us)),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Figures {
    throughput_rps: Option<f64>,
    target_us_per_request: Option<f64>,
    latency_p50_us: Option<f64>,
    latency_p99_us: Option<f64>,
}

impl Figures {
    fn estimates(&self) -> Estimates {
        Estimates {
            throughput_rps: self.throughput_rps,
            us_per_request: self.target_us_per_request,
            p50_us: self.latency_p50_us,
            p99_us: self.latency_p99_us,
        }
    }
}

/// The profile of a stored phase, without its samples.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredProfile {
    target_us_per_request: Option<f64>,
    #[serde(default)]
    target_us_error: f64,
    #[serde(default)]
    slices: usize,
}

/// How far figures can be trusted.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredTrust {
    /// `trusted`, `suspect` or `client-limited`.
    pub level: String,
    /// Why it is not the first.
    pub reasons: Vec<String>,
}

impl StoredPhase {
    /// Its launches.
    pub fn rounds(&self) -> Vec<RoundFigures> {
        let rounds = self.rounds.iter();
        rounds
            .map(|round| RoundFigures {
                whole: round.figures.estimates(),
                uncertainty: round.uncertainty(),
            })
            .collect()
    }

    /// What shares of its profile are multiplied with.
    pub fn scale(&self) -> Option<Scale> {
        let profile = self.profile.as_ref()?;
        let factor = profile.target_us_per_request.filter(|us| *us > 0.0)?;
        Some(Scale::cost(factor).known_to(profile.target_us_error.max(0.0), profile.slices))
    }
}

/// Reads a document.
///
/// # Errors
/// A message: what is wrong and, for JSON, where.
pub fn parse(text: &str) -> Result<StoredRun, String> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let head: Head =
        serde_json::from_str(text).map_err(|error| format!("it is no result ({error})"))?;
    match head.schema.as_deref() {
        Some(SCHEMA) => {}
        Some(other) => {
            let other: String = other.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(format!(
                "its schema is `{other}` and this version reads `{SCHEMA}`; use the version of telemload that wrote it"
            ));
        }
        None => return Err(format!("it has no schema; expected `{SCHEMA}`")),
    }
    let run: StoredRun = serde_json::from_str(text)
        .map_err(|error| format!("it is not as `{SCHEMA}` should be ({error})"))?;
    // They are parts of paths, of what is read and of what is written.
    let names = run.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter().map(|phase| &phase.name);
        phases.chain([&variant.name])
    });
    for name in names {
        if !is_name(name) {
            let shown: String = printable(name).chars().take(60).collect();
            return Err(format!(
                "it is not as `{SCHEMA}` should be (`{shown}` is no name of a variant or phase)"
            ));
        }
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{
      "schema": "telemload.result/1", "tool": {"version": "9.9.9"}, "news": [1, 2],
      "scenario": {"name": "s", "sha256": "ab"}, "started_at": "2026-01-01T00:00:00Z", "interrupted": false,
      "machine": {"hostname_hash": null, "cpu_model": "m", "logical_cpus": 2, "usable_cpus": 2, "kernel": null,
        "memory_bytes": null, "cgroup_cpus": null, "governor": null},
      "variants": [{"name": "v", "target": "t", "thresholds": [], "phases": [{"name": "load",
        "load": {"model": "open", "connections": 4, "rate": 20000, "duration_s": 1, "workers": 1},
        "rounds": [{"window_s": 1, "throughput_rps": 10.5, "target_us_per_request": null, "latency_p50_us": 1,
          "latency_p99_us": 2, "relative_error": {"throughput_rps": 0.01}, "latency_p99_interval_us": [1.5, 4]},
          {"throughput_rps": 11, "latency_p50_us": 10, "relative_error": {"latency_p50_us": 0.1}}],
        "profile": {"target_us_per_request": 50.5, "samples": 3},
        "trust": {"level": "trusted", "reasons": []}}]}]
    }"#;

    #[test]
    fn a_result_is_read_without_what_is_not_known() {
        let run = parse(RUN).unwrap();
        let phase = &run.variants[0].phases[0];
        let rounds = phase.rounds();
        assert_eq!(rounds[0].whole.throughput_rps, Some(10.5));
        let known = rounds[0].uncertainty;
        assert_eq!((known.throughput, known.p50_us), (Some(0.01), None));
        assert_eq!(known.p99_us, Some((1.5, 4.0)));
        let known = rounds[1].uncertainty;
        assert_eq!((known.throughput, known.p99_us), (None, None));
        // An error alone reaches as far to either side.
        let (low, high) = known.p50_us.unwrap();
        assert!((low - 8.2200).abs() < 1e-3 && (high - 12.1654).abs() < 1e-3);
        assert_eq!(phase.scale().unwrap().factor, 50.5);
        assert_eq!(
            phase.load.to_string(),
            "open loop, 20,000/s, 4 connections, 1 worker(s)"
        );
    }

    #[test]
    fn another_schema_is_refused() {
        for (from, to, expected) in [
            (
                "telemload.result/1",
                "telemload.result/2",
                "its schema is `telemload.result/2` and this version reads `telemload.result/1`",
            ),
            (
                "\"schema\": \"telemload.result/1\",",
                "",
                "it has no schema",
            ),
            (
                "\"connections\": 4",
                "\"connections\": -4",
                "not as `telemload.result/1` should be",
            ),
            ("{\n", "{{", "it is no result"),
            (
                "\"name\": \"load\"",
                "\"name\": \"../load\"",
                "`../load` is no name of a variant or phase",
            ),
            (
                "\"name\": \"v\"",
                "\"name\": \"/tmp/\\u001bv\"",
                "`/tmp/\u{fffd}v` is no name of a variant or phase",
            ),
        ] {
            let error = parse(&RUN.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
