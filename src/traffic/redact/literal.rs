//! What is written out in a text with placeholders, and what stands in the place of a secret. Pure.

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// What stands in the place of a value from an answer.
pub const EXTRACTED: &str = "[extracted]";

/// Words that stand before a credential and are none.
pub(super) const SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "token", "apikey", "negotiate"];

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
