//! Logs of a JSON object a line: of servers and loggers by what they call their fields (`keys`), of others by JSON pointers. Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::column::{Column, Fields, NAMES};
use super::keys::{MOST_FIELDS, Pointer, USUAL, known};
use super::line::{LONGEST, LOOKED_AT, finish, take};
use crate::import::sample::{Header, Sample};

/// Fields that are named at most, of those that are not read.
const MOST_NAMED: usize = 12;

/// Reads a log whose fields have names that are known.
///
/// # Errors
/// That it is none.
pub(in crate::import) fn json(name: &str, text: &str) -> Result<Sample, String> {
    let none = "it is JSON, but neither a HAR (no log.entries) nor an access log whose fields telemload knows (Caddy, Cloudflare, Google, Traefik, Zeek, Envoy, nginx, pino); name the fields with --log-fields".to_owned();
    let mut found: Option<(&str, Vec<Pointer>)> = None;
    let mut looked_at = 0;
    let mut unread = BTreeSet::new();
    each(text, &mut |object| {
        looked_at += 1;
        let keys = object.and_then(Value::as_object).into_iter().flatten();
        if unread.len() < MOST_FIELDS {
            let plain = keys.map(|(key, _)| key).filter(|key| is_plain(key));
            unread.extend(plain.take(MOST_FIELDS).cloned());
        }
        match (&mut found, object.and_then(known)) {
            (Some((kind, all)), Some((other, pointers))) if *kind == other => {
                // A log may write a field only where it has a value.
                let more = pointers.into_iter().filter(|one| !all.contains(one));
                let room = MOST_FIELDS.saturating_sub(all.len());
                let more: Vec<Pointer> = more.take(room).collect();
                all.extend(more);
            }
            (None, first) => found = first,
            _ => {}
        }
        found.is_none() || looked_at < LOOKED_AT
    });
    let (kind, pointers) = found.ok_or(none)?;
    let mut sample = read(name, text, kind, &pointers);
    let unread = unread.into_iter().filter(|key| {
        let pointer = format!("/{key}");
        pointers.iter().all(|(read, _)| *read != pointer)
    });
    let unread: Vec<String> = unread.take(MOST_NAMED).collect();
    if kind == USUAL && !unread.is_empty() {
        sample.note(format!(
            "fields that telemload does not know are left out: {}; if one is a request header, name the fields with --log-fields, such as header.X-Device-Id=/{}",
            unread.join(", "),
            unread[0]
        ));
    }
    Ok(sample)
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

/// Whether a key is a name that tells nobody a secret.
fn is_plain(key: &str) -> bool {
    key.len() <= 32
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
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
    let mut columns: Vec<Column> = Vec::new();
    for (_, column) in pointers {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
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
            // Of two fields that are one header the first one counts.
            (Column::Header(name), Some(_)) if fields.has_header(name) => {}
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
