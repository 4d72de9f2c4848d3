//! A gate as JSON (`telemload.gate/1`): the verdict, and what each block measured.

use serde::Serialize;

use super::compare;
use crate::gate::paired::{
    Bursts, Change, Confirmation, ErrorVerdict, Evidence, GateVerdict, MetricVerdict, Spread, Used,
};
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::process::machine::Fingerprint;
use crate::report::checks::GateRun;
use crate::result::{ArmBlock, Around, Block, Down, ScenarioId, Turns};
use crate::scenario::plan::gate::{FunctionFigure, GateMetric};

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.gate/1";

#[derive(Serialize)]
struct Document<'a, F> {
    schema: &'static str,
    tool: Tool,
    scenario: &'a ScenarioId,
    started_at: String,
    seconds: f64,
    machine: &'a Fingerprint,
    base: &'a str,
    head: &'a str,
    verdict: VerdictJson<'a>,
    metrics: Vec<MetricJson<'a>>,
    errors: ErrorsJson<'a>,
    used: UsedJson,
    evidence: EvidenceJson,
    functions: Option<F>,
    blocks: Vec<BlockJson<'a>>,
    confirming: Vec<BlockJson<'a>>,
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
}

#[derive(Serialize)]
struct VerdictJson<'a> {
    outcome: &'static str,
    exit_code: u8,
    reasons: &'a [String],
    advisory: Option<&'a str>,
    on_inconclusive: &'static str,
}

#[derive(Serialize)]
struct MetricJson<'a> {
    metric: String,
    unit: &'static str,
    limits: Option<LimitsJson>,
    base: Option<f64>,
    head: Option<f64>,
    change: Option<ChangeJson>,
    verdict: Option<&'static str>,
    reason: Option<&'a str>,
    needs: Option<&'a str>,
    launches: usize,
    sd: Option<f64>,
    p: Option<f64>,
    sign_flip_p: Option<f64>,
    smallest_effect: Option<f64>,
    bursts: Option<BurstsJson>,
    changes: &'a [f64],
    confirmation: Option<ConfirmationJson>,
}

#[derive(Serialize)]
struct LimitsJson {
    catch: f64,
    tolerate: f64,
}

#[derive(Serialize)]
struct ChangeJson {
    by: f64,
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct BurstsJson {
    base: f64,
    head: f64,
}

#[derive(Serialize)]
struct ConfirmationJson {
    launches: usize,
    change: Option<ChangeJson>,
    p: Option<f64>,
    agrees: bool,
}

#[derive(Serialize)]
struct ErrorsJson<'a> {
    base: EndedJson,
    head: EndedJson,
    verdict: Option<&'static str>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct EndedJson {
    failed: u64,
    ended: u64,
}

#[derive(Serialize)]
struct UsedJson {
    blocks: usize,
    launches: usize,
    confirming: usize,
    voided: usize,
}

#[derive(Serialize)]
struct EvidenceJson {
    foreign_cores: Option<SpreadJson>,
    steal_share: Option<SpreadJson>,
    generator_cores: Option<SpreadJson>,
    dispatch_lag_p99_us: Option<SpreadJson>,
    throttled_s: f64,
}

#[derive(Serialize)]
struct SpreadJson {
    median: f64,
    most: f64,
}

#[derive(Serialize)]
struct BlockJson<'a> {
    number: u32,
    launch: u32,
    head_first: bool,
    base: ArmJson<'a>,
    head: ArmJson<'a>,
    around: AroundJson,
}

#[derive(Serialize)]
struct ArmJson<'a> {
    cpu_s: Option<f64>,
    cpu_at_rate_s: Option<f64>,
    peak_bytes: Option<u64>,
    busy: TurnsJson,
    at_rate: Option<TurnsJson>,
    died: Option<&'a str>,
}

#[derive(Serialize)]
struct TurnsJson {
    turns: u32,
    active_s: f64,
    completed_ok: u64,
    ok: u64,
    failed: u64,
    latency_p50_us: Option<f64>,
    latency_p99_us: Option<f64>,
}

#[derive(Serialize)]
struct AroundJson {
    foreign_cores: Option<f64>,
    steal_share: Option<f64>,
    throttled_s: f64,
    generator_cores: f64,
    dispatch_lag_p99_us: f64,
}

/// The document, with a line break at its end.
pub fn json(gate: &GateRun<'_>) -> String {
    let verdict = gate.verdict;
    super::pretty(&Document {
        schema: SCHEMA,
        tool: Tool {
            version: env!("CARGO_PKG_VERSION"),
        },
        scenario: gate.scenario,
        started_at: gate.started_at.to_string(),
        seconds: gate.seconds,
        machine: gate.machine,
        base: gate.arms.base,
        head: gate.arms.head,
        verdict: VerdictJson::of(verdict),
        metrics: verdict.metrics.iter().map(MetricJson::of).collect(),
        errors: ErrorsJson::of(&verdict.errors),
        used: UsedJson::of(verdict.used),
        evidence: EvidenceJson::of(&verdict.evidence),
        functions: gate.functions.map(compare::document),
        blocks: BlockJson::all(gate.measured.blocks),
        confirming: BlockJson::all(gate.measured.confirming),
    })
}

impl<'a> VerdictJson<'a> {
    fn of(verdict: &'a GateVerdict) -> Self {
        Self {
            outcome: verdict.outcome.name(),
            exit_code: verdict.exit_code(),
            reasons: &verdict.reasons,
            advisory: verdict.advisory.as_deref(),
            on_inconclusive: verdict.on_inconclusive.name(),
        }
    }
}

impl<'a> MetricJson<'a> {
    fn of(of: &'a MetricVerdict) -> Self {
        Self {
            metric: of.name(),
            unit: match of.metric {
                GateMetric::CpuPerRequest
                | GateMetric::CpuAtRate
                | GateMetric::Latency(_)
                | GateMetric::Function(FunctionFigure::Cost) => "us",
                GateMetric::Function(FunctionFigure::Share) => "share",
                GateMetric::Capacity => "requests_per_second",
                GateMetric::PeakMemory => "bytes",
            },
            limits: of.limits.map(|limits| LimitsJson {
                catch: limits.catch,
                tolerate: limits.tolerate,
            }),
            base: of.base,
            head: of.head,
            change: of.change.map(ChangeJson::of),
            verdict: of.verdict.map(crate::gate::Verdict::name),
            reason: of.reason.as_deref(),
            needs: of.needs.as_deref(),
            launches: of.n,
            sd: of.sd,
            p: of.p,
            sign_flip_p: of.sign_flip_p,
            smallest_effect: of.smallest_effect,
            bursts: of
                .bursts
                .map(|Bursts { base, head }| BurstsJson { base, head }),
            changes: &of.launches,
            confirmation: of.confirmation.map(ConfirmationJson::of),
        }
    }
}

impl ChangeJson {
    fn of(Change { by, low, high }: Change) -> Self {
        Self { by, low, high }
    }
}

impl ConfirmationJson {
    fn of(of: Confirmation) -> Self {
        Self {
            launches: of.n,
            change: of.change.map(ChangeJson::of),
            p: of.p,
            agrees: of.agrees,
        }
    }
}

impl<'a> ErrorsJson<'a> {
    fn of(errors: &'a ErrorVerdict) -> Self {
        let ended = |(failed, ended)| EndedJson { failed, ended };
        Self {
            base: ended(errors.base),
            head: ended(errors.head),
            verdict: errors.verdict.map(crate::gate::Verdict::name),
            reason: errors.reason.as_deref(),
        }
    }
}

impl UsedJson {
    fn of(used: Used) -> Self {
        Self {
            blocks: used.blocks,
            launches: used.launches,
            confirming: used.confirming,
            voided: used.voided,
        }
    }
}

impl EvidenceJson {
    fn of(of: &Evidence) -> Self {
        let spread =
            |of: Option<Spread>| of.map(|Spread { median, most }| SpreadJson { median, most });
        Self {
            foreign_cores: spread(of.foreign_cores),
            steal_share: spread(of.steal),
            generator_cores: spread(of.generator_cores),
            dispatch_lag_p99_us: spread(of.dispatch_lag_us),
            throttled_s: of.throttled_seconds,
        }
    }
}

impl<'a> BlockJson<'a> {
    fn all(blocks: &'a [Block]) -> Vec<Self> {
        blocks.iter().map(Self::of).collect()
    }

    fn of(block: &'a Block) -> Self {
        Self {
            number: block.number,
            launch: block.launch,
            head_first: block.head_first,
            base: ArmJson::of(&block.arms.base),
            head: ArmJson::of(&block.arms.head),
            around: AroundJson::of(&block.around),
        }
    }
}

impl<'a> ArmJson<'a> {
    fn of(arm: &'a ArmBlock) -> Self {
        Self {
            cpu_s: arm.cpu.map(|cpu| cpu.as_secs_f64()),
            cpu_at_rate_s: arm.open_cpu.map(|cpu| cpu.as_secs_f64()),
            peak_bytes: arm.peak_bytes,
            busy: TurnsJson::of(&arm.closed),
            at_rate: arm.open.as_ref().map(TurnsJson::of),
            died: arm.died.as_ref().map(Down::words),
        }
    }
}

impl TurnsJson {
    fn of(turns: &Turns) -> Self {
        let total = Tally::sum(&turns.tallies);
        let (latency, exact_below) = latency_quantiles([&total]);
        let at = |quantile: f64| {
            let is_known = !latency.is_empty() && quantile <= exact_below;
            is_known.then(|| value_at(&latency, quantile))
        };
        Self {
            turns: turns.count,
            active_s: turns.active.as_secs_f64(),
            completed_ok: total.completed_ok,
            ok: total.ok,
            failed: total.failed,
            latency_p50_us: at(0.5),
            latency_p99_us: at(0.99),
        }
    }
}

impl AroundJson {
    fn of(around: &Around) -> Self {
        Self {
            foreign_cores: around.foreign_cores,
            steal_share: around.steal,
            throttled_s: around.throttled.as_secs_f64(),
            generator_cores: around.generator_cores,
            dispatch_lag_p99_us: around.dispatch_lag_p99.as_secs_f64() * 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::gate::{Outcome, Verdict};
    use crate::report::checks::gate_samples;

    const DOCUMENTED: &str = include_str!("../../../docs/gate.schema.json");

    #[track_caller]
    fn as_documented(verdict: &GateVerdict) -> Value {
        let text = gate_samples::gate(verdict, json);
        let document = serde_json::from_str(&text).unwrap();
        let schema = serde_json::from_str(DOCUMENTED).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors = validator.iter_errors(&document);
        let errors: Vec<_> = errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        document
    }

    #[test]
    fn a_gate_is_as_documented() {
        for first in [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive] {
            let document = as_documented(&gate_samples::verdict(first));
            assert_eq!(document["verdict"]["outcome"], first.name());
            assert_eq!(document["metrics"][0]["verdict"], first.name());
            // What was not measured is null, and what is only shown has no verdict.
            for key in ["base", "change", "p", "verdict", "limits"] {
                assert!(document["metrics"][2][key].is_null(), "{key}");
            }
            let latency = &document["blocks"][0]["base"]["at_rate"]["latency_p99_us"];
            assert!(latency.is_null(), "{latency}");
        }
        let mut invalid = gate_samples::verdict(Verdict::Pass);
        invalid.outcome = Outcome::Invalid("the base died".to_owned());
        invalid.advisory = Some("another machine".to_owned());
        let document = as_documented(&invalid);
        assert_eq!(document["verdict"]["exit_code"], 4);
    }
}
