//! Which recorded headers a request of the scenario has: those that telemload writes itself are left out, and so is what cannot be sent.

use std::collections::BTreeSet;

use crate::import::sample::{CLOSE, Exchange, Header, OPEN};

/// Headers of which a request has one.
const ONCE: [&str; 16] = [
    "authorization",
    "content-encoding",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "expect",
    "from",
    "host",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "user-agent",
];

/// What a request sends, with what the scenario cannot say in `notes`.
pub(super) fn sent(
    exchange: &Exchange,
    host: Option<&str>,
    has_body: bool,
    notes: &mut BTreeSet<String>,
) -> Vec<Header> {
    let mut sent: Vec<Header> = Vec::new();
    if let Some(host) = host {
        sent.push(Header {
            name: "Host".to_owned(),
            value: Some(host.to_owned()),
        });
    }
    for header in &exchange.headers {
        let name = header.name.trim();
        let lower = name.to_ascii_lowercase();
        let value = header.value.as_deref().map(str::trim);
        let words = value.unwrap_or_default().to_ascii_lowercase();
        if !is_token(name) {
            notes.insert("headers whose names are no names of HTTP are left out".to_owned());
            continue;
        }
        let is_own = match lower.as_str() {
            // Copies of commands name the pseudo header.
            "host" | "authority" | "content-length" | "connection" | "proxy-connection"
            | "keep-alive" => true,
            "transfer-encoding" => words != "chunked" || !has_body,
            "expect" => words != "100-continue" || !has_body,
            _ => false,
        };
        if is_own {
            continue;
        }
        if words.contains(|c: char| c.is_control() && c != '\t') {
            notes.insert(format!(
                "`{name}` has a control character in some requests and is left out there"
            ));
            continue;
        }
        let is_there = sent
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name));
        if is_there && (ONCE.contains(&lower.as_str()) || lower == "cookie") {
            notes.insert(format!(
                "`{name}` is recorded twice in some requests; the first one is sent"
            ));
            continue;
        }
        let value = value.map_or_else(
            || {
                notes.insert(format!("the values of `{name}` are hidden in the source: the scenario asks the environment for one"));
                format!("{OPEN}${}{CLOSE}", lower.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
            },
            str::to_owned,
        );
        sent.push(Header {
            name: name.to_owned(),
            value: Some(value),
        });
    }
    sent
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
