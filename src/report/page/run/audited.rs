//! What production sends and the scenario of a run does not, where an audit stands beside the run.

use crate::parity::Verdict;
use crate::report::document::audit::{Stored, StoredFinding};
use crate::report::page::audit::{FindingRow, table, title};
use crate::report::page::table::Table;

/// The part of the page.
pub(super) struct Audited {
    pub(super) title: String,
    pub(super) class: &'static str,
    pub(super) sides: String,
    pub(super) table: Table,
}

impl Audited {
    pub(super) fn of(audit: &Stored) -> Self {
        let told = audit.findings.iter();
        let told = told.filter(|finding| finding.verdict != Verdict::Same);
        let missing = audit.findings.iter().filter(|finding| finding.fails);
        let (title, class) = title(missing.count(), audit.doubt.as_deref());
        let side = |(name, requests): &(String, u64)| format!("{name} ({requests} requests)");
        Self {
            title,
            class,
            sides: format!("{} → {}", side(&audit.production), side(&audit.scenario)),
            table: table("What differs", told.map(row)),
        }
    }
}

fn row(finding: &StoredFinding) -> FindingRow<'_> {
    FindingRow {
        verdict: finding.verdict,
        fails: finding.fails,
        of: &finding.of,
        which: &finding.which,
        words: &finding.words,
    }
}
