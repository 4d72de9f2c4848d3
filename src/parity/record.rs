//! A request as an audit looks at it: names, order, sizes and prints of values, never values. What tells how a client speaks, such as
//! `Accept-Encoding: gzip`, is kept as it stands.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::print::{Key, Print};
use crate::import::credentials_of_path;
use crate::traffic::redact::without_known_shapes;
use crate::traffic::route::{names_a_thing, route};
use crate::transport::http1::Incoming;

/// A request without its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When it began, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<i64>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Print>,
    /// The connection that carried it, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// Its method.
    pub method: String,
    /// Its path, with `*` for what names one thing of many.
    pub route: String,
    /// Parameters of its query, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<Field>,
    /// Its headers, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Field>,
    /// Its cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<Field>,
    /// Its body, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Print>,
}

/// A name with what is kept of its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field(pub String, pub Value);

/// What is kept of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// It is not known.
    Hidden,
    /// As it stood.
    Word(String),
    /// Its print.
    Print(Print),
}

/// Headers whose values tell how a client speaks, and nothing of who it is.
const SPOKEN: [&str; 9] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-type",
    "expect",
    "te",
    "transfer-encoding",
];
/// The longest such value.
const LONGEST_WORD: usize = 128;
/// The longest name that is kept as it stands.
const LONGEST_NAME: usize = 64;
/// The most parameters, and the most cookies, of a request.
const MOST: usize = 256;

impl Record {
    /// What is kept of a request.
    pub fn of(request: &Incoming, key: &Key) -> Self {
        let (path, query) = split(&request.target);
        let mut record = Self {
            method: name(&request.method),
            route: kept_route(path),
            query: query.map_or_else(Vec::new, |query| pairs(query, '&', key)),
            body: Some(Print {
                bytes: request.body_bytes,
                ..key.print(&request.body)
            }),
            ..Self::default()
        };
        for (name, value) in &request.fields {
            record.add_header(name, Some(value), key);
        }
        record
    }

    /// Adds a header; its value may be unknown.
    pub fn add_header(&mut self, given: &str, value: Option<&[u8]>, key: &Key) {
        let kept = match value {
            None => Value::Hidden,
            Some(value) => {
                word(given, value).map_or_else(|| Value::Print(key.print(value)), Value::Word)
            }
        };
        if let Some(value) = value
            && given.eq_ignore_ascii_case("cookie")
        {
            let text = String::from_utf8_lossy(value);
            self.cookies.extend(pairs(&text, ';', key));
            self.cookies.truncate(MOST);
        }
        self.headers.push(Field(name(given), kept));
    }

    /// What is kept of the first header of a name.
    pub fn header(&self, name: &str) -> Option<&Value> {
        let mut headers = self.headers.iter();
        let found = headers.find(|field| field.0.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }
}

/// Parameters of a query or cookies, by names and prints.
pub(super) fn pairs(text: &str, between: char, key: &Key) -> Vec<Field> {
    let pairs = text.split(between).map(str::trim);
    let pairs = pairs.filter(|pair| !pair.is_empty()).take(MOST);
    pairs
        .map(|pair| {
            let (name_of, value) = pair.split_once('=').unwrap_or((pair, ""));
            Field(name(name_of), Value::Print(key.print(value.as_bytes())))
        })
        .collect()
}

/// Path and query of what a request line names; of a URL those behind its host.
fn split(target: &str) -> (&str, Option<&str>) {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    }
}

/// A route without segments that may be somebody's.
pub(super) fn kept_route(path: &str) -> String {
    let mut kept = path.to_owned();
    for Range { start, end } in credentials_of_path(path).into_iter().rev() {
        // What stands behind it in its segment, such as the `==` of base64, is a part of it.
        let rest = kept[end..].find('/').unwrap_or(kept.len() - end);
        kept.replace_range(start..end + rest, "*");
    }
    route(&kept, |segment| {
        names_a_thing(segment) || segment.contains('@') || !is_plain(segment)
    })
}

/// A name as it stands; what is no name, as where a query is one token, becomes `*`.
fn name(text: &str) -> String {
    let is_name = text.len() <= LONGEST_NAME && is_plain(text) && !names_a_thing_as_name(text);
    if is_name {
        text.to_owned()
    } else {
        "*".to_owned()
    }
}

/// Names have numbers in them more often than segments of paths have.
fn names_a_thing_as_name(text: &str) -> bool {
    text.contains('@') || text.len() >= 16 && names_a_thing(text) && !is_of_words(text)
}

/// Whether a name is made of words of which some end in a number, such as `X-Hub-Signature-256`.
fn is_of_words(text: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.len() - letters.len() <= 3 && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits <= 4 && text.split(['-', '_', '.']).all(is_word)
}

/// Whether a text is printable ASCII and has no shape of a credential.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) && without_known_shapes(text) == text
}

/// The value of a header that tells how a client speaks, without the boundary of a multipart body.
fn word(name: &str, value: &[u8]) -> Option<String> {
    let is_spoken = SPOKEN
        .iter()
        .any(|spoken| spoken.eq_ignore_ascii_case(name));
    let text = std::str::from_utf8(value).ok().filter(|_| is_spoken)?;
    let text = match text.to_ascii_lowercase().find("boundary=") {
        Some(at) => text[..at].trim_end_matches([' ', ';']),
        None => text,
    };
    let is_word =
        |byte: u8| byte.is_ascii_alphanumeric() || b" !#$&'*+-.;/=,_^`|~\"".contains(&byte);
    let is_kept = text.len() <= LONGEST_WORD && text.bytes().all(is_word) && is_plain_list(text);
    is_kept.then(|| text.to_owned())
}

/// Whether none of the words of a value is long, names a thing or is a credential.
fn is_plain_list(text: &str) -> bool {
    let words = text.split([' ', ',', ';', '/', '=']);
    words
        .into_iter()
        .all(|word| word.len() <= 40 && !names_a_thing_as_name(word.trim_matches('"')))
        && without_known_shapes(text) == text
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
