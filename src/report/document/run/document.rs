//! `result.json` as a whole, schema `telemload.result/1`: keys that were published are kept. It must not trust what it reads.

use serde::{Deserialize, Serialize};

use super::comparison::{ComparisonJson, comparison_json};
use super::histograms;
use super::phase::PhaseJson;
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements, Outcome};
use crate::process::machine::Fingerprint;
use crate::report::document::pretty;
use crate::result::{Failure, MergedShard, RunResult, ScenarioId, ShardResult, VariantResult};
use crate::scenario::is_name;
use crate::units::printable;

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.result/1";

/// A run with what was concluded from it.
#[derive(Debug, Clone, Copy)]
pub struct Concluded<'a> {
    /// What was found.
    pub result: &'a RunResult,
    /// Its comparisons.
    pub comparisons: &'a [Comparison],
    /// Its thresholds.
    pub judgements: &'a Judgements,
    /// Its end as a whole.
    pub outcome: &'a Outcome,
    /// Whether the user ended it, in the load or after it.
    pub interrupted: bool,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    schema: String,
    #[serde(skip_deserializing)]
    tool: Tool,
    scenario: ScenarioId,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardResult>,
    machine: Fingerprint,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shards: Vec<MergedShard>,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_kind: Option<FailureKind>,
    #[serde(skip_deserializing)]
    verdict: Option<VerdictJson>,
    #[serde(skip_deserializing)]
    histograms: &'static str,
    variants: Vec<VariantJson<'a>>,
    #[serde(skip_deserializing)]
    comparisons: Vec<ComparisonJson<'a>>,
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
}

impl Default for Tool {
    fn default() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { version }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FailureKind {
    Target,
    Internal,
}

#[derive(Serialize)]
struct VerdictJson {
    outcome: &'static str,
    exit_code: u8,
    reasons: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct VariantJson<'a> {
    name: String,
    #[serde(default)]
    target: String,
    phases: Vec<PhaseJson>,
    #[serde(skip_deserializing)]
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

/// The document as text, with a line break at its end.
///
/// # Panics
/// Never: every key is a string and every number finite or written as null.
pub fn json(run: &Concluded<'_>) -> String {
    let result = run.result;
    let failure = result.failure.as_ref();
    let variants = result.variants.iter().zip(run.judgements);
    pretty(&Document {
        schema: SCHEMA.to_owned(),
        tool: Tool::default(),
        scenario: result.scenario.clone(),
        started_at: result.started_at.to_string(),
        shard: result.shard.clone(),
        machine: result.machine.clone(),
        shards: result.shards.clone(),
        interrupted: run.interrupted || result.interrupted,
        failure: failure.map(ToString::to_string),
        failure_kind: failure.map(FailureKind::of),
        verdict: Some(VerdictJson::of(run)),
        histograms: histograms::FILE,
        variants: variants
            .map(|(variant, judged)| VariantJson::of(variant, judged))
            .collect(),
        comparisons: run.comparisons.iter().map(comparison_json).collect(),
    })
}

/// Reads a document: keys that it does not know are ignored, another schema is refused. Histograms and samples of profiles are in
/// other files.
///
/// # Errors
/// A message: what is wrong and, for JSON, where.
pub fn read(text: &str) -> Result<RunResult, String> {
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
    let run: Result<RunResult, String> = serde_json::from_str(text)
        .map_err(|error| error.to_string())
        .and_then(Document::run);
    run.map_err(|error| format!("it is not as `{SCHEMA}` should be ({error})"))
}

impl Document<'_> {
    fn run(self) -> Result<RunResult, String> {
        let variants = self.variants.into_iter().map(VariantJson::variant);
        let kind = self.failure_kind.unwrap_or(FailureKind::Target);
        Ok(RunResult {
            scenario: self.scenario,
            started_at: self
                .started_at
                .parse()
                .map_err(|error| format!("`started_at` is no time: {error}"))?,
            shard: self.shard,
            machine: self.machine,
            shards: self
                .shards
                .into_iter()
                .map(MergedShard::printable)
                .collect(),
            interrupted: self.interrupted,
            failure: self.failure.map(|words| kind.with(&words)),
            variants: variants.collect::<Result<_, _>>()?,
        })
    }
}

impl FailureKind {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Target(_) => Self::Target,
            Failure::Internal(_) => Self::Internal,
        }
    }

    fn with(self, words: &str) -> Failure {
        let words = printable(words).into_owned();
        match self {
            Self::Target => Failure::Target(words),
            Self::Internal => Failure::Internal(words),
        }
    }
}

impl VerdictJson {
    fn of(run: &Concluded<'_>) -> Self {
        Self {
            outcome: run.outcome.name(),
            exit_code: run.outcome.exit_code(),
            reasons: run.outcome.reasons(run.result, run.judgements),
        }
    }
}

impl<'a> VariantJson<'a> {
    fn of(variant: &'a VariantResult, judged: &'a [Vec<Judgement>]) -> Self {
        let phases = variant.phases.iter();
        let judged = phases.clone().zip(judged).flat_map(|(phase, judged)| {
            let of_phase = judged.iter();
            of_phase.map(|judgement| ThresholdJson::of(&phase.name, judgement))
        });
        Self {
            name: variant.name.clone(),
            target: variant.target.clone(),
            phases: phases.map(PhaseJson::of).collect(),
            thresholds: judged.collect(),
        }
    }

    fn variant(self) -> Result<VariantResult, String> {
        // They are parts of paths, of what is read and of what is written.
        let names = self.phases.iter().map(|phase| &phase.name);
        for name in names.chain([&self.name]) {
            if !is_name(name) {
                let shown: String = printable(name).chars().take(60).collect();
                return Err(format!("`{shown}` is no name of a variant or phase"));
            }
        }
        let phases = self.phases.into_iter().map(PhaseJson::phase);
        Ok(VariantResult {
            name: self.name,
            target: printable(&self.target).into_owned(),
            phases: phases.collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> ThresholdJson<'a> {
    fn of(phase: &'a str, judgement: &'a Judgement) -> Self {
        Self {
            phase,
            expr: &judgement.expr,
            request: judgement.request.as_deref(),
            value: judgement.value,
            verdict: judgement.verdict.name(),
            reason: judgement.reason.as_deref(),
            doubts: &judgement.doubts,
        }
    }
}
