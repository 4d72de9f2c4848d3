//! What was concluded from a run, as `result.json` has it: its thresholds, and which variants were compared. The end as a whole and the figures of
//! comparisons follow from that and from the result. It must not trust what it reads.

use serde::Deserialize;

use crate::gate::{Judgement, Judgements, Outcome, Verdict, outcome};
use crate::result::{Cause, RunResult};
use crate::units::printable;

/// The conclusions of a stored run.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusions {
    /// Of its thresholds, in the order of its variants and phases.
    pub judgements: Judgements,
    /// Its end as a whole.
    pub outcome: Outcome,
    /// Names of variants that were compared, base and head.
    pub pairs: Vec<(String, String)>,
    /// Whether comparisons were judged where figures may not be the target's.
    pub allow_untrusted: bool,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    variants: Vec<VariantJson>,
    #[serde(default)]
    comparisons: Vec<PairJson>,
}

#[derive(Deserialize)]
struct VariantJson {
    #[serde(default)]
    thresholds: Vec<ThresholdJson>,
}

#[derive(Deserialize)]
struct ThresholdJson {
    phase: String,
    expr: String,
    request: Option<String>,
    value: Option<f64>,
    verdict: String,
    reason: Option<String>,
    #[serde(default)]
    doubts: Vec<String>,
}

#[derive(Deserialize)]
struct PairJson {
    base: String,
    head: String,
    #[serde(default)]
    metrics: Vec<MetricJson>,
}

#[derive(Deserialize)]
struct MetricJson {
    #[serde(default)]
    finding: String,
    #[serde(default)]
    doubts: Vec<serde::de::IgnoredAny>,
}

/// Reads them from the document of a run that was read from it.
///
/// # Errors
/// A message.
pub fn read(text: &str, result: &RunResult) -> Result<Conclusions, String> {
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let plain = |text: &str| printable(text).into_owned();
    let judgements = result.variants.iter().zip(&document.variants);
    let judgements: Judgements = judgements
        .map(|(variant, of)| {
            let phases = variant.phases.iter();
            let judged = |phase: &str| -> Vec<Judgement> {
                let of_phase = of.thresholds.iter().filter(|of| of.phase == phase);
                of_phase.map(ThresholdJson::judgement).collect()
            };
            phases.map(|phase| judged(&phase.name)).collect()
        })
        .collect();
    let findings = document.comparisons.iter().flat_map(|of| &of.metrics);
    let judged = |of: &MetricJson| ["better", "worse"].contains(&of.finding.as_str());
    let allow_untrusted = findings
        .into_iter()
        .any(|of| judged(of) && !of.doubts.is_empty());
    let pairs = document.comparisons.iter();
    Ok(Conclusions {
        outcome: outcome(result, &judgements.concat().concat(), result.interrupted),
        pairs: pairs.map(|of| (plain(&of.base), plain(&of.head))).collect(),
        judgements,
        allow_untrusted,
    })
}

impl ThresholdJson {
    fn judgement(&self) -> Judgement {
        let plain = |text: &str| printable(text).into_owned();
        let known = |code: &String| {
            let mut causes = Cause::ALL.into_iter();
            causes.find_map(|cause| (cause.code() == code).then(|| cause.code()))
        };
        Judgement {
            expr: plain(&self.expr),
            request: self.request.as_deref().map(plain),
            // A result does not name the lines of its scenario.
            line: None,
            value: self.value,
            verdict: match self.verdict.as_str() {
                "pass" => Verdict::Pass,
                "fail" => Verdict::Fail,
                _ => Verdict::Inconclusive,
            },
            reason: self.reason.as_deref().map(plain),
            doubts: self.doubts.iter().filter_map(known).collect(),
        }
    }
}
