//! Text of a target without the secrets that it repeats. Pure.

use std::collections::HashSet;

use crate::traffic::redact::{REDACTED, is_sensitive_header};

/// The shortest piece of a secret that is hidden; shorter secrets are hidden as a whole.
const SHORTEST_PIECE: usize = 8;

/// Secrets so short would blank out ordinary text.
const SHORTEST_SECRET: usize = 4;

/// A text without the stretches that it has in common with any of the secrets. All are looked for in the text as it was:
/// one that is replaced earlier would leave pieces of those that overlap it. In time linear in text and secrets, which may
/// both come from a target.
pub(super) fn redact(text: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let mut hidden = vec![false; text.len()];
    for length in SHORTEST_SECRET..=SHORTEST_PIECE {
        let said: HashSet<&[u8]> = text.windows(length).collect();
        let common: HashSet<&[u8]> = secrets
            .iter()
            .filter(|secret| secret.len().min(SHORTEST_PIECE) == length)
            .flat_map(|secret| secret.windows(length))
            .filter(|piece| said.contains(piece))
            .collect();
        for (at, piece) in text.windows(length).enumerate() {
            if common.contains(piece) {
                hidden[at..at + length].fill(true);
            }
        }
    }
    let mut shown = Vec::with_capacity(text.len());
    let mut was_hidden = false;
    for (&byte, is_hidden) in text.iter().zip(hidden) {
        if !is_hidden {
            shown.push(byte);
        } else if !was_hidden {
            shown.extend_from_slice(REDACTED.as_bytes());
        }
        was_hidden = is_hidden;
    }
    shown
}

/// A header line without its value if that is a credential, or one that a server gives.
pub(super) fn header_without_secret(line: String) -> String {
    let name = line.split([':', ' ', '\t']).next().unwrap_or_default();
    if is_sensitive_header(name) || name.eq_ignore_ascii_case("set-cookie") {
        format!("{name}: {REDACTED}")
    } else {
        line
    }
}
