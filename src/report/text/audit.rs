//! An audit as Markdown.

use std::fmt::Write as _;

use super::markdown::plain;
use crate::parity::{Audit, Finding, Verdict};

/// A table of what was found; what is alike is folded. Writing to a String cannot fail.
pub fn markdown(audit: &Audit) -> String {
    let mut text = String::new();
    let missing = audit.missing().count();
    let title = match (missing, audit.doubt) {
        (0, None) => "no header of production is missing".to_owned(),
        (0, Some(doubt)) => doubt.to_owned(),
        (missing, _) => format!("{missing} missing header(s)"),
    };
    let _ = writeln!(text, "## Audit: {title}\n");
    let _ = writeln!(
        text,
        "{} requests of {} beside {} of {}.\n",
        audit.production.1,
        plain(&audit.production.0),
        audit.scenario.1,
        plain(&audit.scenario.0)
    );
    let (alike, told): (Vec<&Finding>, Vec<&Finding>) =
        (audit.findings.iter()).partition(|finding| finding.verdict == Verdict::Same);
    rows(&told, &mut text);
    if !alike.is_empty() {
        let _ = writeln!(
            text,
            "\n<details><summary>{} alike</summary>\n",
            alike.len()
        );
        rows(&alike, &mut text);
        text.push_str("\n</details>\n");
    }
    for note in &audit.notes {
        let _ = writeln!(text, "\n{}", plain(note));
    }
    if !audit.lacks.is_empty() {
        text.push_str("\nThis source cannot hold:\n\n");
        for lack in &audit.lacks {
            let _ = writeln!(text, "- {}", plain(lack));
        }
    }
    text
}

fn rows(findings: &[&Finding], text: &mut String) {
    text.push_str("| verdict | of | which | found |\n|---|---|---|---|\n");
    for finding in findings {
        let mark = if finding.fails {
            "**missing**"
        } else {
            finding.verdict.word()
        };
        let _ = writeln!(
            text,
            "| {mark} | {} | {} | {} |",
            finding.attribute,
            plain(&finding.subject),
            plain(&finding.words)
        );
    }
}
