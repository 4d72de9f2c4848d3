//! Where credentials and persons stand in a request: by the name before them, by their shape, and by how random they look under a
//! name that may be one of a credential. Pure; it rather finds too much.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::path;
use super::randomness::is_random;
use super::unescaped::Unescaped;
use crate::import::mark;
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

/// Headers in which gateways and proxies say who asks.
const PERSONS: [&str; 16] = [
    "remote-user",
    "x-remote-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-authenticated-user",
    "x-webauth-user",
    "x-user",
    "x-username",
    "x-user-name",
    "x-user-email",
    "x-ms-client-principal-name",
    "from",
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
        r#"(?i)(?:^|[^a-z0-9])(?P<name>user[_\- ]?name|login|first[_\- ]?name|last[_\- ]?name|sur_?name|full[_\- ]?name|phone(?:_?number)?|mobile|e?_?mail|birth_?(?:date|day)|dob|ssn|iban|street|passport)(?:\\?["'])?\s*[:=]\s*(?:\\?["'](?P<quoted>[^"'\\]+)|(?P<plain>[^\s"'&,;{}\[\]<>\\]+))"#,
    )
});
/// A name and what divides it from the value that follows.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[^A-Za-z0-9_.\-])(?P<name>[A-Za-z][A-Za-z0-9_.\-]{0,47})(?:(?:\\*["']|%22)\s{0,4}(?:[:=]|%3[AaDd])|\]?(?:=|%3[Dd])|(?P<colon>:))\s{0,4}(?:\\*["'\[]|%22){0,4}(?:Bearer |Basic )?$"#,
    )
});
/// The name of a part of a form.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?s)form-data;\s*name=\\*"(?P<name>[A-Za-z][A-Za-z0-9_.\-]{0,47})\\*"[^\n]{0,80}\s*$"#,
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

/// In the value of a header.
pub(super) fn header(name: &str, value: &str) -> Vec<Found> {
    let lower = name.to_ascii_lowercase();
    let whole = |start: usize, rule, kind| {
        vec![Found {
            range: start..value.len(),
            place: format!("header {name}"),
            rule,
            kind,
        }]
    };
    let found = if lower == "cookie" {
        cookies(value)
    } else if is_sensitive_name(name) || lower == "x-client-data" {
        whole(scheme(value), BY_NAME, Kind::Credential)
    } else if may_name_a_credential(&lower) && is_token(value) {
        whole(0, BY_RANDOMNESS, Kind::Credential)
    } else if PERSONS.contains(&lower.as_str()) {
        whole(0, PERSON, Kind::Person)
    } else if ADDRESSES.contains(&lower.as_str()) {
        let addresses = ADDRESS.find_iter(value).map(|found| Found {
            range: found.range(),
            place: format!("header {name}"),
            rule: PERSON,
            kind: Kind::Address,
        });
        addresses.collect()
    } else {
        return in_text(value, &format!("header {name}"));
    };
    sound(value, &found)
}

/// Whether a header may be one of a credential, as `Ocp-Apim-Subscription-Key` is. Keys of idempotency are new in each request, and stay so.
fn may_name_a_credential(lower: &str) -> bool {
    const WORDS: [&str; 5] = ["key", "code", "state", "sig", "auth"];
    WORDS.iter().any(|word| lower.contains(word))
        && !lower.contains("idempotency")
        && lower != "authority"
}

/// Whether a whole value is one random word.
fn is_token(value: &str) -> bool {
    let is_in_one = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_.~=%-".contains(&byte);
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
    is_random(value, 20, 3.5)
        && value.bytes().all(is_in_one)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}

/// In a path with its query.
pub(super) fn target(target: &str) -> Vec<Found> {
    in_text(target, "query")
}

/// In a body that is text.
pub(super) fn body(text: &str) -> Vec<Found> {
    in_text(text, "body")
}

/// Every value of every cookie; those of three characters and less are settings.
fn cookies(value: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    for pair in value.split(';') {
        let (name, start) = match pair.find('=') {
            Some(length) => (pair[..length].trim(), at + length + 1),
            // All of it is the value.
            None => ("", at),
        };
        let text = &value[start..at + pair.len()];
        let is_around: &[char] = &[' ', '"'];
        let start = start + (text.len() - text.trim_start_matches(is_around).len());
        let text = text.trim_matches(is_around);
        if text.len() > 3 {
            found.push(Found {
                range: start..start + text.len(),
                place: match shown(name) {
                    Some(name) => format!("cookie {name}"),
                    None => "cookie".to_owned(),
                },
                rule: BY_NAME,
                kind: Kind::Credential,
            });
        }
        at += pair.len() + 1;
    }
    found
}

/// A name that may be told: one with many digits may be a value.
fn shown(name: &str) -> Option<&str> {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_one = (1..=48).contains(&name.len()) && digits < 4 && name.bytes().all(is_plain);
    is_one.then_some(name)
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

fn in_text(original: &str, place: &str) -> Vec<Found> {
    let plain = Unescaped::of(original);
    let text = &*plain.text;
    let is_header = place.starts_with("header");
    let at = |range: Range<usize>, rule, kind| Found {
        range,
        place: place.to_owned(),
        rule,
        kind,
    };
    let mut found: Vec<Found> = (credentials(text).into_iter())
        .map(|range| at(range, BY_SHAPE, Kind::Credential))
        .collect();
    let suspects = SUSPECT
        .captures_iter(text)
        .filter_map(|suspect| suspect.name("value"));
    let suspects = suspects.filter(|value| is_random(value.as_str(), 20, 3.5));
    found.extend(suspects.map(|value| at(value.range(), BY_RANDOMNESS, Kind::Credential)));
    for (pattern, kind) in [(&MAIL, Kind::Mail), (&PHONE, Kind::Person)] {
        found.extend(
            pattern
                .find_iter(text)
                .map(|person| at(person.range(), PERSON, kind)),
        );
    }
    let cards = CARD.find_iter(text).filter(|card| is_card(card.as_str()));
    found.extend(cards.map(|card| at(card.range(), PERSON, Kind::Person)));
    if !is_header {
        let persons = OF_PERSON.captures_iter(text);
        let persons = persons.filter_map(|person| person.name("quoted").or(person.name("plain")));
        found.extend(persons.map(|value| at(value.range(), PERSON, Kind::Person)));
    }
    let mut found = sound(text, &found);
    if !is_header {
        // Only now it is known which names are values themselves.
        for at in 0..found.len() {
            let name = named(text, found[at].range.start);
            let is_value = |name: &Range<usize>| at > 0 && found[at - 1].range.end > name.start;
            if let Some(name) = name.filter(|name| !is_value(name))
                && let Some(name) = shown(&text[name])
            {
                found[at].place = format!("{place} {name}");
            }
        }
    }
    found.extend(path::credentials(text).into_iter().map(|(range, before)| {
        let place = match shown(&before) {
            Some(before) => format!("path {before}"),
            None => "path".to_owned(),
        };
        Found {
            range,
            place,
            rule: BY_RANDOMNESS,
            kind: Kind::Credential,
        }
    }));
    for found in &mut found {
        found.range = plain.original(found.range.clone());
    }
    sound(original, &found)
}

/// Where the name stands that a value at `start` has.
fn named(text: &str, start: usize) -> Option<Range<usize>> {
    let mut from = start.saturating_sub(200);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let before = &text[from..start];
    let found = NAME.captures(before).or_else(|| FIELD.captures(before))?;
    let name = found.name("name")?;
    // Before a colon without quotes anything may stand.
    let is_name = found.name("colon").is_none() || is_sensitive_name(name.as_str());
    is_name.then(|| from + name.start()..from + name.end())
}

/// In order and apart from each other, without what is filled in later.
fn sound(text: &str, found: &[Found]) -> Vec<Found> {
    let mut found: Vec<Found> = found
        .iter()
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
fn outside_marks(text: &str, found: &Found) -> Vec<Found> {
    let start = found.range.start;
    let within = &text[found.range.clone()];
    let is_marked = mark::is_in(within);
    let parts = mark::recorded(within).into_iter();
    let parts =
        parts.filter(|part| !is_marked || within[part.clone()].chars().any(char::is_alphanumeric));
    let parts = parts.map(|part| Found {
        range: start + part.start..start + part.end,
        ..found.clone()
    });
    parts.collect()
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
