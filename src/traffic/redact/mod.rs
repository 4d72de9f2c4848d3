//! Which texts are credentials. What is redacted here is neither stored nor shown.

mod credentials;
mod literal;
mod names;
mod userinfo;

pub use credentials::without_credentials;
pub(crate) use credentials::{credentials, shows_user, without_known_shapes};
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

/// Keys of a scenario whose values may hold a user and a password before an `@`, whether they are well formed or not.
const NAMES_OF_URLS: [&str; 4] = ["url", "proxy", "metrics", "store"];

/// Whether a line of a scenario may hold a literal credential, so that an error must not quote it whole.
pub(crate) fn line_may_hold_secret(line: &str) -> bool {
    let has_at = line.contains('@');
    without_known_shapes(line) != line
        || line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .any(|word| is_sensitive_name(word) || (has_at && NAMES_OF_URLS.contains(&word)))
}
