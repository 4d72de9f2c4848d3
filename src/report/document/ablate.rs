//! What factors cost (`telemload.ablation/1`).

use serde::Serialize;

use crate::ablation::{Ablation, Answers, Effect, Row, SMALLEST};
use crate::report::figures::ablation::way;

/// Name and version of the JSON document.
pub const SCHEMA: &str = "telemload.ablation/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    production: &'a str,
    local: &'a str,
    metric: &'static str,
    whole: EffectJson<'a>,
    share_of_production: Option<f64>,
    explained_part: Option<f64>,
    functions: &'a [String],
    only_together: Vec<Vec<String>>,
    factors: Vec<FactorJson<'a>>,
    pairs: Vec<PairJson<'a>>,
    no_factors: &'a [String],
    advisory: Option<&'a str>,
    judged: JudgedJson,
}

#[derive(Serialize)]
struct FactorJson<'a> {
    kind: &'static str,
    name: &'a str,
    /// As `--factor` takes it.
    factor: String,
    dropped: EffectJson<'a>,
    added: EffectJson<'a>,
    ruled_out: bool,
    functions: &'a [String],
}

#[derive(Serialize)]
struct PairJson<'a> {
    factors: Vec<String>,
    direction: &'static str,
    effect: EffectJson<'a>,
}

#[derive(Serialize)]
struct JudgedJson {
    blocks: u32,
    most_blocks: u32,
    looks: u32,
    order: &'static str,
    order_seed: u64,
    smallest_effect: f64,
    trials: usize,
    control: &'static str,
    pooled_spread: Option<f64>,
    degrees_of_freedom: Option<f64>,
}

#[derive(Serialize)]
struct EffectJson<'a> {
    without_us: Option<f64>,
    with_us: Option<f64>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    p_adjusted: Option<f64>,
    finding: Option<&'static str>,
    answers: &'static str,
    answers_changed: Option<&'a str>,
    part_of_whole: Option<f64>,
    launches: u32,
    settled: bool,
}

/// It as JSON, with a line break at its end.
pub fn json(found: &Ablation) -> String {
    let effect = |of| effect(found, of);
    let factors = found.rows.iter().map(|row: &Row| FactorJson {
        kind: row.factor.kind.code(),
        name: &row.factor.name,
        factor: row.factor.to_string(),
        dropped: effect(&row.dropped),
        added: effect(&row.added),
        ruled_out: row.is_ruled_out,
        functions: &row.functions,
    });
    let pairs = found.pairs.iter().map(|(factors, direction, of)| PairJson {
        factors: factors.iter().map(ToString::to_string).collect(),
        direction: way(*direction),
        effect: effect(of),
    });
    let only = found.only_together();
    let only = only
        .iter()
        .map(|all| all.iter().map(ToString::to_string).collect());
    super::pretty(&Document {
        schema: SCHEMA,
        production: &found.production,
        local: &found.local,
        metric: found.metric.name(),
        whole: effect(&found.whole),
        share_of_production: found.together(),
        explained_part: found.explained(),
        functions: &found.functions,
        only_together: only.collect(),
        factors: factors.collect(),
        pairs: pairs.collect(),
        no_factors: &found.aside,
        advisory: found.apart.as_deref(),
        judged: JudgedJson {
            blocks: found.judged.blocks,
            most_blocks: found.judged.most_blocks,
            looks: found.judged.looks,
            order: "random, then reversed",
            order_seed: found.judged.seed,
            smallest_effect: SMALLEST,
            trials: found.judged.trials,
            control: "holm",
            pooled_spread: found.judged.spread.map(|of| of.sd),
            degrees_of_freedom: found.judged.spread.map(|of| of.degrees),
        },
    })
}

fn effect<'a>(found: &Ablation, of: &'a Effect) -> EffectJson<'a> {
    let cost = of.cost.as_ref();
    // JSON has no infinity: an end that is open is none.
    let end = |end: f64| Some(end).filter(|end| end.is_finite());
    let (answers, changed) = match &of.answers {
        Answers::Same => ("same", None),
        Answers::Changed(words) => ("changed", Some(words.as_str())),
        Answers::Unknown => ("unknown", None),
    };
    EffectJson {
        without_us: cost.map(|cost| cost.base),
        with_us: cost.map(|cost| cost.head),
        ratio: cost.map(|cost| cost.ratio),
        ratio_low: cost.and_then(|cost| end(cost.interval.0)),
        ratio_high: cost.and_then(|cost| end(cost.interval.1)),
        p_adjusted: cost.map(|cost| cost.p_adjusted),
        finding: cost.map(|cost| cost.finding.name()),
        answers,
        answers_changed: changed,
        part_of_whole: found.part(of),
        launches: of.launches,
        settled: of.is_settled,
    }
}
