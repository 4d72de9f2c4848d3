//! The checks of a run: its thresholds at their lines of the scenario, whether it says anything at all, and its comparisons.

use super::compare::{check, title};
use super::{Check, Checks, Mark, Place};
use crate::compare::Comparison;
use crate::gate::{Judgement, Judgements, Outcome, compared};
use crate::report::figures::judgement::{found, name};
use crate::report::figures::one_line;
use crate::result::RunResult;

/// A run with what was concluded from it.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// What was found.
    pub result: &'a RunResult,
    /// Its thresholds.
    pub judgements: &'a Judgements,
    /// Its comparisons, on which nothing depends.
    pub comparisons: &'a [Comparison],
    /// Its end as a whole.
    pub outcome: &'a Outcome,
    /// The scenario's file as the user named it; `None` if there is none.
    pub file: Option<&'a str>,
}

/// The checks of a run.
pub fn of_run(run: &Ran<'_>) -> Checks {
    let variants = run.result.variants.iter().zip(run.judgements);
    let thresholds = variants.flat_map(|(variant, judged)| {
        let phases = variant.phases.iter().zip(judged);
        phases.flat_map(move |(phase, judged)| {
            let group = format!("{} · {}", variant.name, phase.name);
            let judged = judged.iter();
            judged.map(move |judgement| threshold(&group, judgement, run.file))
        })
    });
    let comparisons = run.comparisons.iter().flat_map(|comparison| {
        let all = compared(comparison).into_iter();
        all.map(|of| check(&title(comparison), of, None))
    });
    let whole = whole(run.outcome, run.file);
    Checks {
        title: run.result.scenario.name.clone(),
        checks: [whole]
            .into_iter()
            .chain(thresholds)
            .chain(comparisons)
            .collect(),
    }
}

fn threshold(group: &str, judgement: &Judgement, file: Option<&str>) -> Check {
    let words: Vec<_> = found(judgement)
        .into_iter()
        .chain(judgement.reason.clone())
        .collect();
    Check {
        group: group.to_owned(),
        name: name(judgement),
        mark: judgement.verdict.into(),
        words: one_line(&words.join(": ")),
        place: place(file, judgement.line),
    }
}

/// Whether the run says anything: one that was ended early, or found no target, has no verdict.
fn whole(outcome: &Outcome, file: Option<&str>) -> Check {
    let (mark, words) = match outcome {
        Outcome::Internal(message) | Outcome::Invalid(message) => (Mark::Invalid, message.as_str()),
        Outcome::Interrupted => (Mark::Invalid, "the run was ended before its time"),
        Outcome::Fail | Outcome::Inconclusive | Outcome::Pass => {
            (Mark::Pass, "the planned load was sent and answered")
        }
    };
    Check {
        group: String::new(),
        name: "run".to_owned(),
        mark,
        words: one_line(words),
        place: place(file, None),
    }
}

fn place(file: Option<&str>, line: Option<usize>) -> Option<Place> {
    file.map(|file| Place {
        file: file.to_owned(),
        line,
    })
}
