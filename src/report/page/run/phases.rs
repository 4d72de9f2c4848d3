//! Every phase of every variant at a glance.

use crate::metrics::Tally;
use crate::report::chart::percentile_cells;
use crate::report::figures::rate;
use crate::report::page::table::{Cell, Table};
use crate::result::{PhaseResult, RunResult};
use crate::tenant;
use crate::units::{format_count, format_share, format_us};

/// A column: its title, and the cell of a phase.
type Figure = (&'static str, fn(&PhaseResult, &Tally) -> Option<String>);

const FIGURES: [Figure; 7] = [
    ("#throughput", |phase, total| {
        Some(rate(phase.throughput_rps(total)))
    }),
    ("#failed", |_, total| {
        let share = (total.failed > 0).then(|| format!(" ({})", format_share(total.error_rate())));
        Some(format!(
            "{}{}",
            format_count(total.failed as f64),
            share.unwrap_or_default()
        ))
    }),
    ("#p50", |_, total| percentile(total, 0.5)),
    ("#p99", |_, total| percentile(total, 0.99)),
    ("#max", |_, total| percentile(total, 1.0)),
    ("#CPU per request", |phase, total| {
        phase.us_per_request(total).map(format_us)
    }),
    ("#target CPU", |phase, _| {
        let cores = phase.target_cores()?;
        let cpus = format_count(phase.target_cpus);
        let noun = if cpus == "1" { "core" } else { "cores" };
        Some(format!("{cores:.2} of {cpus} {noun}"))
    }),
];

fn percentile(total: &Tally, at: f64) -> Option<String> {
    let [(text, _)] = percentile_cells(total, [at]);
    Some(text)
}

/// A row for each phase of each variant.
pub(super) fn glance(run: &RunResult) -> Table {
    let phases = || run.variants.iter().flat_map(|variant| &variant.phases);
    let told: Vec<&tenant::Row> = tenant::ROWS
        .iter()
        .filter(|(_, cell)| phases().any(|phase| cell(&phase.told(&phase.total())).is_some()))
        .collect();
    let mut heads = vec![""];
    heads.extend(FIGURES.iter().map(|(name, _)| *name));
    let mut table = Table::new("Each phase at a glance", &heads);
    for (name, _) in &told {
        table
            .heads
            .push(crate::report::page::table::Head::of(&format!("#{name}")));
    }
    for variant in &run.variants {
        for phase in &variant.phases {
            let total = phase.total();
            let known = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "–".to_owned()));
            let figures = FIGURES.iter().map(|(_, cell)| known(cell(phase, &total)));
            let own = told
                .iter()
                .map(|(_, cell)| known(cell(&phase.told(&total))));
            let place = Cell::from(format!("{} · {}", variant.name, phase.name));
            table.add([place].into_iter().chain(figures).chain(own));
        }
    }
    table
}
