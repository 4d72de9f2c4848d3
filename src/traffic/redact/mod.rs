//! Which texts are credentials. What is redacted here is neither stored nor shown.

mod credentials;
mod names;

pub use credentials::without_credentials;
pub(crate) use credentials::{credentials, without_known_shapes};
pub use names::is_sensitive_name;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// What stands in the place of a value from an answer.
pub const EXTRACTED: &str = "[extracted]";

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

/// Words that stand before a credential and are none.
const SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "token", "apikey", "negotiate"];

/// Whether the value of a sensitive header is a credential as it stands, or holds one beside its placeholders.
pub(crate) fn is_literal_secret(value: &str) -> bool {
    !value.contains("{{")
        || without_placeholders(value)
            .split_whitespace()
            .any(|word| !SCHEMES.contains(&word.to_ascii_lowercase().as_str()))
        || encodes_text(value)
}

/// Whether a placeholder encodes a text that is more than the punctuation between two values.
fn encodes_text(value: &str) -> bool {
    let within = value
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split("}}").next());
    let mut quoted =
        within.flat_map(|placeholder| placeholder.split(['"', '\'']).skip(1).step_by(2));
    quoted.any(|text| text.chars().any(char::is_alphanumeric))
}

/// The text outside of `{{…}}`, which may hold spaces.
pub(crate) fn without_placeholders(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        plain.push_str(&rest[..open]);
        match rest[open..].find("}}") {
            Some(close) => rest = &rest[open + close + 2..],
            None => break,
        }
    }
    plain + rest
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

    #[test]
    fn what_placeholders_bring_is_no_literal_and_what_stands_beside_them_is() {
        for (value, literal) in [
            ("Bearer {{env.TOKEN}}", false),
            ("{{device.secret}}", false),
            ("Bearer sk-0123456789", true),
            ("short", true),
            ("hush-{{seq}}", true),
            ("Bearer sk-0123456789-{{seq}}", true),
            ("Basic {{base64 device.id \":\" device.secret}}", false),
            ("Basic {{base64 'ann:hush'}}", true),
            ("Basic {{base64 \"ann:\" env.PASSWORD}}", true),
        ] {
            assert_eq!(is_literal_secret(value), literal, "{value}");
        }
    }
}
