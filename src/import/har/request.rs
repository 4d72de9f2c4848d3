//! Headers and body of an entry's request.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::value::{text, whole};
use crate::import::multipart::{FORM_DATA, Part, boundary_of, joined};
use crate::import::sample::{Body, Exchange, Header, Sample};
use crate::traffic::redact::percent;
use crate::units::percent_decoded;

/// Headers as they stand in the archive, without those of HTTP/2 alone.
pub(super) fn headers(
    sample: &mut Sample,
    exchange: &mut Exchange,
    request: &Value,
    number: usize,
) {
    let empty = Value::Null;
    let headers = request.get("headers").unwrap_or(&empty);
    let mut odd = 0;
    match headers {
        Value::Array(list) => {
            for header in list {
                match header_of(header) {
                    Some(header) => exchange.headers.push(header),
                    None => odd += 1,
                }
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(value) = value.as_str() {
                    exchange.add(name.clone(), value);
                }
            }
        }
        _ => {}
    }
    if odd > 0 {
        sample.note(format!("entry {number}: {odd} of its headers are neither {{name, value}} nor [name, value], and are left out"));
    }
    exchange
        .headers
        .retain(|header| !header.name.starts_with(':'));
    cookies(sample, exchange, request);
}

/// A header as an object, or as a pair.
fn header_of(header: &Value) -> Option<Header> {
    let (name, value) = match header {
        Value::Array(pair) => (pair.first()?.as_str()?, pair.get(1)?.as_str()?),
        header => {
            let value = header.get("value").and_then(Value::as_str);
            (header.get("name")?.as_str()?, value.unwrap_or_default())
        }
    };
    Some(Header {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    })
}

/// The header is what was sent; where there is none, the list of cookies makes one.
fn cookies(sample: &mut Sample, exchange: &mut Exchange, request: &Value) {
    let Some(Value::Array(cookies)) = request.get("cookies") else {
        return;
    };
    if exchange.has("cookie") {
        return;
    }
    let pairs: Vec<String> = (cookies.iter())
        .filter_map(|cookie| {
            Some(format!(
                "{}={}",
                text(cookie, "name")?,
                text(cookie, "value")?
            ))
        })
        .collect();
    if !pairs.is_empty() {
        exchange.add("Cookie", pairs.join("; "));
        sample.note("cookies are listed without a Cookie header in some entries: telemload made the header from the list");
    }
}

/// The URL is what was sent; where it has no query, the list of parameters makes one.
pub(super) fn query(sample: &mut Sample, exchange: &mut Exchange, request: &Value, number: usize) {
    let Some(Value::Array(list)) = request.get("queryString") else {
        return;
    };
    let pair = |param: &Value| {
        let value = text(param, "value").unwrap_or_default();
        Some((text(param, "name")?, value))
    };
    let pairs: Vec<(String, String)> = list.iter().filter_map(pair).collect();
    let Some(query) = &exchange.query else {
        let pairs = pairs.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{}={}", reencoded(name), reencoded(value)))
            .collect();
        if !pairs.is_empty() {
            exchange.query = Some(pairs.join("&"));
            sample.note("parameters are listed without a query in the URL in some entries: telemload made the query from the list");
        }
        return;
    };
    let plain = |text: &str| percent_decoded(&text.replace('+', " "));
    let names: BTreeSet<Vec<u8>> = query
        .split('&')
        .map(|pair| plain(pair.split('=').next().unwrap_or_default()))
        .collect();
    if pairs.iter().any(|(name, _)| !names.contains(&plain(name))) {
        sample.note(format!("entry {number}: queryString lists parameters that the URL does not have; the URL is sent"));
    }
}

/// The body, by whichever of `text` and `params` holds it.
pub(super) fn body(
    sample: &mut Sample,
    exchange: &mut Exchange,
    request: &Value,
    number: usize,
) -> Body {
    let size = request.get("bodySize").and_then(whole);
    let Some(data @ Value::Object(_)) = request.get("postData") else {
        return if size == Some(0) {
            Body::Absent
        } else {
            size.map_or(Body::Unknown, Body::Size)
        };
    };
    let media_type = media_type(exchange, data);
    let params = data
        .get("params")
        .and_then(Value::as_array)
        .filter(|params| !params.is_empty());
    let text = data
        .get("text")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    let is_base64 = ["encoding", "_encoding"]
        .iter()
        .any(|key| data.get(*key).and_then(Value::as_str) == Some("base64"));
    let bytes = match (text, params) {
        (Some(text), _) if is_base64 => match STANDARD.decode(text.trim()) {
            Ok(bytes) => bytes,
            Err(_) => {
                sample.note(format!("entry {number}: its body is said to be base64 and is not; the request is imported without it"));
                return Body::Unknown;
            }
        },
        (Some(text), Some(params)) if size.is_some_and(|size| size != text.len() as u64) => {
            let made = from_params(params, &media_type);
            match made.filter(|made| size == Some(made.len() as u64)) {
                Some(made) => {
                    sample.note(format!("entry {number}: text and params of its body disagree; params have the recorded length and are sent"));
                    made
                }
                None => text.as_bytes().to_vec(),
            }
        }
        (Some(text), _) => {
            if text.contains('\u{fffd}') {
                sample.note(format!(
                    "entry {number}: its body was no text and the exporter damaged it (U+FFFD)"
                ));
            }
            text.as_bytes().to_vec()
        }
        (None, Some(params)) => match from_params(params, &media_type) {
            Some(made) => made,
            None => {
                sample.note(format!("entry {number}: the parts of its multipart body are not recorded; the request is imported without a body"));
                return Body::Unknown;
            }
        },
        (None, None) if data.get("_file").or_else(|| data.get("_sha1")).is_some() => {
            sample.note(format!("entry {number}: its body is in a file beside the archive, which telemload does not read; name that file as body_raw"));
            return size.map_or(Body::Unknown, Body::Size);
        }
        (None, None) => {
            return match size {
                Some(size) if size > 0 => Body::Size(size),
                _ => Body::Absent,
            };
        }
    };
    if bytes.is_empty() {
        Body::Absent
    } else {
        Body::Bytes(bytes)
    }
}

/// The type of the body: as its header says, else as the data says, which then becomes a header.
fn media_type(exchange: &mut Exchange, data: &Value) -> String {
    if let Some(given) = exchange.header("content-type") {
        return given.to_owned();
    }
    let said = text(data, "mimeType").filter(|said| !said.trim().is_empty());
    let has_params = data
        .get("params")
        .and_then(Value::as_array)
        .is_some_and(|params| !params.is_empty());
    let has_file = has_params
        && data["params"].as_array().is_some_and(|params| {
            params
                .iter()
                .any(|param| param.get("fileName").is_some_and(Value::is_string))
        });
    let media_type = said.or_else(|| {
        let inferred = if has_file {
            "multipart/form-data"
        } else {
            "application/x-www-form-urlencoded"
        };
        has_params.then(|| inferred.to_owned())
    });
    // A form of parts gets its header with its boundary.
    if let Some(media_type) = media_type
        .as_ref()
        .filter(|media_type| !media_type.starts_with("multipart/"))
    {
        exchange.add("Content-Type", media_type.clone());
    }
    media_type.unwrap_or_default()
}

/// The body that the params describe, if they have all of it.
fn from_params(params: &[Value], media_type: &str) -> Option<Vec<u8>> {
    if !media_type.to_ascii_lowercase().starts_with("multipart/") {
        let pairs: Vec<String> = (params.iter())
            .filter_map(|param| {
                let (name, value) = (
                    text(param, "name")?,
                    text(param, "value").unwrap_or_default(),
                );
                Some(format!("{}={}", reencoded(&name), reencoded(&value)))
            })
            .collect();
        return Some(pairs.join("&").into_bytes());
    }
    let boundary = boundary_of(media_type)?;
    let parts: Option<Vec<Part>> = (params.iter())
        .map(|param| {
            Some(Part {
                name: text(param, "name")?,
                filename: text(param, "fileName"),
                media_type: text(param, "contentType"),
                content: text(param, "value")?.into_bytes(),
            })
        })
        .collect();
    Some(joined(&parts?, boundary, FORM_DATA))
}

/// Some producers list names and values decoded, others as they were sent.
fn reencoded(text: &str) -> String {
    let is_sent = !text.contains(|c: char| !c.is_ascii() || c == ' ' || c == '&' || c == '=');
    if is_sent {
        text.to_owned()
    } else {
        percent(text.as_bytes())
    }
}
