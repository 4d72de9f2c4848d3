//! What an audit says of one thing.

use crate::statistics::clopper_pearson;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Production has it and the scenario does not.
    Missing,
    /// The scenario has it and production does not.
    Extra,
    /// Both have it, and it is not alike.
    Different,
    /// The source, or what the scenario determines, does not tell.
    Unjudged,
    /// Alike within what is said.
    Same,
}

impl Verdict {
    const ALL: [Self; 5] = [
        Self::Missing,
        Self::Extra,
        Self::Different,
        Self::Unjudged,
        Self::Same,
    ];

    /// The one of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.code() == code)
    }

    /// In JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unjudged => "not_judged",
            other => other.word(),
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
            Self::Unjudged => "cannot be judged",
            Self::Same => "same",
        }
    }
}

/// A finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is said.
    pub verdict: Verdict,
    /// Of what kind of thing, such as `header`.
    pub attribute: &'static str,
    /// Of which one, such as `X-Device-Id`.
    pub subject: String,
    /// What production has, the scenario has, or why nobody can tell.
    pub words: String,
    /// Shares of requests, where that is what was compared.
    pub shares: Option<Shares>,
    /// Whether it fails the audit.
    pub fails: bool,
}

/// Shares of requests that have something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Of production.
    pub production: Share,
    /// Of the scenario.
    pub scenario: Share,
}

/// So many of so many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Those that have it.
    pub hits: usize,
    /// All.
    pub of: usize,
}

impl Share {
    /// From 0 to 1.
    pub fn value(self) -> f64 {
        if self.of == 0 {
            return 0.0;
        }
        self.hits as f64 / self.of as f64
    }

    /// Its 95 % interval by Clopper and Pearson.
    pub fn bounds(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        clopper_pearson(self.hits as u64, self.of as u64)
    }

    /// Such as `98.7 % (97.9 to 99.2)`.
    pub fn words(self) -> String {
        if self.hits == self.of {
            return "all".to_owned();
        }
        if self.hits == 0 {
            return "none".to_owned();
        }
        let (low, high) = self.bounds();
        format!(
            "{} % ({} to {})",
            percent(self.value()),
            percent(low),
            percent(high)
        )
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 99.95 {
        // Not all of them.
        ">99.9".to_owned()
    } else if percent >= 10.0 {
        format!("{percent:.1}")
    } else {
        format!("{percent:.2}")
    }
}

impl Shares {
    /// Whether chance explains that they differ: their intervals have something in common.
    pub(super) fn may_be_equal(self) -> bool {
        let (low, high) = self.production.bounds();
        let (other_low, other_high) = self.scenario.bounds();
        low <= other_high && other_low <= high
    }

    /// By how much they differ, from 0 to 1.
    pub(super) fn gap(self) -> f64 {
        (self.production.value() - self.scenario.value()).abs()
    }

    /// In words.
    pub(super) fn words(self) -> String {
        format!(
            "{} of production, {} here",
            self.production.words(),
            self.scenario.words()
        )
    }
}

impl Finding {
    pub(super) fn new(
        verdict: Verdict,
        attribute: &'static str,
        subject: impl Into<String>,
        words: impl Into<String>,
    ) -> Self {
        Self {
            verdict,
            attribute,
            subject: subject.into(),
            words: words.into(),
            shares: None,
            fails: false,
        }
    }

    pub(super) fn unjudged(
        attribute: &'static str,
        subject: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Verdict::Unjudged, attribute, subject, why)
    }

    /// Where it stands in the list: what fails first, what most of production has before what little of it has.
    pub(super) fn rank(&self) -> (bool, Verdict, bool, std::cmp::Reverse<u64>) {
        let share = self.shares.map_or(0.0, Shares::gap);
        (
            !self.fails,
            self.verdict,
            self.shares.is_none(),
            std::cmp::Reverse((share * 1e6) as u64),
        )
    }
}
