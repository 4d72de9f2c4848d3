//! What is known of those that write archives: what they drop, and what they cannot record.

use crate::import::sample::{Bodies, Exchange, Headers, Holds, Sample};

/// Adds what the producer keeps from a reader.
pub(super) fn know(producer: &str, sample: &mut Sample, holds: &mut Holds) {
    let name = producer.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if is(&["webinspector"]) {
        chrome(sample, holds);
    } else if is(&["firefox"]) {
        sample.note(
            "Firefox writes the port as `connection`: this archive does not tell connections apart",
        );
        sample
            .exchanges
            .iter_mut()
            .for_each(|exchange| exchange.connection = None);
    } else if is(&["mitmproxy"]) {
        sample.note(
            "mitmproxy records bodies of POST, PUT and PATCH alone: one of another method is lost",
        );
    } else if is(&["insomnia", "advanced rest client"]) {
        holds.order = false;
    }
    if !is(&["firefox"]) {
        holds.connection = sample
            .exchanges
            .iter()
            .any(|exchange| exchange.connection.is_some());
    }
    let bare = sample
        .exchanges
        .iter()
        .filter(|exchange| exchange.headers.is_empty())
        .count();
    if bare > 0 && bare == sample.exchanges.len() {
        holds.headers = Headers::Only(Vec::new());
        sample.note("this archive records no request headers at all: what a client sends must be added by hand");
    } else if bare > 0 {
        sample.note(format!(
            "{bare} of {} requests have no header in this archive, and no client sends none",
            sample.exchanges.len()
        ));
    }
    if sample.exchanges.iter().any(is_damaged) {
        holds.body = Bodies::Sizes;
    }
    let newer = sample
        .exchanges
        .iter()
        .filter(|exchange| is_newer(exchange))
        .count();
    if newer > 0 {
        sample.note(format!("{newer} of {} requests came over HTTP/2 or HTTP/3; telemload sends HTTP/1.1, with a Host header", sample.exchanges.len()));
    }
    conditional(sample);
}

/// Since "export sanitized HARs by default" Chrome leaves out what carries credentials.
fn chrome(sample: &mut Sample, holds: &mut Holds) {
    let carries = |exchange: &Exchange| exchange.has("cookie") || exchange.has("authorization");
    if !sample.exchanges.is_empty() && !sample.exchanges.iter().any(carries) {
        let names = ["Cookie", "Authorization", "Set-Cookie"];
        holds.headers = Headers::AllBut(names.map(str::to_owned).to_vec());
        sample.note("no request has a Cookie or Authorization header: Chrome leaves them out of an archive unless it is exported with sensitive data. Export it so, or add them");
    }
}

/// A body that is no text is damaged where it was exported as text.
fn is_damaged(exchange: &Exchange) -> bool {
    let crate::import::sample::Body::Bytes(bytes) = &exchange.body else {
        return false;
    };
    bytes.windows(3).any(|bytes| bytes == "\u{fffd}".as_bytes())
}

fn is_newer(exchange: &Exchange) -> bool {
    let version = exchange
        .protocol
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["http/2", "http/3", "h2", "h3"]
        .iter()
        .any(|newer| version.starts_with(newer))
}

/// Requests that ask whether something changed replay the cheap path alone.
fn conditional(sample: &mut Sample) {
    let names = ["if-none-match", "if-modified-since"];
    let asks = |exchange: &&Exchange| names.iter().any(|name| exchange.has(name));
    let count = sample.exchanges.iter().filter(asks).count();
    if count > 0 {
        sample.note(format!("{count} of {} requests are conditional (If-None-Match, If-Modified-Since): an answer of 304 costs less than a whole one", sample.exchanges.len()));
    }
}
