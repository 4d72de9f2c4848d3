//! What the fields of JSON logs are, by the names that servers, proxies and loggers give them. Pure.

use serde_json::Value;

use super::column::Column;
use super::format::titled;
use super::table::zeek_column;

/// Fields that are looked at, of all lines together: a log has some dozens.
pub(super) const MOST_FIELDS: usize = 512;

/// A value by its JSON pointer.
pub(super) type Pointer = (String, Column);

/// The kind of a log whose fields have the names that they mostly have.
pub(super) const USUAL: &str = "JSON";

type Keys = Vec<(&'static str, Column)>;

/// The kind of log that an object is of, and where its values stand.
pub(super) fn known(object: &Value) -> Option<(&'static str, Vec<Pointer>)> {
    let has = |pointer: &str| object.pointer(pointer).is_some();
    if has("/request/headers") || has("/request/uri") {
        return Some(("Caddy", made(caddy())));
    }
    if has("/ClientRequestMethod") {
        let mut pointers = made(cloudflare());
        pointers.extend(below(object, "RequestHeaders"));
        return Some(("Cloudflare", pointers));
    }
    if has("/httpRequest/requestUrl") {
        return Some(("Google", made(google())));
    }
    if has("/RequestMethod") && has("/RequestPath") {
        let mut pointers = made(traefik());
        pointers.extend(prefixed(object, "request_", |name| Some(name.to_owned())));
        return Some(("Traefik", pointers));
    }
    if has("/req/method") && has("/req/url") {
        return Some(("pino", made(pino())));
    }
    if has("/uri") && has("/method") && (has("/id.orig_h") || has("/uid")) {
        let columns = ZEEK.iter();
        let pointer = |name: &&str| Some((format!("/{name}"), zeek_column(name)?));
        return Some(("Zeek", columns.filter_map(pointer).collect()));
    }
    usual(object).map(|pointers| (USUAL, pointers))
}

fn made(keys: Keys) -> Vec<Pointer> {
    let pointer = |(key, column)| (format!("/{key}"), column);
    keys.into_iter().map(pointer).collect()
}

/// Each key of an object within an object, as a header.
fn below(object: &Value, key: &str) -> Vec<Pointer> {
    let Some(Value::Object(headers)) = object.get(key) else {
        return Vec::new();
    };
    let pointer = |name: &String| {
        let header = Column::Header(titled(&name.to_ascii_lowercase()));
        (format!("/{key}/{}", escaped(name)), header)
    };
    headers.keys().take(MOST_FIELDS).map(pointer).collect()
}

/// Each key with a prefix, as the header that its rest names.
fn prefixed(object: &Value, prefix: &str, header: impl Fn(&str) -> Option<String>) -> Vec<Pointer> {
    let keys = object.as_object().into_iter().flat_map(|all| all.keys());
    let pointer = |key: &String| {
        let name = header(key.strip_prefix(prefix)?)?;
        Some((format!("/{}", escaped(key)), Column::Header(name)))
    };
    keys.filter_map(pointer).take(MOST_FIELDS).collect()
}

/// A key within a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
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

fn header(name: &str) -> Column {
    Column::Header(name.to_owned())
}

fn caddy() -> Keys {
    vec![
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
    ]
}

fn cloudflare() -> Keys {
    vec![
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
    ]
}

/// Google Cloud's load balancers. Its sizes hold the headers, so neither is that of a body.
fn google() -> Keys {
    vec![
        ("timestamp", Column::Time),
        ("httpRequest/requestMethod", Column::Method),
        ("httpRequest/requestUrl", Column::Target),
        ("httpRequest/protocol", Column::Protocol),
        ("httpRequest/remoteIp", Column::Client),
        ("httpRequest/userAgent", header("User-Agent")),
        ("httpRequest/referer", header("Referer")),
        ("httpRequest/status", Column::Status),
    ]
}

fn traefik() -> Keys {
    vec![
        ("StartUTC", Column::Time),
        ("time", Column::Time),
        ("RequestMethod", Column::Method),
        ("RequestPath", Column::Target),
        ("RequestScheme", Column::Scheme),
        ("RequestHost", Column::Host),
        // The host with its port.
        ("RequestAddr", Column::Host),
        ("RequestProtocol", Column::Protocol),
        ("RequestContentSize", Column::BodyBytes),
        ("ClientHost", Column::Client),
        ("DownstreamStatus", Column::Status),
        ("DownstreamContentSize", Column::AnswerBytes),
    ]
}

/// Loggers of Node.
fn pino() -> Keys {
    vec![
        ("time", Column::Time),
        ("req/method", Column::Method),
        ("req/url", Column::Target),
        ("req/headers", Column::AllHeaders),
        ("req/remoteAddress", Column::Client),
        ("res/statusCode", Column::Status),
        ("responseTime", Column::Duration(1000)),
    ]
}

/// Names that logs of Envoy and nginx are given.
fn usual(object: &Value) -> Option<Vec<Pointer>> {
    let has = |key: &str| object.get(key).is_some();
    let mut found = made(vec![
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
        ("args", Column::Query),
        ("query_string", Column::Query),
        ("request", Column::Line),
        ("authority", Column::Host),
        ("host", Column::Host),
        ("http_host", Column::Host),
        ("scheme", Column::Scheme),
        ("protocol", Column::Protocol),
        ("server_protocol", Column::Protocol),
        ("response_code", Column::Status),
        ("status", Column::Status),
        ("bytes_received", Column::BodyBytes),
        ("bytes_sent", Column::AnswerBytes),
        ("body_bytes_sent", Column::AnswerBytes),
        ("remote_addr", Column::Client),
        ("connection", Column::Connection),
        ("duration", Column::Duration(1000)),
        ("request_time", Column::Duration(1_000_000)),
    ]);
    found.retain(|(pointer, _)| has(&pointer[1..]));
    let is_request = (found.iter())
        .any(|(_, column)| matches!(column, Column::Line | Column::Target))
        && (found.iter())
            .any(|(_, column)| matches!(column, Column::Status | Column::Method | Column::Line));
    if !is_request {
        return None;
    }
    let all = ["headers", "request_headers"].into_iter();
    let all = all.filter(|key| object.get(*key).is_some_and(Value::is_object));
    let all: Vec<Pointer> = all
        .map(|key| (format!("/{key}"), Column::AllHeaders))
        .collect();
    if all.is_empty() {
        found.extend(alone(object));
    } else {
        found.extend(all);
    }
    Some(found)
}

/// Headers that have a field of their own.
fn alone(object: &Value) -> Vec<Pointer> {
    let has = |key: &str| object.get(key).is_some();
    let mut found = made(vec![
        ("user_agent", header("User-Agent")),
        ("referer", header("Referer")),
        ("x_forwarded_for", header("X-Forwarded-For")),
    ]);
    // That of nginx is its own, which no client sent.
    if !["remote_addr", "request_uri", "body_bytes_sent"]
        .into_iter()
        .any(has)
    {
        found.extend(made(vec![("request_id", header("X-Request-Id"))]));
    }
    found.retain(|(pointer, _)| has(&pointer[1..]));
    found.extend(prefixed(object, "http_", |name| {
        let is_other = OTHER_HTTP.contains(&name);
        (!is_other).then(|| titled(&name.replace('_', "-")))
    }));
    found
}

/// What fields that begin with `http_` are called where they are no headers.
const OTHER_HTTP: &[&str] = &[
    "code",
    "host",
    "method",
    "path",
    "protocol",
    "request",
    "response_code",
    "response_time",
    "scheme",
    "status",
    "status_code",
    "uri",
    "url",
    "version",
];
