//! What changed between two sides: figures before and after, with intervals, and what explains them.

use super::bar::bar;
use super::table::{Cell, Table};
use crate::compare::{Comparison, Finding, Metric, MetricChange, PhaseComparison};
use crate::report::figures::change::assumed;
use crate::report::figures::explanation::explanation_lines;
use crate::report::figures::gate::Reached;
use crate::report::figures::rows::rows;

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
pub(super) fn all<'a>(comparisons: impl IntoIterator<Item = &'a Comparison>) -> Vec<Change> {
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
    let heads = [
        "",
        &format!("#{base}"),
        &format!("#{head}"),
        "better │ worse",
        "what follows",
    ];
    let mut table = Table::new(title.clone(), &heads).with_prose();
    let reach = reach(&phase.metrics);
    for row in rows(phase) {
        let drawn = row.change.map(|change| bar(&reached(change, reach)));
        table.add([
            Cell::from(row.label),
            Cell::from(row.base),
            Cell::from(row.head),
            Cell::drawn(drawn.unwrap_or_default()),
            Cell::marked(row.words, class(row.finding)),
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

/// Bars of a phase have one scale, the logarithm of the ratio: that reaches as far as the largest change, and at least a tenth.
fn reach(changes: &[MetricChange]) -> f64 {
    let sizes = changes.iter().map(|change| change.ratio.ln().abs());
    let known = sizes.filter(|size| size.is_finite());
    1.3 * known.fold(1.1_f64.ln(), f64::max)
}

fn reached(change: &MetricChange, reach: f64) -> Reached {
    let worse = |ratio: f64| match change.metric {
        Metric::Throughput => -ratio.ln() / reach,
        Metric::CpuPerRequest | Metric::P50 | Metric::P99 => ratio.ln() / reach,
    };
    let (one, other) = (worse(change.interval.0), worse(change.interval.1));
    Reached {
        low: one.min(other),
        by: worse(change.ratio),
        high: one.max(other),
        limits: None,
    }
}

fn class(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "good",
        Finding::Worse => "bad",
        Finding::NotDetected | Finding::NotJudged => "",
    }
}
