//! How the values of one thing differ from request to request: how many there are, how long they are, what they are made of. Two sides
//! are compared at the same number of requests, for more requests have more values.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::f64::consts::FRAC_2_PI;

use crate::parity::print::{Alphabet, Print};
use crate::parity::record::Value;

/// A variation of shares up to this is alike.
const ALIKE: f64 = 0.1;

/// Values of fewer requests tell nothing.
pub(super) const FEWEST: usize = 20;
/// A few values.
const FEW: usize = 10;

/// The values of one thing on one side, in the order of the requests.
#[derive(Default)]
pub(super) struct Values<'a> {
    /// Each with who sent it.
    pub(super) list: Vec<(&'a Value, Option<Print>)>,
}

/// How values vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variety {
    /// There is one.
    Constant,
    /// There are two to ten.
    Few,
    /// Each client has one of its own.
    ByClient,
    /// Almost each request has another one.
    ByRequest,
    /// Anything else.
    Many,
}

impl Variety {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Few => "a few values",
            Self::ByClient => "a value for each client",
            Self::ByRequest => "a new value in almost each request",
            Self::Many => "many values that repeat",
        }
    }
}

/// What was counted of so many values of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) variety: Variety,
    pub(super) distinct: usize,
    pub(super) of: usize,
    pub(super) alphabet: Option<Alphabet>,
}

impl<'a> Values<'a> {
    pub(super) fn add(&mut self, value: &'a Value, client: Option<Print>) {
        if *value != Value::Hidden {
            self.list.push((value, client));
        }
    }

    /// The shape of `of` of them, which is at least one, from all over the list: neighbours are alike in what was recorded, and not in
    /// what is drawn.
    pub(super) fn shape(&self, of: usize) -> Shape {
        let of = of.min(self.list.len());
        let list: Vec<_> = (0..of)
            .map(|n| self.list[n * self.list.len() / of])
            .collect();
        let distinct: HashSet<&Value> = list.iter().map(|(value, _)| *value).collect();
        let prints = list.iter().map(|(value, _)| match value {
            Value::Print(print) => Some(print.alphabet),
            Value::Word(_) | Value::Hidden => None,
        });
        Shape {
            variety: variety(&list, distinct.len()),
            distinct: distinct.len(),
            of: list.len(),
            alphabet: prints.flatten().max(),
        }
    }

    /// How long all of them are, the shortest first.
    pub(super) fn lengths(&self) -> Vec<u64> {
        let mut lengths: Vec<u64> = (self.list.iter()).map(|(value, _)| length(value)).collect();
        lengths.sort_unstable();
        lengths
    }

    /// The share of each value that is known as it stands.
    pub(super) fn words(&self) -> BTreeMap<&'a str, f64> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (value, _) in &self.list {
            if let Value::Word(word) = value {
                *counts.entry(word).or_default() += 1;
            }
        }
        let of: usize = counts.values().sum();
        let shares = counts.into_iter();
        shares
            .map(|(word, count)| (word, count as f64 / of as f64))
            .collect()
    }
}

fn length(value: &Value) -> u64 {
    match value {
        Value::Hidden => 0,
        Value::Word(word) => word.len() as u64,
        Value::Print(print) => print.bytes,
    }
}

fn variety(list: &[(&Value, Option<Print>)], distinct: usize) -> Variety {
    if distinct <= 1 {
        return Variety::Constant;
    }
    let mut of_client: HashMap<Print, (usize, HashSet<&Value>)> = HashMap::new();
    for (value, client) in list {
        if let Some(client) = client {
            let of = of_client.entry(*client).or_default();
            of.0 += 1;
            of.1.insert(value);
        }
    }
    let again: Vec<_> = of_client.values().filter(|(count, _)| *count > 1).collect();
    let steady = again.iter().filter(|(_, values)| values.len() == 1).count();
    let is_steady = again.len() >= 2 && steady as f64 >= 0.95 * again.len() as f64;
    if is_steady && distinct > FEW.min(of_client.len() / 2) {
        Variety::ByClient
    } else if distinct <= FEW && distinct * 2 <= list.len() {
        Variety::Few
    } else if distinct as f64 >= 0.9 * list.len() as f64 {
        Variety::ByRequest
    } else {
        Variety::Many
    }
}

/// Half the sum of the differences of shares, from 0 (alike) to 1, and the three largest differences.
pub(super) fn variation<'a>(
    production: &BTreeMap<&'a str, f64>,
    scenario: &BTreeMap<&'a str, f64>,
) -> (f64, Vec<(&'a str, f64, f64)>) {
    let names: std::collections::BTreeSet<&&str> =
        production.keys().chain(scenario.keys()).collect();
    let share = |of: &BTreeMap<&str, f64>, name: &str| of.get(name).copied().unwrap_or(0.0);
    let mut rows: Vec<(&str, f64, f64)> = names
        .into_iter()
        .map(|name| (*name, share(production, name), share(scenario, name)))
        .collect();
    let distance = |row: &(&str, f64, f64)| (row.1 - row.2).abs();
    let half = rows.iter().map(distance).sum::<f64>() / 2.0;
    rows.sort_by(|one, other| distance(other).total_cmp(&distance(one)));
    rows.retain(|row| distance(row) > 0.0);
    rows.truncate(3);
    (half, rows)
}

/// The variation up to which shares of so many requests of each side are alike: a tenth, or what two draws of one mix keep below in 95 of 100
/// cases, which is its expectation for shares that are normal and by how much it exceeds that (McDiarmid's inequality).
pub(super) fn alike_within(
    production: &BTreeMap<&str, f64>,
    scenario: &BTreeMap<&str, f64>,
    of: [usize; 2],
) -> f64 {
    let [there, here] = of.map(|count| count.max(1) as f64);
    let spread = 1.0 / there + 1.0 / here;
    let mut pooled: BTreeMap<&str, f64> = BTreeMap::new();
    for (shares, count) in [(production, there), (scenario, here)] {
        for (name, share) in shares {
            *pooled.entry(name).or_default() += share * count / (there + here);
        }
    }
    let expected = pooled
        .values()
        .map(|share| (share * (1.0 - share).max(0.0) * spread * FRAC_2_PI).sqrt());
    let chance = expected.sum::<f64>() / 2.0 + (20_f64.ln() / 2.0 * spread).sqrt();
    chance.max(ALIKE)
}

/// The largest differences in words.
pub(super) fn told(rows: &[(&str, f64, f64)]) -> String {
    let rows = rows.iter().map(|(name, production, scenario)| {
        format!(
            "{name} {:.1} % of production, {:.1} % here",
            production * 100.0,
            scenario * 100.0
        )
    });
    rows.collect::<Vec<_>>().join("; ")
}
