//! Checks as Markdown, for the summary of a job, and text of others in Markdown.

use std::fmt::Write as _;

use crate::report::checks::{Check, Checks, Mark};
use crate::units::printable;

/// Bytes that the summary of a job may have: what has more is dropped as a whole.
pub const MOST: usize = 1_024_000;

/// What stands where something did not fit.
const CUT: &str = "\n(cut here: the rest does not fit into the summary of a job)\n";

/// All checks, a row each, the worst first; what nothing depends on is left out.
pub fn checks(checks: &Checks) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "## {}: {}\n",
        plain(&checks.title),
        checks.worst().name()
    );
    let mut rows: Vec<&Check> = checks.checks.iter().collect();
    rows.retain(|check| check.mark > Mark::Told);
    rows.sort_by_key(|check| std::cmp::Reverse(check.mark));
    if rows.is_empty() {
        return text;
    }
    text.push_str("| | of | check | found |\n|---|---|---|---|\n");
    for check in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            mark(check.mark),
            plain(&check.group),
            plain(&check.name),
            plain(&check.words)
        );
    }
    text.push('\n');
    text
}

/// As many parts as fit into so many bytes, whole lines of them.
pub fn fitting(parts: &[String], room: usize) -> String {
    let all = parts.concat();
    if all.len() <= room {
        return all;
    }
    let mut text = String::new();
    let room = room.saturating_sub(CUT.len());
    for line in all.split_inclusive('\n') {
        if text.len() + line.len() > room {
            if !text.is_empty() {
                text.push_str(CUT);
            }
            break;
        }
        text.push_str(line);
    }
    text
}

fn mark(mark: Mark) -> String {
    match mark {
        Mark::Pass | Mark::Told => mark.name().to_owned(),
        _ => format!("**{}**", mark.name()),
    }
}

/// Text of others without markup, which mentions nobody: names come from profiles.
pub(super) fn plain(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut is_in_word = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' | '&' => {
                out.push('\\');
                out.push(c);
            }
            // Names of users are looked for in what is rendered, where no escape is left: only another character ends one.
            '@' if !is_in_word && chars.peek().is_some_and(|next| next.is_alphanumeric()) => {
                out.push_str("@&#8203;");
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        is_in_word = c.is_alphanumeric();
    }
    out
}

/// A name in a cell, as code, where nothing can be escaped: what would end the code or the cell is another character.
pub(super) fn code(name: &str) -> String {
    let name: String = printable(name)
        .chars()
        .map(|c| match c {
            '`' => '\'',
            '\\' => '⧵',
            '|' => '¦',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::samples;

    #[test]
    fn the_worst_stand_first_and_text_of_others_is_text() {
        let text = checks(&samples());
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
        let first: Vec<_> = rows[1..]
            .iter()
            .map(|row| row.split(" | ").next().unwrap())
            .collect();
        assert_eq!(
            first,
            [
                "| **invalid**",
                "| **fail**",
                "| **inconclusive**",
                "| pass"
            ],
            "{text}"
        );
        assert!(text.contains("\\<script\\>\\|x\\|"), "{text}");
        assert!(!text.contains("told"), "{text}");
    }

    #[test]
    fn no_name_leaves_its_cell() {
        assert_eq!(code("a|b\\|c`d\\"), "`a¦b⧵¦c'd⧵`");
        assert_eq!(code("a\u{202e}b\n"), "`a\u{fffd}b\u{fffd}`");
        assert_eq!(plain("a\u{202e}|b"), "a\u{fffd}\\|b");
        assert_eq!(
            plain("@babel/core of github.com/a/b@v1.2 @ x"),
            "@&#8203;babel/core of github.com/a/b@v1.2 @ x"
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_at_a_line() {
        let parts = ["abc\n".to_owned(), "defg\n".repeat(100)];
        assert_eq!(fitting(&parts, 504), parts.concat());
        for room in 0..504 {
            let text = fitting(&parts, room);
            assert!(text.len() <= room, "{room}");
            assert!(text.is_empty() || text.ends_with(CUT), "{room}: {text}");
        }
        assert!(fitting(&parts, 503).starts_with("abc\ndefg\n"));
    }
}
