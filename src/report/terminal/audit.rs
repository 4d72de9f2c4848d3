//! What an audit found, the most important line first.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::parity::{Audit, Finding, Verdict};

/// Findings that are alike, where they are not listed, by name.
const NAMED: usize = 12;

/// Renders it for people; `all` lists what is alike, too. Writing to a String cannot fail.
pub fn render(audit: &Audit, all: bool) -> String {
    let mut text = String::new();
    for finding in audit.missing() {
        let _ = writeln!(
            text,
            "{BAD}missing{BAD:#} {} {BOLD}{}{BOLD:#}: {}",
            finding.attribute, finding.subject, finding.words
        );
    }
    let missing = audit.missing().count();
    let (style, word, why) = match (missing, audit.doubt) {
        (0, None) => (
            GOOD,
            "no header is missing",
            "that at least 1 % of production carries".to_owned(),
        ),
        (0, Some(doubt)) => (DOUBT, "inconclusive", doubt.to_owned()),
        (1, _) => (
            BAD,
            "fail",
            "a header of production is missing here".to_owned(),
        ),
        (missing, _) => (
            BAD,
            "fail",
            format!("{missing} headers of production are missing here"),
        ),
    };
    let _ = writeln!(text, "{style}{word}{style:#} {why}\n");
    let _ = writeln!(
        text,
        "production  {}: {} requests\nscenario    {}: {} requests, as it would send them\n",
        audit.production.0, audit.production.1, audit.scenario.0, audit.scenario.1
    );
    let listed = |finding: &&Finding| !finding.fails && (all || finding.verdict != Verdict::Same);
    let mut table = plain_table(&["", "of", "which", "found"], 0);
    for finding in audit.findings.iter().filter(listed) {
        table.add_row([
            finding.verdict.word(),
            finding.attribute,
            &finding.subject,
            &finding.words,
        ]);
    }
    indent(&table.to_string(), "", &mut text);
    if !all {
        alike(audit, &mut text);
    }
    for note in &audit.notes {
        let _ = writeln!(text, "note         {note}");
    }
    for lack in &audit.lacks {
        let _ = writeln!(text, "cannot hold  {lack}");
    }
    if let Some(remedy) = audit.remedy {
        let _ = writeln!(text, "to know more: {remedy}");
    }
    text
}

fn alike(audit: &Audit, text: &mut String) {
    let alike: Vec<&str> = (audit.findings.iter())
        .filter(|finding| finding.verdict == Verdict::Same)
        .map(|finding| finding.subject.as_str())
        .collect();
    if alike.is_empty() {
        return;
    }
    let more = match alike.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let _ = writeln!(
        text,
        "same         {}{more} (--verbose lists them)",
        alike[..alike.len().min(NAMED)].join(", ")
    );
}
