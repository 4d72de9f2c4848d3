//! Functions: how each changed, or what each costs where nothing is compared.

use crate::compare::{Comparison, FunctionComparison};
use crate::profile::{DeltaFinding, FunctionShare};
use crate::report::figures::change::{cells, kind_in_words, unit_in_words};
use crate::report::figures::shortened;
use crate::report::page::table::{Cell, Table};
use crate::result::PhaseResult;
use crate::units::{format_share, format_us};

/// Functions of a table.
const MOST: usize = 80;

/// The functions of a compared phase, or of a profile.
pub(super) struct Functions {
    pub(super) title: String,
    pub(super) table: Table,
    /// Where the graph of the difference is, if such are drawn beside the page.
    pub(super) graph: Option<String>,
}

/// Those of a comparison, of what was captured beside the CPU too; `graphs` is what
/// stands before the path of a phase's differential flame graph, if there are any.
pub(super) fn of_comparison(comparison: &Comparison, graphs: Option<&str>) -> Vec<Functions> {
    let (base, head) = (&comparison.base, &comparison.head);
    let mut all = Vec::new();
    for of in &comparison.phases {
        let phase = &of.phase;
        all.extend(of.functions.as_ref().map(|found| Functions {
            title: format!("{base} → {head} · {phase}"),
            table: changes(found, unit_in_words(found), (base, head)),
            graph: graphs.map(|graphs| format!("{graphs}{phase}/flame-diff.html")),
        }));
        all.extend(of.also.iter().map(|(kind, found)| Functions {
            title: format!("{base} → {head} · {phase} · {}", kind.name()),
            table: changes(found, &kind_in_words(*kind, found), (base, head)),
            graph: None,
        }));
    }
    all
}

fn changes(found: &FunctionComparison, what: &str, (base, head): (&str, &str)) -> Table {
    let title = format!("{what} by function, with what it calls");
    let (base, head) = (format!("#{base}"), format!("#{head}"));
    let heads = [
        "function",
        &base,
        &head,
        "#change",
        "95 %",
        "",
        "#own change",
        "",
        "#if free",
    ];
    let mut table = Table::new(title, &heads);
    table.is_sortable = true;
    for delta in found.diff.functions.iter().take(MOST) {
        let [
            before,
            after,
            change,
            interval,
            mark,
            own,
            own_mark,
            free,
            function,
        ] = cells(found, delta);
        let side = |of: &Option<FunctionShare>, whole: f64| {
            of.as_ref().map_or(0.0, |of| of.total_share.value * whole)
        };
        let (from, to) = found.diff.whole;
        table.add([
            Cell::from(function),
            Cell::number(before, side(&delta.base, from)),
            Cell::number(after, side(&delta.head, to)),
            Cell {
                class: class(delta.total_finding, delta.total.delta),
                ..Cell::number(change, delta.total.delta)
            },
            Cell::from(interval),
            Cell::from(mark),
            Cell {
                class: class(delta.own_finding, delta.own.delta),
                ..Cell::number(own, delta.own.delta)
            },
            Cell::from(own_mark),
            Cell::from(free),
        ]);
    }
    table
}

fn class(finding: DeltaFinding, delta: f64) -> &'static str {
    match finding {
        DeltaFinding::Changed if delta < 0.0 => "less",
        DeltaFinding::Changed => "more",
        DeltaFinding::NotDetected | DeltaFinding::TooFew => "soft",
    }
}

/// Those of a profile.
pub(super) fn of_profile(variant: &str, phase: &PhaseResult) -> Option<Functions> {
    let profile = phase.profile.as_ref()?;
    let taken = profile.taken.as_ref()?;
    let mut functions: Vec<_> = taken.functions.functions.iter().collect();
    functions.sort_by(|a, b| b.self_share.value.total_cmp(&a.self_share.value));
    let mut table = Table::new(
        "CPU by function",
        &[
            "function",
            "#itself",
            "#with what it calls",
            "#itself per request",
        ],
    );
    table.is_sortable = true;
    for function in functions.into_iter().take(MOST) {
        let (own, total) = (function.self_share.value, function.total_share.value);
        let us = profile.us_per_request.map(|us| us * own);
        table.add([
            Cell::from(shortened(&function.function)),
            Cell::number(format_share(own), own),
            Cell::number(format_share(total), total),
            Cell::number(
                us.map_or_else(|| "–".to_owned(), format_us),
                us.unwrap_or(-1.0),
            ),
        ]);
    }
    Some(Functions {
        title: format!("{variant} · {}", phase.name),
        table,
        graph: None,
    })
}
