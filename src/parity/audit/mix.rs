//! Which routes are asked for, how often, and with headers in which order.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Verdict};
use super::shape::{alike_within, told, variation};
use super::side::Sides;
use super::values::order;
use crate::parity::record::Record;

pub(super) fn findings(sides: &Sides<'_>) -> Vec<Finding> {
    let mut findings = vec![mix(sides)];
    findings.extend(order_of_headers(sides));
    findings
}

fn mix(sides: &Sides<'_>) -> Finding {
    let names: Vec<(String, [usize; 2])> = (sides.routes.iter())
        .map(|((method, route), both)| (format!("{method} {route}"), both.each_ref().map(Vec::len)))
        .collect();
    let shares = |at: usize| -> BTreeMap<&str, f64> {
        let of: usize = names.iter().map(|(_, counts)| counts[at]).sum();
        let names = names.iter().filter(|(_, counts)| counts[at] > 0);
        names
            .map(|(name, counts)| (name.as_str(), counts[at] as f64 / of as f64))
            .collect()
    };
    let of = [0, 1].map(|at| names.iter().map(|(_, counts)| counts[at]).sum());
    let (there, here) = (shares(0), shares(1));
    let (variation, rows) = variation(&there, &here);
    if variation > alike_within(&there, &here, of) {
        Finding::new(Verdict::Different, "mix", "methods and routes", told(&rows))
    } else {
        let words = format!("within {:.1} % of requests", variation * 100.0);
        Finding::new(Verdict::Same, "mix", "methods and routes", words)
    }
}

fn order_of_headers(sides: &Sides<'_>) -> Option<Finding> {
    if !sides.production.holds.order {
        return Some(Finding::unjudged(
            "headers",
            "order",
            "this source does not hold it",
        ));
    }
    let (route, both) = (sides.common()).max_by_key(|(_, both)| both[0].len())?;
    let names = |records: &[&Record]| -> BTreeSet<String> {
        let names = records.iter().flat_map(|record| &record.headers);
        names.map(|field| field.0.to_ascii_lowercase()).collect()
    };
    let (there, here) = (names(&both[0]), names(&both[1]));
    let common = |name: &str| there.contains(name) && here.contains(name);
    let [there, here] = both.each_ref().map(|records| order(records, &common));
    let (there, here) = (there?, here?);
    let subject = format!("order on {} {}", route.0, route.1);
    if there == here {
        let words = format!("{} headers in the same order", there.len());
        return Some(Finding::new(Verdict::Same, "headers", subject, words));
    }
    let words = format!("{} there; {} here", there.join(", "), here.join(", "));
    Some(Finding::new(Verdict::Different, "headers", subject, words))
}
