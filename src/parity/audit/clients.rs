//! Who asks, how often, and over how many connections.

use std::collections::HashMap;

use super::finding::{Finding, Verdict};
use super::shape::FEWEST;
use super::side::{Connections, Side, Sides};
use crate::parity::print::Print;
use crate::parity::record::{Record, Value};

/// Takes the value of a header for who sent a request.
pub(super) fn by_header(side: &mut Side, header: &str) {
    for record in &mut side.records {
        record.client = match record.header(header) {
            Some(Value::Print(print)) => Some(*print),
            _ => None,
        };
    }
    side.holds.client = side.records.iter().any(|record| record.client.is_some());
}

pub(super) fn findings(sides: &Sides<'_>) -> Vec<Finding> {
    vec![
        clients(sides),
        connections(sides.production, sides.scenario),
    ]
}

fn clients(sides: &Sides<'_>) -> Finding {
    let subject = "distinct clients";
    let unjudged = |why: &str| Finding::unjudged("clients", subject, why);
    let known = sides.whole().map(|records| {
        let clients = records.iter().filter_map(|record: &&Record| record.client);
        clients.collect::<Vec<Print>>()
    });
    let of = known[0].len().min(known[1].len());
    if known[0].is_empty() {
        return unjudged(
            "this source does not tell them apart; --client-header names a header that does",
        );
    }
    if known[1].is_empty() {
        return unjudged(
            "the scenario has no fleet; --client-header names a header that tells clients apart",
        );
    }
    if of < FEWEST {
        return unjudged("too few requests are known with it");
    }
    let [there, here] = known.map(|clients| Busy::of(&clients[..of]));
    let words = format!(
        "{} in {of} requests there, the busiest with {:.1} % of them; {} and {:.1} % here",
        there.distinct,
        there.most * 100.0,
        here.distinct,
        here.most * 100.0
    );
    let ratio = there.distinct as f64 / here.distinct as f64;
    let is_alike = (0.5..=2.0).contains(&ratio) && (there.most - here.most).abs() < 0.1;
    let verdict = if is_alike {
        Verdict::Same
    } else {
        Verdict::Different
    };
    Finding::new(verdict, "clients", subject, words)
}

struct Busy {
    distinct: usize,
    /// Share of the busiest.
    most: f64,
}

impl Busy {
    fn of(clients: &[Print]) -> Self {
        let mut counts: HashMap<&Print, usize> = HashMap::new();
        for client in clients {
            *counts.entry(client).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        Self {
            distinct: counts.len(),
            most: most as f64 / clients.len().max(1) as f64,
        }
    }
}

fn connections(production: &Side, scenario: &Side) -> Finding {
    let subject = "requests per connection";
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for connection in production
        .records
        .iter()
        .filter_map(|record| record.connection)
    {
        *counts.entry(connection).or_default() += 1;
    }
    if counts.is_empty() {
        return Finding::unjudged(
            "connections",
            subject,
            "this source does not tell them apart",
        );
    }
    let requests: usize = counts.values().sum();
    let mean = requests as f64 / counts.len() as f64;
    let (is_alike, here) = match scenario.connections {
        Connections::ForEach => (mean < 1.2, "1 here"),
        // As many as the scenario may have may all have been kept.
        Connections::Kept(most) => (
            mean >= 20.0 || counts.len() <= most as usize,
            "here connections are kept for the whole load",
        ),
        Connections::Recorded => {
            return Finding::unjudged("connections", subject, "the scenario was not planned");
        }
    };
    let verdict = if is_alike {
        Verdict::Same
    } else {
        Verdict::Different
    };
    let words = format!(
        "{mean:.1} there ({requests} requests over {} connections), {here}",
        counts.len()
    );
    Finding::new(verdict, "connections", subject, words)
}
