//! Results of trials → what each factor costs.

use super::trial::{Direction, Factor, PHASE, Trials, names};
use crate::compare::{Comparison, Finding, Metric, MetricChange};
use crate::metrics::Tally;
use crate::result::{PhaseResult, RunResult};

/// What the trials found.
#[derive(Debug)]
pub struct Ablation {
    /// The variant with production's requests.
    pub production: String,
    /// What it was held against.
    pub local: String,
    /// All factors together.
    pub whole: Effect,
    /// Functions that hold the difference of the whole, the one below which most of it lies first; empty without profiles.
    pub functions: Vec<String>,
    /// Each factor, by its cost where it was dropped, the costliest first.
    pub factors: Vec<(Factor, Effect, Effect)>,
}

/// What a trial says.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Change of the CPU per OK request from without to with; `None` if a side has none.
    pub cost: Option<MetricChange>,
    /// Whether both sides were answered alike.
    pub answers: Answers,
}

/// Whether requests with and without a factor were answered alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// They were.
    Same,
    /// They were not: in words, from before the factor was dropped or added to behind that.
    Changed(String),
    /// A side was not measured.
    Unknown,
}

/// Shares of answers that differ by more are another answer, and sizes too.
const ALIKE: f64 = 0.05;

impl Effect {
    const UNKNOWN: Self = Self {
        cost: None,
        answers: Answers::Unknown,
    };

    /// Microseconds of CPU per request that the factor costs, where both sides were answered alike and a difference was detected.
    pub fn costs_us(&self) -> Option<f64> {
        let cost = self.cost.as_ref()?;
        let is_found = matches!(cost.finding, Finding::Better | Finding::Worse);
        (is_found && self.answers == Answers::Same).then_some(cost.head - cost.base)
    }
}

impl Ablation {
    /// The part of the whole difference that one effect is; `None` where either is not known.
    pub fn part(&self, effect: &Effect) -> Option<f64> {
        let whole = self.whole.cost.as_ref()?;
        let gap = whole.head - whole.base;
        let is_found = matches!(whole.finding, Finding::Better | Finding::Worse);
        is_found.then_some(effect.costs_us()? / gap)
    }

    /// The part of production's CPU that the factors cost together.
    pub fn together(&self) -> Option<f64> {
        let whole = self.whole.cost.as_ref()?;
        let is_found = matches!(whole.finding, Finding::Better | Finding::Worse);
        is_found.then_some((whole.head - whole.base) / whole.head)
    }

    /// Whether all factors together were judged, with or without a difference.
    pub fn is_judged(&self) -> bool {
        let cost = self.whole.cost.as_ref();
        cost.is_some_and(|cost| cost.finding != Finding::NotJudged)
    }

    /// Whether all factors together cost nothing that could be seen, so that none needs to be looked at.
    pub fn is_nothing(&self) -> bool {
        let cost = self.whole.cost.as_ref();
        cost.is_some_and(|cost| cost.finding == Finding::NotDetected)
    }

    /// Factors that are needed and cost little by themselves: they cost what they do together.
    pub fn only_together(&self) -> Vec<&Factor> {
        if self
            .whole
            .cost
            .as_ref()
            .is_none_or(|cost| cost.finding != Finding::Worse)
        {
            return Vec::new();
        }
        let needed = self.factors.iter().filter(|(_, dropped, added)| {
            let is_needed = matches!(dropped.answers, Answers::Changed(_))
                || dropped.costs_us().is_some_and(|us| us > 0.0);
            is_needed && self.part(added).is_none_or(|part| part < 0.1)
        });
        let needed: Vec<&Factor> = needed.map(|(factor, ..)| factor).collect();
        if needed.len() > 1 { needed } else { Vec::new() }
    }
}

/// What the runs of the trials say; `single` is that of [`Trials::single`].
pub fn ablation(
    trials: &Trials,
    whole: (&RunResult, &[Comparison]),
    single: Option<(&RunResult, &[Comparison])>,
) -> Ablation {
    let mut factors: Vec<(Factor, Effect, Effect)> = (trials.factors.iter().enumerate())
        .map(|(at, factor)| {
            let of = |direction: Direction| {
                let pair = 2 * at + usize::from(direction == Direction::Added);
                single.map_or(Effect::UNKNOWN, |(result, compared)| {
                    effect(result, compared, pair, direction)
                })
            };
            (factor.clone(), of(Direction::Dropped), of(Direction::Added))
        })
        .collect();
    let whole_effect = effect(whole.0, whole.1, 0, Direction::Added);
    if let ([one], None) = (factors.as_mut_slice(), single) {
        one.1 = whole_effect.clone();
        one.2 = whole_effect.clone();
    }
    let rank = |effect: &Effect| effect.costs_us().unwrap_or(f64::NEG_INFINITY);
    factors.sort_by(|one, other| rank(&other.1).total_cmp(&rank(&one.1)));
    Ablation {
        production: trials.production.clone(),
        local: trials.local.clone(),
        functions: whole.1.first().map_or_else(Vec::new, responsible),
        whole: whole_effect,
        factors,
    }
}

fn effect(
    result: &RunResult,
    compared: &[Comparison],
    pair: usize,
    direction: Direction,
) -> Effect {
    let (base, head) = names(pair);
    let phase = |name: &str| {
        let variant = result
            .variants
            .iter()
            .find(|variant| variant.name == name)?;
        variant.phases.iter().find(|phase| phase.name == PHASE)
    };
    let found = compared
        .iter()
        .find(|of| of.base == base && of.head == head);
    let metrics = found
        .and_then(|of| of.phases.first())
        .map(|phase| &phase.metrics);
    let cost =
        metrics.and_then(|metrics| metrics.iter().find(|of| of.metric == Metric::CpuPerRequest));
    Effect {
        cost: cost.cloned(),
        answers: match (phase(&base), phase(&head)) {
            (Some(base), Some(head)) => match direction {
                Direction::Dropped => answers(head, base),
                Direction::Added => answers(base, head),
            },
            _ => Answers::Unknown,
        },
    }
}

/// From one to the other.
fn answers(before: &PhaseResult, behind: &PhaseResult) -> Answers {
    let (before, behind) = (before.total(), behind.total());
    let of = |tally: &Tally| tally.status.values().sum::<u64>();
    if of(&before) == 0 || of(&behind) == 0 {
        return Answers::Unknown;
    }
    let share = |tally: &Tally, status: u16| {
        tally.status.get(&status).copied().unwrap_or(0) as f64 / of(tally) as f64
    };
    let mut statuses = before.status.keys().chain(behind.status.keys());
    if statuses.any(|&status| (share(&before, status) - share(&behind, status)).abs() > ALIKE) {
        return Answers::Changed(format!("{} → {}", most(&before), most(&behind)));
    }
    let size = |tally: &Tally| tally.received_body as f64 / of(tally) as f64;
    let (from, to) = (size(&before), size(&behind));
    if (from - to).abs() > ALIKE * from.max(to).max(20.0) {
        return Answers::Changed(format!("{from:.0} → {to:.0} bytes"));
    }
    Answers::Same
}

/// The most frequent status.
fn most(tally: &Tally) -> String {
    let most = tally.status.iter().max_by_key(|(_, count)| **count);
    most.map_or_else(String::new, |(status, _)| status.to_string())
}

/// The functions that explain a comparison.
fn responsible(comparison: &Comparison) -> Vec<String> {
    let functions = comparison
        .phases
        .first()
        .and_then(|phase| phase.functions.as_ref());
    let Some(found) = functions else {
        return Vec::new();
    };
    let parts = found.explanation.below.iter().chain(&found.explanation.own);
    let names = parts.map(|part| found.diff.functions[part.function].function.clone());
    let mut names: Vec<String> = names.collect();
    names.dedup();
    names.truncate(3);
    names
}
