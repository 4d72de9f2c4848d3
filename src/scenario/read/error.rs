//! The one error of reading a scenario: it names file, line, column and key, and shows the line.

use std::fmt;
use std::ops::Range;

/// A scenario that cannot be run, found before anything was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file as it was named, or "command line".
    pub file: String,
    /// Line and column, both from 1, if the place is known.
    pub place: Option<(usize, usize)>,
    /// Dotted key, such as `request.telemetry.body`; empty if there is none.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// The line in question, without its end. If it may hold a credential, it ends at the place and its texts are dotted.
    pub line: Option<String>,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        if let (Some((number, column)), Some(line)) = (self.place, &self.line) {
            write!(
                f,
                "\n  {number:>4} | {line}\n       | {}^",
                " ".repeat(column - 1)
            )?;
        }
        Ok(())
    }
}

/// The text that is being read, for turning byte spans into places.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Source<'a> {
    pub(in crate::scenario) file: &'a str,
    pub(in crate::scenario) text: &'a str,
}

impl Source<'_> {
    /// An error at the start of `span`, if there is one; at the place of a flag its key is that flag.
    pub(in crate::scenario) fn error(
        &self,
        span: Option<Range<usize>>,
        key: &str,
        message: impl Into<String>,
    ) -> Error {
        let flag = span.as_ref().and_then(|span| self.flag_at(span));
        let key = match (flag, key.split_once(".headers.")) {
            (Some(flag @ "-H"), Some((_, header))) => format!("{flag} {header}"),
            (Some(flag), _) => flag.to_owned(),
            (None, _) => key.to_owned(),
        };
        let found = span.and_then(|span| self.place(span.start));
        Error {
            file: self.file.to_owned(),
            place: found.as_ref().map(|(place, _)| *place),
            key,
            message: message.into(),
            line: found.map(|(_, line)| line),
        }
    }

    /// The line that holds byte `offset`, from 1; `None` at the place of a flag.
    pub(in crate::scenario) fn line(&self, offset: usize) -> Option<usize> {
        let before = self.text.get(..offset)?;
        Some(before.matches('\n').count() + 1)
    }

    /// Line, column (in characters) and text of the line that holds byte `offset`.
    fn place(&self, offset: usize) -> Option<((usize, usize), String)> {
        // Behind the end are the places of flags, which have no line.
        let before = self.text.get(..offset)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let column = before[line_start..].chars().count() + 1;
        let number = self.line(offset)?;
        // What stands before the place is enough to find it, and its texts may be credentials as well.
        let shown = if crate::traffic::redact::line_may_hold_secret(line) {
            let before: String = line.chars().take(column - 1).collect();
            without_texts(&before) + "…"
        } else {
            line.to_owned()
        };
        Some(((number, column), shown))
    }
}

/// A line of TOML with a dot for each character within quotes, and before an `@` outside of them, so that columns stay.
fn without_texts(line: &str) -> String {
    let mut quote = None;
    let shown: String = line
        .chars()
        .map(|c| match quote {
            None => {
                quote = (c == '"' || c == '\'').then_some(c);
                c
            }
            Some(open) if c == open => {
                quote = None;
                c
            }
            Some(_) => '·',
        })
        .collect();
    match shown.rsplit_once('@') {
        Some((user, rest)) => format!("{}@{rest}", "·".repeat(user.chars().count())),
        None => shown,
    }
}
