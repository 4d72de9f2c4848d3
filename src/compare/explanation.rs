//! Which few functions explain what changed between two profiles.

use crate::profile::{
    DeltaFinding, Diff, Difference, FunctionDelta, FunctionShare, Profile, main_caller,
};

/// Which functions explain what changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// The function with the least other content below which nearly all of the whole's change is; no leaf.
    pub below: Option<Part>,
    /// The functions whose own cost changed most, until nine tenths of all such changes are named.
    pub own: Vec<Part>,
    /// The functions that changed with what they call and not of themselves, largest change first, without those whose change is that of what is
    /// named already.
    pub callees: Vec<Part>,
    /// Functions whose cost went into their caller's, or came from it.
    pub moved: Vec<Moved>,
}

/// A function that one side has in its caller, as after inlining: the changes of both cancel out.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Index into [`Diff::functions`].
    pub function: usize,
    /// That of its caller.
    pub caller: usize,
}

/// A function and its part of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Index into [`Diff::functions`].
    pub function: usize,
    /// Its change by that of the whole; of different signs it is negative. `None` if the whole did not change, for all that is known.
    pub part: Option<f64>,
}

/// What part of a change is "nearly all".
const NEARLY_ALL: f64 = 0.9;
/// Functions that an explanation names at most.
const MOST_NAMED: usize = 5;
/// A function below this part of all changes explains nothing.
const WORTH_NAMING: f64 = 0.03;
/// What explains the differences between two profiles.
pub(super) fn explain(diff: &Diff, base: &Profile, head: &Profile) -> Explanation {
    // Shares sum to one on both sides: there is no whole that changed. Nor are there parts of a change that may be none.
    let part = |delta: f64| diff.has_changed().then(|| delta / diff.change.delta);
    let (below, own) = (below(diff, part), own(diff, part));
    Explanation {
        callees: callees(diff, &below.iter().chain(&own), part),
        moved: moved(diff, &own, base, head),
        below,
        own,
    }
}

fn callees<'a>(
    diff: &Diff,
    named: &(impl Iterator<Item = &'a Part> + Clone),
    part: impl Fn(f64) -> Option<f64>,
) -> Vec<Part> {
    let same = |a: f64, b: f64| a * b > 0.0 && (a / b).max(b / a) < 1.0 / NEARLY_ALL;
    let is_named = |total: f64| {
        named.clone().any(|part| {
            let delta = &diff.functions[part.function];
            same(total, delta.own.delta) || same(total, delta.total.delta)
        })
    };
    let changed = diff.functions.iter().enumerate().filter(|(_, delta)| {
        delta.total_finding == DeltaFinding::Changed
            && delta.own_finding != DeltaFinding::Changed
            && !same(delta.total.delta, diff.change.delta)
            && !is_named(delta.total.delta)
    });
    let mut changed: Vec<_> = changed.collect();
    changed.sort_by(|a, b| {
        let size = |of: &FunctionDelta| of.total.delta.abs();
        size(b.1).total_cmp(&size(a.1))
    });
    let parts = changed.into_iter().map(|(function, delta)| Part {
        function,
        part: part(delta.total.delta),
    });
    parts.take(MOST_NAMED).collect()
}

/// Of the functions named those that one side lacks, and whose caller changed by as much the other way.
fn moved(diff: &Diff, own: &[Part], base: &Profile, head: &Profile) -> Vec<Moved> {
    let pairs = own.iter().filter_map(|part| {
        let delta = &diff.functions[part.function];
        let profile = match (&delta.base, &delta.head) {
            (Some(_), None) => base,
            (None, Some(_)) => head,
            _ => return None,
        };
        let (name, most) = main_caller(profile, &delta.function)?;
        let caller = diff.functions.iter().position(|of| of.function == name)?;
        let of_caller = &diff.functions[caller];
        let half = |of: &Difference| (of.interval.high - of.interval.low) / 2.0;
        let sum = (delta.own.delta + of_caller.own.delta).abs();
        let cancels =
            sum <= half(&delta.own).max(half(&of_caller.own)) && sum < 0.5 * delta.own.delta.abs();
        let is = most >= NEARLY_ALL && of_caller.own_finding == DeltaFinding::Changed && cancels;
        is.then_some(Moved {
            function: part.function,
            caller,
        })
    });
    pairs.collect()
}

fn below(diff: &Diff, part: impl Fn(f64) -> Option<f64>) -> Option<Part> {
    let content = |at: usize| {
        let delta = &diff.functions[at];
        let total = |side: &Option<FunctionShare>, whole: f64| {
            side.as_ref()
                .map_or(0.0, |function| function.total_share.value * whole)
        };
        total(&delta.base, diff.whole.0).max(total(&delta.head, diff.whole.1))
    };
    let largest = diff.whole.0.max(diff.whole.1);
    diff.functions
        .iter()
        .enumerate()
        .filter(|(_, delta)| delta.total_finding == DeltaFinding::Changed)
        .filter_map(|(at, delta)| Some((content(at), at, part(delta.total.delta)?)))
        .filter(|(_, _, part)| (NEARLY_ALL..=1.0 / NEARLY_ALL).contains(part))
        // What is on every stack explains nothing, and a leaf is named by its own cost.
        .filter(|(content, at, _)| {
            let delta = &diff.functions[*at];
            let is_leaf = (delta.own.delta / delta.total.delta) > NEARLY_ALL;
            *content < largest * 0.999 && !is_leaf
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, function, part)| Part {
            function,
            part: Some(part),
        })
}

fn own(diff: &Diff, part: impl Fn(f64) -> Option<f64>) -> Vec<Part> {
    let changed = diff.functions.iter().enumerate();
    let changed = changed.filter(|(_, delta)| delta.own_finding == DeltaFinding::Changed);
    let size = |delta: &FunctionDelta| delta.own.delta.abs();
    // Changes of both signs: what rose and what fell must not cancel out.
    let all: f64 = changed.clone().map(|(_, delta)| size(delta)).sum();
    let mut own = Vec::new();
    let mut named = 0.0;
    for (function, delta) in changed.take(MOST_NAMED) {
        if named >= NEARLY_ALL * all || size(delta) < WORTH_NAMING * all {
            break;
        }
        named += size(delta);
        own.push(Part {
            function,
            part: part(delta.own.delta),
        });
    }
    own
}
