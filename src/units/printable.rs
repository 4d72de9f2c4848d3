//! Text of others as people and machines may see it: the one place that decides what reaches a terminal or the log of a CI
//! runner. Pure.
//!
//! A runner takes commands from what a job prints: GitHub's lines that begin with `::` after blanks, `##[` and `##vso[` of it and
//! of Azure anywhere, `##teamcity[` too. Characters without a shape of their own hide text, and marks of direction turn it.

use std::borrow::Cow;
use std::fmt::Write;

/// Stands for what may not be shown.
const INSTEAD: char = '\u{fffd}';

/// The text as one line, with U+FFFD for what is not shown: control characters and line breaks, what has no shape of its own or
/// turns what stands around it, and one character of what a runner takes for a command.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) {
        let shown = |c| if is_hidden(c) { INSTEAD } else { c };
        let plain: String = text.chars().map(shown).collect();
        return Cow::Owned(without_commands(&plain).into_owned());
    }
    without_commands(text)
}

/// The same of a whole output: its line breaks, tabs and colours stay.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_plain = |line: &str| {
        !line.chars().any(|c| c != '\t' && is_hidden(c))
            && matches!(without_commands(line), Cow::Borrowed(_))
    };
    if text.split('\n').all(is_plain) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut plain = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let colour = colour(rest);
            let taken = if colour > 0 { colour } else { c.len_utf8() };
            if colour > 0 || c == '\t' || !is_hidden(c) {
                plain.push_str(&rest[..taken]);
            } else {
                plain.push(INSTEAD);
            }
            rest = &rest[taken..];
        }
        without_commands(&plain).into_owned()
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// A JSON document of the same values, in which nothing is hidden and nothing is a command.
pub(crate) fn printable_json(document: &str) -> Cow<'_, str> {
    let is_plain = |line: &str| {
        !line
            .chars()
            .any(|c| c == '\u{7f}' || !c.is_control() && is_hidden(c))
            && command(line).is_none()
    };
    if document.split('\n').all(is_plain) {
        return Cow::Borrowed(document);
    }
    let mut plain = String::with_capacity(document.len() + 64);
    let mut units = [0; 2];
    for (at, c) in document.char_indices() {
        // Such characters stand within strings alone.
        let breaks = c == '#' && document[..at].ends_with('#');
        if breaks || is_hidden(c) && !(c.is_ascii_control() && c != '\u{7f}') {
            for unit in c.encode_utf16(&mut units) {
                write!(plain, "\\u{unit:04x}").expect("a string takes all that is written");
            }
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

fn without_commands(line: &str) -> Cow<'_, str> {
    let Some(mut at) = command(line) else {
        return Cow::Borrowed(line);
    };
    let (mut broken, mut rest) = (String::with_capacity(line.len() + 8), line);
    loop {
        broken.push_str(&rest[..at]);
        broken.push(INSTEAD);
        rest = &rest[at + 1..];
        // What is behind the first one does not begin the line.
        match logged(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    broken.push_str(rest);
    Cow::Owned(broken)
}

/// Where a character stands without which the line is no command.
fn command(line: &str) -> Option<usize> {
    let mut start = line.trim_start();
    // Colours are taken out where there is no terminal.
    while colour(start) > 0 {
        start = start[colour(start)..].trim_start();
    }
    if start.starts_with("::") {
        return Some(line.len() - start.len());
    }
    logged(line)
}

/// The same of commands that stand anywhere in a line.
fn logged(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = line[from..].find("##") {
        let at = from + found;
        let behind = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        if behind.starts_with('[') {
            return Some(at + 1);
        }
        from = at + 1;
    }
    None
}

/// Bytes of the colour or style that a text begins with: `ESC [ digits and semicolons m`.
fn colour(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let codes = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
    if codes.starts_with('m') {
        text.len() - codes.len() + 1
    } else {
        0
    }
}

/// Control characters, and what Unicode calls default ignorable: marks of direction, joiners, fillers, selectors, tags.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMANDS: [(&str, &str); 9] = [
        ("::error::x", "\u{fffd}:error::x"),
        (
            " \u{3000}::set-output name=a::b",
            " \u{3000}\u{fffd}:set-output name=a::b",
        ),
        ("a ##vso[task.x]", "a #\u{fffd}vso[task.x]"),
        ("##[error]", "#\u{fffd}[error]"),
        ("###[x]##y[", "##\u{fffd}[x]#\u{fffd}y["),
        ("##teamcity[x]", "#\u{fffd}teamcity[x]"),
        ("a::b", "a::b"),
        ("## [link]", "## [link]"),
        (":", ":"),
    ];

    #[test]
    fn a_hostile_text_takes_linear_time() {
        let broken = printable(&"##[".repeat(400_000)).into_owned();
        assert_eq!(broken, "#\u{fffd}[".repeat(400_000));
        assert_eq!(printable_lines(&"##a".repeat(400_000)).len(), 1_200_000);
    }

    #[test]
    fn what_cannot_be_seen_is_replaced() {
        for (text, shown) in [
            ("main::größe<日本>", "main::größe<日本>"),
            ("", ""),
            ("\u{fffd}", "\u{fffd}"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("a\nb\tc\u{9b}d", "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            ("a\u{202e}b\u{2066}c", "a\u{fffd}b\u{fffd}c"),
            ("a\u{ad}\u{e0041}\u{fe0f}", "a\u{fffd}\u{fffd}\u{fffd}"),
            (
                "\u{feff}a\u{200b}b\u{200f}\u{2060}\u{2028}",
                "\u{fffd}a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}",
            ),
            // What was hidden between the parts of a command does not make it one.
            ("\u{200b}::error::", "\u{fffd}::error::"),
        ]
        .into_iter()
        .chain(COMMANDS)
        {
            assert_eq!(printable(text), shown);
        }
        assert!(matches!(printable("main"), Cow::Borrowed("main")));
    }

    #[test]
    fn an_output_keeps_its_lines_and_colours() {
        for (text, shown) in [
            ("a\n\tb\n", "a\n\tb\n"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            (
                "\u{1b}[2J\u{1b}]0;t\u{7}",
                "\u{fffd}[2J\u{fffd}]0;t\u{fffd}",
            ),
            ("a\r\nb\rc", "a\nb\u{fffd}c"),
            (
                "a\n\u{1b}[1m ::error::\u{1b}[0m",
                "a\n\u{1b}[1m \u{fffd}:error::\u{1b}[0m",
            ),
            ("a\u{202e}\n##[b", "a\u{fffd}\n#\u{fffd}[b"),
        ]
        .into_iter()
        .chain(COMMANDS)
        {
            assert_eq!(printable_lines(text), shown);
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same_and_commands_nothing(text in "([#\\[:a\"\\\\ \u{202e}\u{200b}\u{e0001}\n\u{7f}]|error|##vso\\[){0,20}") {
            let document = serde_json::to_string_pretty(&[&text]).unwrap();
            let plain = printable_json(&document);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&plain).unwrap(), [text]);
            prop_assert_eq!(printable_lines(&plain), &*plain);
        }

        #[test]
        fn nothing_printed_is_a_command(text in "([#\\[: a\n\u{202e}\u{1b}m]|##vso\\[|\u{1b}\\[1m){0,20}") {
            for shown in [printable(&text), printable_lines(&text)] {
                for line in shown.split('\n') {
                    prop_assert_eq!(command(line), None);
                }
            }
        }
    }
}
