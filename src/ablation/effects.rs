//! Results of trials → what each factor costs.

use super::factor::Factor;
use super::trial::{Direction, PHASE, names};
use crate::compare::{Comparison, Finding, Metric, MetricChange};
use crate::metrics::Tally;
use crate::result::{PhaseResult, RunResult};
use crate::statistics::Spread;

/// What the trials found.
#[derive(Debug)]
pub struct Ablation {
    /// The variant with production's requests.
    pub production: String,
    /// What it was held against.
    pub local: String,
    /// What costs are: CPU per request, or the median latency where nobody knows the CPU.
    pub metric: Metric,
    /// All factors together.
    pub whole: Effect,
    /// Functions that hold the difference of the whole, the one below which most of it lies first; empty without profiles.
    pub functions: Vec<String>,
    /// Each factor, by its cost where it was dropped, the costliest first.
    pub rows: Vec<Row>,
    /// Pairs that were tried because their factors cost otherwise when dropped than when added.
    pub pairs: Vec<(Vec<Factor>, Direction, Effect)>,
    /// What both differ in that is no factor, in words.
    pub aside: Vec<String>,
    /// Why the sides of a trial were not up together, which makes costs advisory.
    pub apart: Option<String>,
    /// What judgements of factors rest on.
    pub judged: Judged,
}

/// A factor, and what it costs.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was tried.
    pub factor: Factor,
    /// Production without it against production.
    pub dropped: Effect,
    /// What has no factor against the same with this one.
    pub added: Effect,
    /// Functions that hold its cost, if it was profiled.
    pub functions: Vec<String>,
    /// Whether it was in a half of all factors that cost nothing.
    pub is_ruled_out: bool,
}

/// What judgements rest on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Launches of each side of a trial at the first look.
    pub blocks: u32,
    /// Launches of each side of a trial that is still open at the last one.
    pub most_blocks: u32,
    /// How often trials are looked at, at most: each look has an equal part of the error.
    pub looks: u32,
    /// What the random order of launches follows from.
    pub seed: u64,
    /// Trials of factors one by one, which are judged together.
    pub trials: usize,
    /// What blocks differ by, ln, if that was estimated from all trials.
    pub spread: Option<Spread>,
}

/// What a trial says.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Change of the cost per OK request from without to with; `None` if a side has none.
    pub cost: Option<MetricChange>,
    /// Whether both sides were answered alike.
    pub answers: Answers,
    /// Launches of each side that it rests on.
    pub launches: u32,
    /// Whether more launches would say nothing else that is of interest.
    pub is_settled: bool,
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
/// The part of the whole below which a factor costs next to nothing.
pub(super) const LITTLE: f64 = 0.1;

impl Effect {
    pub(super) const UNKNOWN: Self = Self {
        cost: None,
        answers: Answers::Unknown,
        launches: 0,
        is_settled: false,
    };

    /// Microseconds per request between both sides, if a difference was detected.
    pub(super) fn gap_us(&self) -> Option<f64> {
        let cost = self.cost.as_ref()?;
        self.is_found().then_some(cost.head - cost.base)
    }

    /// Microseconds per request that the factor costs, where both sides were answered alike and a difference was detected.
    pub fn costs_us(&self) -> Option<f64> {
        self.gap_us().filter(|_| self.answers == Answers::Same)
    }

    /// The part of a whole difference that it is; `None` where either is not known.
    pub(super) fn part_of(&self, whole: &Self) -> Option<f64> {
        Some(self.costs_us()? / whole.gap_us()?)
    }

    /// Whether a difference was detected.
    fn is_found(&self) -> bool {
        let cost = self.cost.as_ref();
        cost.is_some_and(|cost| matches!(cost.finding, Finding::Better | Finding::Worse))
    }

    /// Whether a difference was looked for and none was detected.
    pub(super) fn has_no_cost(&self) -> bool {
        let cost = self.cost.as_ref();
        cost.is_some_and(|cost| cost.finding == Finding::NotDetected)
    }

    /// Whether it was judged, with or without a difference.
    pub(super) fn is_judged(&self) -> bool {
        self.is_found() || self.has_no_cost()
    }
}

impl Row {
    /// Whether production needs it, for its cost or its answer, and it costs next to nothing when it is added alone.
    pub(super) fn needs_another(&self, whole: &Effect) -> bool {
        let added = self.added.costs_us().unwrap_or(0.0);
        match (&self.dropped.answers, self.dropped.costs_us()) {
            (Answers::Changed(_), _) => {
                let part = self.added.part_of(whole);
                part.is_none_or(|part| part < LITTLE)
            }
            (_, Some(dropped)) => dropped > 0.0 && added < dropped / 2.0,
            (_, None) => false,
        }
    }

    /// Whether it costs when it is added alone, and production costs as much without it.
    pub(super) fn has_stand_in(&self) -> bool {
        let dropped = self.dropped.costs_us().unwrap_or(0.0);
        let is_same = self.dropped.answers == Answers::Same;
        let added = self.added.costs_us();
        is_same && added.is_some_and(|added| added > 0.0 && dropped < added / 2.0)
    }
}

impl Ablation {
    /// The part of the whole difference that one effect is; `None` where either is not known.
    pub fn part(&self, effect: &Effect) -> Option<f64> {
        effect.part_of(&self.whole)
    }

    /// The part of production's cost that the factors have together.
    pub fn together(&self) -> Option<f64> {
        let cost = self.whole.cost.as_ref()?;
        Some(self.whole.gap_us()? / cost.head)
    }

    /// Factors whose trials the last look left open, each with the direction.
    pub fn open(&self) -> impl Iterator<Item = (&Factor, Direction)> {
        let trials = self.rows.iter().flat_map(|row| {
            let both = [
                (&row.dropped, Direction::Dropped),
                (&row.added, Direction::Added),
            ];
            both.map(|(effect, direction)| (&row.factor, effect, direction))
        });
        let open = trials.filter(|(_, effect, _)| effect.launches > 0 && !effect.is_settled);
        open.map(|(factor, _, direction)| (factor, direction))
    }

    /// Whether all factors together were judged, with or without a difference.
    pub fn is_judged(&self) -> bool {
        self.whole.is_judged()
    }

    /// Whether all factors together cost nothing that could be seen, so that none needs to be looked at.
    pub fn is_nothing(&self) -> bool {
        self.whole.has_no_cost()
    }

    /// Factors that are needed and cost little by themselves: they cost what they do together. Pairs that were tried, or all such factors.
    pub fn only_together(&self) -> Vec<Vec<&Factor>> {
        let is_worse = |of: &Effect| of.costs_us().is_some_and(|us| us > 0.0);
        let cost = self.whole.cost.as_ref();
        if cost.is_none_or(|cost| cost.finding != Finding::Worse) {
            return Vec::new();
        }
        let pairs = self.pairs.iter().filter(|(_, direction, effect)| {
            let is_large = self.part(effect).is_some_and(|part| part >= LITTLE);
            *direction == Direction::Added && is_worse(effect) && is_large
        });
        let pairs: Vec<Vec<&Factor>> = pairs
            .map(|(factors, ..)| factors.iter().collect())
            .collect();
        if !pairs.is_empty() {
            return pairs;
        }
        let rows = self.rows.iter();
        let needed = rows.filter(|row| row.needs_another(&self.whole));
        let needed: Vec<&Factor> = needed.map(|row| &row.factor).collect();
        if needed.len() > 1 {
            vec![needed]
        } else {
            Vec::new()
        }
    }

    /// The part of the whole that factors explain which were dropped one by one; `None` of one factor alone, or where the whole is not known.
    pub fn explained(&self) -> Option<f64> {
        self.together().filter(|_| self.rows.len() > 1)?;
        let parts = self.rows.iter().filter_map(|row| self.part(&row.dropped));
        Some(parts.sum())
    }
}

/// What the comparison of a pair says.
pub(super) fn effect(
    result: &RunResult,
    compared: &[Comparison],
    pair: usize,
    direction: Direction,
    metric: Metric,
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
    let cost = metrics.and_then(|metrics| metrics.iter().find(|of| of.metric == metric));
    let launches = |of: Option<&PhaseResult>| of.map_or(0, |phase| phase.rounds.len() as u32);
    Effect {
        launches: launches(phase(&base)).min(launches(phase(&head))),
        is_settled: false,
        cost: cost.cloned(),
        answers: match (phase(&base), phase(&head)) {
            (Some(base), Some(head)) => match direction {
                Direction::Dropped => answers(head, base),
                Direction::Added | Direction::Whole => answers(base, head),
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
pub(super) fn responsible(comparison: &Comparison) -> Vec<String> {
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
