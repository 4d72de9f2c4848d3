//! Names of variables of the environment: those that commands name keep theirs, and whatever else is asked for gets one that is free. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::mark::{self, Piece, pieces};
use crate::import::sample::{Body, Exchange, Sample};

/// Names that are taken.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Gives a variable to each value that the sources do not have.
    pub(super) fn fill_in(sample: &mut Sample, is_sent: &impl Fn(&Exchange) -> bool) -> Self {
        let mut names = Self(BTreeSet::new());
        for exchange in &sample.exchanges {
            names.take(exchange);
        }
        let mut given: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut hidden = BTreeSet::new();
        for exchange in sample.exchanges.iter_mut() {
            if !is_sent(exchange) {
                continue;
            }
            for header in &mut exchange.headers {
                let asked = match &header.value {
                    None => {
                        hidden.insert(header.name.clone());
                        (header.name.to_ascii_lowercase(), String::new())
                    }
                    Some(value) => match pieces(value).next() {
                        Some(Piece::Asked { name, of }) => (name.to_owned(), of.to_owned()),
                        _ => continue,
                    },
                };
                let name = given
                    .entry(asked)
                    .or_insert_with_key(|asked| names.free(&asked.0));
                header.value = Some(mark::variable(name));
            }
        }
        for name in hidden {
            sample.note(format!("the values of `{name}` are hidden in the source: the scenario asks the environment for one"));
        }
        names
    }

    /// Notes which variables a request names.
    fn take(&mut self, exchange: &Exchange) {
        let values = exchange
            .headers
            .iter()
            .filter_map(|header| header.value.as_deref());
        let body = match &exchange.body {
            Body::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        let target = [
            Some(exchange.path.as_str()),
            exchange.query.as_deref(),
            body,
        ];
        for text in values
            .chain(target.into_iter().flatten())
            .filter(|text| mark::is_in(text))
        {
            let names = pieces(text).filter_map(|piece| match piece {
                Piece::Variable(name) => Some(name.to_owned()),
                _ => None,
            });
            self.0.extend(names);
        }
    }

    /// `header Authorization` → `AUTHORIZATION`, with a number where that is taken.
    pub(super) fn free(&mut self, place: &str) -> String {
        let name = ["header ", "query ", "body "]
            .iter()
            .find_map(|prefix| place.strip_prefix(prefix))
            .unwrap_or(place);
        let mut plain: String = (name.chars().take(48))
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        if !plain.starts_with(|c: char| c.is_ascii_alphabetic()) {
            plain.insert_str(0, "SECRET_");
        }
        let mut name = plain.clone();
        let mut number = 2;
        while self.0.contains(&name) {
            name = format!("{plain}_{number}");
            number += 1;
        }
        self.0.insert(name.clone());
        name
    }
}
