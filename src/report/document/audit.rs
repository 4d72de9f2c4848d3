//! What an audit found (`telemload.audit/1`).

use serde::Serialize;

use crate::gate::audited;
use crate::parity::{Audit, Share};

/// Name and version of the JSON document.
pub const SCHEMA: &str = "telemload.audit/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
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
