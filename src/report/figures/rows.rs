//! The rows of a compared phase: each figure before and after, and what follows.

use super::change::{
    error_rate, error_words, figure, known_figure, label, unmeasured_words, words,
};
use crate::compare::{Finding, Metric, MetricChange, PhaseComparison};

/// A row.
pub(in crate::report) struct Row<'a> {
    /// `None` of the error rate.
    pub(in crate::report) metric: Option<Metric>,
    pub(in crate::report) label: &'static str,
    pub(in crate::report) base: String,
    pub(in crate::report) head: String,
    pub(in crate::report) words: String,
    pub(in crate::report) finding: Finding,
    /// Its size, where both sides have the figure.
    pub(in crate::report) change: Option<&'a MetricChange>,
}

/// All rows of a phase, in the order in which they are read.
pub(in crate::report) fn rows(phase: &PhaseComparison) -> Vec<Row<'_>> {
    let measured = phase.metrics.iter().map(|change| Row {
        metric: Some(change.metric),
        label: label(change.metric),
        base: figure(change.metric, change.base),
        head: figure(change.metric, change.head),
        words: words(change),
        finding: change.finding,
        change: Some(change),
    });
    let unmeasured = phase.unmeasured.iter().map(|of| Row {
        metric: Some(of.metric),
        label: label(of.metric),
        base: known_figure(of.metric, of.base),
        head: known_figure(of.metric, of.head),
        words: unmeasured_words(of).to_owned(),
        finding: Finding::NotJudged,
        change: None,
    });
    let errors = phase.errors.iter().map(|errors| Row {
        metric: None,
        label: "error rate",
        base: error_rate(errors.base),
        head: error_rate(errors.head),
        words: error_words(errors),
        finding: errors.finding,
        change: None,
    });
    measured.chain(unmeasured).chain(errors).collect()
}
