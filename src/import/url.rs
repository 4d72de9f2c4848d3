//! A URL as it was recorded → scheme, host, path and query, none of it encoded anew. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mark;
use super::sample::Exchange;
use crate::units::percent_decoded;

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
    if mark::is_in(host) {
        return Err("the host is a variable of the environment; write it out");
    }
    exchange.host = Some(host_of(&scheme, host).ok_or("a URL whose host or port is none")?);
    exchange.scheme = Some(scheme);
    if let Some(user) = user.filter(|_| !exchange.has("authorization")) {
        exchange.add("Authorization", basic(user, percent_decoded(user)));
    }
    self::target(exchange, target);
    Ok(())
}

/// The value of Authorization for `user:password`. What the environment fills in cannot be encoded here, so it is asked for whole.
/// `said` is how the source has it.
pub(super) fn basic(said: &str, user: impl AsRef<[u8]>) -> String {
    let encoded = STANDARD.encode(user);
    if mark::is_in(said) {
        mark::asked("AUTHORIZATION", &encoded)
    } else {
        format!("Basic {encoded}")
    }
}

/// Host and port in lower case, without the scheme's own port, if a scenario can load them.
pub(super) fn host_of(scheme: &str, host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let own = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own).unwrap_or(&host);
    let is_plain = !host.is_empty()
        && !host.contains(|c: char| c.is_control() || " /\\@\"'<>{}|^`?#".contains(c));
    let is_sound = is_plain
        && reqwest::Url::parse(&format!("{scheme}://{host}/"))
            .is_ok_and(|url| url.has_host() && url.path() == "/");
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

/// A part of a target without spaces, control characters and what ends one.
pub(super) fn sendable(text: &str) -> String {
    let is_odd = |c: char| c.is_control() || c == ' ' || c == '#';
    if !text.contains(is_odd) {
        return text.to_owned();
    }
    let mut sent = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_odd(c) {
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
