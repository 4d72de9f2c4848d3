//! What an answer means: whether it is as expected, what is taken from it, and what is said about one that is not. Pure;
//! words are made only when they are asked for.

use std::fmt;

use serde_json::Value;

use crate::metrics::ErrorKind;
use crate::scenario::Request;
use crate::traffic::expect::{self, Expect, Extract, From, MAX_BODY, hides_header};
use crate::traffic::json::{Found, Pointers};
use crate::traffic::redact::REDACTED;
use crate::traffic::variable::MAX_VALUE;
use crate::transport::http1::Head;

/// Bytes of a body that are shown.
const SHOWN_BODY: usize = 256;

/// Characters of a value that are shown.
const SHOWN_VALUE: usize = 120;

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

/// What is said about a failure, before secrets are taken out of it.
pub(super) struct Words {
    pub(super) text: String,
    /// What the answer holds where values are extracted: secrets wherever they are said.
    pub(super) secrets: Vec<Vec<u8>>,
}

impl std::convert::From<String> for Words {
    fn from(text: String) -> Self {
        Self {
            text,
            secrets: Vec::new(),
        }
    }
}

/// What is not as expected; numbers are indices into what the request expects or extracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet {
    Status,
    Header(usize),
    TooLong,
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
}

impl Judge {
    pub(super) fn new(request: &Request) -> Self {
        let expected = request.expect.json.iter().map(|(pointer, _)| &**pointer);
        let extracted = request.extract.iter().filter_map(|one| one.from.pointer());
        Self {
            expect: request.expect.clone(),
            pointers: looks_at_json(request).then(|| Pointers::new(expected.chain(extracted))),
            scratch: Vec::new(),
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
        let mut found = None;
        if looks_at_body(request) {
            judge_body(expect, answer)?;
            if let Some(pointers) = &mut self.pointers {
                let json = pointers.find(answer.body).map_err(|_| Unmet::NotJson)?;
                for (at, (_, expected)) in expect.json.iter().enumerate() {
                    if !json.get(at).is_some_and(|value| value.is(expected)) {
                        return Err(Unmet::Json(at));
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
    if answer.body_bytes > answer.body.len() as u64 {
        return Err(Unmet::TooLong);
    }
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
    } else if value.iter().any(u8::is_ascii_control) {
        Err(Unfit::Control)
    } else if value.iter().any(|byte| refused.contains(byte)) {
        Err(Unfit::Refused)
    } else {
        Ok(value)
    }
}

/// An unmet expectation in words, and what must be replaced in them.
pub(super) fn describe(unmet: Unmet, request: &Request, answer: &Answer<'_>) -> Words {
    Words {
        text: say(unmet, request, answer),
        secrets: extractable(request, answer),
    }
}

/// What was expected and what came, cut, without the places from which values are extracted.
fn say(unmet: Unmet, request: &Request, answer: &Answer<'_>) -> String {
    let expect = &request.expect;
    let json = || {
        let mut json: Value = serde_json::from_slice(answer.body).ok()?;
        hide(request, &mut json);
        Some(json)
    };
    let body = || shown_body(request, answer, json());
    match unmet {
        Unmet::Status if let Some(location) = redirection(request, answer) => format!(
            "status {}: redirected to {location}, which telemload does not follow; load that address itself",
            answer.status
        ),
        Unmet::Status if expect.status.is_empty() => {
            format!("status {}: {}", answer.status, body())
        }
        Unmet::Status => {
            let expected: Vec<String> = expect.status.iter().map(u16::to_string).collect();
            let expected = expected.join(" or ");
            format!("status {} instead of {expected}: {}", answer.status, body())
        }
        Unmet::Header(at) => {
            let (name, expected) = &expect.headers[at];
            match answer.head.get(name) {
                None => format!("there is no header {name}, which should be {expected}"),
                Some(_) if hides_header(&request.extract, name) => {
                    format!("header {name} is {REDACTED} instead of {expected}")
                }
                Some(found) => {
                    let found = cut(String::from_utf8_lossy(found).into_owned());
                    format!("header {name} is `{found}` instead of {expected}")
                }
            }
        }
        Unmet::TooLong => format!(
            "the body has {} bytes, and at most {MAX_BODY} are looked at",
            answer.body_bytes
        ),
        Unmet::Contains => format!(
            "the body does not hold `{}`: {}",
            expect.contains.as_deref().unwrap_or_default(),
            body()
        ),
        Unmet::Matches => format!(
            "the body has no match of `{}`: {}",
            expect
                .matches
                .as_ref()
                .map_or("", |pattern| pattern.as_str()),
            body()
        ),
        Unmet::NotJson => format!("the body is not JSON: {}", body()),
        Unmet::Json(at) => {
            let (pointer, expected) = &expect.json[at];
            match json().as_ref().and_then(|json| json.pointer(pointer)) {
                None => format!("{pointer} is missing and should be {expected}: {}", body()),
                Some(found) => {
                    let found = cut(found.to_string());
                    format!("{pointer} is {found} instead of {expected}")
                }
            }
        }
        Unmet::Extract(at, unfit) => describe_unfit(&request.extract[at], unfit, &body),
    }
}

/// Where a redirection leads to, unless that is extracted.
fn redirection(request: &Request, answer: &Answer<'_>) -> Option<String> {
    let location = answer.head.get("location")?;
    let shown = (300..400).contains(&answer.status) && !hides_header(&request.extract, "location");
    shown.then(|| cut(String::from_utf8_lossy(location).into_owned()))
}

fn describe_unfit(extract: &Extract, unfit: Unfit, body: &dyn Fn() -> String) -> String {
    let what = match unfit {
        Unfit::Absent => match extract.from {
            From::Json(_) => return format!("there is no {}: {}", extract.from, body()),
            From::Header(_) => return format!("there is no {}", extract.from),
        },
        Unfit::NoText => "neither a text, a number nor true or false".to_owned(),
        Unfit::Empty => "empty".to_owned(),
        Unfit::TooLong => format!("longer than {MAX_VALUE} bytes"),
        Unfit::Control => "a text with control characters, which is not sent on".to_owned(),
        Unfit::Refused => format!(
            "a text with one of `{}`, which would end the text it is used in",
            extract.refused
        ),
    };
    format!(
        "{}, from which `{}` is extracted, is {what}",
        extract.from, extract.name
    )
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

/// What is found where values are extracted, fit to be extracted or not.
fn extractable(request: &Request, answer: &Answer<'_>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let json: Option<Value> = request
        .extract
        .iter()
        .any(|one| one.from.pointer().is_some())
        .then(|| serde_json::from_slice(answer.body).ok())
        .flatten();
    for extract in &request.extract {
        match &extract.from {
            From::Header(name) => found.extend(answer.head.get(name).map(<[u8]>::to_vec)),
            From::Json(pointer) => {
                if let Some(value) = json.as_ref().and_then(|json| json.pointer(pointer)) {
                    leaves(value, &mut found);
                }
            }
        }
    }
    // As JSON writes them, if that is not as they are.
    let written = |value: &Vec<u8>| {
        let text = std::str::from_utf8(value).ok()?;
        let quoted = Value::from(text).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        (inner != text).then(|| inner.as_bytes().to_vec())
    };
    let escaped: Vec<_> = found.iter().filter_map(written).collect();
    found.extend(escaped);
    found
}

/// The texts and numbers within a value; `true`, `false` and `null` tell nobody anything. The parser bounds its depth.
fn leaves(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => found.push(text.as_bytes().to_vec()),
        Value::Number(number) => found.push(number.to_string().into_bytes()),
        Value::Array(values) => values.iter().for_each(|value| leaves(value, found)),
        Value::Object(entries) => entries.values().for_each(|value| leaves(value, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Replaces what is extracted.
fn hide(request: &Request, json: &mut Value) {
    for extract in &request.extract {
        if let Some(pointer) = extract.from.pointer()
            && let Some(value) = json.pointer_mut(pointer)
        {
            *value = Value::from(REDACTED);
        }
    }
}

/// The beginning of a body. One that is not JSON but names what should be extracted from it may hold it all the same.
fn shown_body(request: &Request, answer: &Answer<'_>, json: Option<Value>) -> String {
    let extracts_json = request
        .extract
        .iter()
        .filter_map(|extract| extract.from.pointer()?.rsplit('/').next());
    let mut keys = extracts_json.peekable();
    if keys.peek().is_none() {
        let shown = &answer.body[..answer.body.len().min(SHOWN_BODY)];
        return String::from_utf8_lossy(shown).into_owned();
    }
    if let Some(json) = json {
        let text = json.to_string();
        return text.chars().take(SHOWN_BODY).collect();
    }
    let names_one = |key: &str| memchr::memmem::find(answer.body, key.as_bytes()).is_some();
    if keys.any(names_one) {
        return format!("{REDACTED}, because a value is extracted from it");
    }
    let shown = &answer.body[..answer.body.len().min(SHOWN_BODY)];
    String::from_utf8_lossy(shown).into_owned()
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SHOWN_VALUE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::scenario::{Overrides, parse};
    use crate::transport::http1::{Decoder, ExpectBody, Limits, Progress};

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
