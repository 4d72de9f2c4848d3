//! A compiled text: from its source to its parts, and what is asked of them.

use super::part::{Part, push_text};
use super::placeholder;
use super::values::{Scope, Secrets, Stamp, TemplateError, Values};
use crate::traffic::feeds::Feed;

/// A compiled text.
#[derive(Clone)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Compiles `text`; `salt` keeps the random values of several templates of one request apart.
    ///
    /// # Errors
    /// An unknown or malformed placeholder, one that needs a fleet where there is none, an environment variable that is not set.
    pub fn compile(text: &str, salt: u64, scope: &Scope<'_>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let offset = text.len() - rest.len() + open;
            let error = |message: String| TemplateError { offset, message };
            let Some(close) = rest[open..].find("}}").map(|at| open + at) else {
                return Err(error("`{{` without `}}`".to_owned()));
            };
            push_text(&mut parts, &rest[..open]);
            let salt = salt.wrapping_mul(1_000).wrapping_add(parts.len() as u64);
            let inner = rest[open + 2..close].trim();
            parts.push(placeholder::compile(inner, salt, scope).map_err(error)?);
            rest = &rest[close + 2..];
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// Bytes that are sent as they are, whatever they look like.
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self {
            parts: vec![Part::Text(bytes.into())],
        }
    }

    /// Several, one after the other.
    pub fn join(templates: impl IntoIterator<Item = Self>) -> Self {
        let (mut parts, mut text) = (Vec::new(), Vec::new());
        for part in templates.into_iter().flat_map(|one| one.parts) {
            if let Part::Text(bytes) = part {
                text.extend_from_slice(&bytes);
            } else {
                push_bytes(&mut parts, std::mem::take(&mut text));
                parts.push(part);
            }
        }
        push_bytes(&mut parts, text);
        Self { parts }
    }

    /// The same as part of a request's target: what may not stand there is written as `%XX`, and what is written so stays.
    pub fn percent_encoded(mut self) -> Self {
        self.parts.iter_mut().for_each(Part::percent_encode);
        self
    }

    /// How many bytes it is, if they are the same in every request.
    pub fn literal_len(&self) -> Option<usize> {
        let literal = |part: &Part| match part {
            Part::Text(bytes) => Some(bytes.len()),
            _ => None,
        };
        self.parts.iter().map(literal).sum()
    }

    /// Whether these bytes are part of what it writes as it stands.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        let finder = memchr::memmem::Finder::new(bytes);
        texts.into_iter().any(|text| finder.find(text).is_some())
    }

    /// Its pieces between the literal bytes at which it is cut, which are left out.
    pub(crate) fn split(&self, mut is_cut: impl FnMut(u8) -> bool) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut last = Vec::new();
        for part in &self.parts {
            let Part::Text(bytes) = part else {
                last.push(part.clone());
                continue;
            };
            let mut text = Vec::new();
            for byte in bytes {
                if is_cut(*byte) {
                    push_bytes(&mut last, std::mem::take(&mut text));
                    pieces.push(Self {
                        parts: std::mem::take(&mut last),
                    });
                } else {
                    text.push(*byte);
                }
            }
            push_bytes(&mut last, text);
        }
        pieces.push(Self { parts: last });
        pieces
    }

    /// The literal text before the first of these bytes, or all of it if it is literal.
    pub(crate) fn before(&self, end: u8) -> Option<&str> {
        let bytes = match self.parts.first() {
            None => return Some(""),
            Some(Part::Text(bytes)) => bytes,
            Some(_) => return None,
        };
        let at = bytes.iter().position(|byte| *byte == end);
        let at = at.or_else(|| (self.parts.len() == 1).then_some(bytes.len()))?;
        std::str::from_utf8(&bytes[..at]).ok()
    }

    /// The same without blanks at its beginning.
    pub(crate) fn without_leading_blanks(mut self) -> Self {
        if let Some(Part::Text(bytes)) = self.parts.first_mut() {
            *bytes = bytes.trim_ascii_start().into();
        }
        self
    }

    /// Whether it writes what the other one writes, but for what is drawn at random.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let pairs = self.parts.iter().zip(&other.parts);
        self.parts.len() == other.parts.len()
            && pairs.into_iter().all(|(of, other)| of.is_like(other))
    }

    /// Puts a literal text before all others.
    pub(crate) fn prefix(&mut self, text: &str) {
        self.parts.insert(0, Part::Text(text.as_bytes().into()));
    }

    /// The text, if it is the same in every request.
    pub(crate) fn fixed(&self) -> Option<Vec<u8>> {
        let parts = self.parts.iter().map(|part| part.literal(Secrets::Sent));
        parts
            .collect::<Option<Vec<&[u8]>>>()
            .map(|parts| parts.concat())
    }

    /// Fills in what is the same in all requests of a stretch of load.
    pub(crate) fn stamp(&mut self, stamp: Stamp) {
        self.parts.iter_mut().for_each(|part| part.stamp(stamp));
    }

    /// Its literal bytes and values, in their order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The variables that it uses, by index.
    pub(crate) fn variables(&self) -> impl Iterator<Item = usize> {
        Part::leaves(&self.parts).filter_map(|part| match part {
            Part::Variable(variable) => Some(*variable),
            _ => None,
        })
    }

    /// The feeds' columns that it writes as they are.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&Feed, usize)> {
        let plain = self.parts.iter().flat_map(|part| match part {
            Part::Percent(inner) => inner.as_slice(),
            part => std::slice::from_ref(part),
        });
        plain.filter_map(|part| match part {
            Part::Column { feed, column } => Some((&**feed, *column)),
            _ => None,
        })
    }

    /// Appends the text for one request.
    pub(crate) fn append(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        self.parts.iter().for_each(|part| part.append(values, out));
    }

    /// Shows every secret that the text holds for one request.
    pub(crate) fn each_secret(&self, values: &Values<'_>, show: &mut dyn FnMut(&[u8])) {
        // What is encoded is a secret beside its code.
        let within = Part::leaves(&self.parts).chain(&self.parts);
        for part in within.filter(|part| part.is_secret()) {
            let mut secret = Vec::new();
            part.append(values, &mut secret);
            show(&secret);
        }
    }
}

/// Appends literal bytes, if there are any.
fn push_bytes(parts: &mut Vec<Part>, bytes: Vec<u8>) {
    if !bytes.is_empty() {
        parts.push(Part::Text(bytes.into()));
    }
}

// By hand: a compiled template may hold a credential from the environment.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({} parts)", self.parts.len())
    }
}
