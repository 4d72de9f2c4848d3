//! Reads `result.json` again, as far as comparisons need it: keys that it does not know are ignored, another schema is refused.
//!
//! It must not trust the file: numbers that are no numbers are refused, and so are names that are more than a part of a path.

use serde::Deserialize;

use super::run::SCHEMA;
use super::{load, trust};
use crate::compare::{Generator, RoundFigures};
use crate::process::machine::Fingerprint;
use crate::profile::Scale;
use crate::result::{Estimates, Trust, Uncertainty};
use crate::scenario::{Load, is_name};
use crate::statistics::Z95;
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
    #[serde(deserialize_with = "load::read")]
    pub load: Load,
    rounds: Vec<StoredRound>,
    throughput_rps: Option<f64>,
    cpu: Option<StoredCpu>,
    /// What its profile is worth, if it has one.
    pub profile: Option<StoredProfile>,
    /// How far its figures are the target's.
    #[serde(deserialize_with = "trust::read")]
    pub trust: Trust,
}

#[derive(Debug, Clone, Deserialize)]
struct StoredCpu {
    generator_cores: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
struct StoredRound {
    /// Results of earlier versions have none: their launches are in the order of their rounds.
    round: Option<u32>,
    #[serde(flatten)]
    figures: Figures,
    #[serde(default)]
    relative_error: Figures,
    latency_p50_interval_us: Option<(f64, Option<f64>)>,
    latency_p99_interval_us: Option<(f64, Option<f64>)>,
}

impl StoredRound {
    fn uncertainty(&self) -> Uncertainty {
        let errors = &self.relative_error;
        // Results of earlier versions have errors alone.
        let even = |value: Option<f64>, error: Option<f64>| {
            let (value, reach) = (value?, (Z95 * error?).exp());
            Some((value / reach, value * reach))
        };
        // An end that is not known is open.
        let ends = |ends: Option<(f64, Option<f64>)>| {
            ends.map(|(low, high)| (low, high.unwrap_or(f64::INFINITY)))
        };
        let figures = &self.figures;
        Uncertainty {
            throughput: errors.throughput_rps,
            us_per_request: errors.target_us_per_request,
            p50_us: ends(self.latency_p50_interval_us)
                .or_else(|| even(figures.latency_p50_us, errors.latency_p50_us)),
            p99_us: ends(self.latency_p99_interval_us)
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

impl StoredPhase {
    /// Its launches.
    pub fn rounds(&self) -> Vec<RoundFigures> {
        let rounds = self.rounds.iter().zip(1..);
        rounds
            .map(|(round, at)| RoundFigures {
                round: round.round.unwrap_or(at),
                whole: round.figures.estimates(),
                uncertainty: round.uncertainty(),
            })
            .collect()
    }

    /// What the generator used for it.
    pub fn generator(&self) -> Option<Generator> {
        Some(Generator {
            cores: self.cpu.as_ref()?.generator_cores?,
            throughput_rps: self.throughput_rps?,
        })
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
#[path = "stored_tests.rs"]
mod tests;
