//! The page of a run: one HTML file that needs nothing else, for somebody who was not there.
//!
//! Verdict and tables are markup that reads without script and style; charts are small pictures that a script replaces by ones with a
//! cursor. It is made of a run with its conclusions and of what was stored beside it, whether that has just ended or is read again.

mod changes;
mod data;
mod figures;
mod flames;
mod functions;
mod phases;
mod requests;
mod told;
mod verdict;

use askama::Template;

use self::figures::{Figure, Group, curve_figure, group};
use super::flame_diff;
use crate::report::chart::{curves, panels, svg};
use crate::report::inert::hash;

pub use self::told::Run;

const STYLE: &str = concat!(
    include_str!("../assets/uplot.css"),
    include_str!("../assets/run.css")
);
const SCRIPT: &str = concat!(
    "/*\n",
    include_str!("../assets/uplot-LICENSE"),
    "*/\n",
    include_str!("../assets/uplot.js"),
    "\n'use strict';\n(() => {\n",
    include_str!("../assets/run.js"),
    include_str!("../assets/run-selftest.js"),
    "})();\n"
);

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
    verdict: verdict::Verdict,
    changes: Vec<changes::Change>,
    curves: Vec<Figure>,
    panels: Vec<Group>,
    glance: super::table::Table,
    requests: super::table::Table,
    functions: Vec<functions::Functions>,
    flames: Vec<Figure>,
    errors: super::table::Table,
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
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        data: data::island(result, &panels, &curves, &frames),
        verdict: verdict::Verdict::of(run, &panels),
        changes: changes::all(run.concluded.comparisons),
        curves: curves.iter().enumerate().map(curve_figure).collect(),
        panels: panels.iter().enumerate().map(group).collect(),
        glance: phases::glance(result),
        requests: requests::table(&run.concluded),
        functions: functions::all(&run.concluded),
        flames: flames::figures(result),
        errors: requests::errors(result),
        machine: phases::machine(&result.machine),
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

/// Only the script and the styles of this page run, and those of the graph in its frames.
fn policy() -> String {
    let [frame_style, frame_script] = flame_diff::hashes();
    format!(
        "default-src 'none'; script-src {} {frame_script}; style-src {} {frame_style}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[cfg(test)]
#[path = "../run_tests.rs"]
mod tests;
