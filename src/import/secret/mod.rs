//! Credentials and persons in a sample → marks in their places, each with a value that may be shown instead. What is marked is decided
//! by `find`, with the rules that redact results and logs; here values are told apart, so that as many different ones stay
//! as there were: caches care. Values never leave this module but through [`Secrets::real`].

mod find;
mod stand_in;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use regex::{Regex, RegexBuilder};

use self::find::{Found, Kind};
use super::sample::{Body, CLOSE, Exchange, OPEN, Sample};
use crate::traffic::redact::{forms, is_sensitive_name};

/// What was taken out of a sample.
#[derive(Default)]
pub struct Secrets {
    list: Vec<Secret>,
    by_value: HashMap<String, usize>,
    /// The numbers of the values that were seen at each place.
    places: BTreeMap<String, Place>,
}

struct Secret {
    value: String,
    stand_in: String,
    /// The variable of the environment that fills it in, if one does.
    variable: Option<String>,
    kind: Kind,
    place: String,
}

struct Place {
    rule: &'static str,
    seen: BTreeSet<usize>,
    count: u64,
}

/// A line of the report: what was replaced, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Where it stood, such as `header Authorization`.
    pub place: String,
    /// The rule that found it.
    pub rule: &'static str,
    /// How many different values there were.
    pub distinct: usize,
    /// In how many places.
    pub count: u64,
    /// The variable of the environment that fills it in; without one there are generated values.
    pub variable: Option<String>,
}

// By hand: what it holds is secret.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("values", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Shorter values are not looked for where no rule points at them.
const SHORTEST: usize = 8;

/// Marks every credential and person in a sample.
pub fn take(sample: &mut Sample) -> Secrets {
    let mut secrets = Secrets::default();
    for exchange in &mut sample.exchanges {
        secrets.mark(exchange);
    }
    secrets.mark_again(&mut sample.exchanges);
    secrets.name();
    secrets
}

impl Secrets {
    /// Marks what the rules point at.
    fn mark(&mut self, exchange: &mut Exchange) {
        for header in &mut exchange.headers {
            if let Some(value) = &mut header.value {
                let found = find::header(&header.name, value);
                self.replace(value, found);
            }
        }
        let mut target = exchange.path.clone();
        if let Some(query) = &exchange.query {
            target += "?";
            target += query;
        }
        let found = find::target(&target);
        if !found.is_empty() {
            self.replace(&mut target, found);
            set_target(exchange, &target);
        }
        if let Body::Bytes(bytes) = &mut exchange.body
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            let found = find::body(text);
            if !found.is_empty() {
                let mut text = text.to_owned();
                self.replace(&mut text, found);
                *bytes = text.into_bytes();
            }
        }
    }

    fn replace(&mut self, text: &mut String, found: Vec<Found>) {
        if found.is_empty() {
            return;
        }
        let mut marked = String::with_capacity(text.len());
        let mut at = 0;
        for found in found {
            marked.push_str(&text[at..found.range.start]);
            let number = self.number(&text[found.range.clone()], &found);
            marked.push_str(&format!("{OPEN}{number}{CLOSE}"));
            at = found.range.end;
        }
        marked.push_str(&text[at..]);
        *text = marked;
    }

    fn number(&mut self, value: &str, found: &Found) -> usize {
        let next = self.list.len();
        let number = *self.by_value.entry(value.to_owned()).or_insert(next);
        if number == next {
            self.list.push(Secret {
                value: value.to_owned(),
                stand_in: String::new(),
                variable: None,
                kind: found.kind,
                place: found.place.clone(),
            });
        }
        let place = self
            .places
            .entry(found.place.clone())
            .or_insert_with(|| Place {
                rule: found.rule,
                seen: BTreeSet::new(),
                count: 0,
            });
        place.seen.insert(number);
        place.count += 1;
        number
    }

    /// Marks where a value that is known stands a second time, in whatever form, with no name before it.
    fn mark_again(&mut self, exchanges: &mut [Exchange]) {
        let known: Vec<usize> = (0..self.list.len())
            .filter(|&number| {
                self.list[number].value.len() >= SHORTEST && self.list[number].kind != Kind::Address
            })
            .collect();
        for chunk in known.chunks(1000) {
            let Some(pattern) = self.pattern(chunk) else {
                continue;
            };
            for exchange in exchanges.iter_mut() {
                self.mark_known(exchange, &pattern);
            }
        }
    }

    fn pattern(&self, numbers: &[usize]) -> Option<Regex> {
        let mut all: BTreeSet<String> = BTreeSet::new();
        for &number in numbers {
            let value = &self.list[number].value;
            all.insert(value.clone());
            let other = forms(value.as_bytes())
                .into_iter()
                .filter_map(|form| String::from_utf8(form).ok());
            all.extend(other.filter(|form| form.len() >= SHORTEST));
        }
        let mut all: Vec<String> = all.iter().map(|text| regex::escape(text)).collect();
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let pattern = RegexBuilder::new(&all.join("|"))
            .size_limit(256 << 20)
            .build();
        pattern.ok()
    }

    fn mark_known(&mut self, exchange: &mut Exchange, pattern: &Regex) {
        let again = |text: &str| -> Vec<Found> {
            pattern
                .find_iter(text)
                .map(|found| Found {
                    range: found.range(),
                    place: "elsewhere".to_owned(),
                    rule: "a value that is secret at another place",
                    kind: Kind::Credential,
                })
                .collect()
        };
        for value in exchange
            .headers
            .iter_mut()
            .filter_map(|header| header.value.as_mut())
        {
            let found = again(value);
            self.replace(value, found);
        }
        for text in [Some(&mut exchange.path), exchange.query.as_mut()]
            .into_iter()
            .flatten()
        {
            let found = again(text);
            self.replace(text, found);
        }
        if let Body::Bytes(bytes) = &mut exchange.body
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            let found = again(text);
            if !found.is_empty() {
                let mut text = text.to_owned();
                self.replace(&mut text, found);
                *bytes = text.into_bytes();
            }
        }
    }

    /// A variable for each credential that is alone at its places, generated values for all others.
    fn name(&mut self) {
        let alone = |number: usize| {
            let mut places = self
                .places
                .values()
                .filter(|place| place.seen.contains(&number));
            places.all(|place| place.seen.len() == 1)
        };
        // Only values that are alone somewhere can be alone everywhere.
        let candidates: BTreeSet<usize> = (self.places.values())
            .filter(|place| place.seen.len() == 1)
            .flat_map(|place| place.seen.iter().copied())
            .filter(|&number| alone(number))
            .collect();
        let mut taken = BTreeSet::new();
        let mut generated = BTreeSet::new();
        for (number, secret) in self.list.iter_mut().enumerate() {
            let seed = number as u64;
            secret.stand_in = stand_in::of(&secret.value, secret.kind, seed, |text| {
                generated.contains(text)
            });
            generated.insert(secret.stand_in.clone());
            let is_asked_for = match secret.place.strip_prefix("cookie ") {
                Some(cookie) => {
                    is_sensitive_name(cookie) || find::is_random(&secret.value, 16, 3.0)
                }
                None => true,
            };
            if secret.kind == Kind::Credential && is_asked_for && candidates.contains(&number) {
                let name = variable(&secret.place, &taken);
                taken.insert(name.clone());
                secret.variable = Some(name);
            }
        }
    }

    /// What was replaced, by place.
    pub fn report(&self) -> Vec<Replaced> {
        let places = self.places.iter().map(|(name, place)| Replaced {
            place: name.clone(),
            rule: place.rule,
            distinct: place.seen.len(),
            count: place.count,
            variable: match place.seen.first() {
                Some(&number) if place.seen.len() == 1 => self.list[number].variable.clone(),
                _ => None,
            },
        });
        places.collect()
    }

    /// The variable of the environment that stands for a mark, if one does.
    pub(super) fn variable(&self, number: usize) -> Option<&str> {
        self.list.get(number)?.variable.as_deref()
    }

    /// A text with generated values in the places of its marks.
    pub(super) fn shown(&self, text: &str) -> String {
        self.filled(text, |secret| &secret.stand_in)
    }

    /// A text as it was recorded. It goes to the file that the user asked for, and nowhere else.
    pub(super) fn real(&self, text: &str) -> String {
        self.filled(text, |secret| &secret.value)
    }

    fn filled<'a>(&'a self, text: &str, with: impl Fn(&'a Secret) -> &'a str) -> String {
        let mut whole = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => whole.push_str(text),
                Piece::Secret(number) => whole.push_str(self.list.get(number).map_or("", &with)),
                Piece::Variable(name) => whole.push_str(name),
            }
        }
        // A form of a value that was found again may hold marks of its own.
        if whole.contains(OPEN) {
            whole.replace([OPEN, CLOSE], "")
        } else {
            whole
        }
    }
}

/// A part of a marked text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it was recorded.
    Text(&'a str),
    /// A secret, by number.
    Secret(usize),
    /// A variable of the environment, by name.
    Variable(&'a str),
}

/// The parts of a marked text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(OPEN) {
        if open > 0 {
            found.push(Piece::Text(&rest[..open]));
        }
        let within = &rest[open + OPEN.len_utf8()..];
        let Some(close) = within.find(CLOSE) else {
            return found;
        };
        match within[..close].strip_prefix('$') {
            Some(name) => found.push(Piece::Variable(name)),
            None => found.extend(within[..close].parse().ok().map(Piece::Secret)),
        }
        rest = &within[close + CLOSE.len_utf8()..];
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// `header Authorization` → `AUTHORIZATION`, with a number where that is taken.
fn variable(place: &str, taken: &BTreeSet<String>) -> String {
    let name = place
        .strip_prefix("header ")
        .or_else(|| place.strip_prefix("query "));
    let name = name
        .or_else(|| place.strip_prefix("body "))
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
    while taken.contains(&name) {
        name = format!("{plain}_{number}");
        number += 1;
    }
    name
}

/// Path and query again, from one text.
fn set_target(exchange: &mut Exchange, target: &str) {
    match target.split_once('?') {
        Some((path, query)) => {
            exchange.path = path.to_owned();
            exchange.query = Some(query.to_owned());
        }
        None => {
            exchange.path = target.to_owned();
            exchange.query = None;
        }
    }
}
