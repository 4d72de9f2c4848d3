//! Compares variants of a run, or any two sides, phase by phase.

use std::num::NonZeroU32;

use super::caution::Caution;
use super::change::{Metric, MetricChange, Unjudged, Unmeasured};
use super::doubts::{Doubtful, Untrusted};
use super::errors::{Answers, ErrorRates};
use super::functions::{FunctionComparison, functions, functions_in};
use super::load::load_differences;
use super::metrics::{Apart, Between, Measured, measured, unmeasured};
use super::pair;
use super::side::{Side, Subject};
use super::speed::speed;
use crate::profile::Unit;
use crate::result::RunResult;
use crate::scenario::{Also, Judged};
use crate::statistics::{self, Family, Spread, fewest_trials};

/// A pair of variants.
#[derive(Debug)]
pub struct Comparison {
    /// Name of the base.
    pub base: String,
    /// Name of the head.
    pub head: String,
    /// What makes it doubtful as a whole.
    pub cautions: Vec<Caution>,
    /// Phases that both have, in order.
    pub phases: Vec<PhaseComparison>,
}

/// One phase of both.
#[derive(Debug)]
pub struct PhaseComparison {
    /// Its name.
    pub phase: String,
    /// What is known on both sides.
    pub metrics: Vec<MetricChange>,
    /// What one side alone knows.
    pub unmeasured: Vec<Unmeasured>,
    /// How many requests failed; `None` for profiles on their own.
    pub errors: Option<ErrorRates>,
    /// What changed by function; `None` if either profile is missing or they do not measure the same.
    pub functions: Option<FunctionComparison>,
    /// The same of what was captured beside the CPU on both sides.
    pub also: Vec<(Also, FunctionComparison)>,
    /// What makes it doubtful.
    pub cautions: Vec<Caution>,
}

/// All comparisons of the plan for which both sides have results. Their findings are judged together.
pub fn compare(judged: &Judged, result: &RunResult) -> Vec<Comparison> {
    let pairs = judged.pairs.iter();
    let pairs: Vec<_> = pairs
        .map(|(base, head)| (base.as_str(), head.as_str()))
        .collect();
    within(result, &pairs, Untrusted::from(judged.allow_untrusted))
}

/// Compares variants of a run by their names, base and head, as far as both have results. Their findings are judged together.
pub fn within(result: &RunResult, pairs: &[(&str, &str)], untrusted: Untrusted) -> Vec<Comparison> {
    let pairs = of_one_run(result, pairs);
    all_judged(&pairs, untrusted, Shared::NOTHING)
}

/// The same where one figure is judged alone, at one of so many looks, and with one error for all pairs, which each pair is an experiment of its
/// own for: what launches differ by is estimated from all of them, if they spread alike. That spread comes with the comparisons.
pub fn pooled(
    result: &RunResult,
    pairs: &[(&str, &str)],
    untrusted: Untrusted,
    metric: Metric,
    looks: NonZeroU32,
) -> (Vec<Comparison>, Option<Spread>) {
    let pairs = of_one_run(result, pairs);
    let alone = Shared {
        metric: Some(metric),
        spread: None,
        looks,
    };
    let figures = pairs
        .iter()
        .flat_map(|(base, head)| common(base, head, alone));
    let spreads: Vec<Spread> = figures.filter_map(|figure| figure.spread()).collect();
    let spread = statistics::pooled(&spreads);
    let comparisons = all_judged(&pairs, untrusted, Shared { spread, ..alone });
    (comparisons, spread)
}

/// What comparisons that are judged together share.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// The figure that is judged; all of them without it.
    metric: Option<Metric>,
    /// What its launches differ by, where that is estimated from all of them.
    spread: Option<Spread>,
    /// How often they are judged.
    looks: NonZeroU32,
}

impl Shared {
    /// All figures, each with an error of its own, judged once.
    const NOTHING: Self = Self {
        metric: None,
        spread: None,
        looks: NonZeroU32::MIN,
    };
}

fn of_one_run<'a>(result: &'a RunResult, pairs: &[(&str, &str)]) -> Vec<(Side<'a>, Side<'a>)> {
    let side = |name: &str| {
        let mut variants = result.variants.iter();
        let variant = variants.find(|variant| variant.name == name)?;
        Some(Side::of(result, variant, &variant.name))
    };
    let pairs = pairs.iter();
    pairs
        .filter_map(|(base, head)| Some((side(base)?, side(head)?)))
        .collect()
}

fn all_judged(
    pairs: &[(Side<'_>, Side<'_>)],
    untrusted: Untrusted,
    shared: Shared,
) -> Vec<Comparison> {
    let figures = pairs
        .iter()
        .flat_map(|(base, head)| common(base, head, shared));
    let family = Family::of(figures.map(|figure| figure.p())).at_one_of(shared.looks);
    pairs
        .iter()
        .map(|(base, head)| judged(base, head, untrusted, &family, shared))
        .collect()
}

/// Compares two sides, phases of one name with each other.
pub fn sides(base: &Side<'_>, head: &Side<'_>, untrusted: Untrusted) -> Comparison {
    let shared = Shared::NOTHING;
    let figures = common(base, head, shared).into_iter();
    let family = Family::of(figures.map(|figure| figure.p()));
    judged(base, head, untrusted, &family, shared)
}

fn judged(
    base: &Side<'_>,
    head: &Side<'_>,
    untrusted: Untrusted,
    family: &Family,
    shared: Shared,
) -> Comparison {
    Comparison {
        base: base.label.to_owned(),
        head: head.label.to_owned(),
        cautions: pair::cautions(base, head),
        phases: phases(base, head, untrusted, family, shared),
    }
}

/// Figures of all phases that both sides have, as far as they are judged.
fn common(base: &Side<'_>, head: &Side<'_>, shared: Shared) -> Vec<Measured> {
    let common = base
        .phases
        .iter()
        .filter_map(|of| Some((of, head.find(of.phase)?)));
    common
        .flat_map(|(of, other)| {
            let differ = loads_differ(of, other);
            let apart = Apart::of((base, of), (head, other));
            let figures = figures(of, other, apart, shared).into_iter();
            figures.filter(move |figure| {
                let is_judged = shared.metric.is_none_or(|of| of == figure.metric());
                is_judged && figure.is_comparable(differ)
            })
        })
        .collect()
}

fn loads_differ(base: &Subject<'_>, head: &Subject<'_>) -> bool {
    let loads = base.load.zip(head.load);
    loads.is_some_and(|(from, to)| !load_differences(from, to).is_empty())
}

/// Of an interval that says nothing: whether there are too few requests for one.
fn with_requests(
    change: MetricChange,
    base: Option<Answers>,
    head: Option<Answers>,
) -> MetricChange {
    let above = change.metric.above();
    let needed = above.filter(|_| change.unjudged == Some(Unjudged::TooWide));
    let Some(needed) = needed.map(|above| fewest_trials(above).ceil() as u64) else {
        return change;
    };
    let few = [("head", head), ("base", base)];
    let few = few.into_iter().find_map(|(side, answers)| {
        let requests = answers?.ok;
        (requests < needed).then_some(Unjudged::FewRequests {
            side,
            requests,
            needed,
        })
    });
    MetricChange {
        unjudged: few.or(change.unjudged),
        ..change
    }
}

fn figures(base: &Subject<'_>, head: &Subject<'_>, apart: Apart, shared: Shared) -> Vec<Measured> {
    let speed = speed(base, head);
    let all = measured(&base.rounds, &head.rounds, Between { apart, speed }).into_iter();
    let pooled = |figure: Measured| match shared.spread {
        Some(spread) if shared.metric == Some(figure.metric()) => figure.with_spread(spread),
        _ => figure,
    };
    all.map(pooled).collect()
}

/// Compares what both captured beside the CPU; what is to be said of it names it.
fn beside(
    base: &Subject<'_>,
    head: &Subject<'_>,
    cautions: &mut Vec<Caution>,
) -> Vec<(Also, FunctionComparison)> {
    let pairs = base.also.iter().filter_map(|(kind, of)| {
        let other = head.also.iter().find(|(other, _)| other == kind)?;
        Some((*kind, *of, other.1))
    });
    let mut all = Vec::new();
    for (kind, of, other) in pairs {
        let unit = match kind {
            Also::Heap => Unit::Bytes,
            Also::Block | Also::Mutex | Also::Goroutine | Also::OffCpu => Unit::Nanoseconds,
        };
        let mut said = Vec::new();
        if let Ok(found) = functions_in(of, other, unit, &mut said) {
            all.push((kind, found));
        }
        cautions.extend(said.into_iter().map(|caution| Caution::Stacks {
            what: format!("{}: {caution}", kind.name()),
        }));
    }
    all
}

/// Compares the phases that both sides have.
fn phases(
    base: &Side<'_>,
    head: &Side<'_>,
    untrusted: Untrusted,
    family: &Family,
    shared: Shared,
) -> Vec<PhaseComparison> {
    let pairs = base.phases.iter().filter_map(|of| {
        let other = head.find(of.phase)?;
        let doubtful = Doubtful {
            trust: (of.trust, other.trust),
            cpus: (base.cpus(), head.cpus()),
            untrusted,
        };
        let mut cautions = pair::phase_cautions((base, of), (head, other), untrusted);
        let functions = of.profile.zip(other.profile).and_then(|(of, other)| {
            let found = functions(of, other, &mut cautions);
            found
                .map_err(|error| cautions.push(Caution::Incomparable(error)))
                .ok()
        });
        let differ = loads_differ(of, other);
        let also = beside(of, other, &mut cautions);
        let apart = Apart::of((base, of), (head, other));
        let figures = figures(of, other, apart, shared).into_iter();
        let metrics: Vec<_> = figures
            .map(|figure| match figure.is_comparable(differ) {
                true => doubtful.judge(figure.judged(family)),
                false => figure.withheld(),
            })
            .map(|change| with_requests(change, of.answers, other.answers))
            .collect();
        cautions.extend(pair::speed_caution(&metrics, speed(of, other)));
        Some(PhaseComparison {
            phase: of.phase.to_owned(),
            errors: of
                .answers
                .zip(other.answers)
                .map(|(of, other)| match differ {
                    true => ErrorRates::withheld(of, other),
                    false => ErrorRates::of(of, other, &doubtful),
                }),
            metrics,
            unmeasured: unmeasured(&of.rounds, &other.rounds),
            functions,
            also,
            cautions,
        })
    });
    pairs.collect()
}

impl Apart {
    /// How far apart the phases of two sides were measured.
    fn of((base, of): (&Side<'_>, &Subject<'_>), (head, other): (&Side<'_>, &Subject<'_>)) -> Self {
        match (base.run, head.run) {
            (Some(run), Some(second)) if run.is(&second) => {
                let took_turns =
                    of.turns_with == Some(second.variant) && other.turns_with == Some(run.variant);
                if took_turns {
                    Self::Turns
                } else {
                    Self::Rounds
                }
            }
            _ => Self::Runs,
        }
    }
}
