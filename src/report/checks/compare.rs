//! The checks of a comparison: every figure of it, which counts only where the user asked for a verdict.

use super::{Check, Checks, Mark};
use crate::compare::{Comparison, FunctionComparison};
use crate::gate::{Compared, FailOn, What, compared};
use crate::profile::{DeltaFinding, FunctionDelta};
use crate::report::figures::change::{
    error_rate, error_words, figure, in_unit, known_figure, label, signed, unit_in_words,
    unmeasured_words, words,
};
use crate::report::figures::shortened;

/// Functions that are named at most.
const NAMED: usize = 5;

/// All that was compared, judged by what fails it if that is said.
pub fn of_comparison(comparison: &Comparison, fail_on: Option<FailOn>) -> Checks {
    let all = compared(comparison).into_iter();
    Checks {
        title: title(comparison),
        checks: all.map(|of| check("", of, fail_on)).collect(),
    }
}

pub(super) fn title(comparison: &Comparison) -> String {
    format!("{} → {}", comparison.base, comparison.head)
}

/// A check of a group that begins with `within`.
pub(super) fn check(within: &str, of: Compared<'_>, fail_on: Option<FailOn>) -> Check {
    let verdict = fail_on.and_then(|fail_on| fail_on.verdict(of.what));
    let (name, words) = in_words(of.what);
    let group = [within, of.phase.unwrap_or_default()];
    let group: Vec<_> = group.into_iter().filter(|part| !part.is_empty()).collect();
    Check {
        group: group.join(" · "),
        name: name.to_owned(),
        mark: verdict.map_or(Mark::Told, Mark::from),
        words,
        place: None,
    }
}

/// The name of what was compared, and what was found.
fn in_words(what: What<'_>) -> (&'static str, String) {
    match what {
        What::Metric(change) => {
            let of = |value| figure(change.metric, value);
            let (base, head) = (of(change.base), of(change.head));
            let words = format!("{base} → {head}, {}", words(change));
            (label(change.metric), words)
        }
        What::Unmeasured(of) => {
            let side = |value| known_figure(of.metric, value);
            let (base, head) = (side(of.base), side(of.head));
            let words = format!("{base} → {head}, {}", unmeasured_words(of));
            (label(of.metric), words)
        }
        What::Errors(errors) => {
            let (base, head) = (error_rate(errors.base), error_rate(errors.head));
            let words = format!("{base} → {head}, {}", error_words(errors));
            ("error rate", words)
        }
        What::Whole(found) => {
            let change = &found.diff.change;
            let side = |value| in_unit(found, value);
            let words = format!(
                "{} → {}, {} (95 %: {} to {})",
                side(found.diff.whole.0),
                side(found.diff.whole.1),
                signed(found, change.delta),
                signed(found, change.interval.low),
                signed(found, change.interval.high)
            );
            (unit_in_words(found), words)
        }
        What::Functions(found) => ("functions", functions(found)),
        What::FunctionsOfOne => (
            "functions",
            "not judged: one side has no profile".to_owned(),
        ),
        What::PhaseOfOne => ("phase", "not judged: one side lacks it".to_owned()),
    }
}

fn functions(found: &FunctionComparison) -> String {
    let functions = || found.diff.functions.iter();
    let change = |of: &FunctionDelta| {
        let changed = [
            (of.own_finding, &of.own, ""),
            (of.total_finding, &of.total, " with what it calls"),
        ];
        let mut changed = changed.into_iter();
        let (_, delta, how) = changed.find(|(finding, _, _)| *finding == DeltaFinding::Changed)?;
        let name = shortened(&of.function);
        Some(format!("{name}{how} {}", signed(found, delta.delta)))
    };
    let changed: Vec<_> = functions().filter_map(change).collect();
    let quiet = functions().filter(|of| of.total_finding == DeltaFinding::NotDetected);
    match (changed.as_slice(), quiet.count()) {
        ([], 0) => "not judged: no function has samples enough".to_owned(),
        ([], quiet) => format!("no detectable change in {quiet}"),
        (changed, _) if changed.len() <= NAMED => changed.join(", "),
        (changed, _) => format!(
            "{} and {} more",
            changed[..NAMED].join(", "),
            changed.len() - NAMED
        ),
    }
}
