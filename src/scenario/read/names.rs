//! What may be a name in a scenario: of variants and the like, and of HTTP's methods and headers.

use std::ops::Range;

use super::error::{Error, Source};

/// Whether a text can be the name of a variant, a phase or the like: it is a part of a path in a run directory.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Names become directory names and are addressed in overrides.
pub(in crate::scenario) fn check_name(
    source: Source<'_>,
    span: Option<Range<usize>>,
    key: &str,
    name: &str,
) -> Result<(), Error> {
    if is_name(name) {
        Ok(())
    } else {
        Err(source.error(
            span,
            key,
            format!("`{name}` is not a name; use 1 to 64 letters, digits, `-` and `_`"),
        ))
    }
}
