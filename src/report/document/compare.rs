//! A comparison as JSON (`telemload.compare/1`).

use serde::Serialize;

use crate::compare::{
    Answers, Caution, Comparison, DoubtedSide, ErrorRates, Finding, FunctionComparison,
    MetricChange, Part, PhaseComparison, Unjudged, Unmeasured, ceiling,
};
use crate::profile::{
    DeltaFinding, Difference, FALSE_DISCOVERIES, FunctionDelta, FunctionShare, Unit,
};
use crate::result::Note;

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.compare/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    base: &'a str,
    head: &'a str,
    warnings: Vec<String>,
    notes: Vec<Note>,
    phases: Vec<PhaseJson<'a>>,
}

#[derive(Serialize)]
struct PhaseJson<'a> {
    phase: &'a str,
    warnings: Vec<String>,
    notes: Vec<Note>,
    metrics: Vec<MetricJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<ErrorsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoJson<'a>>,
}

/// What was captured beside the CPU.
#[derive(Serialize)]
struct AlsoJson<'a> {
    kind: &'static str,
    per_request: bool,
    profile: ProfileJson<'a>,
}

#[derive(Serialize)]
pub(super) struct MetricJson {
    metric: &'static str,
    base: Option<f64>,
    head: Option<f64>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    judged_together: Option<usize>,
    finding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_judged: Option<&'static str>,
    detectable_change: Option<f64>,
    basis: Option<&'static str>,
    pairs: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<DoubtJson>,
}

/// The error rates of both sides.
#[derive(Serialize)]
pub(super) struct ErrorsJson {
    base: AnswersJson,
    head: AnswersJson,
    change: Option<f64>,
    change_low: Option<f64>,
    change_high: Option<f64>,
    finding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_judged: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<DoubtJson>,
}

#[derive(Serialize)]
struct AnswersJson {
    ok: u64,
    failed: u64,
    unanswered: u64,
    error_rate: Option<f64>,
}

/// A doubt of a side on a figure of its.
#[derive(Serialize)]
struct DoubtJson {
    side: &'static str,
    code: &'static str,
}

#[derive(Serialize)]
struct ProfileJson<'a> {
    unit: &'static str,
    base_type: &'a str,
    head_type: &'a str,
    base_samples: u64,
    head_samples: u64,
    base_observed: &'static str,
    head_observed: &'static str,
    base: f64,
    head: f64,
    change: Option<ChangeJson>,
    false_discoveries: f64,
    assumed_launch_spread: f64,
    detectable_change: Option<f64>,
    detectable_change_in_half: Option<f64>,
    not_detected: usize,
    too_few_samples: usize,
    below: Option<PartJson<'a>>,
    own: Vec<PartJson<'a>>,
    callees: Vec<PartJson<'a>>,
    moved: Vec<MovedJson<'a>>,
    functions: Vec<DeltaJson<'a>>,
}

#[derive(Serialize)]
struct PartJson<'a> {
    function: &'a str,
    part: Option<f64>,
    #[serde(flatten)]
    change: ChangeJson,
}

#[derive(Serialize)]
struct MovedJson<'a> {
    function: &'a str,
    caller: &'a str,
}

/// Head minus base, with its 95 % interval.
#[derive(Serialize)]
pub(in crate::report) struct ChangeJson {
    pub(in crate::report) change: f64,
    pub(in crate::report) change_low: f64,
    pub(in crate::report) change_high: f64,
}

impl ChangeJson {
    fn of(difference: &Difference) -> Self {
        Self {
            change: difference.delta,
            change_low: difference.interval.low,
            change_high: difference.interval.high,
        }
    }
}

#[derive(Serialize)]
pub(in crate::report) struct DeltaJson<'a> {
    pub(in crate::report) function: &'a str,
    pub(in crate::report) finding: &'static str,
    pub(in crate::report) base: Option<f64>,
    pub(in crate::report) head: Option<f64>,
    #[serde(flatten)]
    pub(in crate::report) change: ChangeJson,
    pub(in crate::report) p: f64,
    pub(in crate::report) self_change: f64,
    pub(in crate::report) self_change_low: f64,
    pub(in crate::report) self_change_high: f64,
    pub(in crate::report) self_finding: &'static str,
    pub(in crate::report) base_samples: u64,
    pub(in crate::report) head_samples: u64,
    pub(in crate::report) base_if_free: Option<f64>,
    pub(in crate::report) head_if_free: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) raw: Vec<&'a str>,
}

/// The document, with a line break at its end.
pub fn json(comparison: &Comparison) -> String {
    super::pretty(&document(comparison))
}

/// The same within another document.
pub(super) fn document(comparison: &Comparison) -> impl Serialize {
    Document {
        schema: SCHEMA,
        base: &comparison.base,
        head: &comparison.head,
        warnings: comparison
            .cautions
            .iter()
            .map(ToString::to_string)
            .collect(),
        notes: comparison.cautions.iter().map(Caution::note).collect(),
        phases: comparison.phases.iter().map(phase_json).collect(),
    }
}

fn phase_json(phase: &PhaseComparison) -> PhaseJson<'_> {
    PhaseJson {
        phase: &phase.phase,
        warnings: phase.cautions.iter().map(ToString::to_string).collect(),
        notes: phase.cautions.iter().map(Caution::note).collect(),
        metrics: MetricJson::of_phase(phase).collect(),
        errors: phase.errors.as_ref().map(ErrorsJson::of),
        profile: phase.functions.as_ref().map(profile_json),
        also: phase
            .also
            .iter()
            .map(|(kind, found)| AlsoJson {
                kind: kind.name(),
                per_request: found.scales.is_some(),
                profile: profile_json(found),
            })
            .collect(),
    }
}

impl MetricJson {
    /// Those that both sides have, and those that one side alone has.
    pub(super) fn of_phase(phase: &PhaseComparison) -> impl Iterator<Item = Self> {
        let unmeasured = phase.unmeasured.iter().map(Self::unmeasured);
        phase.metrics.iter().map(Self::of).chain(unmeasured)
    }

    fn unmeasured(of: &Unmeasured) -> Self {
        Self {
            metric: of.metric.name(),
            base: of.base,
            head: of.head,
            ratio: None,
            ratio_low: None,
            ratio_high: None,
            p: None,
            p_adjusted: None,
            judged_together: None,
            finding: Finding::NotJudged.name(),
            not_judged: Some("not_measured"),
            detectable_change: None,
            basis: None,
            pairs: None,
            doubts: Vec::new(),
        }
    }

    fn of(change: &MetricChange) -> Self {
        let (basis, pairs) = change.basis.described();
        Self {
            metric: change.metric.name(),
            base: Some(change.base),
            head: Some(change.head),
            ratio: Some(change.ratio),
            ratio_low: Some(change.interval.0).filter(|low| *low > 0.0),
            ratio_high: Some(change.interval.1).filter(|high| high.is_finite()),
            p: Some(change.p),
            p_adjusted: Some(change.p_adjusted),
            judged_together: Some(change.together),
            finding: change.finding.name(),
            not_judged: change.unjudged.map(Unjudged::code),
            detectable_change: change.detectable,
            basis: Some(basis),
            pairs,
            doubts: change.doubts.iter().map(DoubtJson::of).collect(),
        }
    }
}

impl ErrorsJson {
    pub(super) fn of(errors: &ErrorRates) -> Self {
        let interval = errors.change.map(|(_, interval)| interval);
        Self {
            base: AnswersJson::of(errors.base),
            head: AnswersJson::of(errors.head),
            change: errors.change.map(|(change, _)| change),
            change_low: interval.map(|of| of.low),
            change_high: interval.map(|of| of.high),
            finding: errors.finding.name(),
            not_judged: errors.unjudged.map(Unjudged::code),
            doubts: errors.doubts.iter().map(DoubtJson::of).collect(),
        }
    }
}

impl AnswersJson {
    fn of(answers: Answers) -> Self {
        Self {
            ok: answers.ok,
            failed: answers.failed,
            unanswered: answers.unanswered,
            error_rate: answers.error_rate(),
        }
    }
}

impl DoubtJson {
    fn of(doubt: &DoubtedSide) -> Self {
        Self {
            side: doubt.side,
            code: doubt.cause.code(),
        }
    }
}

fn profile_json(found: &FunctionComparison) -> ProfileJson<'_> {
    let diff = &found.diff;
    let part = |part: &Part, of: fn(&FunctionDelta) -> &Difference| {
        let delta = &diff.functions[part.function];
        PartJson {
            function: &delta.function,
            part: part.part,
            change: ChangeJson::of(of(delta)),
        }
    };
    let hidden = diff.hidden;
    ProfileJson {
        unit: diff.unit.name(),
        base_type: &found.types.0,
        head_type: &found.types.1,
        base_samples: found.samples.0,
        head_samples: found.samples.1,
        base_observed: found.observed.0.name(),
        head_observed: found.observed.1.name(),
        base: diff.whole.0,
        head: diff.whole.1,
        change: (diff.unit != Unit::Share).then(|| ChangeJson::of(&diff.change)),
        false_discoveries: FALSE_DISCOVERIES,
        assumed_launch_spread: found.launches.assumed(),
        detectable_change: hidden.map(|hidden| hidden.in_any),
        detectable_change_in_half: hidden.map(|hidden| hidden.in_half),
        not_detected: diff.count(DeltaFinding::NotDetected),
        too_few_samples: diff.count(DeltaFinding::TooFew),
        below: found
            .explanation
            .below
            .as_ref()
            .map(|of| part(of, |delta| &delta.total)),
        own: found
            .explanation
            .own
            .iter()
            .map(|of| part(of, |delta| &delta.own))
            .collect(),
        callees: found
            .explanation
            .callees
            .iter()
            .map(|of| part(of, |delta| &delta.total))
            .collect(),
        moved: found
            .explanation
            .moved
            .iter()
            .map(|of| MovedJson {
                function: &diff.functions[of.function].function,
                caller: &diff.functions[of.caller].function,
            })
            .collect(),
        functions: diff
            .functions
            .iter()
            .map(|delta| delta_json(found, delta))
            .collect(),
    }
}

pub(in crate::report) fn delta_json<'a>(
    found: &FunctionComparison,
    delta: &'a FunctionDelta,
) -> DeltaJson<'a> {
    let (base, head) = (delta.base.as_ref(), delta.head.as_ref());
    let amount = |function: Option<&FunctionShare>, whole: f64| {
        function.map(|function| function.total_share.value * whole)
    };
    let samples = |function: Option<&FunctionShare>| function.map_or(0, |of| of.total_samples);
    let if_free = |function: Option<&FunctionShare>| {
        function
            .filter(|_| found.amounts.is_none())
            .map(ceiling)
            .filter(|ceiling| ceiling.is_finite())
    };
    let mut raw: Vec<&str> = [base, head]
        .into_iter()
        .flatten()
        .flat_map(|function| function.raw.iter().map(String::as_str))
        .collect();
    raw.sort_unstable();
    raw.dedup();
    DeltaJson {
        function: &delta.function,
        finding: finding(delta.total_finding),
        base: amount(base, found.diff.whole.0),
        head: amount(head, found.diff.whole.1),
        change: ChangeJson::of(&delta.total),
        p: delta.total.p,
        self_change: delta.own.delta,
        self_change_low: delta.own.interval.low,
        self_change_high: delta.own.interval.high,
        self_finding: finding(delta.own_finding),
        base_samples: samples(base),
        head_samples: samples(head),
        base_if_free: if_free(base),
        head_if_free: if_free(head),
        raw,
    }
}

fn finding(finding: DeltaFinding) -> &'static str {
    match finding {
        DeltaFinding::Changed => "changed",
        DeltaFinding::NotDetected => "no difference detected",
        DeltaFinding::TooFew => "too few samples",
    }
}
