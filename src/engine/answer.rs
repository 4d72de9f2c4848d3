//! What an answer means: whether it is as expected, and what is taken from it. Pure; it makes no words.

use std::fmt;

use crate::metrics::ErrorKind;
use crate::scenario::Request;
use crate::traffic::content::{self, Undecoded};
use crate::traffic::expect::{self, Expect, Extract, From, MAX_BODY};
use crate::traffic::json::{Found, Pointers};
use crate::traffic::variable::MAX_VALUE;
use crate::transport::answer::Head;

/// Bytes of a body that are shown.
pub(super) const SHOWN_BODY: usize = 256;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) head: Head<'a>,
    /// Its body, or the part that was kept.
    pub(super) body: &'a [u8],
    /// Bytes that the body had.
    pub(super) body_bytes: u64,
}

impl<'a> Answer<'a> {
    /// What its body is encoded with, if it is.
    pub(super) fn encodings(&self) -> Option<&'a [u8]> {
        let encodings = self.head.get("content-encoding")?;
        content::is_encoded(encodings).then_some(encodings)
    }

    /// The same with another body, all of it.
    pub(super) fn with_body<'b>(&self, body: &'b [u8]) -> Answer<'b>
    where
        'a: 'b,
    {
        Answer {
            status: self.status,
            head: self.head,
            body,
            body_bytes: body.len() as u64,
        }
    }
}

/// What is not as expected; numbers are indices into what the request expects or extracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet {
    Status,
    Header(usize),
    TooLong,
    /// It came encoded and cannot be looked into.
    Encoded(Undecoded),
    Contains,
    Matches,
    NotJson,
    Json(usize),
    Extract(usize, Unfit),
}

/// Why a value cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Absent,
    NoText,
    Empty,
    TooLong,
    Control,
    /// It would lead to another place than the path in which it is used.
    LeadsOut,
    Refused,
}

impl Unmet {
    pub(super) fn kind(self) -> ErrorKind {
        match self {
            Self::Status => ErrorKind::Status,
            _ => ErrorKind::Body,
        }
    }
}

/// How much of a body is kept for a request.
pub(super) fn kept_body(request: &Request) -> usize {
    if looks_at_body(request) {
        MAX_BODY
    } else {
        SHOWN_BODY
    }
}

/// What answers to one kind of request are held against, for one worker.
pub(super) struct Judge {
    /// A copy: a pattern's working memory is not shared between workers.
    expect: Expect,
    /// What is looked for in a JSON body: what is expected, then what is extracted.
    pointers: Option<Pointers>,
    /// A value that does not stand in an answer as it is taken.
    scratch: Vec<u8>,
    /// The body of an answer that came encoded.
    content: Vec<u8>,
}

impl Judge {
    pub(super) fn new(request: &Request) -> Self {
        let expected = request.expect.json.iter().map(|(pointer, _)| &**pointer);
        let extracted = request.extract.iter().filter_map(|one| one.from.pointer());
        Self {
            expect: request.expect.clone(),
            pointers: looks_at_json(request).then(|| Pointers::new(expected.chain(extracted))),
            scratch: Vec::new(),
            content: Vec::new(),
        }
    }

    /// Holds an answer to `request` against what is expected, and gives what is extracted to `give`, all of it or nothing.
    pub(super) fn judge(
        &mut self,
        request: &Request,
        answer: &Answer<'_>,
        give: impl FnMut(usize, &[u8]),
    ) -> Result<(), Unmet> {
        let expect = &self.expect;
        if !expect.has_status(answer.status) {
            return Err(Unmet::Status);
        }
        for (at, (name, value)) in expect.headers.iter().enumerate() {
            let found = answer.head.get(name);
            if !found.is_some_and(|found| is_met(value, found)) {
                return Err(Unmet::Header(at));
            }
        }
        let decoded;
        let mut answer = answer;
        let mut found = None;
        let mut is_unknown = false;
        if looks_at_body(request) {
            if answer.body_bytes > answer.body.len() as u64 {
                return Err(Unmet::TooLong);
            }
            if let Some(encodings) = answer.encodings() {
                match content::decode(encodings, answer.body, MAX_BODY, &mut self.content) {
                    Ok(()) => {
                        decoded = answer.with_body(&self.content);
                        answer = &decoded;
                    }
                    // `utf-8`, `none` and the like are no encodings: browsers read such a body as it is.
                    Err(Undecoded::Unknown) => is_unknown = true,
                    Err(undecoded) => return Err(Unmet::Encoded(undecoded)),
                }
            }
            let unmet = |unmet| match is_unknown {
                true => Unmet::Encoded(Undecoded::Unknown),
                false => unmet,
            };
            judge_body(expect, answer).map_err(unmet)?;
            if let Some(pointers) = &mut self.pointers {
                let json = pointers.find(answer.body);
                let json = json.map_err(|_| unmet(Unmet::NotJson))?;
                for (at, (_, expected)) in expect.json.iter().enumerate() {
                    if !json.get(at).is_some_and(|value| value.is(expected)) {
                        return Err(unmet(Unmet::Json(at)));
                    }
                }
                found = Some(json);
            }
        }
        extract(request, answer, found.as_ref(), &mut self.scratch, give)
    }
}

// By hand: no value may reach a log.
impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expect.fmt(f)
    }
}

fn judge_body(expect: &Expect, answer: &Answer<'_>) -> Result<(), Unmet> {
    let contains = |text: &str| memchr::memmem::find(answer.body, text.as_bytes()).is_some();
    if expect
        .contains
        .as_deref()
        .is_some_and(|text| !contains(text))
    {
        return Err(Unmet::Contains);
    }
    match &expect.matches {
        Some(pattern) if !pattern.is_match(answer.body) => Err(Unmet::Matches),
        _ => Ok(()),
    }
}

fn extract(
    request: &Request,
    answer: &Answer<'_>,
    json: Option<&Found<'_, '_>>,
    scratch: &mut Vec<u8>,
    mut give: impl FnMut(usize, &[u8]),
) -> Result<(), Unmet> {
    // All of it is looked at before any of it is given.
    for gives in [false, true] {
        let mut pointer = request.expect.json.len();
        for (at, extract) in request.extract.iter().enumerate() {
            let found = match &extract.from {
                From::Header(name) => answer.head.get(name).ok_or(Unfit::Absent),
                From::Json(_) => {
                    let found = json.and_then(|json| json.get(pointer));
                    pointer += 1;
                    let value = found.ok_or(Unfit::Absent);
                    value.and_then(|value| value.text(scratch).ok_or(Unfit::NoText))
                }
            };
            let value = found
                .and_then(|value| fit(extract, value))
                .map_err(|unfit| Unmet::Extract(at, unfit))?;
            if gives {
                give(extract.variable, value);
            }
        }
    }
    Ok(())
}

fn fit<'a>(extract: &Extract, value: &'a [u8]) -> Result<&'a [u8], Unfit> {
    let refused = extract.refused.as_bytes();
    if value.is_empty() {
        Err(Unfit::Empty)
    } else if value.len() > MAX_VALUE {
        Err(Unfit::TooLong)
    } else if has_control(value) {
        Err(Unfit::Control)
    } else if extract.in_path && leads_out(value) {
        Err(Unfit::LeadsOut)
    } else if value.iter().any(|byte| refused.contains(byte)) {
        Err(Unfit::Refused)
    } else {
        Ok(value)
    }
}

/// Whether there is a control character of ASCII or, as UTF-8 writes it, of those behind ASCII, such as U+0085.
fn has_control(value: &[u8]) -> bool {
    let is_c1 = |pair: &[u8]| pair[0] == 0xc2 && (0x80..0xa0).contains(&pair[1]);
    value.iter().any(u8::is_ascii_control) || value.windows(2).any(is_c1)
}

/// Whether a part of a path is `.` or `..`, plain or percent-encoded, which servers take for another place.
fn leads_out(mut value: &[u8]) -> bool {
    // `None` once a part has anything but dots.
    let mut dots = Some(0);
    let is_step = |dots| matches!(dots, Some(1 | 2));
    while let [first, rest @ ..] = value {
        let (byte, behind) = match (first, rest) {
            (b'%', [b'2', b'e' | b'E', behind @ ..]) => (b'.', behind),
            (b'%', [b'2', b'f' | b'F', behind @ ..] | [b'5', b'c' | b'C', behind @ ..]) => {
                (b'/', behind)
            }
            (b'\\', _) => (b'/', rest),
            (byte, _) => (*byte, rest),
        };
        value = behind;
        dots = match byte {
            b'/' if is_step(dots) => return true,
            b'/' => Some(0),
            b'.' => dots.map(|dots| dots + 1),
            _ => None,
        };
    }
    is_step(dots)
}

fn looks_at_json(request: &Request) -> bool {
    let mut extracted = request.extract.iter();
    !request.expect.json.is_empty() || extracted.any(|one| one.from.pointer().is_some())
}

fn looks_at_body(request: &Request) -> bool {
    request.expect.looks_at_body() || looks_at_json(request)
}

fn is_met(expected: &expect::Value, found: &[u8]) -> bool {
    match expected {
        expect::Value::Is(text) => found == text.as_bytes(),
        expect::Value::Matches(pattern) => pattern.is_match(found),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::words::describe;
    use crate::scenario::{Overrides, parse};
    use crate::transport::answer::ExpectBody;
    use crate::transport::http1::{Decoder, Limits, Progress};

    fn request(more: &str) -> Request {
        let text = format!(
            "name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\nload = {{ model = \"closed\", connections = 1, duration = \"1s\" }}\n[fleet.cars]\ndevices = 1\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\n{more}\n"
        );
        let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        plan.variants[0].requests[0].clone()
    }

    /// What is given, or what is said.
    fn judged(request: &Request, headers: &str, body: &[u8]) -> Result<Vec<String>, String> {
        let mut decoder = Decoder::new(Limits::default());
        decoder.start(ExpectBody::Yes, kept_body(request));
        let head = format!(
            "HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body].concat();
        let mut rest = &bytes[..];
        let response = loop {
            let spare = decoder.spare();
            let n = spare.len().min(rest.len());
            spare[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            if let Progress::Done(response) = decoder.filled(n).unwrap() {
                break response;
            }
        };
        let answer = Answer {
            status: response.status,
            head: decoder.head().unwrap(),
            body: decoder.body(),
            body_bytes: response.body_bytes,
        };
        let mut given = Vec::new();
        let give = |_, value: &[u8]| given.push(String::from_utf8_lossy(value).into_owned());
        Judge::new(request)
            .judge(request, &answer, give)
            .map_err(|unmet| describe(unmet, request, &answer).text)?;
        Ok(given)
    }

    #[test]
    fn all_that_is_extracted_is_given_or_nothing() {
        let request =
            request("extract = { a = \"json:/a\", b = \"header:X-B\", c = \"json:/c/1\" }");
        let headers = "X-B: two\r\n";
        let body = br#"{"a":"one","c":[0,3]}"#;
        assert_eq!(
            judged(&request, headers, body).unwrap(),
            ["one", "two", "3"]
        );
        assert_eq!(
            judged(&request, "", body).unwrap_err(),
            "there is no header:X-B"
        );
        assert_eq!(
            judged(&request, headers, br#"{"a":"one"}"#).unwrap_err(),
            "there is no json:/c/1: {\"a\":\"[redacted]\"}"
        );
    }

    #[test]
    fn values_lead_out_of_no_path_or_are_refused() {
        for (value, expected) in [
            ("a/b.c/..d/...", false),
            ("%2e%2ex", false),
            ("a%2", false),
            ("", false),
            ("..", true),
            (".", true),
            ("../etc", true),
            ("a/../b", true),
            ("a/.", true),
            ("a/%2e%2E/b", true),
            (".%2e", true),
            ("a%2f..%2Fb", true),
            ("a\\..\\b", true),
            ("a%5c..", true),
        ] {
            assert_eq!(leads_out(value.as_bytes()), expected, "{value}");
        }
        for (value, expected) in [
            ("größe", false),
            ("a\u{85}b", true),
            ("a\u{9b}", true),
            ("a\u{a0}b", false),
            ("a\x7f", true),
            ("a\r\n", true),
        ] {
            assert_eq!(has_control(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn values_are_compared_by_what_they_are() {
        let request = request("expect.body.json.\"\" = { a = 1, b = [true, \"x\"] }");
        for (body, is_met) in [
            (r#"{"b":[true,"x"],"a":1.0}"#, true),
            (r#"{"a":1,"b":[true,"x"],"c":2}"#, false),
            (r#"{"a":1,"b":["x",true]}"#, false),
            (r#"{"a":"1","b":[true,"x"]}"#, false),
        ] {
            assert_eq!(
                judged(&request, "", body.as_bytes()).is_ok(),
                is_met,
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_of_an_encoding_that_is_none_is_read_as_it_is() {
        let request = request("expect.body.contains = \"needle\"");
        for encoding in ["utf-8", "none", "aws-chunked"] {
            let header = format!("Content-Encoding: {encoding}\r\n");
            let given = judged(&request, &header, b"a needle");
            assert_eq!(given, Ok(Vec::new()), "{encoding}");
            let words = judged(&request, &header, b"other").unwrap_err();
            assert!(
                words.contains(&format!("encoded as `{encoding}`")),
                "{words}"
            );
        }
    }

    #[test]
    fn nesting_without_end_is_no_json() {
        let request = request("expect.body.json.\"/a\" = 1");
        let words = judged(&request, "", &b"[".repeat(100_000)).unwrap_err();
        assert!(words.starts_with("the body is not JSON: [[["), "{words}");
        assert!(words.len() < 400, "{}", words.len());
    }

    proptest! {
        #[test]
        fn any_body_is_judged_and_its_secret_is_not_said(body in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..200) {
            let request = request("expect.body.contains = \"never-there\"\nextract = { a = \"json:/token\" }");
            let at = at.min(body.len());
            let secret = br#"{"token":"s3cr3t-value"}"#;
            for body in [body.clone(), secret.to_vec(), [&body[..at], secret, &body[at..]].concat()] {
                let words = judged(&request, "", &body).unwrap_err();
                prop_assert!(!words.contains("s3cr3t"), "{}", words);
            }
        }
    }
}
