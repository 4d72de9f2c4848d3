//! What is stored: JSON documents with published keys, and reading them again.

pub mod ablate;
pub mod audit;
pub mod code_quality;
pub mod compare;
pub mod gate;
pub mod profile;
pub mod run;
pub mod selftest;

use serde::Serialize;

use crate::units::printable_json;

/// A document of our own types as JSON with a line break at its end, in which text of others hides and orders nothing.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document).expect("all keys are strings");
    let mut text = printable_json(&text).into_owned();
    text.push('\n');
    text
}
