//! The pictures that go with a comparison of two profiles, by file name.

use std::path::{Path, PathBuf};

use super::flame_diff::{FlameDiff, html};
use crate::compare::Comparison;
use crate::profile::flamegraph::{Pair, diff_svg};
use crate::profile::{Error, Profile, Scale};
use crate::result::{PhaseResult, RunResult};

/// A compared phase of which both sides have samples.
#[derive(Debug)]
pub struct Pictured<'a> {
    /// Title of the pictures.
    pub title: String,
    /// What base and head are called.
    pub labels: (&'a str, &'a str),
    /// Name of the phase.
    pub phase: String,
    /// Before and after.
    pub profiles: (&'a Profile, &'a Profile),
    /// CPU-µs per request of both.
    pub per_request: Option<(Scale, Scale)>,
    /// What makes the comparison doubtful.
    pub notes: Vec<String>,
}

impl Pictured<'_> {
    /// What its graph is drawn of.
    pub(super) fn pair(&self) -> FlameDiff<'_> {
        FlameDiff {
            title: &self.title,
            base_label: self.labels.0,
            head_label: self.labels.1,
            base: self.profiles.0,
            head: self.profiles.1,
            per_request: self.per_request,
            notes: &self.notes,
        }
    }
}

/// A picture with its file, or why it could not be drawn.
pub type Drawn = Result<(PathBuf, String), String>;

/// `flame-diff.html` and, if both have samples, `flame-diff.svg` in a directory of the phase below `root`; nothing if there is nothing to draw.
pub fn files(of: &Pictured<'_>, root: &Path) -> Vec<Drawn> {
    let page = html(&of.pair());
    let svg = diff_svg(
        Pair {
            base: of.profiles.0,
            head: of.profiles.1,
            us_per_request: of
                .per_request
                .map(|(base, head)| (base.factor, head.factor)),
        },
        &of.title,
        "widths: after; red: more, blue: less of a frame's own cost",
    );
    let drawn = [("flame-diff.html", page), ("flame-diff.svg", svg)];
    let file = |(name, drawn): (&str, Result<String, Error>)| {
        let path = root.join(&of.phase).join(name);
        match drawn {
            Ok(text) => Some(Ok((path, text))),
            Err(Error::Empty) => None,
            Err(error) => Some(Err(format!(
                "{} could not be drawn: {error}",
                path.display()
            ))),
        }
    };
    drawn.into_iter().filter_map(file).collect()
}

/// The pictures of a run's comparison: `compare/<base>..<head>/<phase>/`.
pub fn of_run(scenario: &str, result: &RunResult, comparison: &Comparison) -> Vec<Drawn> {
    let root = Path::new("compare").join(format!("{}..{}", comparison.base, comparison.head));
    let compared = compared(scenario, result, comparison);
    compared.iter().flat_map(|of| files(of, &root)).collect()
}

/// The phases of a comparison of a run that a graph can be drawn of.
pub(super) fn compared<'a>(
    scenario: &str,
    result: &'a RunResult,
    comparison: &'a Comparison,
) -> Vec<Pictured<'a>> {
    let phase_of = |variant: &str, phase: &str| -> Option<&'a PhaseResult> {
        let found = result.variants.iter().find(|of| of.name == variant)?;
        found.phases.iter().find(|of| of.name == phase)
    };
    let phases = comparison.phases.iter();
    let known = phases.filter_map(|phase| {
        phase.functions.as_ref()?;
        let base = phase_of(&comparison.base, &phase.phase)?.profile.as_ref()?;
        let head = phase_of(&comparison.head, &phase.phase)?.profile.as_ref()?;
        let profiles = (
            &*base.taken.as_ref()?.profile,
            &*head.taken.as_ref()?.profile,
        );
        let cautions = phase.cautions.iter();
        Some(Pictured {
            title: format!(
                "{scenario} · {} → {} · {}",
                comparison.base, comparison.head, phase.phase
            ),
            labels: (&comparison.base, &comparison.head),
            phase: phase.phase.clone(),
            profiles,
            per_request: base.scale().zip(head.scale()),
            notes: cautions.map(ToString::to_string).collect(),
        })
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Choice, read};

    fn drawn(cost: f64) -> Vec<Drawn> {
        let profile = read(b"main;f 10\n", Choice::default()).unwrap();
        let scale = Scale::cost(cost);
        let pictured = Pictured {
            title: "t".to_owned(),
            labels: ("a", "b"),
            phase: "load".to_owned(),
            profiles: (&profile, &profile),
            per_request: Some((scale, scale)),
            notes: Vec::new(),
        };
        files(&pictured, Path::new(""))
    }

    #[test]
    fn a_picture_that_cannot_be_drawn_is_told_beside_those_that_can() {
        assert!(drawn(10.0).iter().all(Result::is_ok));
        let [page, svg] = &drawn(0.0)[..] else {
            panic!("two pictures");
        };
        assert!(page.is_ok());
        assert_eq!(
            svg.as_ref().unwrap_err(),
            "load/flame-diff.svg could not be drawn: a cost of 0 us per request cannot scale a flame graph; give a positive number or none"
        );
    }
}
