//! Users and passwords of URLs within a text of unknown form. Pure; in time linear in the text.

use std::ops::Range;

/// Where users and passwords of URLs stand in a text, in order: each to the last `@` of the URL's authority, as parsers of URLs
/// take it.
pub(super) fn userinfos(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + "://".len();
        let rest = &text[start..];
        let mut end = end_of(rest, |c| ends_word(c) || matches!(c, '/' | '?' | '#'));
        if !is_authority(&rest[..end]) {
            // A password in which what ends an authority is not encoded.
            end += end_of(&rest[end..], ends_word);
        }
        if let Some(at) = rest[..end].rfind('@') {
            found.push(start..start + at);
        }
        from = start + end;
    }
    found
}

fn end_of(text: &str, ends: impl Fn(char) -> bool) -> usize {
    text.find(ends).unwrap_or(text.len())
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>')
}

/// Whether what follows the host is a port, or a place for one.
fn is_authority(text: &str) -> bool {
    let host = text.rsplit('@').next().unwrap_or(text);
    let host = host.rsplit(']').next().unwrap_or(host);
    let port = host.split_once(':').map_or("", |(_, port)| port);
    port.contains('{') || port.bytes().all(|byte| byte.is_ascii_digit())
}
