//! Reads `result.json` again, as far as comparisons need it: keys that it does not know are ignored, another schema is refused.
//!
//! It must not trust the file: numbers that are no numbers are refused, and nothing is derived from paths in it, for there are none.

use serde::Deserialize;

use super::json::SCHEMA;
use crate::compare::RoundFigures;
use crate::experiment::Estimates;
use crate::profile::Scale;
use crate::target::machine::Fingerprint;

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
    workers: u32,
}

impl std::fmt::Display for StoredLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} loop", self.model)?;
        if let Some(rate) = self.rate {
            write!(f, ", {}/s", crate::units::format_count(rate))?;
        }
        write!(
            f,
            ", {} connections, {} worker(s)",
            self.connections, self.workers
        )
    }
}

#[derive(Debug, Clone, Deserialize)]
struct StoredRound {
    #[serde(flatten)]
    figures: Figures,
    #[serde(default)]
    relative_error: Figures,
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
                errors: round.relative_error.estimates(),
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
    serde_json::from_str(text)
        .map_err(|error| format!("it is not as `{SCHEMA}` should be ({error})"))
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
          "latency_p99_us": 2, "relative_error": {"throughput_rps": 0.01}}, {"throughput_rps": 11}],
        "profile": {"target_us_per_request": 50.5, "samples": 3},
        "trust": {"level": "trusted", "reasons": []}}]}]
    }"#;

    #[test]
    fn a_result_is_read_without_what_is_not_known() {
        let run = parse(RUN).unwrap();
        let phase = &run.variants[0].phases[0];
        let rounds = phase.rounds();
        assert_eq!(rounds[0].whole.throughput_rps, Some(10.5));
        assert_eq!(rounds[0].errors.throughput_rps, Some(0.01));
        assert_eq!(rounds[1].errors.throughput_rps, None);
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
        ] {
            let error = parse(&RUN.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
