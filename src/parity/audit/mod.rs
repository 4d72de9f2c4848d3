//! Two lists of records → findings: what production has and the scenario lacks, the other way round, what differs, and what cannot be
//! judged. There is no single score, for one header may outweigh everything else.

mod arrivals;
mod clients;
mod finding;
mod mix;
mod presence;
mod shape;
mod side;
mod sizes;
mod values;

pub use self::finding::{Finding, Share, Verdict};
use self::side::Sides;
pub use self::side::{Connections, Side};
use crate::import::{Headers, lacks, remedy};

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Headers that may be missing; a `*` at the end stands for any rest.
    pub allowed: Vec<String>,
    /// The header whose value tells clients apart, instead of what the sources know of them.
    pub client_header: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Production: name and requests.
    pub production: (String, usize),
    /// The scenario: name and requests that were rendered.
    pub scenario: (String, usize),
    /// The most important ones first.
    pub findings: Vec<Finding>,
    /// Why nobody can tell whether headers are missing; `None` where the sample tells.
    pub doubt: Option<&'static str>,
    /// What of the sample was not looked at, and what else a reader should know.
    pub notes: Vec<String>,
    /// What the source cannot hold, in words.
    pub lacks: Vec<String>,
    /// How its log can be made to hold more.
    pub remedy: Option<&'static str>,
}

impl Audit {
    /// Headers that at least 1 % of production carries, that the scenario never sends, and that nobody allowed to be missing.
    pub fn missing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.fails)
    }
}

/// Compares what production sent with what a scenario sends.
pub fn audit(mut production: Side, mut scenario: Side, choice: &Choice) -> Audit {
    if let Some(header) = &choice.client_header {
        clients::by_header(&mut production, header);
        clients::by_header(&mut scenario, header);
    }
    let sides = Sides::of(&production, &scenario);
    let mut findings = presence::headers(&sides, &choice.allowed);
    findings.extend(presence::query(&sides));
    findings.extend(presence::cookies(&sides));
    findings.extend(values::findings(&sides));
    findings.extend(mix::findings(&sides));
    findings.extend(sizes::findings(&sides));
    findings.extend(arrivals::findings(&production, &scenario));
    findings.extend(clients::findings(&sides));
    findings.push(Finding::unjudged(
        "answers",
        "status",
        "a scenario does not know how it will be answered; the run's errors tell",
    ));
    let doubt = if matches!(production.holds.headers, Headers::Only(_)) {
        Some("this source cannot tell which headers production carries")
    } else if sides.common().next().is_none() {
        Some("the sample and the scenario have no method and route in common")
    } else {
        None
    };
    findings.sort_by_key(Finding::rank);
    Audit {
        production: (production.name.clone(), production.records.len()),
        scenario: (scenario.name.clone(), scenario.records.len()),
        doubt,
        notes: production.notes.clone(),
        lacks: lacks(&production.holds),
        remedy: remedy(&production.holds),
        findings,
    }
}

#[cfg(test)]
mod tests;
