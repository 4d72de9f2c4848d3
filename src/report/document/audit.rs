//! What an audit found (`telemload.audit/1`).

use serde::{Deserialize, Serialize};

use crate::gate::audited;
use crate::parity::{Audit, Share, Verdict};
use crate::units::printable;

/// Name and version of the JSON document.
pub const SCHEMA: &str = "telemload.audit/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
    doubt: Option<&'a str>,
    production: SideJson<'a>,
    scenario: SideJson<'a>,
    findings: Vec<FindingJson<'a>>,
    notes: &'a [String],
    cannot_hold: &'a [String],
}

#[derive(Serialize)]
struct SideJson<'a> {
    name: &'a str,
    requests: usize,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    verdict: &'static str,
    of: &'static str,
    which: &'a str,
    words: &'a str,
    fails: bool,
    production: Option<ShareJson>,
    scenario: Option<ShareJson>,
}

#[derive(Serialize)]
struct ShareJson {
    share: f64,
    low: f64,
    high: f64,
}

impl From<Share> for ShareJson {
    fn from(share: Share) -> Self {
        let (low, high) = share.bounds();
        Self {
            share: share.value(),
            low,
            high,
        }
    }
}

/// It as JSON, with a line break at its end.
pub fn json(audit: &Audit) -> String {
    let findings = audit.findings.iter().map(|finding| FindingJson {
        verdict: finding.verdict.code(),
        of: finding.attribute,
        which: &finding.subject,
        words: &finding.words,
        fails: finding.fails,
        production: finding.shares.map(|shares| shares.production.into()),
        scenario: finding.shares.map(|shares| shares.scenario.into()),
    });
    super::pretty(&Document {
        schema: SCHEMA,
        verdict: audited(audit).name(),
        doubt: audit.doubt,
        production: side(&audit.production),
        scenario: side(&audit.scenario),
        findings: findings.collect(),
        notes: &audit.notes,
        cannot_hold: &audit.lacks,
    })
}

fn side((name, requests): &(String, usize)) -> SideJson<'_> {
    SideJson {
        name,
        requests: *requests,
    }
}

/// An audit that was stored, as far as the page of a run tells it: harmless on a terminal, wherever it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Production's side, and how many requests of it were looked at.
    pub production: (String, u64),
    /// The same of the scenario.
    pub scenario: (String, u64),
    /// Why nobody can tell whether a header is missing.
    pub doubt: Option<String>,
    /// The first thousand at most.
    pub findings: Vec<StoredFinding>,
}

/// One finding of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// What is said.
    pub verdict: Verdict,
    /// Of what kind of thing.
    pub of: String,
    /// Of which one.
    pub which: String,
    /// What was found.
    pub words: String,
    /// Whether it fails the audit.
    pub fails: bool,
}

/// Findings that are read.
const MOST_FINDINGS: usize = 1_000;

#[derive(Deserialize)]
struct StoredJson {
    schema: String,
    #[serde(default)]
    doubt: Option<String>,
    production: StoredSide,
    scenario: StoredSide,
    findings: Vec<StoredFindingJson>,
}

#[derive(Deserialize)]
struct StoredSide {
    name: String,
    requests: u64,
}

#[derive(Deserialize)]
struct StoredFindingJson {
    verdict: String,
    of: String,
    which: String,
    words: String,
    fails: bool,
}

/// Reads it again; `None` if it is none.
pub fn stored(text: &str) -> Option<Stored> {
    let read: StoredJson = serde_json::from_str(text).ok()?;
    let plain = |text: &str| printable(text).into_owned();
    let side = |of: &StoredSide| (plain(&of.name), of.requests);
    let findings = read.findings.iter().take(MOST_FINDINGS).map(|of| {
        Some(StoredFinding {
            verdict: Verdict::of(&of.verdict)?,
            of: plain(&of.of),
            which: plain(&of.which),
            words: plain(&of.words),
            fails: of.fails,
        })
    });
    (read.schema == SCHEMA).then_some(())?;
    Some(Stored {
        production: side(&read.production),
        scenario: side(&read.scenario),
        doubt: read.doubt.as_deref().map(plain),
        findings: findings.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = r#"{"schema":"telemload.audit/1","verdict":"fail","production":{"name":"s.jsonl","requests":9},"scenario":{"name":"load","requests":8},"findings":[{"verdict":"missing","of":"header","which":"X-A\u001b","words":"all of production, none here","fails":true,"production":null,"scenario":null}],"notes":[],"cannot_hold":[]}"#;

    #[test]
    fn a_stored_audit_is_read_and_nothing_else_is() {
        let found = stored(AUDIT).unwrap();
        assert_eq!(found.production, ("s.jsonl".to_owned(), 9));
        assert_eq!(found.findings[0].verdict, Verdict::Missing);
        assert!(found.findings[0].fails && !found.findings[0].which.contains('\u{1b}'));
        for (of, other) in [
            ("telemload.audit/1", "telemload.audit/2"),
            ("\"missing\"", "\"lost\""),
            ("\"requests\":9", "\"requests\":-9"),
        ] {
            assert_eq!(stored(&AUDIT.replace(of, other)), None, "{other}");
        }
        assert_eq!(stored(&AUDIT[..100]), None);
    }
}
