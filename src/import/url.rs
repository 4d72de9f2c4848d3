//! A URL as it was recorded → scheme, host, path and query, none of it encoded anew. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sample::Exchange;

/// Fills in scheme, host, path and query, and the credentials before an `@` as a header.
///
/// # Errors
/// Why this is no URL that can be sent.
pub(super) fn take(exchange: &mut Exchange, url: &str) -> Result<(), &'static str> {
    let url = url.split('#').next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").ok_or("a URL without a scheme")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err("neither http nor https");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    exchange.host = Some(host_of(&scheme, host).ok_or("a URL without a host")?);
    exchange.scheme = Some(scheme);
    if let Some(user) = user.filter(|_| !exchange.has("authorization")) {
        let user = decoded(user);
        exchange.add("Authorization", format!("Basic {}", STANDARD.encode(user)));
    }
    self::target(exchange, target);
    Ok(())
}

/// Host and port in lower case, without the scheme's own port.
pub(super) fn host_of(scheme: &str, host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let own = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own).unwrap_or(&host);
    let is_sound = !host.is_empty()
        && !host.starts_with(':')
        && !host.contains(|c: char| c.is_control() || " /\\@\"'<>{}|^`".contains(c));
    is_sound.then(|| host.to_owned())
}

/// Path and query; what no request line can hold is percent-encoded.
pub(super) fn target(exchange: &mut Exchange, target: &str) {
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = sendable(path);
    exchange.path = if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    exchange.query = query.map(sendable);
}

/// Without spaces and control characters.
fn sendable(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() || c == ' ') {
        return text.to_owned();
    }
    let mut sent = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() || c == ' ' {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                sent.push_str(&format!("%{byte:02X}"));
            }
        } else {
            sent.push(c);
        }
    }
    sent
}

/// Without percent-encoding.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten();
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    plain
}

/// Percent-encoded as a value of a form or a query.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
