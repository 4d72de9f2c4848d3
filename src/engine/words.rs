//! What is said about an answer that is not as expected. Pure; words are made only when they are asked for.

use serde_json::Value;

use super::answer::{Answer, SHOWN_BODY, Unfit, Unmet};
use crate::scenario::Request;
use crate::traffic::content::{MOST_PIECES, Undecoded, decode};
use crate::traffic::expect::{self, Extract, From, MAX_BODY, hides_header};
use crate::traffic::redact::{REDACTED, is_sensitive_name};
use crate::traffic::variable::MAX_VALUE;

/// The status of a proxy that does not know who asks.
const PROXY_AUTHENTICATION: u16 = 407;

/// Characters of a value that are shown.
const SHOWN_VALUE: usize = 120;

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

/// An unmet expectation in words, and what must be replaced in them.
pub(super) fn describe(unmet: Unmet, request: &Request, answer: &Answer<'_>) -> Words {
    let (content, decoded);
    let answer = match answer.encodings() {
        None => answer,
        Some(encodings) => {
            content = shown_content(encodings, answer);
            decoded = answer.with_body(&content);
            &decoded
        }
    };
    let mut secrets = extractable(request, answer);
    secrets.extend(credentials(answer));
    Words {
        text: say(unmet, request, answer),
        secrets,
    }
}

/// What can be decoded of a body that came encoded and may have been cut.
fn shown_content(encodings: &[u8], answer: &Answer<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    let ended = decode(encodings, answer.body, MAX_BODY, &mut content);
    if ended.is_err() && content.is_empty() {
        let encodings = cut(String::from_utf8_lossy(encodings).into_owned());
        content = format!("{} bytes encoded as {encodings}", answer.body_bytes).into_bytes();
    }
    content
}

/// Why a body could not be looked into.
fn describe_encoded(undecoded: Undecoded, answer: &Answer<'_>) -> String {
    let encodings = String::from_utf8_lossy(answer.encodings().unwrap_or_default());
    let encodings = cut(encodings.into_owned());
    match undecoded {
        Undecoded::Unknown => format!(
            "the body is encoded as `{encodings}`, and telemload decodes gzip, deflate, br and zstd; ask for one of them with the header Accept-Encoding"
        ),
        Undecoded::Broken => format!(
            "the body is not the `{encodings}` that its Content-Encoding says, or ends too early; look at the server, or a proxy in between"
        ),
        Undecoded::TooLong => {
            format!(
                "the body has more than {MAX_BODY} bytes decoded, and at most those are looked at"
            )
        }
        Undecoded::TooManyPieces => format!(
            "the body is `{encodings}` in more than {MOST_PIECES} members or frames, and at most those are decoded; let the server encode it as one"
        ),
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
        Unmet::Status => describe_status(request, answer, &body()),
        Unmet::Header(at) => describe_header(at, request, answer),
        Unmet::TooLong => format!(
            "the body has {} bytes, and at most {MAX_BODY} are looked at",
            answer.body_bytes
        ),
        Unmet::Encoded(undecoded) => describe_encoded(undecoded, answer),
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
            let hides = pointer.split('/').any(is_sensitive_name);
            let shown = |value: &Value| match value {
                Value::Bool(_) | Value::Null => value.to_string(),
                _ if hides => REDACTED.to_owned(),
                other => other.to_string(),
            };
            let expected = shown(expected);
            match json().as_ref().and_then(|json| json.pointer(pointer)) {
                None => format!("{pointer} is missing and should be {expected}: {}", body()),
                Some(found) => {
                    let found = cut(shown(found));
                    format!("{pointer} is {found} instead of {expected}")
                }
            }
        }
        Unmet::Extract(at, unfit) => describe_unfit(&request.extract[at], unfit, &body),
    }
}

/// A status that is not expected, and what came with it.
fn describe_status(request: &Request, answer: &Answer<'_>, body: &str) -> String {
    let status = answer.status;
    if let Some(location) = redirection(request, answer) {
        // Many services send a client without a cookie to where it is, with one.
        let cookie = match answer.head.get("set-cookie") {
            Some(_) => {
                ", with the cookie that this answer sets (--cookie, or `extract` of a request)"
            }
            None => "",
        };
        return format!(
            "status {status}: redirected to {location}, which telemload does not follow; load that address itself{cookie}"
        );
    }
    if status == PROXY_AUTHENTICATION {
        return format!(
            "status {status}: the proxy wants other credentials; write --proxy http://USER:PASSWORD@HOST:PORT, or `target.proxy`: {body}"
        );
    }
    let expected: Vec<String> = request.expect.status.iter().map(u16::to_string).collect();
    let expected = match expected.join(" or ").as_str() {
        "" => String::new(),
        expected => format!(" instead of {expected}"),
    };
    let wish = wish(answer).unwrap_or_default();
    let behind = if body.is_empty() {
        String::new()
    } else {
        format!(": {body}")
    };
    format!("status {status}{expected}{wish}{behind}")
}

/// What a server that refuses says it wants.
fn wish(answer: &Answer<'_>) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-,: ".contains(byte);
    let first = |name: &str| {
        let value = answer.head.get(name)?;
        let plain = value.iter().copied().take_while(is_plain).collect();
        String::from_utf8(plain)
            .ok()
            .filter(|text| !text.is_empty())
    };
    match answer.status {
        401 => {
            let challenge = first("www-authenticate")?;
            let scheme = challenge.split([' ', ',']).next()?;
            Some(format!(
                ", which asks for {} credentials; telemload sends what -u or `headers` says and answers no challenge",
                cut(scheme.to_owned())
            ))
        }
        429 | 503 => Some(format!(
            ", with Retry-After: {}, which telemload does not wait for",
            cut(first("retry-after")?)
        )),
        _ => None,
    }
}

/// A header that is not as expected.
fn describe_header(at: usize, request: &Request, answer: &Answer<'_>) -> String {
    let (name, expected) = &request.expect.headers[at];
    let hides = hides_header(&request.extract, name);
    let expected = match expected {
        expect::Value::Is(_) if hides => REDACTED.to_owned(),
        other => other.to_string(),
    };
    match answer.head.get(name) {
        None => format!("there is no header {name}, which should be {expected}"),
        Some(_) if hides => {
            format!("header {name} is {REDACTED} instead of {expected}")
        }
        Some(found) => {
            let found = cut(String::from_utf8_lossy(found).into_owned());
            format!("header {name} is `{found}` instead of {expected}")
        }
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
        Unfit::LeadsOut => {
            "a text with a part `.` or `..`, which would lead out of the path it is used in"
                .to_owned()
        }
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
    add_written(&mut found);
    found
}

/// What an answer holds under names of credentials: nobody asked for it, and it is as secret as what is extracted.
fn credentials(answer: &Answer<'_>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (name, value) in answer.head.iter() {
        let name = String::from_utf8_lossy(name);
        if !is_sensitive_name(&name) {
            continue;
        }
        // The value of a cookie stands between its name and its attributes; a scheme stands before a token.
        let value = value.split(|&byte| byte == b';').next().unwrap_or_default();
        let alone = value.rsplitn(2, |&byte| byte == b' ').next();
        let cookie = value.splitn(2, |&byte| byte == b'=').nth(1);
        let is_cookie = name.eq_ignore_ascii_case("set-cookie");
        let secret = if is_cookie { cookie } else { alone };
        found.extend(secret.map(|secret| secret.trim_ascii().to_vec()));
    }
    if let Ok(json) = serde_json::from_slice(answer.body) {
        named(&json, &mut found);
    }
    add_written(&mut found);
    found
}

/// The texts and numbers under names of credentials. The parser bounds the depth.
fn named(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| named(value, found)),
        Value::Object(entries) => {
            for (name, value) in entries {
                if is_sensitive_name(name) {
                    leaves(value, found);
                } else {
                    named(value, found);
                }
            }
        }
        _ => {}
    }
}

/// Adds texts as JSON writes them, if that is not as they are.
fn add_written(found: &mut Vec<Vec<u8>>) {
    let written = |value: &Vec<u8>| {
        let text = std::str::from_utf8(value).ok()?;
        let quoted = Value::from(text).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        (inner != text).then(|| inner.as_bytes().to_vec())
    };
    let escaped: Vec<_> = found.iter().filter_map(written).collect();
    found.extend(escaped);
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
