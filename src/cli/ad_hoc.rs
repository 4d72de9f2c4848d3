//! The scenario that a URL stands for.

use anyhow::Context;
use toml::{Table, Value};

use super::exit::Usage;
use crate::traffic::template::literal_unless_known;

/// As TOML; the load lasts `duration` unless a flag says otherwise. What the user should know of the URL is told in `notes`.
pub(super) fn scenario(
    url: &str,
    duration: &str,
    notes: &mut Vec<String>,
) -> anyhow::Result<String> {
    if url.contains(char::is_control) {
        let message = "the URL holds a tab, a line break or another control character; remove it, or write it as %09 or the like";
        return Err(Usage(message.to_owned()).into());
    }
    let authority = url.find("://").map_or(0, |at| at + 3);
    let split = url[authority..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| authority + at);
    let (origin, path) = url.split_at(split);
    // A fragment is never sent, and a space is what browsers make of it.
    let path = path.split('#').next().unwrap_or_default();
    let path = literal_unless_known(path, &[], notes);
    let path = spaces_encoded(&path);
    let slash = if path.starts_with('/') { "" } else { "/" };
    let table = |entries: Vec<(&str, Value)>| {
        let entries = entries.into_iter();
        Value::Table(
            entries
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Table>(),
        )
    };
    let text = |text: &str| Value::String(text.to_owned());
    let document = table(vec![
        ("name", text("url")),
        ("target", table(vec![("url", text(origin))])),
        (
            "load",
            table(vec![
                ("model", text("closed")),
                ("connections", Value::Integer(10)),
                ("duration", text(duration)),
                ("timeout", text("10s")),
            ]),
        ),
        (
            "request",
            Value::Array(vec![table(vec![
                ("name", text("request")),
                ("path", text(&format!("{slash}{path}"))),
            ])]),
        ),
    ]);
    toml::to_string(&document).context("cannot write the scenario of the URL")
}

/// Spaces outside of placeholders as `%20`.
fn spaces_encoded(path: &str) -> String {
    let mut encoded = String::new();
    let mut rest = path;
    while let Some(open) = rest.find("{{") {
        let close = rest[open..].find("}}").map_or(rest.len(), |at| open + at);
        encoded += &rest[..open].replace(' ', "%20");
        encoded += &rest[open..close];
        rest = &rest[close..];
    }
    encoded + &rest.replace(' ', "%20")
}
