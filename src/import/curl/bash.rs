//! What bash makes of a text, as far as no program has to run for it: quotes, escapes, comments, here-documents, several commands.

use std::iter::Peekable;
use std::str::Chars;

use super::word::{Read, Words, is_curl, is_variable};
use crate::import::mark::variable;

/// Gives the commands of a text. Of a pipeline those of curl are given, with what `echo` writes to them.
pub(super) fn commands(text: &str, take: &mut dyn FnMut(Read)) {
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader {
        chars: text.chars().peekable(),
        line: 1,
        documents: Vec::new(),
        is_piped: false,
    };
    let mut input = None;
    while reader.chars.peek().is_some() {
        let was_piped = std::mem::take(&mut reader.is_piped);
        let written = input.take();
        let mut command = reader.command();
        if let Ok(words) = &mut command {
            words.input = words.input.take().or(written);
            input = echoed(&words.words).filter(|_| reader.is_piped);
            if (was_piped || reader.is_piped) && !words.words.iter().any(|word| is_curl(word)) {
                continue;
            }
        }
        let failed = command.is_err();
        take(command);
        if failed {
            reader.skip_command();
        }
    }
}

/// What `echo` writes.
fn echoed(words: &[String]) -> Option<String> {
    match words {
        [echo, option, text @ ..] if echo == "echo" && option == "-n" => Some(text.join(" ")),
        [echo, text @ ..] if echo == "echo" => Some(text.join(" ") + "\n"),
        _ => None,
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    /// Here-documents whose text follows this line: their ends, and whether tabs before them are dropped.
    documents: Vec<(String, bool)>,
    /// Whether what was read last writes to what follows.
    is_piped: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    fn refused(&self, what: &str) -> String {
        format!(
            "line {}: {what} needs a shell, and telemload runs none; write out what it gives",
            self.line
        )
    }

    /// One command, up to what divides it from the next.
    fn command(&mut self) -> Read {
        let mut found = Words::default();
        self.documents.clear();
        while let Some(&c) = self.chars.peek() {
            match c {
                ' ' | '\t' => drop(self.next()),
                '\\' if self.is_continued() => {}
                '#' => self.skip_line(),
                '\n' => {
                    self.next();
                    self.read_documents(&mut found);
                    break;
                }
                ';' | '&' | '|' => {
                    self.next();
                    // Of `||` and `&&` the second one divides nothing any more.
                    self.is_piped = c == '|' && self.chars.next_if_eq(&'|').is_none();
                    break;
                }
                '<' | '>' => self.redirect(&mut found)?,
                '(' | ')' => return Err(self.refused("a subshell")),
                _ => {
                    if found.words.is_empty() {
                        found.line = self.line;
                    }
                    let word = self.word()?;
                    // A number before a redirection is a file descriptor.
                    let is_descriptor = word.bytes().all(|byte| byte.is_ascii_digit())
                        && matches!(self.chars.peek(), Some('<' | '>'));
                    if !is_descriptor {
                        found.words.push(word);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a backslash ends a line, which it then joins to the next.
    fn is_continued(&mut self) -> bool {
        let mut ahead = self.chars.clone();
        ahead.next();
        let mut ahead = ahead.skip_while(|c| matches!(c, ' ' | '\t'));
        let ends = matches!(ahead.next(), Some('\n') | None);
        if ends {
            while self.next().is_some_and(|c| c != '\n') {}
        }
        ends
    }

    fn skip_line(&mut self) {
        while self.chars.peek().is_some_and(|c| *c != '\n') {
            self.next();
        }
    }

    /// To the end of the line that no backslash joins to the next.
    fn skip_command(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '\n' => break,
                _ => {}
            }
        }
    }

    fn redirect(&mut self, found: &mut Words) -> Result<(), String> {
        let c = self.next();
        if self.chars.peek() == Some(&'(') {
            return Err(self.refused("`<(…)`"));
        }
        if c == Some('<') && self.chars.peek() == Some(&'<') {
            self.next();
            match self.chars.peek() {
                Some('<') => {
                    self.next();
                    self.blanks();
                    found.input = Some(self.word()? + "\n");
                }
                next => {
                    let strips = next == Some(&'-');
                    if strips {
                        self.next();
                    }
                    self.blanks();
                    let end = self.word()?;
                    self.documents.push((end, strips));
                }
            }
            return Ok(());
        }
        while matches!(self.chars.peek(), Some('>' | '&' | '|')) {
            self.next();
        }
        self.blanks();
        self.word().map(drop)
    }

    fn blanks(&mut self) {
        while matches!(self.chars.peek(), Some(' ' | '\t')) {
            self.next();
        }
    }

    fn read_documents(&mut self, found: &mut Words) {
        for (end, strips) in std::mem::take(&mut self.documents) {
            let mut text = String::new();
            while self.chars.peek().is_some() {
                let mut line = String::new();
                while let Some(c) = self.next() {
                    if c == '\n' {
                        break;
                    }
                    line.push(c);
                }
                let line = if strips {
                    line.trim_start_matches('\t')
                } else {
                    &line
                };
                if line == end {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            found.input = Some(text);
        }
    }

    fn word(&mut self) -> Result<String, String> {
        let mut word = String::new();
        while let Some(&c) = self.chars.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.next();
                    self.quoted(&mut word)?;
                }
                '"' => {
                    self.next();
                    self.double_quoted(&mut word)?;
                }
                '\\' => {
                    if self.is_continued() {
                        // Blanks that follow divide words.
                        if word.is_empty() { continue } else { break }
                    }
                    self.next();
                    word.extend(self.next());
                }
                '`' => return Err(self.refused("a backtick")),
                '$' => self.dollar(&mut word, true)?,
                _ => word.extend(self.next()),
            }
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut String) -> Result<(), String> {
        let line = self.line;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(c) => word.push(c),
                None => return Err(format!("line {line}: a quote is never closed")),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut String) -> Result<(), String> {
        let line = self.line;
        loop {
            match self.chars.peek() {
                None => return Err(format!("line {line}: a quote is never closed")),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('`') => return Err(self.refused("a backtick")),
                Some('$') => self.dollar(word, false)?,
                Some('\\') => {
                    self.next();
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                        Some(c) => word.extend(['\\', c]),
                    }
                }
                Some(_) => word.extend(self.next()),
            }
        }
    }

    /// `$'…'`, a variable, or the sign itself.
    fn dollar(&mut self, word: &mut String, is_bare: bool) -> Result<(), String> {
        self.next();
        match self.chars.peek() {
            Some('\'') if is_bare => {
                self.next();
                self.ansi_quoted(word)
            }
            Some('"') if is_bare => Ok(()),
            Some('(') => Err(self.refused("`$(…)`")),
            Some('{') => {
                let mut name = String::new();
                self.next();
                while let Some(c) = self.next() {
                    if c == '}' {
                        break;
                    }
                    name.push(c);
                }
                if !is_variable(&name) {
                    return Err(self.refused("an expansion other than `${NAME}`"));
                }
                word.push_str(&variable(&name));
                Ok(())
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let mut name = String::new();
                while let Some(c) = self
                    .chars
                    .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
                {
                    name.push(c);
                }
                word.push_str(&variable(&name));
                Ok(())
            }
            Some('0'..='9' | '?' | '$' | '!' | '@' | '*') => {
                Err(self.refused("a special variable"))
            }
            _ => {
                word.push('$');
                Ok(())
            }
        }
    }

    /// ANSI-C quoting. Bytes that are no UTF-8 together cannot be said in a text.
    fn ansi_quoted(&mut self, word: &mut String) -> Result<(), String> {
        let line = self.line;
        let mut bytes: Vec<u8> = Vec::new();
        let push = |bytes: &mut Vec<u8>, c: char| {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes())
        };
        loop {
            let c = self
                .next()
                .ok_or_else(|| format!("line {line}: a quote is never closed"))?;
            match c {
                '\'' => break,
                '\\' => {
                    let c = self.next().unwrap_or('\\');
                    match c {
                        'n' => bytes.push(b'\n'),
                        't' => bytes.push(b'\t'),
                        'r' => bytes.push(b'\r'),
                        'a' => bytes.push(7),
                        'b' => bytes.push(8),
                        'f' => bytes.push(12),
                        'v' => bytes.push(11),
                        'e' | 'E' => bytes.push(27),
                        'u' | 'U' => {
                            let mut code = self.digits(16, if c == 'u' { 4 } else { 8 });
                            code = self.joined(code);
                            push(&mut bytes, char::from_u32(code).unwrap_or('\u{fffd}'));
                        }
                        'x' => bytes.push(self.digits(16, 2) as u8),
                        '0'..='7' => {
                            let first = c.to_digit(8).unwrap_or_default();
                            let mut code = first;
                            for _ in 0..2 {
                                let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8))
                                else {
                                    break;
                                };
                                self.next();
                                code = code * 8 + digit;
                            }
                            bytes.push(code as u8);
                        }
                        '\n' => {}
                        c @ ('\'' | '"' | '\\' | '?') => push(&mut bytes, c),
                        c => {
                            bytes.push(b'\\');
                            push(&mut bytes, c);
                        }
                    }
                }
                c => push(&mut bytes, c),
            }
        }
        word.push_str(&String::from_utf8_lossy(&bytes));
        Ok(())
    }

    /// Browsers write what is beyond the first plane as two units.
    fn joined(&mut self, code: u32) -> u32 {
        if !(0xd800..0xdc00).contains(&code) {
            return code;
        }
        let mut ahead = self.chars.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            self.next();
            self.next();
            let low = self.digits(16, 4);
            if (0xdc00..0xe000).contains(&low) {
                return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        0xfffd
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut number = 0;
        for _ in 0..most {
            let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            self.next();
            number = number * radix + digit;
        }
        number
    }
}
