//! What an answer must be like and what is taken from it, compiled. The judgement itself is the engine's.

use std::fmt;

use regex::bytes::Regex;

use super::redact::is_sensitive_name;

/// Bytes of a body that are looked at; a longer one is a failure where its body matters.
pub const MAX_BODY: usize = 1 << 20;

/// What an answer must be like.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Any of these; every 2xx if there is none.
    pub status: Vec<u16>,
    /// By name; the first header of that name is looked at.
    pub headers: Vec<(String, Value)>,
    /// What the body holds somewhere.
    pub contains: Option<Box<str>>,
    /// What some part of the body matches.
    pub matches: Option<Regex>,
    /// Pointers (RFC 6901) into a JSON body, and the values there.
    pub json: Vec<(String, serde_json::Value)>,
}

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum Value {
    /// The whole of it.
    Is(String),
    /// Some part of it.
    Matches(Regex),
}

/// A value that is taken from an answer for its device.
#[derive(Debug, Clone)]
pub struct Extract {
    /// The variable, by index within the scenario's variant.
    pub variable: usize,
    /// Its name.
    pub name: String,
    /// Where it is found.
    pub from: From,
    /// Bytes that a value must not hold beside control characters, because of where it is used.
    pub refused: &'static str,
    /// It is used in a path, which it must not lead out of.
    pub in_path: bool,
}

/// Where a value is found in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At a pointer (RFC 6901) into a JSON body.
    Json(String),
    /// In the first header of this name.
    Header(String),
}

impl From {
    /// The pointer, if that is where the value is found.
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Json(pointer) => Some(pointer),
            Self::Header(_) => None,
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "`{text}`"),
            Self::Matches(pattern) => write!(f, "a match of `{pattern}`"),
        }
    }
}

impl Expect {
    /// Whether a status is one of the expected.
    pub fn has_status(&self, status: u16) -> bool {
        if self.status.is_empty() {
            (200..300).contains(&status)
        } else {
            self.status.contains(&status)
        }
    }

    /// Whether anything of the body is expected.
    pub fn looks_at_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || !self.json.is_empty()
    }
}

/// Whether what a header holds must not be shown.
pub fn hides_header(extract: &[Extract], name: &str) -> bool {
    is_sensitive_name(name)
        || extract.iter().any(
            |one| matches!(&one.from, From::Header(header) if header.eq_ignore_ascii_case(name)),
        )
}
