//! `result.json`, schema `telemload.result/1`: own types, so that the core can change without the format.
//! Keys that were published are kept.

use serde::Serialize;

use super::comparison::{ComparisonJson, comparison_json};
use super::phase::{PhaseJson, phase_json};
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements};
use crate::process::machine::Fingerprint;
use crate::report::document::pretty;
use crate::result::{RunResult, VariantResult};
use crate::scenario::Plan;

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.result/1";

/// The document as text, with a line break at its end. A run may be interrupted after its last load.
///
/// # Panics
/// Never: every key is a string and every number finite or written as null.
pub fn json(
    plan: &Plan,
    result: &RunResult,
    comparisons: &[Comparison],
    judgements: &Judgements,
    interrupted: bool,
) -> String {
    let variants = result
        .variants
        .iter()
        .zip(judgements)
        .map(|(variant, judged)| variant_json(variant, judged))
        .collect();
    let document = Document {
        schema: SCHEMA,
        tool: Tool {
            version: env!("CARGO_PKG_VERSION"),
        },
        scenario: ScenarioJson {
            name: &plan.name,
            sha256: &plan.sha256,
            seed: plan.seed,
        },
        started_at: result.started_at.to_string(),
        machine: &result.machine,
        interrupted: interrupted || result.interrupted,
        failure: result.failure.as_ref().map(ToString::to_string),
        variants,
        comparisons: comparisons.iter().map(comparison_json).collect(),
    };
    pretty(&document)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    scenario: ScenarioJson<'a>,
    started_at: String,
    machine: &'a Fingerprint,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    variants: Vec<VariantJson<'a>>,
    comparisons: Vec<ComparisonJson<'a>>,
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
}

#[derive(Serialize)]
struct ScenarioJson<'a> {
    name: &'a str,
    sha256: &'a str,
    seed: u64,
}

#[derive(Serialize)]
struct VariantJson<'a> {
    name: &'a str,
    target: &'a str,
    phases: Vec<PhaseJson<'a>>,
    thresholds: Vec<ThresholdJson<'a>>,
}

#[derive(Serialize)]
struct ThresholdJson<'a> {
    phase: &'a str,
    expr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    value: Option<f64>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    doubts: &'a [&'static str],
}

fn variant_json<'a>(variant: &'a VariantResult, judged: &'a [Vec<Judgement>]) -> VariantJson<'a> {
    let thresholds = variant
        .phases
        .iter()
        .zip(judged)
        .flat_map(|(phase, judgements)| {
            judgements.iter().map(|judgement| ThresholdJson {
                phase: &phase.name,
                expr: &judgement.expr,
                request: judgement.request.as_deref(),
                value: judgement.value,
                verdict: judgement.verdict.name(),
                reason: judgement.reason.as_deref(),
                doubts: &judgement.doubts,
            })
        });
    VariantJson {
        name: &variant.name,
        target: &variant.target,
        phases: variant.phases.iter().map(phase_json).collect(),
        thresholds: thresholds.collect(),
    }
}
