//! A table by request, and what failed.

use super::verdict::mark;
use crate::gate::{Judgement, Verdict};
use crate::report::chart::percentile_cells;
use crate::report::document::run::Concluded;
use crate::report::figures::rate;
use crate::report::page::table::{Cell, Row, Table};
use crate::result::{PhaseResult, RunResult};
use crate::units::{format_count, format_share};

/// Rows of the table at most: those of requests that are due most often.
const MOST: usize = 1_000;

/// A row for each request of each phase of each variant.
pub(super) fn table(run: &Concluded<'_>) -> Table {
    let mut table = Table::new(
        "By request",
        &[
            "request",
            "where",
            "#due",
            "#OK",
            "#failed",
            "#error rate",
            "#rate",
            "#p50",
            "#p90",
            "#p99",
            "#p99.9",
            "#max",
            "thresholds",
        ],
    );
    table.is_sortable = true;
    let mut rows = Vec::new();
    for (variant, judged) in run.result.variants.iter().zip(run.judgements) {
        for (phase, judged) in variant.phases.iter().zip(judged) {
            for at in 0..phase.requests.len().min(phase.tallies.len()) {
                rows.push((phase.tallies[at].due, row(&variant.name, phase, at, judged)));
            }
        }
    }
    let all = rows.len();
    if all > MOST {
        rows.sort_by_key(|(due, _)| std::cmp::Reverse(*due));
        rows.truncate(MOST);
        table.caption = format!("By request: the {MOST} that were due most often, of {all}");
    }
    table.rows = rows.into_iter().map(|(_, row)| row).collect();
    table
}

fn row(variant: &str, phase: &PhaseResult, at: usize, judged: &[Judgement]) -> Row {
    let (name, tally) = (&phase.requests[at], &phase.tallies[at]);
    let count = |value: u64| Cell::number(format_count(value as f64), value as f64);
    let throughput = phase.throughput_rps(tally);
    let error_rate = tally.error_rate();
    let mut cells = vec![
        Cell::from(name.as_str()),
        Cell::from(format!("{variant} · {}", phase.name)),
        count(tally.due),
        count(tally.ok),
        Cell {
            class: if tally.failed > 0 { "bad" } else { "" },
            ..count(tally.failed)
        },
        match (tally.failed, tally.ok) {
            // Nothing ended that could have failed.
            (0, 0) => Cell::number("–".to_owned(), -1.0),
            (0, _) => Cell::number("0 %".to_owned(), 0.0),
            _ => Cell::number(format_share(error_rate), error_rate),
        },
        Cell::number(rate(throughput), throughput.unwrap_or(-1.0)),
    ];
    let points = percentile_cells(tally, [0.5, 0.9, 0.99, 0.999, 1.0]);
    cells.extend(points.map(|(text, value)| Cell::number(text, value)));
    let of_it = || judged.iter().filter(|of| of.request.as_ref() == Some(name));
    let worst = [Verdict::Fail, Verdict::Inconclusive, Verdict::Pass];
    let worst = worst
        .iter()
        .find_map(|verdict| of_it().find(|of| of.verdict == *verdict));
    cells.push(worst.map_or_else(Cell::default, |of| {
        let mark = mark(of.verdict);
        Cell {
            text: format!("{} {}", mark.text, of.expr),
            ..mark
        }
    }));
    Row {
        cells,
        request: Some(name.clone()),
    }
}

/// What failed, with the words of the first failure of each kind.
pub(super) fn errors(run: &RunResult) -> Table {
    let mut table =
        Table::new("What failed", &["kind", "#requests", "where", "such as"]).with_prose();
    for variant in &run.variants {
        for phase in &variant.phases {
            let total = phase.total();
            for (kind, count) in total.error_counts().filter(|(_, count)| *count > 0) {
                let words = phase.exemplars.get(&kind).cloned().unwrap_or_default();
                table.add([
                    Cell::marked(kind.name(), "bad"),
                    Cell::number(format_count(count as f64), count as f64),
                    Cell::from(format!("{} · {}", variant.name, phase.name)),
                    Cell::from(words),
                ]);
            }
            if let Some(died) = &phase.died {
                let place = format!("{} · {}", variant.name, phase.name);
                table.add([
                    Cell::marked("the target ended", "bad"),
                    Cell::from(""),
                    Cell::from(place),
                    Cell::from(died.as_str()),
                ]);
            }
        }
    }
    table
}
