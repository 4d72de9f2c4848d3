//! The scenario's text as a run directory keeps it.

use std::ops::Range;

use crate::scenario::read::flags::Overrides;
use crate::traffic::redact::{REDACTED, without_userinfo};

/// The text as it is stored: literal credentials redacted, flags noted.
pub(super) fn stored_text(
    text: &str,
    mut secrets: Vec<Range<usize>>,
    overrides: &Overrides,
) -> String {
    // A flag's place is not in the text.
    secrets.retain(|span| span.end <= text.len());
    secrets.sort_by_key(|span| std::cmp::Reverse(span.start));
    secrets.dedup();
    let mut stored = text.to_owned();
    for span in secrets {
        let shown = match without_userinfo(&stored[span.clone()]) {
            url if url != stored[span.clone()] => url,
            _ => format!("\"{REDACTED}\""),
        };
        stored.replace_range(span, &shown);
    }
    let mut notes = String::new();
    for (flag, value) in overrides.shown() {
        notes.push_str(&format!(
            "# overridden by {flag}: {}\n",
            value.escape_debug()
        ));
    }
    notes + &stored
}
