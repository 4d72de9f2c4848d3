//! What is stored: JSON documents with published keys, and reading them again.

pub mod code_quality;
pub mod compare;
pub mod gate;
pub mod profile;
pub mod run;
pub mod selftest;

use serde::Serialize;

/// A document of our own types as JSON with a line break at its end.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("all keys are strings");
    text.push('\n');
    text
}
