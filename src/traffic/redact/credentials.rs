//! Credentials within a text of unknown form: found by the name before them, or by their own shape. Pure; in time linear in
//! the text, which may come from a target. It rather hides too much.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::literal::{EXTRACTED, REDACTED, SCHEMES, is_literal_secret, without_placeholders};
use super::names::{counts, has_long_value, is_sensitive_in_query, is_sensitive_name};
use super::userinfo::userinfos;

/// What may be a name.
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z][A-Za-z0-9_.\-]*"));

/// What stands between a name and its value: in JSON, headers, forms, queries, source text and lists of pairs. Quotes may be
/// escaped, and what divides them encoded.
static DIVIDER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)^(?:
        (?:\\*["'`]|%22)? (?:\]|%5[Dd])? [\ \t]* (?P<sign> => | := | ={1,2} | : | %3[AaDd] ) \s*?
        | \\*["'] (?: \s*,\s* | \s+ ) \\*["']? (?:value|content|val) \\*["']? \s* [:=] \s*
    )[\ \t]*"#,
    )
});

/// Credentials by their shape, the secret alone in the group `s` where something must stand before it.
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
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

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

/// A text without its credentials.
pub fn without_credentials(text: &str) -> String {
    replaced(text, &credentials(text))
}

/// A text without what is a credential by its shape, whatever stands before it.
pub(crate) fn without_known_shapes(text: &str) -> String {
    replaced(text, &merged(shapes(text)))
}

/// Where credentials stand in a text, in order and apart from each other.
pub(crate) fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = shapes(text);
    let mut end = 0;
    for name in NAME.find_iter(text) {
        // What is within a value is hidden already.
        if name.start() >= end
            && let Some(value) = value_of(text, name.range())
            && is_worth_hiding(&text[name.range()], &text[value.clone()])
        {
            end = value.end;
            found.push(value);
        }
    }
    merged(found)
}

fn shapes(text: &str) -> Vec<Range<usize>> {
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
fn is_hidden_user(user: &str) -> bool {
    let (_, password) = user.split_once(':').unwrap_or(("", user));
    let is_filled_in = without_placeholders(password).is_empty() && !is_literal_secret(password);
    user == REDACTED || is_filled_in
}

/// Whether a URL in which no `@` belongs to anything but its credentials shows some of them after
/// [`without_credentials`]: it may be written in ways that are no URL in a text.
pub(crate) fn shows_user(url: &str) -> bool {
    let shown = without_credentials(url);
    shown.rsplit_once('@').is_some_and(|(user, _)| {
        let user = user.split_once("://").map_or(user, |(_, user)| user);
        !is_hidden_user(user)
    })
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

/// The value of what may be a name, if it is that of a credential and a value follows.
fn value_of(text: &str, name: Range<usize>) -> Option<Range<usize>> {
    let before = &text[..name.start];
    let is_escape = before.ends_with('\\') && text[name.clone()].starts_with(['n', 'r', 't']);
    let word = &text[name.start + usize::from(is_escape)..name.end];
    let is_named =
        is_sensitive_name(word) || (before.ends_with(['?', '&']) && is_sensitive_in_query(word));
    if !is_named {
        return None;
    }
    let rest = &text[name.end..];
    if before.ends_with(['<', ':'])
        && !before.ends_with("::")
        && let Some(start) = opened_element(rest)
    {
        let start = name.end + start;
        let length = text[start..].find('<').unwrap_or(text.len() - start);
        return Some(start..start + length);
    }
    let Some(divider) = DIVIDER.captures(rest) else {
        // `--password hush`
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let is_flag = before.ends_with('-') && blanks > 0 && !rest[blanks..].starts_with('-');
        return is_flag.then(|| word_at(text, name.end + blanks));
    };
    let start = name.end + divider.get(0)?.end();
    let quoted = rest.starts_with(['"', '\'', '\\', '`']);
    let behind = &text[start..];
    if let Some(value) = quoted_at(behind) {
        return Some(start + value.start..start + value.end);
    }
    if let Some(within) = behind.strip_prefix("%22") {
        let length = within.find("%22").unwrap_or(within.len());
        return Some(start + 3..start + 3 + length);
    }
    if quoted
        && behind.starts_with(['{', '['])
        && !behind.starts_with("{{")
        && !behind.starts_with(REDACTED)
    {
        return Some(start..start + nested(behind));
    }
    let is_line = before.is_empty() || before.ends_with('\n') || is_escape || has_long_value(word);
    if is_line
        && !quoted
        && divider
            .name("sign")
            .is_some_and(|sign| sign.as_str() == ":")
    {
        let end = ["\n", "\r", "\\n", "\\r"]
            .iter()
            .filter_map(|end| behind.find(end))
            .min();
        return Some(start..start + end.unwrap_or(behind.len()));
    }
    Some(word_at(text, start))
}

/// Where the text of an element begins whose name ended before `rest`.
fn opened_element(rest: &str) -> Option<usize> {
    let end = rest.find(['<', '>'])?;
    let is_open = rest[end..].starts_with('>') && !rest[..end].ends_with('/');
    let is_name = end == 0 || rest.starts_with(char::is_whitespace);
    (is_open && is_name && !rest[..end].contains("value=")).then_some(end + 1)
}

/// What stands within quotes, which may be escaped, if the text begins with one; to its end if it was cut off.
fn quoted_at(text: &str) -> Option<Range<usize>> {
    let escapes = text.len() - text.trim_start_matches('\\').len();
    let quote = text[escapes..]
        .chars()
        .next()
        .filter(|c| "\"'`".contains(*c))?;
    let start = escapes + 1;
    let bytes = text.as_bytes();
    let mut at = start;
    let mut slashes = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"{{") {
            at += text[at..].find("}}").map_or(2, |end| end + 2);
            slashes = 0;
        } else if bytes[at] == b'\\' {
            slashes += 1;
            at += 1;
        } else if bytes[at] == quote as u8
            && (if escapes == 0 {
                slashes % 2 == 0
            } else {
                slashes <= escapes
            })
        {
            return Some(start..at - slashes.min(escapes));
        } else {
            slashes = 0;
            at += 1;
        }
    }
    Some(start..text.len())
}

/// Bytes of the object or array that the text begins with, or of what there is of it.
fn nested(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// A value without quotes; blanks within a placeholder belong to it.
fn word_at(text: &str, start: usize) -> Range<usize> {
    let mut end = start;
    while let Some(c) = text[end..].chars().next() {
        let rest = &text[end..];
        if rest.starts_with("{{") {
            end += rest.find("}}").map_or(2, |close| close + 2);
            continue;
        }
        if rest.starts_with(REDACTED) || rest.starts_with(EXTRACTED) {
            end += rest.find(']').map_or(1, |close| close + 1);
            continue;
        }
        let ends = c.is_whitespace() || "&;,\"'`<>(){}[]\\".contains(c);
        if ends
            || ["%26", "%22", "%3B", "%3b", "%0A", "%0a"]
                .iter()
                .any(|code| rest.starts_with(code))
        {
            break;
        }
        end += c.len_utf8();
    }
    start..end
}

/// Whether there is anything in a value that is not hidden yet, filled in later or the same for everyone.
fn is_worth_hiding(name: &str, value: &str) -> bool {
    let plain = without_placeholders(value)
        .replace(REDACTED, " ")
        .replace(EXTRACTED, " ");
    let mut words = plain
        .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .filter(|word| !word.is_empty());
    let is_trivial = |word: &str| {
        let lower = word.to_ascii_lowercase();
        SCHEMES.contains(&lower.as_str())
            || ["true", "false", "null", "none", "undefined"].contains(&lower.as_str())
            || (counts(name) && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words.any(|word| !is_trivial(word))
}

/// In order, with those that touch or overlap as one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn replaced(text: &str, ranges: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        shown.push_str(&text[at..range.start]);
        shown.push_str(REDACTED);
        at = range.end;
    }
    shown.push_str(&text[at..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";

    #[test]
    fn every_kind_of_secret_is_hidden_at_every_place() {
        let secrets = ["hunter2", "Zm9v+/=", "a.b_c-d", "9f86d081884c7d65", "4711"];
        let places = [
            "{\"user\":\"ann\",\"password\":\"{}\",\"n\":1}",
            "{\"access_token\": \"{}\"}",
            "{\"session\":{\"id\":\"{}\",\"n\":[1]},\"n\":1}",
            "{\"m\":\"{\\\"api_key\\\":\\\"{}\\\",\\\"n\\\":1}\"}",
            "{\"name\":\"password\",\"value\":\"{}\"}",
            "{'client_secret': '{}'}",
            "a=1&token={}&b=2",
            "/cb?code={}&x=1",
            "/v1?key={} HTTP/1.1",
            "user%5Bpassword%5D={}&b=2",
            "x=%7B%22password%22%3A%22{}%22%7D",
            "Set-Cookie: sid={}; Path=/; HttpOnly\r\nServer: x",
            "X-Session-Id: {}\r\nServer: x",
            "HTTP/1.1 200 OK\\r\\nX-Auth: {}\\r\\nServer: x",
            "\\r\\nSet-Cookie: a={}; b={}\\r\\nServer: x",
            "<password>{}</password><n>1</n>",
            "<wsse:Password Type=\"t\">{}</wsse:Password>",
            "<input name=\"csrf_token\" value=\"{}\">",
            "login failed: password={}, user=ann",
            "login failed (password: {}) for ann",
            "serve --api-key {} --port 80",
            "DB_PASSWORD={} serve",
            "password: \"{}\"",
            "Authorization: Basic {}",
            "Authorization: Digest username=\"ann\", response=\"{}\"",
            "postgres://ann:{}@db/x",
            "{\"refresh_token\":\"{}",
            "secret => '{}'",
        ];
        for place in places {
            for secret in secrets {
                // Without a code for it a slash ends the authority of a URL.
                let secret = &secret.replace('/', if place.contains("://") { "-" } else { "/" });
                let text = place.replace("{}", secret);
                let shown = without_credentials(&text);
                assert!(!shown.contains(secret.as_str()), "{text}: {shown}");
                assert!(shown.contains(REDACTED), "{text}: {shown}");
                for kept in [
                    "ann\",\"p",
                    "\"n\":1",
                    "b=2",
                    "Server: x",
                    "<n>1</n>",
                    "--port 80",
                    " serve",
                ] {
                    assert!(
                        !text.contains(kept) || shown.contains(kept),
                        "{kept}: {shown}"
                    );
                }
                assert_eq!(without_credentials(&shown), shown, "again");
            }
        }
    }

    #[test]
    fn shapes_are_hidden_wherever_they_stand() {
        for secret in [
            JWT,
            &JWT[..30],
            "sk-proj-0123456789abcdefghij",
            "sk_live_0123456789abcdefghij",
            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "github_pat_11AAAAAAA0123456789abcdef",
            "glpat-0123456789abcdefghij",
            "xoxb-123456789012-abcdefghijkl",
            "AKIAIOSFODNN7EXAMPLE",
            "AIzaSyA0123456789abcdefghijklmnopqrstuv",
            "ya29.a0AfH6SMBx0123456789",
            "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        ] {
            for text in [
                secret.to_owned(),
                format!("got {secret}."),
                format!("{{\"x\":\"{secret}\"}}"),
                format!("a={secret}&b=1"),
            ] {
                let shown = without_credentials(&text);
                assert!(!shown.contains(&secret[..10]), "{text}: {shown}");
                assert_eq!(without_known_shapes(&text), shown);
            }
        }
        for (text, shown) in [
            (
                "no match for Bearer abc.def",
                "no match for Bearer [redacted]",
            ),
            ("Basic YW5uOmh1c2g= is wrong", "Basic [redacted] is wrong"),
            ("see http://ann:pw@h/x", "see http://[redacted]@h/x"),
            (
                "url = \"http://ann:p@ss@h:9/\"",
                "url = \"http://[redacted]@h:9/\"",
            ),
            ("http://u:pw@h:1/x@y", "http://[redacted]@h:1/x@y"),
            ("url = \"http://u@h\"", "url = \"http://[redacted]@h\""),
            ("no url @", "no url @"),
            ("http://a@b@c:d@h/?m=a@b", "http://[redacted]@h/?m=a@b"),
            ("http://ann:hu/sh@h:9", "http://[redacted]@h:9"),
            ("http://ann:hu?s#h@h:9/x", "http://[redacted]@h:9/x"),
            (
                "'http://a:p@h' 'http://b:q@@h'",
                "'http://[redacted]@h' 'http://[redacted]@h'",
            ),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        for text in [
            "",
            "status 401: invalid token",
            "Bearer token is missing; Basic auth is off",
            "WWW-Authenticate: Bearer realm=\"x\", error=\"invalid_token\"",
            "{\"token_type\":\"bearer\",\"expires_in\":3600,\"tokens\":12,\"password\":null,\"token\":\"\"}",
            "Authorization: Bearer {{env.TOKEN}}",
            "Authorization: [redacted]",
            "http://ann:{{env.PASSWORD}}@proxy:3128",
            "Basic {{base64 device.id \":\" device.secret}}",
            "{\"token\":\"{{token}}\",\"seq\":{{seq}}}",
            "{\"token\":{{token}},\"seq\":{{seq}}}",
            "/v1?token={{env.TOKEN}}&x=1",
            "json:/token",
            "the key is 5",
            "a::Token<u8>",
            "http://h/x?mail=a@b",
            "http://h:80/x?mail=a@b",
            "http://[::1]:80/x@b",
            "http://127.0.0.1:{port}/x@b",
            "http://{host}/x@b",
        ] {
            assert_eq!(without_credentials(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_a_second_time_changes_nothing(
            text in "(token|\"|'|\\\\|:|=| |a|\\{\\{|\\}\\}|<|>|/|&|\\[redacted\\]|%22|\n|Bearer |eyJ|é|[a-zA-Z0-9]{1,12}){0,24}"
        ) {
            let shown = without_credentials(&text);
            let again = without_credentials(&shown);
            // Only what is hidden may grow: nothing comes back.
            prop_assert!(again.matches(REDACTED).count() <= shown.matches(REDACTED).count() + 8);
            prop_assert!(shown.len() <= text.len() + REDACTED.len() * (text.len() + 1));
        }
    }
}
