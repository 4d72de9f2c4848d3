//! Which texts are credentials. What is redacted here is neither stored nor shown.

mod command;
mod credentials;
mod forms;
mod literal;
mod multipart;
mod names;
mod shapes;
mod userinfo;
mod value;

pub(crate) use command::command_without_credentials;
pub use credentials::without_credentials;
pub(crate) use credentials::{credentials, shows_user, without_known_shapes};
pub(crate) use forms::{forms, percent, without_known};
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
    // A password may stand before an `@`, in whatever form it was typed.
    line.contains('@')
        || without_known_shapes(line) != line
        || line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .any(is_sensitive_name)
}

/// A place, such as a proxy, without its user and password, which may hold anything up to the last `@` and need no scheme
/// before them.
pub(crate) fn without_user(place: &str) -> String {
    let scheme = place.get(.."http://".len());
    let scheme = scheme.filter(|text| text.eq_ignore_ascii_case("http://"));
    match place.rsplit_once('@') {
        Some((_, place)) => format!("{}{REDACTED}@{place}", scheme.unwrap_or_default()),
        None => place.to_owned(),
    }
}
