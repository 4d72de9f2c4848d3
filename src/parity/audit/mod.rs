//! Two lists of records → findings: what production has and the scenario lacks, the other way round, what differs, and what cannot be
//! judged. There is no single score, for one header may outweigh everything else.

mod arrivals;
mod clients;
mod finding;
mod mix;
mod presence;
mod shape;
mod sizes;
mod values;

use std::collections::BTreeMap;

pub use self::finding::{Finding, Share, Verdict};
use super::record::Record;
use crate::import::{Headers, Holds, lacks, remedy};

/// One side of an audit.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// For people.
    pub name: String,
    /// What it can hold.
    pub holds: Holds,
    /// In the order of their times where these are known.
    pub records: Vec<Record>,
    /// When requests began, in microseconds, rising; empty if that is not known.
    pub arrivals: Vec<i64>,
    /// What is known of its connections.
    pub connections: Connections,
}

/// How many requests a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// As the records say.
    Recorded,
    /// Connections are kept for the whole load.
    Kept,
    /// Each request has its own.
    ForEach,
}

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
        lacks: lacks(&production.holds),
        remedy: remedy(&production.holds),
        findings,
    }
}

/// A method with a route.
type Route<'a> = (&'a str, &'a str);

/// Both sides, whole and by route.
struct Sides<'a> {
    production: &'a Side,
    scenario: &'a Side,
    /// Requests of production and of the scenario.
    routes: BTreeMap<Route<'a>, [Vec<&'a Record>; 2]>,
}

impl<'a> Sides<'a> {
    fn of(production: &'a Side, scenario: &'a Side) -> Self {
        let mut routes: BTreeMap<Route<'a>, [Vec<&'a Record>; 2]> = BTreeMap::new();
        for (at, side) in [production, scenario].into_iter().enumerate() {
            for record in &side.records {
                let route = (record.method.as_str(), record.route.as_str());
                routes.entry(route).or_default()[at].push(record);
            }
        }
        Self {
            production,
            scenario,
            routes,
        }
    }

    /// Requests of all routes.
    fn whole(&self) -> [Vec<&'a Record>; 2] {
        [
            self.production.records.iter().collect(),
            self.scenario.records.iter().collect(),
        ]
    }

    /// Routes that both sides have.
    fn common(&self) -> impl Iterator<Item = (&Route<'a>, &[Vec<&'a Record>; 2])> {
        let routes = self.routes.iter();
        routes.filter(|(_, [production, scenario])| !production.is_empty() && !scenario.is_empty())
    }
}

#[cfg(test)]
mod tests;
