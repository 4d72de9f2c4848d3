//! From the beginning of a document to its end, token by token; all of it is checked.

use serde_json::Number;

use super::NotJson;
use super::text::{Text, escape};

/// Levels of arrays and objects within each other; serde_json refuses the next one too.
const DEEPEST: u32 = 127;

/// Bytes of a number that is in the range of an `f64` if it has no exponent.
const SAFE_NUMBER: usize = 300;

/// What begins at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its members follow: [`Reader::member`].
    Object,
    /// Its items follow: [`Reader::item`].
    Array,
    /// Anything else; it has been read.
    Scalar,
}

/// Reads a document from its beginning to its end.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// Whether an array or object was opened and nothing of it was read.
    is_first: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            is_first: false,
        }
    }

    /// Goes to where the next value begins, and gives that place.
    pub(super) fn begin(&mut self) -> usize {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.at
    }

    /// Where the reader is: behind what was read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Opens an array or object, or reads a scalar.
    pub(super) fn open(&mut self) -> Result<Kind, NotJson> {
        self.begin();
        match self.peek().ok_or(NotJson)? {
            b'"' => self.string().map(|_| Kind::Scalar),
            b'{' => self.enter(Kind::Object),
            b'[' => self.enter(Kind::Array),
            b'-' | b'0'..=b'9' => self.number().map(|()| Kind::Scalar),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(NotJson),
        }
    }

    /// The key of the next member of the object that was opened last, whose value must be read then; `None` at its end.
    pub(super) fn member(&mut self) -> Result<Option<Text<'a>>, NotJson> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        self.begin();
        if self.peek() != Some(b'"') {
            return Err(NotJson);
        }
        let key = self.string()?;
        self.begin();
        self.need(b':')?;
        Ok(Some(key))
    }

    /// Whether the array that was opened last has a next item, which must be read then.
    pub(super) fn item(&mut self) -> Result<bool, NotJson> {
        self.goes_on(b']')
    }

    /// Reads a value with all that is in it.
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        match self.open()? {
            Kind::Object => {
                while self.member()?.is_some() {
                    self.skip()?;
                }
            }
            Kind::Array => {
                while self.item()? {
                    self.skip()?;
                }
            }
            Kind::Scalar => {}
        }
        Ok(())
    }

    /// The same, and gives it as it is written.
    pub(super) fn raw(&mut self) -> Result<&'a str, NotJson> {
        let start = self.begin();
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// Nothing but white space may follow the document.
    pub(super) fn end(mut self) -> Result<(), NotJson> {
        if self.begin() == self.text.len() {
            Ok(())
        } else {
            Err(NotJson)
        }
    }

    fn enter(&mut self, kind: Kind) -> Result<Kind, NotJson> {
        self.at += 1;
        self.depth += 1;
        self.is_first = true;
        if self.depth > DEEPEST {
            Err(NotJson)
        } else {
            Ok(kind)
        }
    }

    fn goes_on(&mut self, end: u8) -> Result<bool, NotJson> {
        let is_first = std::mem::take(&mut self.is_first);
        self.begin();
        if self.eat(end) {
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first {
            self.need(b',')?;
        }
        Ok(true)
    }

    /// The reader is at its opening quote.
    fn string(&mut self) -> Result<Text<'a>, NotJson> {
        self.at += 1;
        let (start, mut has_escapes) = (self.at, false);
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let ends_run = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let run = rest.iter().position(ends_run).ok_or(NotJson)?;
            self.at += run;
            match rest[run] {
                b'"' => break,
                b'\\' => {
                    let (_, length) = escape(&rest[run..]).ok_or(NotJson)?;
                    self.at += length;
                    has_escapes = true;
                }
                _ => return Err(NotJson),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Text::new(raw, has_escapes))
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.eat(b'-');
        // A digit behind a leading zero is found by what comes next, which is no digit.
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        let has_exponent = self.eat(b'e') || self.eat(b'E');
        if has_exponent {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let number = &self.text[start..self.at];
        // serde_json says which numbers are too large.
        if (has_exponent || number.len() > SAFE_NUMBER)
            && serde_json::from_str::<Number>(number).is_err()
        {
            return Err(NotJson);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            Err(NotJson)
        } else {
            Ok(())
        }
    }

    fn literal(&mut self, word: &str) -> Result<Kind, NotJson> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(Kind::Scalar)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn need(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.eat(byte) { Ok(()) } else { Err(NotJson) }
    }
}
