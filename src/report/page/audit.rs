//! The page of an audit: what is missing, what differs, and what the source cannot tell.

use askama::Template;

use super::frame::Frame;
use super::island::Island;
use super::table::{Cell, Table};
use crate::gate::audited;
use crate::parity::{Audit, Finding, Verdict};

#[derive(Template)]
#[template(path = "audit.html")]
struct Page<'a> {
    frame: Frame,
    production: String,
    scenario: String,
    exit_code: u8,
    title: String,
    class: &'static str,
    missing: Vec<String>,
    told: Table,
    alike: Table,
    notes: &'a [String],
    lacks: &'a [String],
    remedy: Option<&'a str>,
    command: &'a str,
}

/// The page; `command` is what the user typed, without credentials.
///
/// # Panics
/// Never: templates write to memory.
pub fn html(audit: &Audit, command: &str) -> String {
    let missing = audit
        .missing()
        .map(|of| format!("{}: {}", of.subject, of.words));
    let missing: Vec<String> = missing.collect();
    let (title, class) = title(missing.len(), audit.doubt);
    let side = |(name, requests): &(String, usize)| format!("{name} ({requests} requests)");
    let is_alike = |of: &&Finding| of.verdict == Verdict::Same;
    let (alike, told): (Vec<&Finding>, Vec<&Finding>) = audit.findings.iter().partition(is_alike);
    let page = Page {
        frame: Frame::of(
            format!("{} · audit", audit.scenario.0),
            Island::default().json(),
        ),
        production: side(&audit.production),
        scenario: side(&audit.scenario),
        exit_code: audited(audit).exit_code(),
        title,
        class,
        missing,
        told: table("What differs", told.into_iter().map(row)),
        alike: table("What is alike", alike.into_iter().map(row)),
        notes: &audit.notes,
        lacks: &audit.lacks,
        remedy: audit.remedy,
        command,
    };
    page.render().expect("a string takes all that is written")
}

/// The verdict as a heading, and how it is marked.
pub(super) fn title(missing: usize, doubt: Option<&str>) -> (String, &'static str) {
    match (missing, doubt) {
        (0, None) => ("No header of production is missing".to_owned(), "good"),
        (0, Some(doubt)) => (format!("Inconclusive: {doubt}"), "doubt"),
        (1, _) => ("A header of production is missing".to_owned(), "bad"),
        (several, _) => (
            format!("{several} headers of production are missing"),
            "bad",
        ),
    }
}

/// A finding in a table.
pub(super) struct FindingRow<'a> {
    pub(super) verdict: Verdict,
    pub(super) fails: bool,
    pub(super) of: &'a str,
    pub(super) which: &'a str,
    pub(super) words: &'a str,
}

fn row(finding: &Finding) -> FindingRow<'_> {
    FindingRow {
        verdict: finding.verdict,
        fails: finding.fails,
        of: finding.attribute,
        which: &finding.subject,
        words: &finding.words,
    }
}

pub(super) fn table<'a>(caption: &str, rows: impl Iterator<Item = FindingRow<'a>>) -> Table {
    let mut table = Table::new(caption, &["verdict", "of", "which", "found"]).with_prose();
    for row in rows {
        let class = match row.verdict {
            _ if row.fails => "mark bad",
            Verdict::Unjudged => "mark doubt",
            _ => "mark",
        };
        table.add([
            Cell::marked(row.verdict.word(), class),
            Cell::from(row.of),
            Cell::from(row.which),
            Cell::from(row.words),
        ]);
    }
    table
}
