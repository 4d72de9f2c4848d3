//! What cmd.exe and the C runtime of Windows make of a text: carets and quotes of the one, then backslashes and quotes of the other.

use super::word::{Read, Words};
use crate::import::sample::plain;

/// Whether carets escape in it, as browsers copy it for cmd.
pub(super) fn is_one(text: &str) -> bool {
    let evidence = ["^\"", " ^\n", " ^\r\n", "\"^\n", "\"^\r\n"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    // Within quotes of bash a caret is a caret.
    evidence.is_some_and(|at| !text[..at].contains('\''))
}

/// The commands of a text.
pub(super) fn commands(text: &str) -> Vec<Read> {
    let text = plain(text).replace("\r\n", "\n");
    let mut commands = Vec::new();
    let mut current: Vec<char> = Vec::new();
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
                commands.push(Ok(command(&current, begin)));
                current.clear();
                begin = line;
            }
            c => current.push(c),
        }
    }
    commands.push(Ok(command(&current, begin)));
    commands
}

/// One command, which begins in this line.
fn command(text: &[char], line: usize) -> Words {
    Words {
        words: words(text),
        line,
        input: None,
    }
}

/// The C runtime's words.
fn words(chars: &[char]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut in_quotes = false;
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        match c {
            '\\' => {
                let slashes = chars[at..].iter().take_while(|next| **next == '\\').count();
                at += slashes;
                let word = word.get_or_insert_default();
                if chars.get(at).is_some_and(|next| *next == '"') {
                    word.extend(std::iter::repeat_n('\\', slashes / 2));
                    if slashes % 2 == 1 {
                        word.push('"');
                        at += 1;
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', slashes));
                }
                continue;
            }
            '"' => {
                let word = word.get_or_insert_default();
                if in_quotes && chars.get(at + 1).is_some_and(|next| *next == '"') {
                    word.push('"');
                    at += 1;
                } else {
                    in_quotes = !in_quotes;
                }
            }
            ' ' | '\t' | '\n' if !in_quotes => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
        at += 1;
    }
    words.extend(word);
    words
}
