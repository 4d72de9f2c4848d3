//! Credentials that are known by their own shape, whatever stands before them: tokens of known issuers, what follows a scheme, users of URLs.
//! Pure; in time linear in the text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::literal::{REDACTED, is_literal_secret, without_placeholders};
use super::userinfo::userinfos;

/// Credentials by their shape, the secret alone in the group `s` where something must stand before it.
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        \beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*
        | (?i:\b(?P<scheme>bearer|basic|negotiate|ntlm|apikey)(?:[\ \t]+|%20|\+)) (?P<s>[A-Za-z0-9._~+/=:%!*$|\-]{4,})
        | \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}
        | \b(?:gh[pousr]|npm|hf|dckr_pat|dop_v1|whsec|github_pat|glrt|atlasv1)_[A-Za-z0-9_-]{16,}
        | \b(?:glpat|pypi|GOCSPX|xox[a-z]|xapp|AGE-SECRET-KEY)-[A-Za-z0-9_-]{10,}
        | \bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}
        | \b(?:AKIA|ASIA|AROA|ABIA|ACCA)[A-Z0-9]{12,}
        | \bAIza[A-Za-z0-9_-]{20,}
        | \b(?:ya29|SG|hvs|hvb)\.[A-Za-z0-9_.-]{16,}
        | \$(?:2[abxy]|argon2id?|argon2d|scrypt|[156y])\$[A-Za-z0-9./$=,+]{16,}
        | -----BEGIN[\ ](?:[A-Z]+[\ ])*PRIVATE[\ ]KEY-----(?s:.*?)(?:-----END[\ ](?:[A-Z]+[\ ])*PRIVATE[\ ]KEY-----|\z)
    "#,
    )
    .expect("it is a pattern")
});

/// What follows the name of a scheme in a sentence.
const PROSE: [&str; 21] = [
    "token",
    "tokens",
    "auth",
    "authentication",
    "authorization",
    "scheme",
    "schemes",
    "credentials",
    "credential",
    "error",
    "header",
    "headers",
    "required",
    "missing",
    "invalid",
    "expected",
    "with",
    "from",
    "must",
    "format",
    "access",
];

/// What follows it in a challenge (RFC 9110 11.6.1).
const PARAMETERS: [&str; 4] = ["realm=", "error=", "scope=", "charset="];

/// Where they stand in a text.
pub(super) fn shapes(text: &str) -> Vec<Range<usize>> {
    let found = SHAPES.captures_iter(text).filter_map(|found| {
        if let Some(scheme) = found.name("scheme") {
            let value = found.name("s")?;
            return is_token(scheme.as_str(), value.as_str()).then(|| value.range());
        }
        found.get(0).map(|whole| whole.range())
    });
    let found = found.filter(|range| !text[range.clone()].contains(REDACTED));
    let users = userinfos(text).into_iter();
    let users = users.filter(|range| !is_hidden_user(&text[range.clone()]));
    found.chain(users).collect()
}

/// Whether the user and the password of a URL are hidden already, or come from placeholders.
pub(super) fn is_hidden_user(user: &str) -> bool {
    let (_, password) = user.split_once(':').unwrap_or(("", user));
    let is_filled_in = without_placeholders(password).is_empty() && !is_literal_secret(password);
    user == REDACTED || is_filled_in
}

/// Whether a word behind a scheme is a credential and not the next word of a sentence.
fn is_token(scheme: &str, word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ':', '!']);
    let lower = word.to_ascii_lowercase();
    let is_word = PROSE.contains(&lower.as_str())
        || PARAMETERS.iter().any(|name| lower.starts_with(name))
        // `basic` is a word of its own.
        || (scheme.eq_ignore_ascii_case("basic")
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
    !is_word && word.len() >= 4
}
