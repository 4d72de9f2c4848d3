//! What factors cost: a row for each, then what they cost together and what is explained.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::ablation::Ablation;
use crate::report::figures::ablation::{HEADS, Tone, cells, lines, subject, whole};

/// Renders it for people. Writing to a String cannot fail.
pub fn render(found: &Ablation) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{BOLD}{}{BOLD:#}: {} and {}, each factor dropped from the one and added to what has none of them\n",
        subject(found),
        found.production,
        found.local
    );
    // Nothing was profiled by itself: the column would be empty.
    let columns = match found.rows.iter().any(|row| !row.functions.is_empty()) {
        true => HEADS.len(),
        false => HEADS.len() - 1,
    };
    let mut table = plain_table(&HEADS[..columns], 0);
    for row in &found.rows {
        table.add_row(cells(found, row).into_iter().take(columns));
    }
    indent(&table.to_string(), "  ", &mut text);
    text.push('\n');
    let (tone, word, words) = whole(found);
    let style = match tone {
        Tone::Costs => BAD,
        Tone::Saves | Tone::Nothing => GOOD,
        Tone::Open => DOUBT,
    };
    let _ = writeln!(text, "{style}{word}{style:#} {words}");
    for (word, words) in lines(found) {
        let _ = writeln!(text, "{word:<13} {words}");
    }
    text
}
