//! Texts that stood at one place of many requests → a template, with columns for what differs. Pure.

use crate::import::mark;

/// A column of a feed: a value for each request, with marks.
pub(super) struct Column {
    pub(super) hint: String,
    pub(super) values: Vec<String>,
}

/// A part of a template.
pub(super) enum Part {
    /// The same in all, with marks.
    Same(String),
    /// One that differs.
    Differs(Column),
}

/// More parts that differ are one column.
const MOST: usize = 24;

/// What divides a text into parts that may differ by themselves.
const DIVIDERS: &[char] = &[
    '/', '?', '&', '=', ';', ',', ':', '"', '\'', '{', '}', '[', ']', '(', ')', '<', '>', '|',
    '\\', ' ', '\t', '\r', '\n',
];

/// The parts of texts of which there is one at least; `hint` names the place.
pub(super) fn parts(texts: &[&str], hint: &str) -> Vec<Part> {
    let first = texts[0];
    if texts.iter().all(|text| *text == first) {
        return vec![Part::Same(first.to_owned())];
    }
    let whole = || {
        let values = texts.iter().map(|text| (*text).to_owned()).collect();
        vec![Part::Differs(Column {
            hint: hint.to_owned(),
            values,
        })]
    };
    let split: Vec<Vec<&str>> = texts.iter().map(|text| tokens(text)).collect();
    let shape = &split[0];
    let is_alike = |other: &Vec<&str>| {
        other.len() == shape.len()
            && other
                .iter()
                .zip(shape)
                .all(|(a, b)| is_divider(a) == is_divider(b) && (!is_divider(a) || a == b))
    };
    if !split.iter().all(is_alike) {
        return whole();
    }
    let mut found: Vec<Part> = Vec::new();
    let mut differing = 0;
    let mut name = "";
    for (at, token) in shape.iter().enumerate() {
        if split.iter().all(|tokens| tokens[at] == *token) {
            if token.chars().any(char::is_alphabetic) && !mark::is_in(token) {
                name = token;
            }
            match found.last_mut() {
                Some(Part::Same(text)) => text.push_str(token),
                _ => found.push(Part::Same((*token).to_owned())),
            }
            continue;
        }
        differing += 1;
        let hint = if name.is_empty() || name.len() > 24 {
            hint.to_owned()
        } else {
            name.to_owned()
        };
        let values = split.iter().map(|tokens| tokens[at].to_owned()).collect();
        found.push(Part::Differs(Column { hint, values }));
    }
    if differing > MOST { whole() } else { found }
}

fn is_divider(token: &str) -> bool {
    token.starts_with(DIVIDERS)
}

/// Dividers one by one, and what stands between them, which may be empty; marks stay whole.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, divider) in text.match_indices(DIVIDERS) {
        found.push(&text[start..at]);
        found.push(divider);
        start = at + divider.len();
    }
    found.push(&text[start..]);
    found
}

/// What may be drawn anew for each request instead of repeated.
pub(super) fn generated(
    column: &Column,
    place: &str,
    times: &[Option<i64>],
) -> Option<&'static str> {
    let place = place.to_ascii_lowercase();
    let is_of_request = [
        "request-id",
        "requestid",
        "correlation",
        "idempotency",
        "trace-id",
    ]
    .iter()
    .any(|word| place.contains(word));
    let mut distinct = column.values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if is_of_request
        && distinct.len() == column.values.len()
        && distinct.iter().all(|value| is_uuid(value))
    {
        return Some("uuid");
    }
    now(&column.values.iter().map(String::as_str), times)
}

/// Whether values are the time of their requests, to ten minutes.
pub(super) fn now<'a>(
    values: &(impl Iterator<Item = &'a str> + Clone),
    times: &[Option<i64>],
) -> Option<&'static str> {
    let is_near = |digits: usize, unit: i64| {
        values.clone().zip(times).all(|(value, at)| {
            let number = value.parse::<i64>().ok().filter(|_| value.len() == digits);
            number
                .zip(*at)
                .is_some_and(|(number, at)| (number * unit - at).abs() < 600_000_000)
        })
    };
    if is_near(13, 1000) {
        return Some("now unix_ms");
    }
    is_near(10, 1_000_000).then_some("now unix")
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}
