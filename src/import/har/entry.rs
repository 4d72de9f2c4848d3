//! An entry of an archive → an exchange, or the reason why it is no request that a server saw.

use serde::Deserialize;
use serde_json::Value;

use super::request;
use super::value::{text, whole};
use crate::import::sample::{Body, Exchange, Sample, Skip};
use crate::import::time;
use crate::import::url;

#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    request: Value,
    response: Option<Response>,
    #[serde(default, rename = "startedDateTime")]
    started: Value,
    #[serde(default)]
    time: Value,
    #[serde(default)]
    timings: Value,
    #[serde(default)]
    connection: Value,
    #[serde(default, rename = "_resourceType")]
    resource_type: Value,
    #[serde(default, rename = "_fetchType")]
    fetch_type: Value,
    #[serde(default, rename = "_fromCache")]
    from_cache: Value,
    #[serde(default, rename = "_fetchedViaServiceWorker")]
    from_worker: Value,
    #[serde(rename = "_webSocketMessages")]
    messages: Option<serde::de::IgnoredAny>,
}

/// What is read of an answer. Its content is passed over.
#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: Value,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    size: Value,
}

/// Takes an entry into the sample; `number` is its place in the archive, from 1.
pub(super) fn read(sample: &mut Sample, mut entry: Entry, number: usize) {
    let response = entry.response.take();
    let status = response
        .as_ref()
        .and_then(|response| whole(&response.status));
    let url = entry
        .request
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Some(why) = unsent(&entry, url, status) {
        return sample.skip(why);
    }
    let mut exchange = Exchange {
        method: text(&entry.request, "method").unwrap_or_else(|| "GET".to_owned()),
        protocol: text(&entry.request, "httpVersion").filter(|version| !version.is_empty()),
        at_us: time::of_json(&entry.started),
        duration_us: entry
            .time
            .as_f64()
            .filter(|ms| *ms >= 0.0)
            .map(|ms| (ms * 1e3) as u64),
        connection: entry.connection.as_str().map(str::to_owned),
        status: status.and_then(|status| u16::try_from(status).ok()),
        ..Exchange::default()
    };
    if let Some(Response {
        content: Some(content),
        ..
    }) = &response
    {
        exchange.answer_bytes = whole(&content.size);
    }
    request::headers(sample, &mut exchange, &entry.request, number);
    if let Err(why) = url::take(&mut exchange, url) {
        sample.note(format!("entry {number}: {why}"));
        return sample.skip(Skip::Unsendable);
    }
    request::query(sample, &mut exchange, &entry.request, number);
    exchange.body = request::body(sample, &mut exchange, &entry.request, number);
    if exchange.body == Body::Unknown
        && !matches!(exchange.method.as_str(), "POST" | "PUT" | "PATCH")
    {
        exchange.body = Body::Absent;
    }
    exchange.join_cookies();
    sample.push(exchange);
}

/// Why no server saw this entry as a request, or telemload cannot send it.
fn unsent(entry: &Entry, url: &str, status: Option<u64>) -> Option<Skip> {
    let is = |value: &Value, word: &str| {
        value
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    if !entry.request.is_object() {
        return Some(Skip::Unreadable);
    }
    if entry
        .request
        .get("method")
        .is_some_and(|method| is(method, "connect"))
    {
        return Some(Skip::Connect);
    }
    let is_socket = ["ws://", "wss://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if is_socket
        || status == Some(101)
        || is(&entry.resource_type, "websocket")
        || entry.messages.is_some()
    {
        return Some(Skip::WebSocket);
    }
    // Safari names where an answer came from; Chrome and Playwright name the cache.
    let is_elsewhere = entry
        .fetch_type
        .as_str()
        .is_some_and(|from| from != "Network Load");
    let is_from_cache = entry
        .from_cache
        .as_str()
        .is_some_and(|from| !from.is_empty());
    // Firefox leaves no times and no version.
    let has_no_version = entry
        .request
        .get("httpVersion")
        .is_some_and(|version| is(version, ""));
    let is_untimed = entry
        .timings
        .as_object()
        .is_some_and(serde_json::Map::is_empty);
    if is_elsewhere || is_from_cache || entry.from_worker == true || (has_no_version && is_untimed)
    {
        return Some(Skip::Cached);
    }
    let is_http = ["http://", "https://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if url.is_empty() {
        return Some(Skip::Unreadable);
    }
    (status == Some(0) || !is_http).then_some(Skip::NeverSent)
}
