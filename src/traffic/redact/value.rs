//! The value that follows a name, in whatever notation both stand: JSON, headers, forms, queries, XML, source text, flags. Pure; in time
//! linear in the text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::literal::{EXTRACTED, REDACTED};
use super::names::{has_long_value, is_sensitive_in_query, is_sensitive_name};

/// Bytes of the attributes of an element that are looked at.
const MOST_OF_ATTRIBUTES: usize = 2_048;

/// What stands between a name and its value: in JSON, headers, forms, queries, source text and lists of pairs. Quotes may be
/// escaped, and what divides them encoded.
static DIVIDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)^(?:
        (?:\\*["'`]|%22)? (?:\]|%5[Dd])? [\ \t]* (?P<sign> => | := | ={1,2} | : | %3[AaDd](?:%20|\+)* ) \s*?
        | \\*["'] (?: \s*,\s* | \s+ ) \\*["']? (?:value|content|val) \\*["']? \s* [:=] \s*
    )[\ \t]*"#,
    )
    .expect("it is a pattern")
});

/// The value of what may be a name, if it is that of a credential and a value follows.
pub(super) fn value_of(text: &str, name: Range<usize>) -> Option<Range<usize>> {
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
    // In JSON a value may stand in the next line.
    let start = if quoted {
        text.len() - text[start..].trim_start().len()
    } else {
        start
    };
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
    let end = rest
        .bytes()
        .take(MOST_OF_ATTRIBUTES)
        .position(|byte| matches!(byte, b'<' | b'>'))?;
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
