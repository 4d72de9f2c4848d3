//! Where credentials and persons stand in a request: by the name before them, by their shape, and by how random they look under a
//! name that may be one of a credential. Pure; it rather finds too much.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::import::sample::{CLOSE, OPEN};
use crate::traffic::redact::{credentials, is_sensitive_name};

/// What stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    /// Such as `header Authorization`.
    pub(super) place: String,
    pub(super) rule: &'static str,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Credential,
    Person,
    /// The address of a client.
    Address,
    /// An address of e-mail.
    Mail,
}

const BY_NAME: &str = "by its name";
const BY_SHAPE: &str = "by its shape or the name before it";
const BY_RANDOMNESS: &str = "random characters under a name that may be one of a credential";
const PERSON: &str = "a person";

/// Headers that name the client.
const ADDRESSES: [&str; 9] = [
    "x-forwarded-for",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "forwarded",
    "x-client-ip",
    "fastly-client-ip",
    "x-original-forwarded-for",
    "x-remote-ip",
];

/// Segments of a path behind which a credential stands.
const BEFORE: [&str; 11] = [
    "reset",
    "verify",
    "confirm",
    "activate",
    "invite",
    "token",
    "tokens",
    "unsubscribe",
    "magic",
    "webhooks",
    "services",
];

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}")
});
static SUSPECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?P<name>[a-z0-9_.\-]*(?:key|token|secret|pass|code|state|sig|auth)[a-z0-9_\-]*)(?:\\?["'])?\s*(?:[:=]|%3d)\s*(?:\\?["'])?(?P<value>[a-z0-9+/_.~=%\-]{20,})"#,
    )
});
static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)[a-z0-9._+\-]+(?:@|%40)[a-z0-9\-]+(?:\.[a-z0-9\-]+)*\.[a-z]{2,}")
});
static PHONE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\+|%2[Bb])[1-9](?:[ ().\-]?\d){7,14}\b"));
static CARD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[3-6]\d{3}(?:[ \-]?\d){9,15}\b"));
static OF_PERSON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[^a-z0-9])(?P<name>user_?name|login|first_?name|last_?name|sur_?name|full_?name|phone(?:_?number)?|mobile|e?_?mail|birth_?(?:date|day)|dob|ssn|iban|street|passport)(?:\\?["'])?\s*[:=]\s*(?:\\?["'](?P<quoted>[^"'\\]+)|(?P<plain>[^\s"'&,;{}\[\]<>\\]+))"#,
    )
});
static NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"([A-Za-z][A-Za-z0-9_.\-]*)[^A-Za-z0-9]{0,12}$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

/// In the value of a header.
pub(super) fn header(name: &str, value: &str) -> Vec<Found> {
    let lower = name.to_ascii_lowercase();
    let found = if lower == "cookie" {
        cookies(value)
    } else if is_sensitive_name(name) || lower == "x-client-data" {
        let start = scheme(value);
        let range = start..value.len();
        vec![Found {
            range,
            place: format!("header {name}"),
            rule: BY_NAME,
            kind: Kind::Credential,
        }]
    } else if ADDRESSES.contains(&lower.as_str()) {
        let addresses = ADDRESS.find_iter(value).map(|found| Found {
            range: found.range(),
            place: format!("header {name}"),
            rule: PERSON,
            kind: Kind::Address,
        });
        addresses.collect()
    } else {
        in_text(value, &format!("header {name}"))
    };
    sound(value, found)
}

/// In a path with its query.
pub(super) fn target(target: &str) -> Vec<Found> {
    let mut found = in_text(target, "query");
    let path = target.split('?').next().unwrap_or_default();
    let mut at = 0;
    let mut before = "";
    for segment in path.split('/') {
        let is_behind =
            BEFORE.contains(&before.to_ascii_lowercase().as_str()) || is_sensitive_name(before);
        if is_behind && is_random(segment, 12, 2.5) {
            found.push(Found {
                range: at..at + segment.len(),
                place: format!("path {before}"),
                rule: BY_RANDOMNESS,
                kind: Kind::Credential,
            });
        }
        at += segment.len() + 1;
        before = segment;
    }
    sound(target, found)
}

/// In a body that is text.
pub(super) fn body(text: &str) -> Vec<Found> {
    sound(text, in_text(text, "body"))
}

/// Every value of every cookie; those of three characters and less are settings.
fn cookies(value: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    for pair in value.split(';') {
        let name = pair.split('=').next().unwrap_or_default();
        let start = if name.len() < pair.len() {
            at + name.len() + 1
        } else {
            at
        };
        let end = at + pair.len();
        let text = &value[start..end];
        let start = start + (text.len() - text.trim_start_matches([' ', '"']).len());
        let end = end.max(start)
            - (value[start..end.max(start)].len()
                - value[start..end.max(start)]
                    .trim_end_matches([' ', '"'])
                    .len());
        if end - start > 3 {
            found.push(Found {
                range: start..end,
                place: format!("cookie {}", name.trim()),
                rule: BY_NAME,
                kind: Kind::Credential,
            });
        }
        at += pair.len() + 1;
    }
    found
}

/// Where the credential begins behind a scheme such as `Bearer `.
fn scheme(value: &str) -> usize {
    match value.split_once(' ') {
        Some((word, rest))
            if word.len() <= 12
                && !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphabetic())
                && !rest.is_empty() =>
        {
            word.len() + 1
        }
        _ => 0,
    }
}

fn in_text(text: &str, place: &str) -> Vec<Found> {
    let named = |start: usize| {
        let mut from = start.saturating_sub(80);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let name = NAME
            .captures(&text[from..start])
            .map(|found| found[1].to_owned());
        match name {
            Some(name) if !place.starts_with("header") => format!("{place} {name}"),
            _ => place.to_owned(),
        }
    };
    let mut found: Vec<Found> = (credentials(text).into_iter())
        .map(|range| Found {
            place: named(range.start),
            range,
            rule: BY_SHAPE,
            kind: Kind::Credential,
        })
        .collect();
    for suspect in SUSPECT.captures_iter(text) {
        if let Some(value) = suspect
            .name("value")
            .filter(|value| is_random(value.as_str(), 20, 3.5))
        {
            found.push(Found {
                place: named(value.start()),
                range: value.range(),
                rule: BY_RANDOMNESS,
                kind: Kind::Credential,
            });
        }
    }
    for (pattern, kind) in [(&MAIL, Kind::Mail), (&PHONE, Kind::Person)] {
        found.extend(pattern.find_iter(text).map(|person| Found {
            place: named(person.start()),
            range: person.range(),
            rule: PERSON,
            kind,
        }));
    }
    let cards = CARD.find_iter(text).filter(|card| is_card(card.as_str()));
    found.extend(cards.map(|card| Found {
        place: named(card.start()),
        range: card.range(),
        rule: PERSON,
        kind: Kind::Person,
    }));
    if !place.starts_with("header") {
        for person in OF_PERSON.captures_iter(text) {
            if let Some(value) = person.name("quoted").or_else(|| person.name("plain")) {
                found.push(Found {
                    place: named(value.start()),
                    range: value.range(),
                    rule: PERSON,
                    kind: Kind::Person,
                });
            }
        }
    }
    found
}

/// In order and apart from each other, without what is filled in later.
fn sound(text: &str, found: Vec<Found>) -> Vec<Found> {
    let mut found: Vec<Found> = found
        .into_iter()
        .flat_map(|found| outside_marks(text, found))
        .collect();
    found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut apart: Vec<Found> = Vec::new();
    for next in found {
        match apart.last_mut() {
            Some(last) if next.range.start < last.range.end => {
                last.range.end = last.range.end.max(next.range.end);
            }
            _ => apart.push(next),
        }
    }
    apart
}

/// What a variable of the environment fills in is no secret here.
fn outside_marks(text: &str, found: Found) -> Vec<Found> {
    let within = &text[found.range.clone()];
    if !within.contains(OPEN) {
        return if within.is_empty() {
            Vec::new()
        } else {
            vec![found]
        };
    }
    let mut apart = Vec::new();
    let mut at = 0;
    for piece in within.split_inclusive(CLOSE) {
        let plain = piece.split(OPEN).next().unwrap_or_default();
        if plain.chars().any(char::is_alphanumeric) {
            let start = found.range.start + at;
            apart.push(Found {
                range: start..start + plain.len(),
                ..found.clone()
            });
        }
        at += piece.len();
    }
    apart
}

/// Whether a text is so long and holds so many bits a character.
pub(super) fn is_random(text: &str, length: usize, bits: f64) -> bool {
    if text.len() < length || text.contains(OPEN) {
        return false;
    }
    let mut counts: HashMap<u8, f64> = HashMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_default() += 1.0;
    }
    let length = text.len() as f64;
    let entropy: f64 = counts
        .values()
        .map(|count| -(count / length) * (count / length).log2())
        .sum();
    entropy >= bits
}

/// Whether digits are those of a card (Luhn).
fn is_card(text: &str) -> bool {
    let digits = text
        .bytes()
        .rev()
        .filter(u8::is_ascii_digit)
        .map(|byte| u32::from(byte - b'0'));
    let mut count = 0;
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| {
            count = at + 1;
            if at % 2 == 0 {
                digit
            } else if digit > 4 {
                digit * 2 - 9
            } else {
                digit * 2
            }
        })
        .sum();
    (13..=19).contains(&count) && sum.is_multiple_of(10)
}
