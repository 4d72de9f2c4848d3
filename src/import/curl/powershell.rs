//! `Invoke-WebRequest` as browsers copy it for PowerShell: one generated shape, with its session of cookies.

use super::word::{Read, Words, is_variable};
use crate::import::mark::variable;
use crate::import::sample::{Body, Exchange, Header, Sample, Skip};
use crate::import::url;

const VERBS: [&str; 4] = ["invoke-webrequest", "invoke-restmethod", "iwr", "irm"];

/// Cookies of a session: servers take no more.
const MOST_COOKIES: usize = 300;

/// Divides the parts of a table of headers, which no text holds.
const TABLE: char = '\u{f8fd}';

/// Whether a line begins such a command, or its session.
pub(super) fn is_one(line: &str) -> bool {
    let word = line
        .split([' ', '\t'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    VERBS.contains(&word.as_str())
        || word.starts_with("$session")
        || word.starts_with("$response=") && line.contains("Invoke-")
}

/// Gives the commands of a text: a line each, unless a backtick or a bracket holds it open.
pub(super) fn commands(text: &str, take: &mut dyn FnMut(Read)) {
    let text = text.replace("\r\n", "\n").replace(TABLE, " ");
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader {
        chars: &chars,
        at: 0,
        line: 1,
    };
    while reader.at < chars.len() {
        let line = reader.line;
        let command = reader.words();
        if command.is_err() {
            while reader.next().is_some_and(|c| c != '\n') {}
        }
        take(command.map(|words| Words {
            words,
            line,
            input: None,
        }));
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        self.line += usize::from(c == Some('\n'));
        c
    }

    /// Words; brackets and `=` are words of their own, and a string begins with [`TABLE`].
    fn words(&mut self) -> Result<Vec<String>, String> {
        let mut words = Vec::new();
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '\n' | ';' if depth == 0 => {
                    self.next();
                    break;
                }
                '`' => {
                    self.next();
                    self.next();
                }
                c if c.is_whitespace() || c == ';' => drop(self.next()),
                '"' => words.push(self.string()?),
                '\'' => words.push(self.literal()?),
                '#' if depth == 0 => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                '(' | '{' | ')' | '}' | '=' | ',' => {
                    self.next();
                    depth = match c {
                        '(' | '{' => depth + 1,
                        ')' | '}' => depth.saturating_sub(1),
                        _ => depth,
                    };
                    words.push(c.to_string());
                }
                _ => {
                    let mut word = String::new();
                    while let Some(c) = self
                        .peek()
                        .filter(|c| !c.is_whitespace() && !"\"'(){}=,;`".contains(*c))
                    {
                        self.next();
                        word.push(c);
                    }
                    words.push(word);
                }
            }
        }
        Ok(words)
    }

    fn string(&mut self) -> Result<String, String> {
        let line = self.line;
        let open = || format!("line {line}: a quote is never closed");
        let mut text = TABLE.to_string();
        self.next();
        loop {
            match self.next().ok_or_else(open)? {
                '"' if self.peek() == Some('"') => {
                    self.next();
                    text.push('"');
                }
                '"' => return Ok(text),
                '`' => match self.next().ok_or_else(open)? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    '0' => text.push('\0'),
                    c => text.push(c),
                },
                '$' => self.expansion(&mut text, line)?,
                c => text.push(c),
            }
        }
    }

    /// `$([char]233)`, or a variable.
    fn expansion(&mut self, text: &mut String, line: usize) -> Result<(), String> {
        let refused = || {
            format!(
                "line {line}: an expression in a text needs PowerShell, and telemload runs none; write out what it gives"
            )
        };
        let rest: String = self.chars[self.at.min(self.chars.len())..]
            .iter()
            .take(64)
            .collect();
        if let Some(code) = rest
            .strip_prefix("([char]")
            .and_then(|rest| rest.split_once(')'))
        {
            let digits = code.0.trim();
            let number = digits.strip_prefix("0x").map_or_else(
                || digits.parse().ok(),
                |hex| u32::from_str_radix(hex, 16).ok(),
            );
            text.push(number.and_then(char::from_u32).unwrap_or('\u{fffd}'));
            self.at += "([char])".len() + code.0.chars().count();
            return Ok(());
        }
        if rest.starts_with('(') {
            return Err(refused());
        }
        let name: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
            .collect();
        if name.is_empty() {
            text.push('$');
            return Ok(());
        }
        let variable_name = name.strip_prefix("env:").unwrap_or(&name).to_owned();
        if !is_variable(&variable_name) {
            return Err(refused());
        }
        self.at += name.chars().count();
        text.push_str(&variable(&variable_name));
        Ok(())
    }

    fn literal(&mut self) -> Result<String, String> {
        let line = self.line;
        let mut text = TABLE.to_string();
        self.next();
        loop {
            match self
                .next()
                .ok_or_else(|| format!("line {line}: a quote is never closed"))?
            {
                '\'' if self.peek() == Some('\'') => {
                    self.next();
                    text.push('\'');
                }
                '\'' => return Ok(text),
                c => text.push(c),
            }
        }
    }
}

/// What a session sends with each of its requests.
#[derive(Default)]
pub(super) struct Session {
    agent: Option<String>,
    cookies: Vec<String>,
}

/// Takes a command in.
pub(super) fn take(sample: &mut Sample, command: Words, session: &mut Session) {
    let Words { words, line, .. } = command;
    if words[0].to_ascii_lowercase().starts_with("$session") {
        return session.set(&words);
    }
    let Some(start) = words
        .iter()
        .position(|word| VERBS.contains(&word.to_ascii_lowercase().as_str()))
    else {
        return sample.skip(Skip::OtherCommand);
    };
    let mut exchange = Exchange {
        method: "GET".to_owned(),
        body: Body::Absent,
        ..Exchange::default()
    };
    let mut address = None;
    let mut media_type = None;
    let mut rest = words[start + 1..].iter();
    while let Some(word) = rest.next() {
        match word.to_ascii_lowercase().as_str() {
            "-uri" => address = text_of(rest.next()),
            "-method" => {
                exchange.method = text_of(rest.next())
                    .unwrap_or_default()
                    .to_ascii_uppercase()
            }
            "-contenttype" => media_type = text_of(rest.next()),
            "-useragent" => session.agent = text_of(rest.next()),
            "-websession" => {
                rest.next();
                exchange.headers.splice(0..0, session.headers());
            }
            "-headers" => table(&mut exchange, &mut rest),
            "-body" => {
                // A text, or its bytes: the first text that follows.
                let body = rest.by_ref().find(|word| word.starts_with(TABLE));
                exchange.body =
                    text_of(body).map_or(Body::Unknown, |text| Body::Bytes(text.into_bytes()));
            }
            _ if address.is_none() && word.starts_with(TABLE) => address = text_of(Some(word)),
            _ => {}
        }
    }
    if let Some(media_type) = media_type.filter(|_| !exchange.has("content-type")) {
        exchange.add("Content-Type", media_type);
    }
    let pseudo = ["authority", "method", "path", "scheme"];
    exchange
        .headers
        .retain(|header| !pseudo.contains(&header.name.to_ascii_lowercase().as_str()));
    exchange.join_cookies();
    match url::take(&mut exchange, &address.unwrap_or_default()) {
        Ok(()) => sample.push(exchange),
        Err(why) => {
            sample.note(format!("line {line}: {why}"));
            sample.skip(Skip::Unsendable);
        }
    }
}

impl Session {
    /// `$session.UserAgent = "…"`, or `$session.Cookies.Add((New-Object System.Net.Cookie("name", "value", …)))`.
    fn set(&mut self, words: &[String]) {
        let mut texts = words.iter().filter_map(|word| word.strip_prefix(TABLE));
        let what = words[0].to_ascii_lowercase();
        if what.ends_with(".useragent") {
            self.agent = texts.next().map(str::to_owned);
        } else if what.contains(".cookies.add")
            && let (Some(name), Some(value)) = (texts.next(), texts.next())
            && self.cookies.len() < MOST_COOKIES
        {
            self.cookies.push(format!("{name}={value}"));
        }
    }

    fn headers(&self) -> Vec<Header> {
        let agent = self.agent.clone().map(|agent| ("User-Agent", agent));
        let cookies = (!self.cookies.is_empty()).then(|| ("Cookie", self.cookies.join("; ")));
        let headers = agent.into_iter().chain(cookies);
        headers
            .map(|(name, value)| Header {
                name: name.to_owned(),
                value: Some(value),
            })
            .collect()
    }
}

/// `@{ "name"="value" … }`.
fn table<'a>(exchange: &mut Exchange, rest: &mut impl Iterator<Item = &'a String>) {
    let mut name = None;
    for word in rest {
        match word.as_str() {
            "}" => break,
            "@" | "{" | "=" => {}
            word => {
                let word = word.trim_start_matches(TABLE).to_owned();
                match name.take() {
                    None => name = Some(word),
                    Some(name) => exchange.add(name, word),
                }
            }
        }
    }
}

fn text_of(word: Option<&String>) -> Option<String> {
    word.map(|word| word.trim_start_matches(TABLE).to_owned())
}
