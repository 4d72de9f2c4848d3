//! An ablation as Markdown.

use std::fmt::Write as _;

use super::markdown::{code, plain};
use crate::ablation::Ablation;
use crate::report::figures::ablation::{HEADS, cells, lines, subject, whole};

/// A table of factors, and what they come to. Writing to a String cannot fail.
pub fn markdown(found: &Ablation) -> String {
    let mut text = String::new();
    let (_, word, words) = whole(found);
    let _ = writeln!(text, "## Ablation: {word}\n\n{}\n", plain(&words));
    let _ = writeln!(
        text,
        "{} of {} and {}, each factor dropped from the one and added to what has none of them.\n",
        subject(found),
        plain(&found.production),
        plain(&found.local)
    );
    let _ = writeln!(text, "| {} |\n|---|---|---|--:|---|", HEADS.join(" | "));
    for row in &found.rows {
        let [factor, dropped, added, part, function] = cells(found, row);
        let function = match function.as_str() {
            "" => String::new(),
            name => code(name),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {part} | {function} |",
            code(&factor),
            plain(&dropped),
            plain(&added)
        );
    }
    text.push('\n');
    for (word, words) in lines(found) {
        let _ = writeln!(text, "- {word}: {}", plain(&words));
    }
    text
}
