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
    let (title, class) = match (missing.len(), audit.doubt) {
        (0, None) => ("No header of production is missing".to_owned(), "good"),
        (0, Some(doubt)) => (format!("Inconclusive: {doubt}"), "doubt"),
        (1, _) => ("A header of production is missing".to_owned(), "bad"),
        (several, _) => (
            format!("{several} headers of production are missing"),
            "bad",
        ),
    };
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
        told: table("What differs", &told),
        alike: table("What is alike", &alike),
        notes: &audit.notes,
        lacks: &audit.lacks,
        remedy: audit.remedy,
        command,
    };
    page.render().expect("a string takes all that is written")
}

fn table(caption: &str, findings: &[&Finding]) -> Table {
    let mut table = Table::new(caption, &["verdict", "of", "which", "found"]).with_prose();
    for finding in findings {
        let class = match finding.verdict {
            _ if finding.fails => "mark bad",
            Verdict::Unjudged => "mark doubt",
            _ => "mark",
        };
        table.add([
            Cell::marked(finding.verdict.word(), class),
            Cell::from(finding.attribute),
            Cell::from(finding.subject.as_str()),
            Cell::from(finding.words.as_str()),
        ]);
    }
    table
}
