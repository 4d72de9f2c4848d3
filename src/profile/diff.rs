//! The comparison of two function tables, function by function.
//!
//! Two profiles of the same program differ in most of their functions by chance: of some 300 functions half change by
//! 50 % at 1,000 samples. So a difference is a finding only if chance is an unlikely cause for it *and* for a table of
//! this length. It must not draw a conclusion from a function that is missing on one side without asking how many samples
//! could have shown it.

use std::collections::{BTreeMap, HashSet};

use super::difference::{Detectable, Difference, Scale, findings_up_to};
use super::share::{FEWEST_SAMPLES, Share};
use super::{FunctionShare, FunctionTable};

/// Samples of a function below which its absence on the other side says nothing.
const SHOULD_BE_SEEN: f64 = 5.0;

/// A table and what its shares are multiplied with.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The functions.
    pub table: &'a FunctionTable,
    /// CPU-µs per request, or [`Scale::SHARE`].
    pub scale: Scale,
}

/// How one function changed, in the unit of the scales.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionDelta {
    /// The normalised name.
    pub function: String,
    /// Before; `None` if it was in no sample.
    pub base: Option<FunctionShare>,
    /// After; `None` if it was in no sample.
    pub head: Option<FunctionShare>,
    /// Head minus base of the function with what it calls.
    pub total: Difference,
    /// Head minus base of the function itself; these sum to the change of the whole.
    pub own: Difference,
    /// What follows for the total.
    pub total_finding: DeltaFinding,
    /// What follows for the function itself.
    pub own_finding: DeltaFinding,
}

/// What follows from a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaFinding {
    /// It is one of those of which at most 1 % are chance.
    Changed,
    /// Chance explains it.
    NotDetected,
    /// Fewer than five samples on both sides together: not judged.
    TooFew,
}

/// All functions of two profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// Functions that themselves changed first, then those that changed with what they call, those that did not, and those with too few
    /// samples; in each part the largest change of the function itself first, then of its total, then by name.
    pub functions: Vec<FunctionDelta>,
    /// What functions that were judged and have no finding could have hidden; `None` if there are none.
    pub hidden: Option<Hidden>,
    /// Base and head of the whole, in the unit of the scales.
    pub whole: (f64, f64),
    /// Head minus base of the whole; without an interval for shares, and where a side has no sample.
    pub change: Difference,
    /// What the scales are in.
    pub unit: Unit,
}

/// Changes that functions without a finding could have hidden, in the unit of the scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hidden {
    /// One as large would have been found in any of them.
    pub in_any: f64,
    /// In half of them.
    pub in_half: f64,
}

/// What a comparison of functions is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// CPU-µs per request.
    PerRequest,
    /// CPU-µs per second of the capture.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Nanoseconds that were waited, or measured on the wall.
    Nanoseconds,
    /// Whatever else the values are, such as objects.
    Count,
    /// Shares of the profile, 0..=1: a function can rise because another fell.
    Share,
}

impl Unit {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerRequest => "us_per_request",
            Self::PerSecond => "us_per_second",
            Self::Bytes => "bytes",
            Self::Nanoseconds => "nanoseconds",
            Self::Count => "count",
            Self::Share => "share",
        }
    }
}

/// Compares two tables. A side without any sample makes nothing a finding.
pub fn diff(base: Side<'_>, head: Side<'_>, unit: Unit) -> Diff {
    let mut by_name: BTreeMap<&str, (Option<&FunctionShare>, Option<&FunctionShare>)> =
        BTreeMap::new();
    for function in &base.table.functions {
        by_name.entry(&function.function).or_default().0 = Some(function);
    }
    for function in &head.table.functions {
        by_name.entry(&function.function).or_default().1 = Some(function);
    }
    let known = base.table.samples > 0 && head.table.samples > 0;
    let mut functions: Vec<FunctionDelta> = by_name
        .into_iter()
        .map(|(function, (before, after))| {
            let shares = |part: fn(&FunctionShare) -> Share| {
                base.table
                    .beside(before.map(part), head.table, after.map(part))
            };
            let (total, own) = (
                shares(|function| function.total_share),
                shares(|function| function.self_share),
            );
            let difference =
                |of: (Share, Share)| Difference::of((of.0, base.scale), (of.1, head.scale));
            let judged = |of: (Share, Share)| {
                // The sum of what may be no whole numbers.
                if known && of.0.hits + of.1.hits >= FEWEST_SAMPLES as f64 - 1e-6 {
                    DeltaFinding::NotDetected
                } else {
                    DeltaFinding::TooFew
                }
            };
            FunctionDelta {
                function: function.to_owned(),
                total: difference(total),
                own: difference(own),
                total_finding: judged(total),
                own_finding: judged(own),
                base: before.cloned(),
                head: after.cloned(),
            }
        })
        .collect();
    let limit = judge(&mut functions, |delta| {
        (&mut delta.total_finding, delta.total.p)
    });
    judge(&mut functions, |delta| {
        (&mut delta.own_finding, delta.own.p)
    });
    let hidden = hidden(&functions, base, head, limit);
    functions.sort_by(order);
    let whole = |side: Side<'_>| {
        if side.table.samples > 0 {
            side.scale.factor
        } else {
            0.0
        }
    };
    let whole = (whole(base), whole(head));
    Diff {
        functions,
        hidden,
        whole,
        change: match unit {
            Unit::PerRequest | Unit::PerSecond if known => {
                let all = |side: Side<'_>| (Share::WHOLE, side.scale.of_whole());
                Difference::plain(all(base), all(head))
            }
            Unit::Bytes | Unit::Nanoseconds | Unit::Count if known => {
                let all = |side: Side<'_>| (side.table.all(), side.scale.of_whole());
                Difference::plain(all(base), all(head))
            }
            _ => Difference::unjudged(whole.1 - whole.0),
        },
        unit,
    }
}

fn order(a: &FunctionDelta, b: &FunctionDelta) -> std::cmp::Ordering {
    let by = |f: fn(&FunctionDelta) -> f64| f(b).abs().total_cmp(&f(a).abs());
    (rank(a).cmp(&rank(b)))
        .then_with(|| by(|delta| delta.own.delta))
        .then_with(|| by(|delta| delta.total.delta))
        .then_with(|| a.function.cmp(&b.function))
}

fn rank(of: &FunctionDelta) -> u8 {
    let is = |finding| of.own_finding == finding || of.total_finding == finding;
    match of.own_finding {
        DeltaFinding::Changed => 0,
        _ if is(DeltaFinding::Changed) => 1,
        _ if is(DeltaFinding::NotDetected) => 2,
        _ => 3,
    }
}

fn hidden(
    functions: &[FunctionDelta],
    base: Side<'_>,
    head: Side<'_>,
    limit: f64,
) -> Option<Hidden> {
    let mut detectable = Detectable::at(limit);
    let quiet = functions
        .iter()
        .filter(|delta| delta.total_finding == DeltaFinding::NotDetected);
    let mut hidden: Vec<f64> = quiet
        .map(|delta| {
            let total = |of: &Option<FunctionShare>| of.as_ref().map(|of| of.total_share);
            let (before, after) =
                base.table
                    .beside(total(&delta.base), head.table, total(&delta.head));
            detectable.change((before, base.scale), (after, head.scale), &delta.total)
        })
        .collect();
    hidden.sort_unstable_by(f64::total_cmp);
    Some(Hidden {
        in_any: *hidden.last()?,
        in_half: hidden[(hidden.len() - 1) / 2],
    })
}

fn judge(
    functions: &mut [FunctionDelta],
    of: fn(&mut FunctionDelta) -> (&mut DeltaFinding, f64),
) -> f64 {
    let judged = functions.iter_mut().map(of);
    let p_values: Vec<f64> = judged
        .filter(|(finding, _)| **finding == DeltaFinding::NotDetected)
        .map(|(_, p)| p)
        .collect();
    let limit = findings_up_to(p_values.into_iter());
    for (finding, p) in functions.iter_mut().map(of) {
        if *finding == DeltaFinding::NotDetected && p <= limit {
            *finding = DeltaFinding::Changed;
        }
    }
    limit
}

impl Diff {
    /// Whether the whole changed, by its 95 % interval.
    pub fn has_changed(&self) -> bool {
        self.change.interval.low > 0.0 || self.change.interval.high < 0.0
    }

    /// How many functions came to this.
    pub fn count(&self, finding: DeltaFinding) -> usize {
        let totals = self.functions.iter().map(|delta| delta.total_finding);
        totals.filter(|of| *of == finding).count()
    }

    /// The functions of base and of head which the other side does not have, though it has samples enough to show them at the same cost.
    pub fn unmatched(&self, base: Side<'_>, head: Side<'_>) -> (HashSet<&str>, HashSet<&str>) {
        let missing = |own: Side<'_>,
                       other: Side<'_>,
                       of: fn(&FunctionDelta) -> Option<&FunctionShare>|
         -> HashSet<&str> {
            let functions = self.functions.iter();
            functions
                .filter(|delta| delta.base.is_none() || delta.head.is_none())
                .filter_map(of)
                .filter(|function| {
                    let amount = function.total_share.value * own.scale.factor;
                    amount / other.scale.factor * other.table.samples as f64 >= SHOULD_BE_SEEN
                })
                .map(|function| function.function.as_str())
                .collect()
        };
        (
            missing(base, head, |delta| delta.base.as_ref()),
            missing(head, base, |delta| delta.head.as_ref()),
        )
    }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
