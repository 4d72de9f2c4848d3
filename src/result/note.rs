//! What a reader should know beside the figures, with its remedy.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::printable;

/// Something that a reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its name in results; it never changes.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Cow<'static, str>,
    /// How many of how many, where that is what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// What was seen.
    pub words: String,
    /// What to do about it, unless the words say it.
    pub remedy: Option<String>,
}

/// The subject of hints.
const HINT: &str = "hint";

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Figures are as they should be.
    Info,
    /// A figure is missing, rough, or not what it seems to be.
    Warning,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Those that the note is about.
    pub part: u64,
    /// All.
    pub of: u64,
}

impl Note {
    /// A warning with a code, about a subject.
    pub(crate) fn warning(code: &'static str, subject: &'static str, words: String) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Warning,
            subject: Cow::Borrowed(subject),
            count: None,
            words,
            remedy: None,
        }
    }

    /// What figures are known to mean.
    pub(crate) fn hint(code: &'static str, words: String) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::warning(code, HINT, words)
        }
    }

    /// Whether it is a hint.
    pub fn is_hint(&self) -> bool {
        self.subject == HINT
    }

    /// One that a result of an earlier version has as a sentence alone.
    pub(crate) fn unstated(sentence: &str) -> Self {
        Self::warning("unstated", "run", printable(sentence).into_owned())
    }

    /// With what to do about it.
    pub(crate) fn with_remedy(self, remedy: &str) -> Self {
        Self {
            remedy: Some(remedy.to_owned()),
            ..self
        }
    }

    /// Harmless on a terminal, wherever it was read.
    pub(crate) fn printable(self) -> Self {
        let plain = |text: String| printable(&text).into_owned();
        Self {
            code: plain(self.code.into_owned()).into(),
            subject: plain(self.subject.into_owned()).into(),
            words: plain(self.words),
            remedy: self.remedy.map(plain),
            ..self
        }
    }

    /// Takes in another one that says the same, or counts the same; `false` if it does neither.
    pub(super) fn joins(&mut self, other: &Self) -> bool {
        if self == other && self.count.is_none() {
            return true;
        }
        let (Some(count), Some(more)) = (&mut self.count, other.count) else {
            return false;
        };
        if (&self.code, &self.words) != (&other.code, &other.words) {
            return false;
        }
        count.part += more.part;
        count.of += more.of;
        true
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Count { part, of }) = self.count {
            write!(f, "{part} of {of} ")?;
        }
        f.write_str(&self.words)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}
