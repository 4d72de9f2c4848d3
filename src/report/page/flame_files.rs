//! The pictures that go with a comparison of two profiles, by file name.

use std::path::{Path, PathBuf};

use super::flame_diff::{FlameDiff, html};
use crate::compare::Comparison;
use crate::experiment::{PhaseResult, RunResult};
use crate::profile::flamegraph::{Pair, diff_svg};
use crate::profile::{Profile, Scale};

/// What is drawn, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Pictured<'a> {
    /// Title of the pictures.
    pub title: &'a str,
    /// What base and head are called.
    pub labels: (&'a str, &'a str),
    /// Directory of the files.
    pub directory: &'a Path,
    /// Before and after.
    pub profiles: (&'a Profile, &'a Profile),
    /// CPU-µs per request of both.
    pub per_request: Option<(Scale, Scale)>,
    /// What makes the comparison doubtful.
    pub notes: &'a [String],
}

/// `flame-diff.html` and, if both have samples, `flame-diff.svg`; nothing if there is nothing to draw.
pub fn files(of: &Pictured<'_>) -> Vec<(PathBuf, String)> {
    let page = html(&FlameDiff {
        title: of.title,
        base_label: of.labels.0,
        head_label: of.labels.1,
        base: of.profiles.0,
        head: of.profiles.1,
        per_request: of.per_request,
        notes: of.notes,
    });
    let svg = diff_svg(
        Pair {
            base: of.profiles.0,
            head: of.profiles.1,
            us_per_request: of
                .per_request
                .map(|(base, head)| (base.factor, head.factor)),
        },
        of.title,
        "widths: after; red: more, blue: less of a frame's own cost",
    );
    let drawn = [("flame-diff.html", page), ("flame-diff.svg", svg)];
    drawn
        .into_iter()
        .filter_map(|(name, drawn)| Some((of.directory.join(name), drawn.ok()?)))
        .collect()
}

/// The pictures of a run's comparison: `compare/<base>..<head>/<phase>/`.
pub fn of_run(
    scenario: &str,
    result: &RunResult,
    comparison: &Comparison,
) -> Vec<(PathBuf, String)> {
    let phase_of = |variant: &str, phase: &str| -> Option<&PhaseResult> {
        let found = result.variants.iter().find(|of| of.name == variant)?;
        found.phases.iter().find(|of| of.name == phase)
    };
    let root = Path::new("compare").join(format!("{}..{}", comparison.base, comparison.head));
    let mut all = Vec::new();
    for phase in &comparison.phases {
        let sides = phase_of(&comparison.base, &phase.phase)
            .and_then(|base| base.profile.as_ref())
            .zip(phase_of(&comparison.head, &phase.phase).and_then(|head| head.profile.as_ref()));
        let (Some((base, head)), Some(_)) = (sides, &phase.functions) else {
            continue;
        };
        all.extend(files(&Pictured {
            title: &format!(
                "{scenario} · {} → {} · {}",
                comparison.base, comparison.head, phase.phase
            ),
            labels: (&comparison.base, &comparison.head),
            directory: &root.join(&phase.phase),
            profiles: (&base.profile, &head.profile),
            per_request: base.scale().zip(head.scale()),
            notes: &phase
                .cautions
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        }));
    }
    all
}
