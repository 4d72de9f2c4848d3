//! Places for ports in texts of a scenario: `{port}` of the process itself, `{NAME.port}` of a service. Which ports these are is
//! known at each launch. Pure.

use std::fmt;

use thiserror::Error;

use crate::units::list;

/// A text with places for ports. `Debug` shows none of it: the URL of a store may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Ported {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Own,
    /// Index of the service.
    Service(usize),
}

/// The ports of one launch.
#[derive(Debug, Clone, Copy)]
pub struct Ports<'a> {
    /// Of the process whose text is filled in.
    pub own: u16,
    /// Of the services, in their order; those that the text may name are there.
    pub services: &'a [u16],
}

/// What a text may name.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Services that run by then, in their order.
    pub started: &'a [String],
    /// Services that do not.
    pub later: &'a [String],
    /// The service whose text it is.
    pub own: Option<&'a str>,
    /// What other braces are.
    pub braces: Braces,
}

/// What braces are that hold no port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Braces {
    /// Text like any other: a command may need them.
    Text,
    /// A mistake, and so is `{port}`.
    Mistake,
}

/// What is wrong with a text.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PortsError {
    /// Nothing has this name.
    #[error("there is no service `{name}` whose port `{{{name}.port}}` could be; there is {known}")]
    Unknown {
        /// The name.
        name: String,
        /// What there is.
        known: String,
    },
    /// It does not run yet.
    #[error(
        "the service `{0}` is not started yet when `{{{0}.port}}` is needed; services start in their order, put its [[service]] above this one"
    )]
    Later(String),
    /// A service names itself.
    #[error("`{{{0}.port}}` is this service's own port; write `{{port}}`")]
    Own(String),
    /// A service has nothing else.
    #[error("`{{{found}}}` is no port; write `{{{name}.port}}`")]
    NotAPort {
        /// What the braces hold.
        found: String,
        /// The service.
        name: String,
    },
    /// What it holds is not repeated: it may be a part of a credential.
    #[error(
        "there are braces that hold no port of a service; write `{{NAME.port}}` with the name of a [[service]]"
    )]
    Stray,
}

impl Ported {
    /// Finds the places in `text`.
    ///
    /// # Errors
    /// A service that is not there or not yet, or braces that are a mistake.
    pub fn parse(text: &str, known: Known<'_>) -> Result<Self, PortsError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            literal.push_str(&rest[..open]);
            rest = &rest[open..];
            // The innermost braces count: `{{a.port}}` is a place within braces.
            let inner = rest[1..]
                .find(['{', '}'])
                .filter(|end| rest.as_bytes()[end + 1] == b'}');
            let found = inner.map(|end| (&rest[1..=end], end + 2));
            let place = match found {
                Some((inner, length)) => place(inner, known)?.map(|piece| (piece, length)),
                None => None,
            };
            match place {
                Some((piece, length)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece);
                    rest = &rest[length..];
                }
                None if known.braces == Braces::Mistake => return Err(PortsError::Stray),
                None => {
                    literal.push('{');
                    rest = &rest[1..];
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// The text with the ports in their places.
    ///
    /// # Panics
    /// If a service lacks that was known when the text was read.
    pub fn fill(&self, ports: Ports<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Own => filled.push_str(&ports.own.to_string()),
                Piece::Service(at) => filled.push_str(&ports.services[*at].to_string()),
            }
        }
        filled
    }

    /// Whether the process's own port has a place in it.
    pub fn has_own(&self) -> bool {
        self.pieces.contains(&Piece::Own)
    }

    /// Whether any port has one.
    pub fn has_places(&self) -> bool {
        let is_text = |piece: &Piece| matches!(piece, Piece::Text(_));
        !self.pieces.iter().all(is_text)
    }
}

/// What braces around `inner` stand for; `None` if they are plain text.
fn place(inner: &str, known: Known<'_>) -> Result<Option<Piece>, PortsError> {
    if inner == "port" {
        return Ok((known.braces == Braces::Text).then_some(Piece::Own));
    }
    let (name, what) = inner.split_once('.').unwrap_or((inner, ""));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let started = known.started.iter().position(|other| other == name);
    let is_service = started.is_some() || known.later.iter().any(|other| other == name);
    match (started, what) {
        (Some(at), "port") => Ok(Some(Piece::Service(at))),
        (_, "port") if known.own == Some(name) => Err(PortsError::Own(name.to_owned())),
        (None, "port") if is_service => Err(PortsError::Later(name.to_owned())),
        (None, "port") if !name.is_empty() && name.bytes().all(is_name) => {
            Err(PortsError::Unknown {
                name: name.to_owned(),
                known: list(known.started),
            })
        }
        _ if is_service => Err(PortsError::NotAPort {
            found: inner.to_owned(),
            name: name.to_owned(),
        }),
        _ => Ok(None),
    }
}

impl fmt::Debug for Ported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ported(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str, braces: Braces) -> Result<Ported, PortsError> {
        let names = ["redis", "s3", "later"].map(str::to_owned);
        let known = Known {
            started: &names[..2],
            later: &names[2..3],
            own: Some("self"),
            braces,
        };
        Ported::parse(text, known)
    }

    const PORTS: Ports<'static> = Ports {
        own: 1,
        services: &[2, 3],
    };

    #[test]
    fn ports_take_their_places() {
        let check = |text: &str, expected: &str| {
            let filled = parse(text, Braces::Text).map(|text| text.fill(PORTS));
            assert_eq!(filled.as_deref(), Ok(expected), "{text}");
        };
        check("--port={port}", "--port=1");
        check("redis://h:{redis.port}/{s3.port}", "redis://h:2/3");
        check("{{redis.port}} ${port}", "{2} $1");
        check("awk '{print $1}' {", "awk '{print $1}' {");
        check("{a b.port} {.port} {}", "{a b.port} {.port} {}");
        check("", "");
        assert!(parse("{port}", Braces::Text).unwrap().has_own());
        let other = parse("{redis.port}", Braces::Text).unwrap();
        assert!(!other.has_own() && other.has_places());
        assert!(!parse("{x}", Braces::Text).unwrap().has_places());
    }

    #[test]
    fn what_is_no_port_is_refused_with_the_remedy() {
        let check = |text: &str, braces: Braces, expected: &str| {
            let error = parse(text, braces).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        };
        let text = Braces::Text;
        check(
            "{radis.port}",
            text,
            "there is no service `radis` whose port `{radis.port}` could be; there is `redis` and `s3`",
        );
        check(
            "{later.port}",
            text,
            "the service `later` is not started yet when `{later.port}` is needed; services start in their order, put its [[service]] above this one",
        );
        check(
            "{self.port}",
            text,
            "`{self.port}` is this service's own port; write `{port}`",
        );
        check(
            "{redis.host}",
            text,
            "`{redis.host}` is no port; write `{redis.port}`",
        );
        check(
            "{redis}",
            text,
            "`{redis}` is no port; write `{redis.port}`",
        );
        for stray in ["redis://u:p{x}@h", "h:{port}", "h:{redis.port"] {
            let words = "there are braces that hold no port of a service; write `{NAME.port}` with the name of a [[service]]";
            check(stray, Braces::Mistake, words);
        }
    }

    proptest! {
        #[test]
        fn text_without_places_stays_as_it_is(text in "[a-z.{} ]{0,40}") {
            match parse(&text, Braces::Text) {
                Ok(parsed) if !parsed.has_places() => prop_assert_eq!(parsed.fill(PORTS), text),
                _ => {}
            }
        }
    }
}
