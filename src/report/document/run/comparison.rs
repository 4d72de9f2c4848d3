//! A comparison of variants in `result.json`.

use serde::Serialize;

use crate::compare::Comparison;
use crate::profile::{DeltaFinding, Diff, FunctionDelta, FunctionShare, Unit};
use crate::report::document::compare::{ErrorsJson, MetricJson};
use crate::result::Note;

/// Functions that a comparison lists by change of self cost, and as many by change of total cost.
const TOP_DELTAS: usize = 50;

#[derive(Serialize)]
pub(super) struct ComparisonJson<'a> {
    base: &'a str,
    head: &'a str,
    warnings: Vec<String>,
    notes: Vec<PhaseNoteJson<'a>>,
    metrics: Vec<PhaseMetricJson<'a>>,
    errors: Vec<PhaseErrorsJson<'a>>,
    functions: Vec<DeltaJson<'a>>,
}

#[derive(Serialize)]
struct PhaseMetricJson<'a> {
    phase: &'a str,
    #[serde(flatten)]
    metric: MetricJson,
}

#[derive(Serialize)]
struct PhaseNoteJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    #[serde(flatten)]
    note: Note,
}

#[derive(Serialize)]
struct PhaseErrorsJson<'a> {
    phase: &'a str,
    #[serde(flatten)]
    errors: ErrorsJson,
}

#[derive(Serialize)]
struct DeltaJson<'a> {
    phase: &'a str,
    function: &'a str,
    base_total_us: Option<f64>,
    head_total_us: Option<f64>,
    delta_total_us: f64,
    delta_total_low_us: f64,
    delta_total_high_us: f64,
    delta_self_us: f64,
    significant: bool,
}

pub(super) fn comparison_json(comparison: &Comparison) -> ComparisonJson<'_> {
    let phases = || comparison.phases.iter();
    ComparisonJson {
        base: &comparison.base,
        head: &comparison.head,
        warnings: comparison
            .cautions
            .iter()
            .map(ToString::to_string)
            .chain(phases().flat_map(|phase| {
                let cautions = phase.cautions.iter();
                cautions.map(|caution| format!("{}: {caution}", phase.phase))
            }))
            .collect(),
        notes: comparison
            .cautions
            .iter()
            .map(|caution| (None, caution))
            .chain(phases().flat_map(|phase| {
                let cautions = phase.cautions.iter();
                cautions.map(|caution| (Some(phase.phase.as_str()), caution))
            }))
            .map(|(phase, caution)| PhaseNoteJson {
                phase,
                note: caution.note(),
            })
            .collect(),
        metrics: phases()
            .flat_map(|phase| {
                MetricJson::of_phase(phase).map(|metric| PhaseMetricJson {
                    phase: &phase.phase,
                    metric,
                })
            })
            .collect(),
        errors: phases()
            .filter_map(|phase| {
                Some(PhaseErrorsJson {
                    phase: &phase.phase,
                    errors: ErrorsJson::of(phase.errors.as_ref()?),
                })
            })
            .collect(),
        functions: phases()
            .filter_map(|phase| {
                let found = phase.functions.as_ref()?;
                (found.diff.unit == Unit::PerRequest).then_some((&phase.phase, &found.diff))
            })
            .flat_map(|(phase, diff)| {
                let least_total = least_of_largest_totals(&diff.functions);
                let functions = diff.functions.iter().enumerate();
                functions
                    .filter(move |(at, delta)| {
                        *at < TOP_DELTAS || delta.total.delta.abs() >= least_total
                    })
                    .map(|(_, delta)| delta_json(phase, diff, delta))
            })
            .collect(),
    }
}

/// The smallest change of total cost that is among the largest: callers of what changed have little self cost.
fn least_of_largest_totals(functions: &[FunctionDelta]) -> f64 {
    let mut totals: Vec<f64> = functions
        .iter()
        .map(|delta| delta.total.delta.abs())
        .collect();
    totals.sort_by(|a, b| b.total_cmp(a));
    totals.get(TOP_DELTAS - 1).copied().unwrap_or(0.0)
}

fn delta_json<'a>(phase: &'a str, diff: &Diff, delta: &'a FunctionDelta) -> DeltaJson<'a> {
    let us = |function: &Option<FunctionShare>, whole: f64| {
        let function = function.as_ref();
        function.map(|function| function.total_share.value * whole)
    };
    DeltaJson {
        phase,
        function: &delta.function,
        base_total_us: us(&delta.base, diff.whole.0),
        head_total_us: us(&delta.head, diff.whole.1),
        delta_total_us: delta.total.delta,
        delta_total_low_us: delta.total.interval.low,
        delta_total_high_us: delta.total.interval.high,
        delta_self_us: delta.own.delta,
        significant: delta.total_finding == DeltaFinding::Changed,
    }
}
