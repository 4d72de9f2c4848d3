//! Logs of a JSON object a line: of Caddy, Cloudflare, Zeek, Envoy and nginx by what they call their fields, of others by JSON pointers. Pure.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::column::{Column, Fields, NAMES};
use super::line::{LONGEST, finish, take};
use super::table::zeek_column;
use crate::import::sample::{Header, Sample};

/// A value by its JSON pointer.
type Pointer = (String, Column);

/// Reads a log whose fields have names that are known.
///
/// # Errors
/// That it is none.
pub(in crate::import) fn json(name: &str, text: &str) -> Result<Sample, String> {
    let none = "it is JSON, but neither a HAR (no log.entries) nor an access log whose fields telemload knows (Caddy, Cloudflare, Zeek, Envoy, nginx); name the fields with --log-fields".to_owned();
    let mut first = None;
    each(text, &mut |object| {
        first = object.and_then(known);
        first.is_none()
    });
    let (kind, pointers) = first.ok_or(none)?;
    Ok(read(name, text, kind, &pointers))
}

/// Reads a log whose fields are named by JSON pointers: `method=/req/method,target=/req/url`.
///
/// # Errors
/// What is wrong about the list.
pub(in crate::import) fn by_pointers(
    name: &str,
    text: &str,
    fields: &str,
) -> Result<Sample, String> {
    let mut pointers: Vec<Pointer> = Vec::new();
    for field in fields
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
    {
        let (name, pointer) = field
            .split_once('=')
            .ok_or_else(|| format!("--log-fields: `{}` is not NAME=/POINTER", field))?;
        let column = Column::named(name).ok_or_else(|| {
            format!(
                "--log-fields: there is no field `{}`; there are {NAMES}",
                name
            )
        })?;
        if !pointer.starts_with('/') {
            return Err(format!(
                "--log-fields: a JSON pointer begins with `/`, such as {name}=/{}",
                pointer
            ));
        }
        pointers.push((pointer.to_owned(), column));
    }
    let has_request = pointers
        .iter()
        .any(|(_, column)| matches!(column, Column::Line | Column::Target | Column::Path));
    if !has_request {
        return Err("--log-fields names no request: give line, target or path".to_owned());
    }
    Ok(read(name, text, "JSON by pointers", &pointers))
}

/// Gives the objects of a text, a line each or of one array, until `take` wants no more; what is none is given as that.
fn each(text: &str, take: &mut dyn FnMut(Option<&Value>) -> bool) {
    if text.trim_start().starts_with('[') {
        let mut all = serde_json::Deserializer::from_str(text);
        if all.deserialize_seq(Objects(&mut *take)).is_err() {
            // It is broken from here on.
            take(None);
        }
        return;
    }
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !take(object_of(line).as_ref()) {
            return;
        }
    }
}

/// The object that a text is, unless it is too long for a line of a log.
fn object_of(text: &str) -> Option<Value> {
    let object = (text.len() <= LONGEST).then(|| serde_json::from_str::<Value>(text).ok());
    object.flatten().filter(Value::is_object)
}

struct Objects<'a>(&'a mut dyn FnMut(Option<&Value>) -> bool);

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(object) = list.next_element::<&RawValue>()? {
            if !(self.0)(object_of(object.get()).as_ref()) {
                while list.next_element::<IgnoredAny>()?.is_some() {}
            }
        }
        Ok(())
    }
}

fn read(name: &str, text: &str, kind: &str, pointers: &[Pointer]) -> Sample {
    let mut sample = Sample::default();
    let mut entries = 0;
    each(text, &mut |object| {
        entries += 1;
        take(&mut sample, object.map(|object| fields(object, pointers)));
        true
    });
    let mut columns: Vec<Column> = pointers.iter().map(|(_, column)| column.clone()).collect();
    columns.dedup();
    finish(&mut sample, name, kind, entries, &columns);
    sample
}

fn fields(object: &Value, pointers: &[Pointer]) -> Fields {
    let mut fields = Fields::default();
    for (pointer, column) in pointers {
        let value = object.pointer(pointer);
        match (column, value) {
            (Column::AllHeaders, Some(Value::Object(headers))) => {
                for (name, values) in headers {
                    all(&mut fields, name, values);
                }
            }
            (column, Some(Value::String(text))) => fields.set(column, text),
            (Column::Time, Some(Value::Number(number))) => {
                // Beyond 2^53 a float would lose digits.
                fields.set(column, &number.to_string());
            }
            (column, Some(Value::Number(number))) => fields.set(column, &number.to_string()),
            _ => {}
        }
    }
    fields
}

/// A header with its values; a server that hides some writes them empty or as a word.
fn all(fields: &mut Fields, name: &str, values: &Value) {
    let hides = ["cookie", "authorization", "proxy-authorization"]
        .contains(&name.to_ascii_lowercase().as_str());
    let mut add = |value: &str| {
        let is_hidden = hides && (value.is_empty() || value.eq_ignore_ascii_case("redacted"));
        fields.add(Header {
            name: name.to_owned(),
            value: (!is_hidden).then(|| value.to_owned()),
        });
    };
    match values {
        Value::String(value) => add(value),
        Value::Array(list) if list.is_empty() => add(""),
        Value::Array(list) => list.iter().filter_map(Value::as_str).for_each(add),
        _ => {}
    }
}

/// Fields of Zeek's http.log.
const ZEEK: &[&str] = &[
    "ts",
    "uid",
    "id.orig_h",
    "method",
    "host",
    "uri",
    "referrer",
    "user_agent",
    "origin",
    "request_body_len",
    "response_body_len",
    "status_code",
];

/// Names that logs of Envoy and nginx are given.
fn usual() -> Vec<(&'static str, Column)> {
    let header = |name: &str| Column::Header(name.to_owned());
    vec![
        ("start_time", Column::Time),
        ("time_iso8601", Column::Time),
        ("time_local", Column::Time),
        ("timestamp", Column::Time),
        ("time", Column::Time),
        ("@timestamp", Column::Time),
        ("msec", Column::Time),
        ("method", Column::Method),
        ("request_method", Column::Method),
        ("path", Column::Target),
        ("request_uri", Column::Target),
        ("uri", Column::Target),
        ("request", Column::Line),
        ("authority", Column::Host),
        ("host", Column::Host),
        ("http_host", Column::Host),
        ("scheme", Column::Scheme),
        ("protocol", Column::Protocol),
        ("response_code", Column::Status),
        ("status", Column::Status),
        ("bytes_received", Column::BodyBytes),
        ("bytes_sent", Column::AnswerBytes),
        ("body_bytes_sent", Column::AnswerBytes),
        ("remote_addr", Column::Client),
        ("connection", Column::Connection),
        ("duration", Column::Duration(1000)),
        ("request_time", Column::Duration(1_000_000)),
        ("user_agent", header("User-Agent")),
        ("http_user_agent", header("User-Agent")),
        ("referer", header("Referer")),
        ("http_referer", header("Referer")),
        ("x_forwarded_for", header("X-Forwarded-For")),
        ("http_x_forwarded_for", header("X-Forwarded-For")),
        ("request_id", header("X-Request-Id")),
    ]
}

/// The kind of log that an object is of, and where its values stand.
fn known(object: &Value) -> Option<(&'static str, Vec<Pointer>)> {
    let has = |key: &str| object.get(key).is_some();
    let header = |name: &str| Column::Header(name.to_owned());
    let made = |list: Vec<(&str, Column)>| {
        list.into_iter()
            .map(|(key, column)| (format!("/{key}"), column))
            .collect()
    };
    if object.pointer("/request/headers").is_some() || object.pointer("/request/uri").is_some() {
        return Some((
            "Caddy",
            made(vec![
                ("ts", Column::Time),
                ("request/method", Column::Method),
                ("request/uri", Column::Target),
                ("request/host", Column::Host),
                ("request/proto", Column::Protocol),
                ("request/client_ip", Column::Client),
                ("request/remote_port", Column::Connection),
                ("request/headers", Column::AllHeaders),
                ("bytes_read", Column::BodyBytes),
                ("status", Column::Status),
                ("size", Column::AnswerBytes),
                ("duration", Column::Duration(1_000_000)),
            ]),
        ));
    }
    if has("ClientRequestMethod") {
        return Some((
            "Cloudflare",
            made(vec![
                ("EdgeStartTimestamp", Column::Time),
                ("ClientRequestMethod", Column::Method),
                ("ClientRequestURI", Column::Target),
                ("ClientRequestScheme", Column::Scheme),
                ("ClientRequestHost", Column::Host),
                ("ClientRequestProtocol", Column::Protocol),
                ("ClientIP", Column::Client),
                ("ClientRequestUserAgent", header("User-Agent")),
                ("ClientRequestReferer", header("Referer")),
                ("EdgeResponseStatus", Column::Status),
                ("EdgeResponseBytes", Column::AnswerBytes),
            ]),
        ));
    }
    if has("uri") && has("method") && (has("id.orig_h") || has("uid")) {
        return Some((
            "Zeek",
            ZEEK.iter()
                .filter_map(|name| Some((format!("/{name}"), zeek_column(name)?)))
                .collect(),
        ));
    }
    let found: Vec<Pointer> = usual()
        .into_iter()
        .filter(|(key, _)| has(key))
        .map(|(key, column)| (format!("/{key}"), column))
        .collect();
    let is_request = found
        .iter()
        .any(|(_, column)| matches!(column, Column::Line | Column::Target))
        && found
            .iter()
            .any(|(_, column)| matches!(column, Column::Status | Column::Method | Column::Line));
    is_request.then_some(("JSON", found))
}
