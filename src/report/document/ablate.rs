//! What headers cost (`telemload.ablation/1`).

use serde::Serialize;

use crate::ablation::{Ablation, Answers, Effect};

/// Name and version of the JSON document.
pub const SCHEMA: &str = "telemload.ablation/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    production: &'a str,
    local: &'a str,
    whole: EffectJson<'a>,
    share_of_production: Option<f64>,
    functions: &'a [String],
    only_together: Vec<&'a str>,
    factors: Vec<FactorJson<'a>>,
}

#[derive(Serialize)]
struct FactorJson<'a> {
    header: &'a str,
    dropped: EffectJson<'a>,
    added: EffectJson<'a>,
}

#[derive(Serialize)]
struct EffectJson<'a> {
    without_us: Option<f64>,
    with_us: Option<f64>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    finding: Option<&'static str>,
    answers: &'static str,
    answers_changed: Option<&'a str>,
    part_of_whole: Option<f64>,
}

/// It as JSON, with a line break at its end.
pub fn json(found: &Ablation) -> String {
    let effect = |of| effect(found, of);
    let factors = found
        .factors
        .iter()
        .map(|(factor, dropped, added)| FactorJson {
            header: &factor.header,
            dropped: effect(dropped),
            added: effect(added),
        });
    let only = found.only_together();
    super::pretty(&Document {
        schema: SCHEMA,
        production: &found.production,
        local: &found.local,
        whole: effect(&found.whole),
        share_of_production: found.together(),
        functions: &found.functions,
        only_together: only.iter().map(|factor| factor.header.as_str()).collect(),
        factors: factors.collect(),
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
        finding: cost.map(|cost| cost.finding.name()),
        answers,
        answers_changed: changed,
        part_of_whole: found.part(of),
    }
}
