//! Which recorded headers a request of the scenario has: those that telemload writes itself are left out, and so is what cannot be sent.

use std::collections::BTreeSet;

use crate::import::sample::{Exchange, Header};
use crate::import::secret::Secrets;
use crate::traffic::fields::{is_once, is_token};

/// What a request sends, with what the scenario cannot say in `notes`.
pub(super) fn sent(
    exchange: &Exchange,
    host: Option<&str>,
    has_body: bool,
    secrets: &Secrets,
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
        let value = header.value.as_deref().unwrap_or_default().trim();
        let words = value.to_ascii_lowercase();
        if !is_token(name) {
            notes.insert("headers whose names are no names of HTTP are left out".to_owned());
            continue;
        }
        let is_own = match lower.as_str() {
            // A Host that is not the URL's was asked for.
            "host" => {
                host.is_some() || words.is_empty() || exchange.host.as_deref() == Some(&*words)
            }
            // Copies of commands name the pseudo header.
            "authority" | "content-length" | "connection" | "proxy-connection" | "keep-alive" => {
                true
            }
            "transfer-encoding" => words != "chunked" || !has_body,
            "expect" => words != "100-continue" || !has_body,
            _ => false,
        };
        if is_own {
            continue;
        }
        // A secret may have one too.
        let recorded = secrets.real(value);
        if recorded.contains(|c: char| c.is_control() && c != '\t') {
            notes.insert(format!(
                "`{name}` has a control character in some requests and is left out there"
            ));
            continue;
        }
        let is_there = sent
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name));
        if is_there && (is_once(&lower) || lower == "cookie") {
            notes.insert(format!(
                "`{name}` is recorded twice in some requests; the first one is sent"
            ));
            continue;
        }
        sent.push(Header {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        });
    }
    sent
}
