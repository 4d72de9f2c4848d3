//! Which texts are credentials. What is redacted here is neither stored nor shown.

mod credentials;
mod literal;
mod names;

pub use credentials::without_credentials;
pub(crate) use credentials::{credentials, without_known_shapes};
pub use literal::{EXTRACTED, REDACTED};
pub(crate) use literal::{is_literal_secret, without_placeholders};
pub use names::is_sensitive_name;

/// Text of unknown origin, fit for a terminal and a line: control characters and those that turn the direction of
/// writing are written as escapes.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a line of a scenario may hold a literal credential, so that an error must not quote it whole.
pub(crate) fn line_may_hold_secret(line: &str) -> bool {
    without_known_shapes(line) != line
        || line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .any(is_sensitive_name)
}

/// Whether a text holds a URL with credentials.
pub(crate) fn has_userinfo(text: &str) -> bool {
    without_userinfo(text) != text
}

/// A URL without the credentials in it.
pub fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.find(['/', '?', '#', '"']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{REDACTED}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_replaced() {
        for (url, shown) in [
            ("http://u:pw@h:1/x@y", "http://[redacted]@h:1/x@y"),
            ("url = \"http://u@h\"", "url = \"http://[redacted]@h\""),
            ("http://h/x?mail=a@b", "http://h/x?mail=a@b"),
            ("no url @", "no url @"),
        ] {
            assert_eq!(without_userinfo(url), shown);
        }
    }
}
