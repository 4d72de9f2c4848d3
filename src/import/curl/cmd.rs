//! What cmd.exe and the C runtime of Windows make of a text: carets and quotes of the one, then backslashes and quotes of the other.

use super::word::{Read, Words};

/// Whether carets escape in it, as browsers copy it for cmd.
pub(super) fn is_one(text: &str) -> bool {
    let evidence = ["^\"", " ^\n", " ^\r\n", "\"^\n", "\"^\r\n"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    // Within quotes of bash a caret is a caret.
    evidence.is_some_and(|at| !text[..at].contains('\''))
}

/// Gives the commands of a text.
pub(super) fn commands(text: &str, take: &mut dyn FnMut(Read)) {
    let text = text.replace("\r\n", "\n");
    let mut current = String::new();
    let (mut line, mut begin) = (1, 1);
    let mut chars = text.chars().peekable();
    let mut in_quotes = false;
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '^' if !in_quotes => {
                let next = chars.next();
                line += usize::from(next == Some('\n'));
                let kept = if next == Some('\n') {
                    // The line goes on, and its first character means itself.
                    let first = chars.next();
                    line += usize::from(first == Some('\n'));
                    first
                } else {
                    next
                };
                current.extend(kept);
            }
            '"' => {
                in_quotes = !in_quotes;
                current.push(c);
            }
            // A quote that is never closed ends with its line.
            '\n' | '&' | '|' if c == '\n' || !in_quotes => {
                in_quotes = false;
                take(Ok(command(&current, begin)));
                current.clear();
                begin = line;
            }
            c => current.push(c),
        }
    }
    take(Ok(command(&current, begin)));
}

/// One command, which begins in this line.
fn command(text: &str, line: usize) -> Words {
    Words {
        words: words(text),
        line,
        input: None,
    }
}

/// The C runtime's words.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut in_quotes = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let mut slashes = 1;
                while chars.next_if_eq(&'\\').is_some() {
                    slashes += 1;
                }
                let word = word.get_or_insert_default();
                if chars.peek() == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', slashes / 2));
                    if slashes % 2 == 1 {
                        word.extend(chars.next());
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', slashes));
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                if in_quotes && chars.next_if_eq(&'"').is_some() {
                    word.push('"');
                } else {
                    in_quotes = !in_quotes;
                }
            }
            ' ' | '\t' | '\n' if !in_quotes => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
