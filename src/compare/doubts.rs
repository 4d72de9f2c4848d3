//! What is left of findings where figures may not be the targets'.

use super::change::{DoubtedSide, Finding, MetricChange};
use crate::result::{Doubt, Figure, Trust};

/// What is done about figures that may not be the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// What they could explain is no finding.
    NotJudged,
    /// They are taken for the target's.
    Allowed,
}

impl From<bool> for Untrusted {
    /// Of the value of `allow_untrusted`.
    fn from(allowed: bool) -> Self {
        if allowed {
            Self::Allowed
        } else {
            Self::NotJudged
        }
    }
}

/// How far the figures of both sides, base and head, are the targets'.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubtful<'a> {
    /// What can be said against them.
    pub(super) trust: (&'a Trust, &'a Trust),
    /// CPUs of their machines.
    pub(super) cpus: (usize, usize),
    /// What is done about it.
    pub(super) untrusted: Untrusted,
}

/// A doubt on one side, and how far it lets the true ratio of head and base be below and above the measured one, as natural
/// logarithms.
struct Reach {
    of: DoubtedSide,
    below: f64,
    above: f64,
}

impl Doubtful<'_> {
    /// The change with what remains of its finding if the ratio is off as far as all doubts together allow.
    pub(super) fn judge(&self, change: MetricChange) -> MetricChange {
        let reaches = self.reaches(change.metric.figure());
        let (low, high) = (change.interval.0.ln(), change.interval.1.ln());
        // A finding is doubted by what lets the truth be on its other side, and no finding by anything.
        let (against, holds): (fn(&Reach) -> bool, _) = match change.finding {
            Finding::NotDetected | Finding::NotJudged => (|_| true, reaches.is_empty()),
            Finding::Better | Finding::Worse if low > 0.0 => {
                let below: f64 = reaches.iter().map(|reach| reach.below).sum();
                (|reach| reach.below > 0.0, low > below)
            }
            Finding::Better | Finding::Worse => {
                let above: f64 = reaches.iter().map(|reach| reach.above).sum();
                (|reach| reach.above > 0.0, high < -above)
            }
        };
        if holds {
            return change;
        }
        let finding = match (change.finding, self.untrusted) {
            (Finding::Better | Finding::Worse, Untrusted::NotJudged) => Finding::NotJudged,
            (finding, _) => finding,
        };
        let doubts = reaches.iter().filter(|reach| against(reach));
        MetricChange {
            finding,
            doubts: doubts.map(|reach| reach.of).collect(),
            ..change
        }
    }

    fn reaches(&self, figure: Figure) -> Vec<Reach> {
        let reach = |side, doubt: &Doubt, (below, above), cpus| {
            let off = doubt.factor(figure, cpus).ln();
            let reach = |is_possible| if is_possible { off } else { 0.0 };
            let cause = doubt.cause;
            Reach {
                of: DoubtedSide { side, cause },
                below: reach(below),
                above: reach(above),
            }
        };
        // The ratio is too high where the base is too low or the head too high.
        let base = self
            .trust
            .0
            .about(figure)
            .map(|(doubt, bias)| reach("base", doubt, (bias.lower, bias.higher), self.cpus.0));
        let head = self
            .trust
            .1
            .about(figure)
            .map(|(doubt, bias)| reach("head", doubt, (bias.higher, bias.lower), self.cpus.1));
        base.chain(head).collect()
    }
}

#[cfg(test)]
#[path = "doubts_tests.rs"]
mod tests;
