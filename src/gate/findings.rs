//! Findings of a comparison to verdicts, for a script that asked for them. Pure.

use super::Verdict;
use crate::compare::{
    Caution, Comparison, ErrorRates, Finding, FunctionComparison, MetricChange, PhaseComparison,
    Unmeasured,
};
use crate::profile::{DeltaFinding, Unit};

/// What of a comparison fails it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// A figure of the head that is worse: throughput, CPU per request, a latency, the error rate; of profiles on their own, the whole.
    Worse,
    /// Any change: a figure that is better or worse, or a function that changed.
    Changed,
}

/// One thing that was compared, of a phase if it belongs to one.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// Name of the phase.
    pub phase: Option<&'a str>,
    /// What it is.
    pub what: What<'a>,
}

/// What can be compared.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A figure of both sides.
    Metric(&'a MetricChange),
    /// A figure of one side.
    Unmeasured(&'a Unmeasured),
    /// The error rates.
    Errors(&'a ErrorRates),
    /// The whole of two profiles that no run has figures for.
    Whole(&'a FunctionComparison),
    /// The functions of two profiles.
    Functions(&'a FunctionComparison),
    /// Functions of which one side has no profile.
    FunctionsOfOne,
    /// A phase of one side.
    PhaseOfOne,
}

/// Everything that two sides were compared in, and what could not be compared.
pub fn compared(comparison: &Comparison) -> Vec<Compared<'_>> {
    let whole = comparison.cautions.iter().filter_map(|caution| {
        let (phase, what) = match caution {
            Caution::OneSided { phase } => (Some(phase.as_str()), What::PhaseOfOne),
            Caution::Doubtful { code, .. } if *code == "profile_gone" => {
                (None, What::FunctionsOfOne)
            }
            _ => return None,
        };
        Some(Compared { phase, what })
    });
    let phases = comparison.phases.iter().flat_map(|phase| {
        of_phase(phase).into_iter().map(|what| Compared {
            phase: Some(&phase.phase),
            what,
        })
    });
    phases.chain(whole).collect()
}

fn of_phase(phase: &PhaseComparison) -> Vec<What<'_>> {
    let functions = phase.functions.as_ref();
    let is_alone = phase.errors.is_none();
    let of_one = phase.cautions.iter().any(
        |caution| matches!(caution, Caution::Doubtful { code, .. } if *code == "profiled_alone"),
    );
    let metrics = phase.metrics.iter().map(What::Metric);
    metrics
        .chain(phase.unmeasured.iter().map(What::Unmeasured))
        .chain(phase.errors.as_ref().map(What::Errors))
        .chain(functions.filter(|_| is_alone).map(What::Whole))
        .chain(functions.map(What::Functions))
        .chain(of_one.then_some(What::FunctionsOfOne))
        .collect()
}

impl FailOn {
    /// What follows from a thing that was compared; `None` if it does not count.
    pub fn verdict(self, what: What<'_>) -> Option<Verdict> {
        let of_functions = |verdict| (self == Self::Changed).then_some(verdict);
        match what {
            What::Metric(change) => Some(self.of(change.finding)),
            What::Errors(errors) => Some(self.of(errors.finding)),
            What::Unmeasured(_) | What::PhaseOfOne => Some(Verdict::Inconclusive),
            What::FunctionsOfOne => of_functions(Verdict::Inconclusive),
            What::Whole(found) => self.of_whole(found),
            What::Functions(found) => of_functions(any_changed(found)),
        }
    }

    fn of(self, finding: Finding) -> Verdict {
        match (finding, self) {
            (Finding::NotJudged, _) => Verdict::Inconclusive,
            (Finding::Worse, _) | (Finding::Better, Self::Changed) => Verdict::Fail,
            (Finding::Better, Self::Worse) | (Finding::NotDetected, _) => Verdict::Pass,
        }
    }

    /// Shares sum to one on both sides: they have no whole that could change.
    fn of_whole(self, found: &FunctionComparison) -> Option<Verdict> {
        if found.diff.unit == Unit::Share {
            return None;
        }
        let is_worse = found.diff.change.delta > 0.0;
        let fails = found.diff.has_changed() && (is_worse || self == Self::Changed);
        Some(if fails { Verdict::Fail } else { Verdict::Pass })
    }
}

/// Functions with too few samples are not judged, and where all are like that nothing was.
fn any_changed(found: &FunctionComparison) -> Verdict {
    let any = |finding| {
        let mut functions = found.diff.functions.iter();
        functions.any(|of| of.total_finding == finding || of.own_finding == finding)
    };
    if any(DeltaFinding::Changed) {
        Verdict::Fail
    } else if any(DeltaFinding::NotDetected) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}
