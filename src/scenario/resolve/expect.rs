//! What is expected of an answer and what is taken from it: mirror → compiled once.

use regex::bytes::Regex;

use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::{self, HeaderValue, Text};
use crate::traffic::expect::{Expect, From, Value};
use crate::traffic::fields::is_token;

/// Compiles what a request of this name expects.
pub(super) fn expect(
    source: Source<'_>,
    request: &str,
    given: &file::Expect,
) -> Result<Expect, Error> {
    let key = |part: &str| format!("request.{request}.expect.{part}");
    let pattern = |text: &str, span: std::ops::Range<usize>, key: &str| {
        Regex::new(text).map_err(|error| {
            let error = error.to_string();
            // The message draws the pattern over several lines and ends with what is wrong.
            let what = error.lines().last().unwrap_or_default();
            let what = what.trim_start_matches("error: ");
            source.error(Some(span), key, format!("not a regular expression: {what}"))
        })
    };
    let mut expect = Expect::default();
    if let Some(status) = &given.status {
        let statuses = &status.get_ref().0;
        if statuses.is_empty() || !statuses.iter().all(|code| (200..=599).contains(code)) {
            return Err(source.error(
                Some(status.span()),
                &key("status"),
                "a final status is between 200 and 599; give one or a list",
            ));
        }
        expect.status.clone_from(statuses);
    }
    for (name, value) in &given.headers.0 {
        let key = key(&format!("headers.{}", name.get_ref()));
        let value = match value.get_ref() {
            HeaderValue::Is(text) => Value::Is(text.clone()),
            HeaderValue::Matches(text) => Value::Matches(pattern(text, value.span(), &key)?),
        };
        expect.headers.push((name.get_ref().clone(), value));
    }
    let Some(body) = &given.body else {
        return Ok(expect);
    };
    expect.contains = body
        .contains
        .as_ref()
        .map(|text| text.get_ref().as_str().into());
    if let Some(text) = &body.matches {
        expect.matches = Some(pattern(text.get_ref(), text.span(), &key("body.matches"))?);
    }
    for (pointer, value) in &body.json.0 {
        let key = key("body.json");
        check_pointer(pointer.get_ref())
            .map_err(|message| source.error(Some(pointer.span()), &key, message))?;
        expect
            .json
            .push((pointer.get_ref().clone(), value.get_ref().clone()));
    }
    Ok(expect)
}

/// Where a value is found, as written: `json:/token` or `header:X-Session`.
pub(super) fn from(source: Source<'_>, given: &Text, key: &str) -> Result<From, Error> {
    let refused = |message: String| source.error(Some(given.span()), key, message);
    match given.get_ref().split_once(':') {
        Some(("json", pointer)) => check_pointer(pointer)
            .map(|()| From::Json(pointer.to_owned()))
            .map_err(refused),
        Some(("header", name)) if is_token(name) => Ok(From::Header(name.to_owned())),
        _ => Err(refused(format!(
            "`{}` is no place in an answer; write \"json:/POINTER\" or \"header:NAME\"",
            given.get_ref().escape_debug()
        ))),
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    let mut escapes = pointer.split('~').skip(1);
    let is_pointer = (pointer.is_empty() || pointer.starts_with('/'))
        && escapes.all(|rest| rest.starts_with(['0', '1']));
    if is_pointer {
        Ok(())
    } else {
        Err(format!(
            "`{}` is not a JSON pointer; write one such as /items/0/id, with ~1 for a slash in a key",
            pointer.escape_debug()
        ))
    }
}
