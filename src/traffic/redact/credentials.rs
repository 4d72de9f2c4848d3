//! Credentials within a text of unknown form: found by the name before them, or by their own shape. Pure; in time linear in
//! the text, which may come from a target. It rather hides too much.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::literal::{EXTRACTED, REDACTED, SCHEMES, without_placeholders};
use super::multipart::fields;
use super::names::counts;
use super::shapes::{is_hidden_user, shapes};
use super::value::value_of;

/// What may be a name.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z][A-Za-z0-9_.\-]*").expect("it is a pattern"));

/// A text without its credentials.
pub fn without_credentials(text: &str) -> String {
    replaced(text, &credentials(text))
}

/// A text without what is a credential by its shape, whatever stands before it.
pub(crate) fn without_known_shapes(text: &str) -> String {
    replaced(text, &merged(shapes(text)))
}

/// Where credentials stand in a text, in order and apart from each other.
pub(crate) fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = shapes(text);
    let mut hidden = 0..0;
    for name in NAME.find_iter(text) {
        // What stands between a name and its value, such as attributes of an element, is not hidden with the value.
        if !hidden.contains(&name.start())
            && let Some(value) = value_of(text, name.range())
            && is_worth_hiding(&text[name.range()], &text[value.clone()])
        {
            hidden = value.clone();
            found.push(value);
        }
    }
    found.extend(fields(text));
    merged(found)
}

/// Whether a URL in which no `@` belongs to anything but its credentials shows some of them after
/// [`without_credentials`]: it may be written in ways that are no URL in a text.
pub(crate) fn shows_user(url: &str) -> bool {
    let shown = without_credentials(url);
    shown.rsplit_once('@').is_some_and(|(user, _)| {
        let user = user.split_once("://").map_or(user, |(_, user)| user);
        !is_hidden_user(user)
    })
}

/// Whether there is anything in a value that is not hidden yet, filled in later or the same for everyone.
fn is_worth_hiding(name: &str, value: &str) -> bool {
    let plain = without_placeholders(value)
        .replace(REDACTED, " ")
        .replace(EXTRACTED, " ");
    let mut words = plain
        .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .filter(|word| !word.is_empty());
    let is_trivial = |word: &str| {
        let lower = word.to_ascii_lowercase();
        SCHEMES.contains(&lower.as_str())
            || ["true", "false", "null", "none", "undefined"].contains(&lower.as_str())
            || (counts(name) && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words.any(|word| !is_trivial(word))
}

/// In order, with those that touch or overlap as one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn replaced(text: &str, ranges: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        shown.push_str(&text[at..range.start]);
        shown.push_str(REDACTED);
        at = range.end;
    }
    shown.push_str(&text[at..]);
    shown
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
