//! Credentials and persons in a sample → marks in their places, each with a value that may be shown instead. What is marked is decided
//! by `find`, with the rules that redact results and logs; here values are told apart, so that as many different ones stay
//! as there were: caches care. Values never leave this module but through [`Secrets::real`].

mod again;
mod find;
mod name;
mod path;
mod randomness;
mod stand_in;
#[cfg(test)]
mod tests;
mod unescaped;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;

use self::again::Known;
use self::find::{Found, Kind};
use self::name::Names;
use self::randomness::is_random;
use super::mark::{self, Piece, pieces};
use super::sample::{Body, Exchange, Sample};
use crate::traffic::redact::is_sensitive_name;

/// What was taken out of a sample.
#[derive(Default)]
pub(super) struct Secrets {
    list: Vec<Secret>,
    by_value: HashMap<String, usize>,
    /// The numbers of the values that were seen at each place.
    places: BTreeMap<String, Place>,
    /// Whether what is found now is sent later.
    is_sent: bool,
}

struct Secret {
    value: String,
    stand_in: String,
    /// The variable of the environment that fills it in, if one does.
    variable: Option<String>,
    kind: Kind,
    place: String,
    /// Whether it stands in what is sent.
    is_sent: bool,
}

struct Place {
    rule: &'static str,
    seen: BTreeSet<usize>,
    count: u64,
}

/// Where segments of a path are credentials, such as what follows `/reset/`; in order, and apart from each other.
pub fn credentials_of_path(path: &str) -> Vec<Range<usize>> {
    let found = path::credentials(path).into_iter();
    let mut found: Vec<Range<usize>> = found.map(|(range, _)| range).collect();
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, kept| next.start < kept.end);
    found
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

/// The place of what is found again.
const ELSEWHERE: &str = "elsewhere";

/// Marks every credential and person in a sample. All of it is searched, for what one request names another one may repeat;
/// counted is what `is_sent` later.
pub(super) fn take(sample: &mut Sample, is_sent: impl Fn(&Exchange) -> bool) -> Secrets {
    let mut secrets = Secrets::default();
    let names = Names::fill_in(sample, &is_sent);
    for exchange in &mut sample.exchanges {
        secrets.is_sent = is_sent(exchange);
        secrets.mark(exchange);
    }
    let known = secrets.known();
    for exchange in &mut sample.exchanges {
        secrets.is_sent = is_sent(exchange);
        secrets.mark_again(exchange, &known);
    }
    if !known.has_forms {
        sample.note("so many or so long values are secret that they are looked for as they were recorded alone, and not in other ways of writing them (percent-encoded, base64, hexadecimal)");
    }
    secrets.name(names);
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
        self.mark_body(&mut exchange.body, find::body);
    }

    fn mark_body(&mut self, body: &mut Body, find: impl Fn(&str) -> Vec<Found>) {
        if let Body::Bytes(bytes) = body
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            let found = find(text);
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
            marked.push_str(&mark::secret(number));
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
                is_sent: false,
            });
        }
        if !self.is_sent {
            return number;
        }
        let was_sent = std::mem::replace(&mut self.list[number].is_sent, true);
        // What is told already needs no second line.
        if found.place != ELSEWHERE || !was_sent {
            let place = self.places.entry(found.place.clone());
            let place = place.or_insert_with(|| Place {
                rule: found.rule,
                seen: BTreeSet::new(),
                count: 0,
            });
            place.seen.insert(number);
            place.count += 1;
        }
        number
    }

    /// What is looked for a second time.
    fn known(&self) -> Known {
        let secret = self.list.iter();
        let secret = secret.filter(|secret| secret.kind != Kind::Address && !is_key(&secret.value));
        Known::of(secret.map(|secret| secret.value.as_str()))
    }

    /// Marks where a value that is known stands with no name before it.
    fn mark_again(&mut self, exchange: &mut Exchange, known: &Known) {
        let again = |text: &str| -> Vec<Found> {
            let found = |range: Range<usize>| {
                let within = known.find(&text[range.clone()]).into_iter();
                within.map(move |found| Found {
                    range: range.start + found.start..range.start + found.end,
                    place: ELSEWHERE.to_owned(),
                    rule: "a value that is secret at another place",
                    kind: Kind::Credential,
                })
            };
            mark::recorded(text).into_iter().flat_map(found).collect()
        };
        let values = exchange.headers.iter_mut();
        let values = values.filter_map(|header| header.value.as_mut());
        let target = [Some(&mut exchange.path), exchange.query.as_mut()];
        for text in values.chain(target.into_iter().flatten()) {
            let found = again(text);
            self.replace(text, found);
        }
        self.mark_body(&mut exchange.body, again);
    }

    /// A variable for each credential that is alone at its places, generated values for all others.
    fn name(&mut self, mut names: Names) {
        let mut is_alone: Vec<bool> = self.list.iter().map(|secret| secret.is_sent).collect();
        for place in self.places.values().filter(|place| place.seen.len() > 1) {
            place
                .seen
                .iter()
                .for_each(|&number| is_alone[number] = false);
        }
        let mut generated = BTreeSet::new();
        for (number, secret) in self.list.iter_mut().enumerate() {
            let seed = number as u64;
            secret.stand_in = stand_in::of(&secret.value, secret.kind, seed, |text| {
                generated.contains(text)
            });
            generated.insert(secret.stand_in.clone());
            let is_asked_for = match secret.place.strip_prefix("cookie") {
                Some(name) => is_sensitive_name(name) || is_random(&secret.value, 16, 3.0),
                None => true,
            };
            if secret.kind == Kind::Credential && is_asked_for && is_alone[number] {
                secret.variable = Some(names.free(&secret.place));
            }
        }
    }

    /// What was replaced, by place.
    pub(super) fn report(&self) -> Vec<Replaced> {
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

    fn filled<'a>(&'a self, text: &'a str, with: impl Fn(&'a Secret) -> &'a str) -> String {
        let parts = pieces(text).map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Secret(number) => self.list.get(number).map_or("", &with),
            Piece::Variable(name) | Piece::Asked { name, .. } => name,
        });
        parts.collect()
    }
}

/// Whether a value is such as keys are: `"password": "password"` makes no secret of every key of that name.
fn is_key(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-')
        && (is_sensitive_name(&lower) || lower.ends_with("name") || lower.ends_with("mail"))
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
