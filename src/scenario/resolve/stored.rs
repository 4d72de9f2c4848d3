//! The scenario's text as a run directory keeps it.

use std::ops::Range;

use super::hidden::without_secrets;
use crate::scenario::read::flags::Overrides;

/// The text as it is stored: literal credentials redacted, flags noted.
pub(super) fn stored_text(
    text: &str,
    mut secrets: Vec<Range<usize>>,
    overrides: &Overrides,
) -> String {
    // A flag's place is not in the text.
    secrets.retain(|span| span.end <= text.len());
    let stored = without_secrets(text, secrets);
    let mut notes = String::new();
    for (flag, value) in overrides.shown() {
        notes.push_str(&format!(
            "# overridden by {flag}: {}\n",
            value.escape_debug()
        ));
    }
    notes + &stored
}
