//! A comparison in files: JSON (`telemload.compare/1`), the functions as CSV, and Markdown for where changes are discussed.

use std::fmt::Write as _;

use serde::Serialize;

use super::compare::{cells, explanation_lines, figure, label, words};
use crate::compare::{
    Comparison, FunctionComparison, MetricChange, Part, PhaseComparison, ceiling,
};
use crate::profile::{
    ASSUMED_LAUNCH_SPREAD, DeltaFinding, Difference, FALSE_DISCOVERIES, FunctionDelta,
    FunctionShare, Unit,
};
use crate::units::format_count;

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.compare/1";

/// Functions that the Markdown lists.
const MARKDOWN_FUNCTIONS: usize = 20;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    base: &'a str,
    head: &'a str,
    warnings: Vec<String>,
    phases: Vec<PhaseJson<'a>>,
}

#[derive(Serialize)]
struct PhaseJson<'a> {
    phase: &'a str,
    warnings: Vec<String>,
    metrics: Vec<MetricJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct MetricJson {
    metric: &'static str,
    base: f64,
    head: f64,
    ratio: f64,
    ratio_low: f64,
    ratio_high: f64,
    finding: &'static str,
    detectable_change: f64,
    basis: &'static str,
    pairs: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<DoubtJson>,
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
    base: f64,
    head: f64,
    change: Option<ChangeJson>,
    false_discoveries: f64,
    assumed_launch_spread: f64,
    detectable_change: f64,
    detectable_change_in_half: f64,
    not_detected: usize,
    too_few_samples: usize,
    below: Option<PartJson<'a>>,
    own: Vec<PartJson<'a>>,
    functions: Vec<DeltaJson<'a>>,
}

#[derive(Serialize)]
struct PartJson<'a> {
    function: &'a str,
    part: Option<f64>,
    #[serde(flatten)]
    change: ChangeJson,
}

/// Head minus base, with its 95 % interval.
#[derive(Serialize)]
struct ChangeJson {
    change: f64,
    change_low: f64,
    change_high: f64,
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
struct DeltaJson<'a> {
    function: &'a str,
    finding: &'static str,
    base: Option<f64>,
    head: Option<f64>,
    #[serde(flatten)]
    change: ChangeJson,
    p: f64,
    self_change: f64,
    self_change_low: f64,
    self_change_high: f64,
    self_finding: &'static str,
    base_samples: u64,
    head_samples: u64,
    base_if_free: Option<f64>,
    head_if_free: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    raw: Vec<&'a str>,
}

/// The document, with a line break at its end.
pub fn json(comparison: &Comparison) -> String {
    super::pretty(&Document {
        schema: SCHEMA,
        base: &comparison.base,
        head: &comparison.head,
        warnings: comparison
            .cautions
            .iter()
            .map(ToString::to_string)
            .collect(),
        phases: comparison.phases.iter().map(phase_json).collect(),
    })
}

fn phase_json(phase: &PhaseComparison) -> PhaseJson<'_> {
    PhaseJson {
        phase: &phase.phase,
        warnings: phase.cautions.iter().map(ToString::to_string).collect(),
        metrics: phase.metrics.iter().map(MetricJson::of).collect(),
        profile: phase.functions.as_ref().map(profile_json),
    }
}

impl MetricJson {
    pub(super) fn of(change: &MetricChange) -> Self {
        let (basis, pairs) = change.basis.described();
        Self {
            metric: change.metric.name(),
            base: change.base,
            head: change.head,
            ratio: change.ratio,
            ratio_low: change.interval.0,
            ratio_high: change.interval.1,
            finding: change.finding.name(),
            detectable_change: change.detectable,
            basis,
            pairs,
            doubts: change
                .doubts
                .iter()
                .map(|doubt| DoubtJson {
                    side: doubt.side,
                    code: doubt.cause.code(),
                })
                .collect(),
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
    let hidden = diff.hidden();
    ProfileJson {
        unit: diff.unit.name(),
        base_type: &found.types.0,
        head_type: &found.types.1,
        base_samples: found.samples.0,
        head_samples: found.samples.1,
        base: diff.whole.0,
        head: diff.whole.1,
        change: (diff.unit == Unit::PerRequest).then(|| ChangeJson::of(&diff.change)),
        false_discoveries: FALSE_DISCOVERIES,
        assumed_launch_spread: ASSUMED_LAUNCH_SPREAD,
        detectable_change: hidden.map_or(0.0, |hidden| hidden.in_any),
        detectable_change_in_half: hidden.map_or(0.0, |hidden| hidden.in_half),
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
        functions: diff
            .functions
            .iter()
            .map(|delta| delta_json(found, delta))
            .collect(),
    }
}

fn delta_json<'a>(found: &FunctionComparison, delta: &'a FunctionDelta) -> DeltaJson<'a> {
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

/// All functions of all phases, a row each; amounts are in the column `unit`.
pub fn csv(comparison: &Comparison) -> String {
    let header = [
        "phase",
        "function",
        "unit",
        "base",
        "head",
        "change",
        "change_low",
        "change_high",
        "self_change",
        "finding",
        "base_samples",
        "head_samples",
        "head_if_free",
        "p",
        "self_change_low",
        "self_change_high",
        "self_finding",
    ];
    let phases = comparison.phases.iter();
    let found = phases.filter_map(|phase| Some((&phase.phase, phase.functions.as_ref()?)));
    let rows = found.flat_map(|(phase, found)| {
        found.diff.functions.iter().map(move |delta| {
            let of = delta_json(found, delta);
            let known = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            [
                phase.clone(),
                of.function.to_owned(),
                found.diff.unit.name().to_owned(),
                known(of.base),
                known(of.head),
                of.change.change.to_string(),
                of.change.change_low.to_string(),
                of.change.change_high.to_string(),
                of.self_change.to_string(),
                of.finding.to_owned(),
                of.base_samples.to_string(),
                of.head_samples.to_string(),
                known(of.head_if_free),
                of.p.to_string(),
                of.self_change_low.to_string(),
                of.self_change_high.to_string(),
                of.self_finding.to_owned(),
            ]
        })
    });
    super::csv(&header, rows)
}

/// The comparison as Markdown: figures, what explains them, and a table of functions.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "## {} → {}\n",
        plain(&comparison.base),
        plain(&comparison.head)
    );
    for caution in &comparison.cautions {
        let _ = writeln!(text, "> **Note** {}\n", plain(&caution.to_string()));
    }
    for phase in &comparison.phases {
        let _ = writeln!(text, "### {}\n", plain(&phase.phase));
        for caution in &phase.cautions {
            let _ = writeln!(text, "> **Note** {}\n", plain(&caution.to_string()));
        }
        if !phase.metrics.is_empty() {
            text.push_str("| | before | after | |\n|---|--:|--:|---|\n");
            for change in &phase.metrics {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} |",
                    label(change.metric),
                    figure(change.metric, change.base),
                    figure(change.metric, change.head),
                    words(change).1
                );
            }
            text.push('\n');
        }
        if let Some(found) = &phase.functions {
            functions(phase, found, &mut text);
        }
    }
    text
}

fn functions(phase: &PhaseComparison, found: &FunctionComparison, text: &mut String) {
    for line in explanation_lines(phase, found) {
        let _ = writeln!(text, "- {}", plain(&line));
    }
    let what = match found.diff.unit {
        Unit::PerRequest => "CPU per request",
        Unit::Share => "share of the profile",
    };
    let _ = writeln!(
        text,
        "\n<details><summary>Functions by {what} ({} and {} samples)</summary>\n",
        format_count(found.samples.0 as f64),
        format_count(found.samples.1 as f64)
    );
    text.push_str("| before | after | change | 95 % | | own | | if free | function |\n|--:|--:|--:|--:|---|--:|---|--:|---|\n");
    for delta in found.diff.functions.iter().take(MARKDOWN_FUNCTIONS) {
        let [
            before,
            after,
            change,
            interval,
            mark,
            own,
            own_mark,
            free,
            function,
        ] = cells(found, delta);
        let _ = writeln!(
            text,
            "| {before} | {after} | {change} | {interval} | {mark} | {own} | {own_mark} | {free} | {} |",
            code(&function)
        );
    }
    text.push_str(
        "\n`?`: no detectable change; `few`: too few samples to judge.\n\n</details>\n\n",
    );
}

/// Text of others without markup: names come from profiles.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' | '@' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A name in a cell, as code.
fn code(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("`{}`", name.replace('|', "\\|"))
}
