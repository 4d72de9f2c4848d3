//! The page of a comparison: what changed, and which functions explain it.

use askama::Template;

use super::changes::{self, Change};
use super::flame_files::Pictured;
use super::frame::Frame;
use super::functions::{self, Functions};
use super::island::{Island, embedded};
use super::machine;
use crate::compare::{Comparison, Finding, PhaseComparison, Side};
use crate::gate::Outcome;
use crate::profile::DeltaFinding;
use crate::report::checks::{Checks, Mark};
use crate::report::figures::rows::rows;

/// What a page is made of.
pub struct Compared<'a> {
    /// What was found.
    pub comparison: &'a Comparison,
    /// The sides.
    pub sides: [&'a Side<'a>; 2],
    /// What graphs are drawn of, in the order of phases.
    pub graphs: &'a [Pictured<'a>],
    /// What was judged, if the user asked for a verdict.
    pub judged: Option<&'a Checks>,
    /// What the user typed, without credentials.
    pub command: &'a str,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page<'a> {
    frame: Frame,
    base: &'a str,
    head: &'a str,
    exit_code: Option<u8>,
    words: String,
    class: &'static str,
    reasons: Vec<String>,
    changes: Vec<Change>,
    /// Profiles on their own have functions alone.
    has_figures: bool,
    functions: Vec<Functions>,
    machines: Vec<(String, Vec<(&'static str, String)>)>,
    command: &'a str,
}

/// The page.
///
/// # Panics
/// Never: templates write to memory.
pub fn html(of: &Compared<'_>) -> String {
    let (base, head) = (&of.comparison.base, &of.comparison.head);
    // One for each table of functions.
    let phases = &of.comparison.phases;
    let has_table = |graph: &&Pictured<'_>| {
        let is_it = |phase: &PhaseComparison| phase.phase == graph.phase;
        phases
            .iter()
            .any(|phase| is_it(phase) && phase.functions.is_some())
    };
    let frames = embedded(of.graphs.iter().filter(has_table));
    let island = Island {
        frames: &frames,
        ..Island::default()
    };
    let (words, class) = words(of.comparison);
    // What could not be judged may be worse.
    let is_open = of
        .judged
        .is_some_and(|judged| judged.outcome() != Outcome::Pass);
    let class = if is_open && class == "good" {
        "doubt"
    } else {
        class
    };
    // The files of graphs are below the page's directory.
    let graphs = (!of.graphs.is_empty()).then_some("");
    let changes = changes::all([of.comparison]);
    let page = Page {
        frame: Frame::of(format!("{base} → {head}"), island.json()),
        base,
        head,
        exit_code: of.judged.map(|judged| judged.outcome().exit_code()),
        words,
        class,
        reasons: of.judged.map(reasons).unwrap_or_default(),
        has_figures: changes.iter().any(|of| !of.table.rows.is_empty()),
        changes,
        functions: functions::of_comparison(of.comparison, graphs),
        machines: machines(of.sides),
        command: of.command,
    };
    page.render().expect("a string takes all that is written")
}

/// What fails, and what could not be judged.
fn reasons(judged: &Checks) -> Vec<String> {
    let open = judged
        .checks
        .iter()
        .filter(|check| matches!(check.mark, Mark::Fail | Mark::Inconclusive));
    open.map(|check| format!("{}: {}: {}", check.mark.name(), check.title(), check.words))
        .collect()
}

/// What changed, in a line; of profiles alone how many functions did.
fn words(comparison: &Comparison) -> (String, &'static str) {
    let several = comparison.phases.len() > 1;
    let all = comparison.phases.iter().flat_map(|phase| {
        rows(phase).into_iter().map(move |row| {
            let name = match several {
                true => format!("{} of {}", row.label, phase.phase),
                false => row.label.to_owned(),
            };
            (row.finding, name)
        })
    });
    let all: Vec<(Finding, String)> = all.collect();
    let of = |finding| {
        let found = all.iter().filter(|(of, _)| *of == finding);
        found
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (worse, better) = (of(Finding::Worse), of(Finding::Better));
    match (worse.as_str(), better.as_str()) {
        ("", "") if all.is_empty() => (functions_in_words(comparison), ""),
        ("", "") if all.iter().all(|(of, _)| *of == Finding::NotJudged) => {
            ("Nothing could be judged".to_owned(), "doubt")
        }
        ("", "") => match of(Finding::NotJudged).as_str() {
            "" => ("No difference detected".to_owned(), ""),
            open => (
                format!("No difference detected in what could be judged; not judged: {open}"),
                "doubt",
            ),
        },
        ("", better) => (format!("Better: {better}"), "good"),
        (worse, "") => (format!("Worse: {worse}"), "bad"),
        (worse, better) => (format!("Worse: {worse} · better: {better}"), "bad"),
    }
}

fn functions_in_words(comparison: &Comparison) -> String {
    let phases = comparison.phases.iter();
    let found = phases.filter_map(|phase| phase.functions.as_ref());
    let functions = found.flat_map(|found| &found.diff.functions);
    let changed = functions.filter(|delta| delta.total_finding == DeltaFinding::Changed);
    match changed.count() {
        0 => "No difference of a function detected".to_owned(),
        1 => "One function changed".to_owned(),
        count => format!("{count} functions changed"),
    }
}

/// The machines of the runs, once if it is the same one; profiles on their own have none.
fn machines(sides: [&Side<'_>; 2]) -> Vec<(String, Vec<(&'static str, String)>)> {
    let of = |side: &Side<'_>| {
        let run = side.run.as_ref()?;
        Some((side.label.to_owned(), machine::parts(run.machine)))
    };
    match sides.map(of) {
        [Some((base, parts)), Some((head, others))] if parts == others => {
            vec![(format!("{base} and {head}"), parts)]
        }
        found => found.into_iter().flatten().collect(),
    }
}
