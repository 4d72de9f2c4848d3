//! A figure that a threshold looks at, with the bounds within which the truth lies.

use super::bounds::Bounded;
use crate::metrics::Tally;
use crate::result::{Bias, PhaseResult, Trust};
use crate::scenario::Judge;
use crate::scenario::plan::threshold::Expression;

/// What a threshold looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked<'a> {
    pub(super) expr: &'a Expression,
    pub(super) judge: Judge,
    pub(super) phase: &'a PhaseResult,
    /// Counts of the phase, or of one of its requests.
    pub(super) tally: &'a Tally,
    /// Counts of the phase.
    pub(super) total: &'a Tally,
    /// What can be said against the figure.
    pub(super) trust: &'a Trust,
    /// CPUs of the machine.
    pub(super) cpus: usize,
}

/// A value with the bounds within which the truth lies.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) value: Option<f64>,
    pub(super) bounds: Option<(f64, f64)>,
    /// The least and the most that the truth can be if everything that a doubt can explain is the doing of generator and machine.
    pub(super) outmost: (f64, f64),
    pub(super) reason: Option<String>,
    /// Said besides where the bounds do not tell.
    pub(super) unsure: Option<String>,
}

/// Nothing bounds it.
pub(super) const UNKNOWN: (f64, f64) = (0.0, f64::INFINITY);

impl Found {
    /// What was found, with what it may as well have been.
    pub(super) fn of(value: f64, bounded: Bounded) -> Self {
        Self {
            value: Some(value),
            bounds: Some(bounded.ends),
            outmost: UNKNOWN,
            reason: None,
            unsure: Some(bounded.words),
        }
    }

    pub(super) fn exact(value: f64) -> Self {
        Self {
            value: Some(value),
            bounds: Some((value, value)),
            outmost: UNKNOWN,
            reason: None,
            unsure: None,
        }
    }

    /// The bounds, if what was measured may be higher or lower than the target's.
    pub(super) fn bounds_with(&self, bias: Bias) -> Option<(f64, f64)> {
        let (low, high) = self.bounds?;
        Some((
            if bias.higher {
                low.min(self.outmost.0)
            } else {
                low
            },
            if bias.lower {
                high.max(self.outmost.1)
            } else {
                high
            },
        ))
    }

    pub(super) fn unknown(reason: &str) -> Self {
        Self {
            value: None,
            bounds: None,
            outmost: UNKNOWN,
            reason: Some(reason.to_owned()),
            unsure: None,
        }
    }
}
