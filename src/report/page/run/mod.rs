//! The page of a run: one HTML file that needs nothing else, for somebody who was not there.
//!
//! Verdict and tables are markup that reads without script and style; charts are small pictures that a script replaces by ones with a
//! cursor. It is made of a run with its conclusions and of what was stored beside it, whether that has just ended or is read again.

mod audited;
mod figures;
mod flames;
mod phases;
mod requests;
mod shards;
mod told;
mod verdict;

use askama::Template;

use self::figures::{Figure, Group, curve_figure, group};
use super::changes::{self, Change};
use super::frame::Frame;
use super::functions::{self, Functions};
use super::island::Island;
use super::machine;
use super::table::Table;
use crate::report::chart::{curves, panels, svg};
use crate::report::document::run::Concluded;

pub use self::told::Run;

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    frame: Frame,
    verdict: verdict::Verdict,
    changes: Vec<Change>,
    audit: Option<audited::Audited>,
    curves: Vec<Figure>,
    panels: Vec<Group>,
    glance: Table,
    shards: Table,
    requests: Table,
    functions: Vec<Functions>,
    flames: Vec<Figure>,
    errors: Table,
    machine: Vec<(&'static str, String)>,
    scenario: Option<&'a str>,
    seed: Option<u64>,
}

/// The page.
///
/// # Panics
/// Never: templates write to memory.
pub fn html(run: &Run<'_>) -> String {
    let result = run.concluded.result;
    let panels = panels(result, run.recorded);
    let curves = curves(result, run.concluded.judgements);
    let frames = flames::frames(&run.concluded);
    let names = result.variants.iter().map(|variant| variant.name.as_str());
    let island = Island {
        variants: names.collect(),
        panels: &panels,
        curves: &curves,
        frames: &frames,
    };
    let verdict = verdict::Verdict::of(run, &panels);
    let page = Page {
        frame: Frame::of(
            format!("{} · {}", verdict.scenario, verdict.when),
            island.json(),
        ),
        verdict,
        changes: changes::all(run.concluded.comparisons),
        audit: run.audit.map(audited::Audited::of),
        curves: curves.iter().enumerate().map(curve_figure).collect(),
        panels: panels.iter().enumerate().map(group).collect(),
        glance: phases::glance(result),
        shards: shards::table(result),
        requests: requests::table(&run.concluded),
        functions: shown(&run.concluded),
        flames: flames::figures(result),
        errors: requests::errors(result),
        machine: machine::parts(&result.machine),
        scenario: run.scenario,
        seed: result.scenario.seed,
    };
    page.render().expect("a string takes all that is written")
}

/// The charts of a run as files of their own: name and content.
pub fn pictures(run: &Run<'_>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for of in curves(run.concluded.result, run.concluded.judgements) {
        let name = format!("{}-percentiles.svg", of.phase);
        files.push((name, svg::of_curves(&of, svg::Place::Alone)));
    }
    for panel in panels(run.concluded.result, run.recorded) {
        let place = match panel.round {
            1 => panel.phase.clone(),
            round => format!("{}-round-{round}", panel.phase),
        };
        for chart in &panel.charts {
            let file = svg::of_chart(&panel, chart, svg::Place::Alone);
            files.push((format!("{place}-{}.svg", chart.name), file));
        }
        for heat in &panel.heats {
            let file = svg::of_heat(&panel, heat, svg::Place::Alone);
            files.push((format!("{place}-heat-{}.svg", heat.name), file));
        }
    }
    files
}

/// Functions of all comparisons; without any those of each profile.
fn shown(run: &Concluded<'_>) -> Vec<Functions> {
    let compared = run.comparisons.iter().flat_map(|of| {
        let directory = format!("compare/{}..{}/", of.base, of.head);
        functions::of_comparison(of, Some(&directory))
    });
    let compared: Vec<Functions> = compared.collect();
    if !compared.is_empty() {
        return compared;
    }
    let phases = run.result.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.filter_map(|phase| functions::of_profile(&variant.name, phase))
    });
    phases.collect()
}

#[cfg(test)]
#[path = "../run_tests.rs"]
mod tests;
