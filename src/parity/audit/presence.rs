//! Which requests have a header, a parameter of the query or a cookie: shares of both sides, as a whole and by route.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Share, Shares, Verdict};
use super::side::{Route, Sides};
use crate::import::Headers;
use crate::parity::record::{Field, Record};

/// What fewer of production's requests have may be missing.
const FEWEST: f64 = 0.01;
/// Shares that differ by less are alike.
const ALIKE: f64 = 0.05;

/// Headers that a connection or its framing needs, or that say where a request goes. Clients, proxies and telemload write them as they
/// need to; what they say is compared elsewhere.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether an audit looks at a header of this name, in lower case.
pub(super) fn is_compared(name: &str) -> bool {
    !FRAMING.contains(&name)
}

/// Headers by their share of requests.
pub(super) fn headers(sides: &Sides<'_>, allowed: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut hidden = BTreeSet::new();
    let held = &sides.production.holds.headers;
    for mut finding in shares(sides, "header", |record| &record.headers) {
        let name = finding.subject.to_ascii_lowercase();
        let lower = name.split(' ').next().unwrap_or_default();
        if !is_compared(lower) {
            continue;
        }
        if finding.verdict == Verdict::Extra && !is_held(held, lower) {
            hidden.insert(finding.subject);
            continue;
        }
        let production = finding
            .shares
            .map_or(0.0, |shares| shares.production.value());
        finding.fails = finding.verdict == Verdict::Missing
            && production >= FEWEST
            && !allowed.iter().any(|allowed| is_allowed(allowed, lower));
        findings.push(finding);
    }
    if !hidden.is_empty() {
        let names: Vec<String> = hidden.into_iter().collect();
        findings.push(Finding::unjudged(
            "header",
            names.join(", "),
            "this source does not hold them",
        ));
    }
    findings
}

/// Whether a source holds the header of a name.
fn is_held(headers: &Headers, name: &str) -> bool {
    match headers {
        Headers::AllBut(names) => !names.iter().any(|of| of.eq_ignore_ascii_case(name)),
        Headers::Only(names) => names.iter().any(|of| of.eq_ignore_ascii_case(name)),
    }
}

fn is_allowed(allowed: &str, name: &str) -> bool {
    let allowed = allowed.to_ascii_lowercase();
    match allowed.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == allowed,
    }
}

/// Parameters of queries by their share of requests.
pub(super) fn query(sides: &Sides<'_>) -> Vec<Finding> {
    shares(sides, "query parameter", |record| &record.query)
}

/// Cookies by their share of requests.
pub(super) fn cookies(sides: &Sides<'_>) -> Vec<Finding> {
    if !is_held(&sides.production.holds.headers, "cookie") {
        let has_any = |record: &Record| !record.cookies.is_empty();
        let unknown = sides.scenario.records.iter().any(has_any);
        return unknown
            .then(|| Finding::unjudged("cookie", "all", "this source does not hold them"))
            .into_iter()
            .collect();
    }
    shares(sides, "cookie", |record| &record.cookies)
}

/// How many of the requests have each name.
struct Counts<'a> {
    of: usize,
    hits: BTreeMap<String, usize>,
    /// As they were written first.
    names: BTreeMap<String, &'a str>,
}

impl<'a> Counts<'a> {
    fn of(records: &[&'a Record], fields: impl Fn(&'a Record) -> &'a [Field]) -> Self {
        let mut counts = Self {
            of: records.len(),
            hits: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        for record in records {
            let names = fields(record).iter().map(|field| &field.0);
            let lower: BTreeSet<String> = names
                .map(|name| {
                    let lower = name.to_ascii_lowercase();
                    counts.names.entry(lower.clone()).or_insert(name);
                    lower
                })
                .collect();
            for name in lower {
                *counts.hits.entry(name).or_default() += 1;
            }
        }
        counts
    }

    fn share(&self, name: &str) -> Share {
        Share {
            hits: self.hits.get(name).copied().unwrap_or(0),
            of: self.of,
        }
    }
}

/// A finding for each name: of the route where the sides differ most, or of all.
fn shares<'a>(
    sides: &Sides<'a>,
    attribute: &'static str,
    fields: impl Fn(&'a Record) -> &'a Vec<Field>,
) -> Vec<Finding> {
    let counts = |records: &[Vec<&'a Record>; 2]| {
        records
            .each_ref()
            .map(|records| Counts::of(records, |record| fields(record)))
    };
    let whole = counts(&sides.whole());
    let routes: Vec<(&Route<'a>, [Counts<'a>; 2])> = (sides.common())
        .map(|(route, records)| (route, counts(records)))
        .collect();
    let names = whole.iter().flat_map(|side| side.hits.keys());
    let names: BTreeSet<&String> = names.collect();
    let found = names.into_iter().map(|name| {
        let both = |[production, scenario]: &[Counts<'a>; 2]| Shares {
            production: production.share(name),
            scenario: scenario.share(name),
        };
        let of_all = both(&whole);
        let written = whole.iter().find_map(|side| side.names.get(name));
        let written = written.map_or(name.as_str(), |written| written);
        let by_route = routes.iter().map(|(route, counts)| (*route, both(counts)));
        let worst =
            by_route.max_by(|(_, one), (_, other)| severity(*one).total_cmp(&severity(*other)));
        match worst {
            // Where it is nowhere, no route says more.
            Some((route, of_route)) if of_all.scenario.hits > 0 && of_all.production.hits > 0 => {
                let on = format!("{written} on {} {}", route.0, route.1);
                finding(attribute, on, written, of_route)
            }
            _ => finding(attribute, written.to_owned(), written, of_all),
        }
    });
    found.collect()
}

/// How much a difference of shares tells: one that chance explains tells nothing.
fn severity(shares: Shares) -> f64 {
    if shares.may_be_equal() {
        0.0
    } else {
        shares.gap()
    }
}

fn finding(attribute: &'static str, on: String, name: &str, shares: Shares) -> Finding {
    let is_in = |share: Share| share.hits > 0;
    let verdict = match (is_in(shares.production), is_in(shares.scenario)) {
        (true, false) => Verdict::Missing,
        (false, true) => Verdict::Extra,
        _ if shares.gap() > ALIKE && !shares.may_be_equal() => Verdict::Different,
        _ => Verdict::Same,
    };
    let subject = if verdict == Verdict::Same {
        name.to_owned()
    } else {
        on
    };
    Finding {
        shares: Some(shares),
        ..Finding::new(verdict, attribute, subject, shares.words())
    }
}
