//! What a command judged, as the one list that every output for CI is made of: a check has a name, a mark, words and a place.

mod compare;
mod gate;
#[cfg(test)]
pub(super) mod gate_samples;
mod run;

pub use compare::of_comparison;
pub use gate::{GateRun, of_gate};
pub use run::{Ran, of_run};

use crate::gate::{Outcome, Verdict};

/// All checks of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// What was checked.
    pub title: String,
    /// In the order of the report.
    pub checks: Vec<Check>,
}

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What it belongs to, such as a variant and its phase.
    pub group: String,
    /// Its name, which is the same in every run.
    pub name: String,
    /// What follows.
    pub mark: Mark,
    /// What was found, and why.
    pub words: String,
    /// Where it was asked for.
    pub place: Option<Place>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Its line, from 1, if it has one.
    pub line: Option<usize>,
}

/// What a check comes to, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nothing depends on it.
    Told,
    /// It holds.
    Pass,
    /// The figures do not tell.
    Inconclusive,
    /// It does not hold.
    Fail,
    /// There is nothing to judge.
    Invalid,
}

impl Mark {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
        }
    }
}

impl From<Verdict> for Mark {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl Check {
    /// What it belongs to and its name.
    pub fn title(&self) -> String {
        match self.group.as_str() {
            "" => self.name.clone(),
            group => format!("{group} · {}", self.name),
        }
    }
}

impl Checks {
    /// The worst mark.
    pub fn worst(&self) -> Mark {
        let marks = self.checks.iter().map(|check| check.mark);
        marks.max().unwrap_or(Mark::Told)
    }

    /// What a command ends with that is asked for these alone: without any that counts nothing was judged.
    pub fn outcome(&self) -> Outcome {
        match self.worst() {
            Mark::Pass => Outcome::Pass,
            Mark::Fail => Outcome::Fail,
            Mark::Told | Mark::Inconclusive => Outcome::Inconclusive,
            Mark::Invalid => Outcome::Invalid("nothing could be judged".to_owned()),
        }
    }

    /// How many have a mark.
    pub fn count(&self, mark: Mark) -> usize {
        let checks = self.checks.iter();
        checks.filter(|check| check.mark == mark).count()
    }
}

/// One of each mark, with text that is markup elsewhere.
#[cfg(test)]
pub(super) fn samples() -> Checks {
    let check = |group: &str, name: &str, mark, words: &str, place| Check {
        group: group.to_owned(),
        name: name.to_owned(),
        mark,
        words: words.to_owned(),
        place,
    };
    let place = |line| {
        Some(Place {
            file: "a/b.toml".to_owned(),
            line,
        })
    };
    let limit = "latency.p99 < 50ms";
    let rate = "errors.rate < 1%";
    Checks {
        title: "a → b".to_owned(),
        checks: vec![
            check(
                "after · steady",
                limit,
                Mark::Fail,
                "found 70 ms",
                place(Some(12)),
            ),
            check("before", limit, Mark::Pass, "found 7 ms", place(Some(12))),
            check(
                "x, y: z",
                rate,
                Mark::Inconclusive,
                "why: 50 %, \"maybe\"",
                place(None),
            ),
            check("a → b", "throughput", Mark::Told, "better", None),
            check("", "run", Mark::Invalid, "<script>|x|\u{1b}[2J", None),
        ],
    }
}
