//! Credentials that are segments of a path, wherever a path stands in a text: behind words such as `reset`, in the webhooks of Slack and
//! Discord, behind the `bot` of Telegram. Pure; in time linear in the text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::randomness::is_random;
use crate::traffic::redact::is_sensitive_name;

/// Segments behind which a credential may stand.
const BEFORE: [&str; 11] = [
    "reset",
    "verify",
    "confirm",
    "activate",
    "invite",
    "token",
    "tokens",
    "unsubscribe",
    "magic",
    "webhooks",
    "services",
];

/// Longer texts without a blank are no paths, but data.
const LONGEST: usize = 2048;

/// What divides segments, also as JSON and queries write it.
static DIVIDER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\\*/|%2[Ff]"));
static BEGIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:\\*/|%2[Ff]|(?i:https?(?::|%3a)(?:\\*/|%2f)))"));
static BOT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?:/|%2f)bot\d+(?::|%3a)(?P<token>[a-z0-9_\-]{16,})"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

/// Where they stand, each with the segment before them.
pub(super) fn credentials(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(|c: char| c.is_whitespace() || "\"'`<>?&=#;,|{}()[]".contains(c)) {
        if word.len() <= LONGEST && BEGIN.is_match(word) {
            in_path(text, start..start + word.len(), &mut found);
        }
        // What divides words may be longer than a byte.
        start += word.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    for bot in BOT.captures_iter(text) {
        let token = bot.name("token").map(|token| token.range());
        found.extend(token.map(|token| (token, "bot".to_owned())));
    }
    found
}

fn in_path(text: &str, path: Range<usize>, found: &mut Vec<(Range<usize>, String)>) {
    let path_text = &text[path.clone()];
    let ends = DIVIDER.find_iter(path_text).map(|divider| divider.range());
    let last = path_text.len()..path_text.len();
    let mut before = "";
    let mut is_behind = false;
    let mut start = path.start;
    for end in ends.chain([last]) {
        let segment = text[start..path.start + end.start].trim_end_matches('\\');
        let is_first = !is_behind && is_before(before);
        is_behind |= is_first;
        // What follows further behind has digits among its letters; directly behind it need not.
        let is_further = is_behind && is_mixed(segment) && !segment.contains('.');
        let is_one = ((is_first || is_further) && is_random(segment, 12, 2.5))
            || (is_sensitive(before) && segment.len() >= 6 && is_mixed(segment));
        if is_one {
            found.push((start..start + segment.len(), before.to_owned()));
        }
        before = segment;
        start = path.start + end.end;
    }
}

fn is_before(segment: &str) -> bool {
    BEFORE.iter().any(|word| word.eq_ignore_ascii_case(segment)) || is_sensitive(segment)
}

fn is_sensitive(segment: &str) -> bool {
    (3..=32).contains(&segment.len()) && is_sensitive_name(segment)
}

/// Whether there are digits among the letters.
fn is_mixed(segment: &str) -> bool {
    let has = |is: fn(&u8) -> bool| segment.bytes().any(|byte| is(&byte));
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}
