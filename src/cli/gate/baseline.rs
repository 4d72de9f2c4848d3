//! Stored baselines: what a gate measured of its head, with the machine that it was measured on.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cli::exit::Usage;
use crate::cli::files::write;
use crate::cli::input::bytes_up_to;
use crate::gate::paired::{Answered, Figures, Stored};
use crate::process::machine::Fingerprint;
use crate::scenario::Plan;

/// Name and version of the format.
const SCHEMA: &str = "telemload.baseline/1";
/// Of telemload.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A baseline has some hundred figures.
const LARGEST: u64 = 1 << 20;

/// A stored baseline.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Baseline {
    schema: String,
    /// Of telemload.
    version: String,
    scenario: Scenario,
    saved_at: String,
    machine: Fingerprint,
    /// Figures of each launch by metric, in its unit.
    metrics: Figures,
    /// What was answered; baselines of earlier versions lack it.
    #[serde(default)]
    answers: Option<Answers>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Scenario {
    name: String,
    sha256: String,
    /// Whose requests were sent; not known of earlier versions.
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answers {
    failed: u64,
    ended: u64,
    /// Mean size of a body, bytes.
    body: Option<f64>,
}

impl Baseline {
    pub(super) fn new(plan: &Plan, variant: &str, stored: Stored) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: VERSION.to_owned(),
            scenario: Scenario {
                name: plan.name.clone(),
                sha256: plan.sha256.clone(),
                variant: Some(variant.to_owned()),
            },
            saved_at: jiff::Timestamp::now().to_string(),
            machine: Fingerprint::read(),
            metrics: stored.figures,
            answers: stored.answered.map(|of| Answers {
                failed: of.failed,
                ended: of.ended,
                body: of.body,
            }),
        }
    }

    /// What a gate is held against.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            figures: self.metrics.clone(),
            answered: self.answers.as_ref().map(|of| Answered {
                failed: of.failed,
                ended: of.ended,
                body: of.body,
            }),
        }
    }

    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write the baseline")?;
        write(path, (text + "\n").as_bytes())
    }

    /// Reads a stored one.
    pub(super) fn read(path: &Path) -> Result<Self, Usage> {
        let refused = |why: String| Usage(format!("--baseline {}: {why}", path.display()));
        let bytes = bytes_up_to(path, LARGEST, "; name the file");
        let bytes = bytes.map_err(|error| Usage(format!("--baseline: {error}")))?;
        let not_one = "it is no baseline; write one with --save-baseline";
        let baseline: Self = serde_json::from_slice(&bytes)
            .map_err(|error| refused(format!("{not_one} ({error})")))?;
        if baseline.schema != SCHEMA {
            return Err(refused(not_one.to_owned()));
        }
        let mut figures = baseline.metrics.values().flatten();
        if !figures.all(|figure| figure.is_finite() && *figure > 0.0) {
            return Err(refused(
                "a figure is not above zero; measure it again".to_owned(),
            ));
        }
        Ok(baseline)
    }

    /// What keeps it from being compared with what is measured here of a variant.
    pub(super) fn differences(&self, sha256: &str, variant: &str) -> Vec<String> {
        let here = Fingerprint::read();
        let there = &self.machine;
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let cores = |value: Option<f64>| value.map_or("none".to_owned(), |of| of.to_string());
        let of_variant = self.scenario.variant.as_deref().unwrap_or(variant);
        let fields = [
            ("processor", text(&there.cpu_model), text(&here.cpu_model)),
            (
                "CPUs",
                there.usable_cpus.to_string(),
                here.usable_cpus.to_string(),
            ),
            ("kernel", text(&there.kernel), text(&here.kernel)),
            ("governor", text(&there.governor), text(&here.governor)),
            (
                "CPU limit of the control group",
                cores(there.cgroup_cpus),
                cores(here.cgroup_cpus),
            ),
            // What is measured changes with the length of turns, and that from version to version.
            ("telemload", self.version.clone(), VERSION.to_owned()),
            ("variant", of_variant.to_owned(), variant.to_owned()),
        ];
        let fields = fields.into_iter().filter(|(_, there, here)| there != here);
        let fields =
            fields.map(|(what, there, here)| format!("{what} {there} there and {here} here"));
        let scenario =
            (self.scenario.sha256 != sha256).then(|| "the scenario has changed".to_owned());
        fields.chain(scenario).collect()
    }
}
