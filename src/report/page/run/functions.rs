//! Functions: how each changed, or what each costs where nothing is compared.

use crate::compare::{Comparison, FunctionComparison};
use crate::profile::{DeltaFinding, FunctionShare};
use crate::report::document::run::Concluded;
use crate::report::figures::change::{cells, unit_in_words};
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
    /// The graph beside the page, if both sides have one.
    pub(super) graph: Option<String>,
}

/// Those of all comparisons; without any those of each profile.
pub(super) fn all(run: &Concluded<'_>) -> Vec<Functions> {
    let compared = run.comparisons.iter().flat_map(of_comparison);
    let mut all: Vec<Functions> = compared.collect();
    if all.is_empty() {
        let phases = run.result.variants.iter().flat_map(|variant| {
            let phases = variant.phases.iter();
            phases.filter_map(|phase| of_profile(&variant.name, phase))
        });
        all.extend(phases);
    }
    all
}

fn of_comparison(comparison: &Comparison) -> impl Iterator<Item = Functions> + '_ {
    let (base, head) = (&comparison.base, &comparison.head);
    comparison.phases.iter().filter_map(move |phase| {
        let found = phase.functions.as_ref()?;
        let phase = &phase.phase;
        Some(Functions {
            title: format!("{base} → {head} · {phase}"),
            table: changes(found, base, head),
            graph: Some(format!("compare/{base}..{head}/{phase}/flame-diff.html")),
        })
    })
}

fn changes(found: &FunctionComparison, base: &str, head: &str) -> Table {
    let title = format!("{} by function, with what it calls", unit_in_words(found));
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

fn of_profile(variant: &str, phase: &PhaseResult) -> Option<Functions> {
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
