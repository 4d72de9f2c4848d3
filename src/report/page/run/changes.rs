//! What changed between variants: figures before and after, with intervals, and what explains them.

use crate::compare::{Comparison, Finding, PhaseComparison};
use crate::report::figures::change::{
    assumed, error_rate, error_words, figure, known_figure, label, unmeasured_words, words,
};
use crate::report::figures::explanation::explanation_lines;
use crate::report::page::table::{Cell, Table};

/// A compared phase.
pub(super) struct Change {
    pub(super) title: String,
    pub(super) table: Table,
    /// Which functions explain it.
    pub(super) lines: Vec<String>,
    /// What makes it doubtful, and what it rests on.
    pub(super) notes: Vec<String>,
}

/// All phases of all comparisons.
pub(super) fn all(comparisons: &[Comparison]) -> Vec<Change> {
    let mut all = Vec::new();
    for comparison in comparisons {
        let whole = comparison.cautions.iter().map(ToString::to_string);
        let mut whole: Vec<String> = whole.collect();
        for phase in &comparison.phases {
            let mut change = of(comparison, phase);
            // Once, where it is read first.
            change.notes.splice(0..0, whole.drain(..));
            all.push(change);
        }
    }
    all
}

fn of(comparison: &Comparison, phase: &PhaseComparison) -> Change {
    let (base, head) = (&comparison.base, &comparison.head);
    let title = format!("{base} → {head} · {}", phase.phase);
    let mut table = Table::new(
        title.clone(),
        &["", &format!("#{base}"), &format!("#{head}"), "what follows"],
    )
    .with_prose();
    for change in &phase.metrics {
        table.add([
            Cell::from(label(change.metric)),
            Cell::from(figure(change.metric, change.base)),
            Cell::from(figure(change.metric, change.head)),
            Cell::marked(words(change), class(change.finding)),
        ]);
    }
    for of in &phase.unmeasured {
        table.add([
            Cell::from(label(of.metric)),
            Cell::from(known_figure(of.metric, of.base)),
            Cell::from(known_figure(of.metric, of.head)),
            Cell::from(unmeasured_words(of)),
        ]);
    }
    if let Some(errors) = &phase.errors {
        table.add([
            Cell::from("error rate"),
            Cell::from(error_rate(errors.base)),
            Cell::from(error_rate(errors.head)),
            Cell::marked(error_words(errors), class(errors.finding)),
        ]);
    }
    let functions = phase.functions.as_ref();
    let lines = functions.map(|found| explanation_lines(phase, found));
    let notes = phase.cautions.iter().map(ToString::to_string);
    Change {
        title,
        table,
        lines: lines.unwrap_or_default(),
        notes: notes.chain(assumed(&phase.metrics)).collect(),
    }
}

fn class(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "good",
        Finding::Worse => "bad",
        Finding::NotDetected | Finding::NotJudged => "",
    }
}
