//! What the TOML reader refuses, in the words of this crate: with the key's full name, without names of Rust types,
//! with a remedy, and without a value that may be a credential. Pure.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Source};
use crate::traffic::redact::is_sensitive_name;

/// The error of a reader; `root` is what it read, unless the text is no TOML at all.
pub(in crate::scenario) fn refused(
    source: Source<'_>,
    root: Option<&DeTable<'_>>,
    error: &toml::de::Error,
) -> Error {
    let span = error.span();
    let key = root
        // What the root itself lacks lies in no key, though the first one may begin where the root does.
        .filter(|_| !is_of_root(error))
        .zip(span.as_ref())
        .and_then(|(root, span)| key_at(root, span.start))
        .unwrap_or_default();
    let text = span
        .clone()
        .and_then(|span| source.text.get(span))
        .unwrap_or_default();
    source.error(span, &key, words(&key, text, error.message()))
}

fn is_of_root(error: &toml::de::Error) -> bool {
    error.message().starts_with("missing field") && error.span().is_some_and(|span| span.start == 0)
}

/// The place of the value of a dotted key, such as `["target", "gateway", "cpus"]`.
pub(in crate::scenario) fn span_of(root: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    let (last, tables) = path.split_last()?;
    let mut table = root;
    for key in tables {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    table.get(*last).map(Spanned::span)
}

fn words(key: &str, text: &str, message: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or_default();
    let mut message = message
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        // A variant is something else here.
        .replace("unknown variant", "unknown value");
    for (rust, plain) in [
        ("expected usize", "expected a whole number of 0 or more"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number of 0 or more"),
        ("expected u64", "expected a whole number of 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected an array"),
    ] {
        message = message.replace(rust, plain);
    }
    if let Some(at) = message.find("expected struct ") {
        message.replace_range(at.., "expected a table");
    }
    if is_sensitive_name(last) {
        message = without_value(&message);
    }
    if message == "duplicate key" && !text.is_empty() {
        return format!("`{text}` is given twice; remove one");
    }
    if message.starts_with("missing key") {
        message += "; add it";
    } else if message.starts_with("unknown key") && !message.contains("expected") {
        message += "; remove it";
    }
    message
}

/// "invalid type: string "s3cret", expected …" without the value.
fn without_value(message: &str) -> String {
    let cut = message
        .split_once(": ")
        .zip(message.rsplit_once(", expected "));
    match cut {
        Some(((what, rest), (_, expected))) if what.starts_with("invalid") => {
            let kind = rest.split(' ').next().unwrap_or_default();
            format!("{what}: {kind}, expected {expected}")
        }
        _ => message.to_owned(),
    }
}

/// The dotted name of the innermost key or value that begins at or holds byte `offset`.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    let mut best = None;
    descend(table, offset, "", &mut best);
    best.map(|(_, key)| key)
}

type Best = Option<(usize, String)>;

fn descend(table: &DeTable<'_>, offset: usize, prefix: &str, best: &mut Best) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        offer(&key.span(), offset, &path, best);
        inside(value, offset, &path, best);
    }
}

fn inside(value: &Spanned<DeValue<'_>>, offset: usize, path: &str, best: &mut Best) {
    match value.get_ref() {
        DeValue::Table(table) => descend(table, offset, &format!("{path}."), best),
        DeValue::Array(items) => {
            for item in items {
                let name = item.get_ref().as_table().and_then(|table| {
                    let name = table.get("name")?.get_ref().as_str()?;
                    Some(format!("{path}.{name}"))
                });
                inside(item, offset, name.as_deref().unwrap_or(path), best);
            }
        }
        _ => {}
    }
    offer(&value.span(), offset, path, best);
}

/// Keeps the shortest span: it belongs to what lies innermost.
fn offer(span: &Range<usize>, offset: usize, path: &str, best: &mut Best) {
    let shorter = best.as_ref().is_none_or(|(length, _)| span.len() < *length);
    if span.contains(&offset) && shorter {
        *best = Some((span.len(), path.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, text: &str, message: &str, expected: &str) {
        assert_eq!(words(key, text, message), expected);
    }

    #[test]
    fn messages_speak_of_keys_and_values_and_name_a_remedy() {
        check(
            "load.connections",
            "\"two\"",
            "invalid type: string \"two\", expected u32",
            "invalid type: string \"two\", expected a whole number of 0 or more",
        );
        check(
            "load",
            "5",
            "invalid type: integer `5`, expected struct Load",
            "invalid type: integer `5`, expected a table",
        );
        check(
            "target.gateway.auth",
            "\"no\"",
            "unknown variant `no`, expected `naive`",
            "unknown value `no`, expected `naive`",
        );
        check("", "a", "duplicate key", "`a` is given twice; remove one");
        check(
            "request.x.headers.X-Api-Key",
            "314",
            "invalid type: integer `314`, expected a string",
            "invalid type: integer, expected a string",
        );
    }

    #[test]
    fn the_innermost_key_is_named() {
        let text = "a = 1\nb.c = { d = 2 }\n[[r]]\nname = \"x\"\nh = 3\n";
        let root = DeTable::parse(text).unwrap().into_inner();
        for (at, key) in [("1", "a"), ("2", "b.c.d"), ("3", "r.x.h"), ("d", "b.c.d")] {
            let offset = text.find(at).unwrap();
            assert_eq!(key_at(&root, offset).as_deref(), Some(key));
        }
        let at = span_of(&root, &["b", "c", "d"]).unwrap();
        assert_eq!(&text[at], "2");
        assert_eq!(span_of(&root, &["b", "x", "d"]), None);
    }
}
