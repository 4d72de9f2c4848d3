//! A value of a document: what it says, and whether it is another value.

use serde_json::Number;

use super::NotJson;
use super::reader::{Kind, Reader};
use super::text::Text;

/// A value of a document, as it is written there.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    /// The value at a place of a document that was read.
    pub(super) fn at(document: &'a str, place: std::ops::Range<usize>) -> Self {
        Self(&document[place])
    }

    /// Whether it is this value; numbers are compared by what they are worth: 3 is 3.0.
    pub fn is(self, expected: &serde_json::Value) -> bool {
        match expected {
            serde_json::Value::Null => self.0 == "null",
            serde_json::Value::Bool(true) => self.0 == "true",
            serde_json::Value::Bool(false) => self.0 == "false",
            serde_json::Value::Number(expected) => self
                .number()
                .is_some_and(|found| *expected == found || expected.as_f64() == found.as_f64()),
            serde_json::Value::String(expected) => {
                self.string().is_some_and(|found| found.is(expected))
            }
            serde_json::Value::Array(expected) => self.has_items(expected).unwrap_or(false),
            serde_json::Value::Object(expected) => {
                self.has_no_member_beside(expected).unwrap_or(false)
                    && expected.iter().all(|(key, expected)| {
                        let found = self.last_member(key).unwrap_or(None);
                        found.is_some_and(|found| found.is(expected))
                    })
            }
        }
    }

    /// What a string says, or a number, true or false as serde_json writes them; nothing of another value. What cannot be
    /// borrowed is written to `scratch`, which keeps its memory.
    pub fn text<'b>(self, scratch: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        if let Some(text) = self.string() {
            return Some(text.bytes(scratch));
        }
        if let Some(number) = self.number() {
            scratch.clear();
            serde_json::to_writer(&mut *scratch, &number).ok()?;
            return Some(scratch);
        }
        matches!(self.0, "true" | "false").then_some(self.0.as_bytes())
    }

    fn string(self) -> Option<Text<'a>> {
        let raw = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::new(
            raw,
            memchr::memchr(b'\\', raw.as_bytes()).is_some(),
        ))
    }

    fn number(self) -> Option<Number> {
        let is_number = self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        is_number
            .then(|| serde_json::from_str(self.0).ok())
            .flatten()
    }

    fn has_items(self, expected: &[serde_json::Value]) -> Result<bool, NotJson> {
        let mut reader = Reader::new(self.0);
        if reader.open()? != Kind::Array {
            return Ok(false);
        }
        let mut expected = expected.iter();
        while reader.item()? {
            let found = Self(reader.raw()?);
            if !expected.next().is_some_and(|expected| found.is(expected)) {
                return Ok(false);
            }
        }
        Ok(expected.next().is_none())
    }

    fn has_no_member_beside(
        self,
        expected: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<bool, NotJson> {
        let mut reader = Reader::new(self.0);
        if reader.open()? != Kind::Object {
            return Ok(false);
        }
        while let Some(found) = reader.member()? {
            if !expected.keys().any(|key| found.is(key)) {
                return Ok(false);
            }
            reader.skip()?;
        }
        Ok(true)
    }

    /// Of several members of one key the last one counts, as for serde_json.
    fn last_member(self, key: &str) -> Result<Option<Value<'a>>, NotJson> {
        let mut reader = Reader::new(self.0);
        let mut last = None;
        if reader.open()? == Kind::Object {
            while let Some(found) = reader.member()? {
                let value = Self(reader.raw()?);
                if found.is(key) {
                    last = Some(value);
                }
            }
        }
        Ok(last)
    }
}
