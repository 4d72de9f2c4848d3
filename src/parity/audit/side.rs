//! The two sides of an audit, whole and by route.

use std::collections::BTreeMap;

use crate::import::Holds;
use crate::parity::record::Record;

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
    /// What of it was not looked at, and what else a reader should know.
    pub notes: Vec<String>,
}

/// How many requests a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// As the records say.
    Recorded,
    /// So many connections at most, which are kept for the whole load.
    Kept(u32),
    /// Each request has its own.
    ForEach,
}

/// A method with a route.
pub(super) type Route<'a> = (&'a str, &'a str);

/// Both sides, whole and by route.
pub(super) struct Sides<'a> {
    pub(super) production: &'a Side,
    pub(super) scenario: &'a Side,
    /// Requests of production and of the scenario.
    pub(super) routes: BTreeMap<Route<'a>, [Vec<&'a Record>; 2]>,
}

impl<'a> Sides<'a> {
    pub(super) fn of(production: &'a Side, scenario: &'a Side) -> Self {
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
    pub(super) fn whole(&self) -> [Vec<&'a Record>; 2] {
        [
            self.production.records.iter().collect(),
            self.scenario.records.iter().collect(),
        ]
    }

    /// Routes that both sides have.
    pub(super) fn common(&self) -> impl Iterator<Item = (&Route<'a>, &[Vec<&'a Record>; 2])> {
        let routes = self.routes.iter();
        routes.filter(|(_, [production, scenario])| !production.is_empty() && !scenario.is_empty())
    }
}
