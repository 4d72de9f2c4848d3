//! What a column of a log is, and the exchange that the columns of a line make. Pure.

use std::net::IpAddr;

use crate::import::sample::{Bodies, Body, Exchange, Header, Headers, Holds, Skip, Times};
use crate::import::{time, url};

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// `GET /path HTTP/1.1`.
    Line,
    Method,
    /// Path and query, or a whole URL.
    Target,
    Path,
    Query,
    Protocol,
    Scheme,
    Host,
    /// In any way a time is written.
    Time,
    Date,
    TimeOfDay,
    Status,
    AnswerBytes,
    /// Bytes of the request's body.
    BodyBytes,
    Client,
    Connection,
    /// In units of so many microseconds.
    Duration(u64),
    /// A request header.
    Header(String),
    /// All request headers, as an object.
    AllHeaders,
    Other,
}

impl Column {
    /// By the name that `--log-fields` gives it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some(header) = lower.strip_prefix("header.") {
            return (!header.is_empty()).then(|| Self::Header(name["header.".len()..].to_owned()));
        }
        Some(match lower.as_str() {
            "line" | "request" => Self::Line,
            "method" => Self::Method,
            "target" | "url" | "uri" => Self::Target,
            "path" => Self::Path,
            "query" => Self::Query,
            "protocol" => Self::Protocol,
            "scheme" => Self::Scheme,
            "host" => Self::Host,
            "time" => Self::Time,
            "status" => Self::Status,
            "answer_bytes" => Self::AnswerBytes,
            "body_bytes" => Self::BodyBytes,
            "client" => Self::Client,
            "connection" => Self::Connection,
            "duration_s" => Self::Duration(1_000_000),
            "duration_ms" => Self::Duration(1000),
            "duration_us" => Self::Duration(1),
            "headers" => Self::AllHeaders,
            _ => return None,
        })
    }
}

/// What `--log-fields` may name.
pub(super) const NAMES: &str = "line, method, target, path, query, protocol, scheme, host, time, status, answer_bytes, body_bytes, client, connection, duration_s, duration_ms, duration_us, headers, header.NAME";

/// The values of a line.
#[derive(Debug, Default)]
pub(super) struct Fields {
    exchange: Exchange,
    path: Option<String>,
    target: Option<String>,
    line: Option<String>,
    date: Option<String>,
    time_of_day: Option<String>,
}

impl Fields {
    /// Fills a column in. `-` and nothing are no value.
    pub(super) fn set(&mut self, column: &Column, value: &str) {
        if value.is_empty() || value == "-" {
            return;
        }
        let text = || value.to_owned();
        let exchange = &mut self.exchange;
        match column {
            Column::Line => self.line = Some(text()),
            Column::Method => exchange.method = text(),
            Column::Target => self.target = Some(text()),
            Column::Path => self.path = Some(text()),
            Column::Query => exchange.query = Some(text()),
            Column::Protocol => exchange.protocol = Some(text()),
            Column::Scheme => {
                exchange.scheme = Some(value.to_ascii_lowercase())
                    .filter(|scheme| scheme == "http" || scheme == "https")
            }
            Column::Host => exchange.host = Some(text()),
            Column::Time => {
                // Another field may tell more than the second, or be no time at all: some call a duration so.
                let known = exchange.at_us;
                let fine = known.filter(|at| at % 1_000_000 != 0);
                exchange.at_us = fine.or_else(|| time::any(value)).or(known);
            }
            Column::Date => self.date = Some(text()),
            Column::TimeOfDay => self.time_of_day = Some(text()),
            Column::Status => exchange.status = value.parse().ok(),
            Column::AnswerBytes => exchange.answer_bytes = value.parse().ok(),
            Column::BodyBytes => {
                if let Ok(length) = value.parse() {
                    exchange.body = if length == 0 {
                        Body::Absent
                    } else {
                        Body::Size(length)
                    };
                }
            }
            Column::Client => exchange.client = client_of(value).map(str::to_owned),
            Column::Connection => exchange.connection = Some(text()),
            Column::Duration(unit) => {
                let number = value.parse::<f64>().ok().filter(|number| *number >= 0.0);
                exchange.duration_us = number.map(|number| (number * *unit as f64) as u64);
            }
            Column::Header(name) => exchange.add(name.clone(), text()),
            Column::AllHeaders | Column::Other => {}
        }
    }

    /// Adds a header that a log may hide.
    pub(super) fn add(&mut self, header: Header) {
        self.exchange.headers.push(header);
    }

    /// Whether a header of this name is there.
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.exchange.header(name).is_some()
    }

    /// Whether the columns have what such columns have: a format that does not fit puts anything anywhere.
    pub(super) fn is_sound(&self) -> bool {
        let has_request = self.line.is_some() || self.target.is_some() || self.path.is_some();
        (self.exchange.status.is_some_and(|status| status < 1000) || self.exchange.at_us.is_some())
            && (has_request || self.exchange.status.is_some())
            && self
                .line
                .as_ref()
                .is_none_or(|line| !line.starts_with(['"', '[']))
    }

    /// Whether the first two words are a virtual host and a client, and not what else may stand there: two addresses of a
    /// chain of proxies, the words of a collector of logs, a client and a user whose name has blanks.
    pub(super) fn names_host(&self) -> bool {
        let is_client = |client: &str| {
            client.parse::<IpAddr>().is_ok()
                || client == "localhost"
                || (client.contains('.') && is_name(client))
        };
        let is_host = |host: &str| match host.rsplit_once(':') {
            Some((name, port)) => is_name(name) && port.parse::<u16>().is_ok(),
            None => is_name(host) && host.parse::<IpAddr>().is_err(),
        };
        self.exchange.host.as_deref().is_some_and(is_host)
            && self.exchange.client.as_deref().is_some_and(is_client)
    }

    /// The request of the line.
    ///
    /// # Errors
    /// Why it is none that can be sent.
    pub(super) fn exchange(self) -> Result<Exchange, Skip> {
        let Self {
            mut exchange,
            path,
            mut target,
            line,
            date,
            time_of_day,
        } = self;
        if let Some(line) = line {
            let mut words = line.split(' ');
            let method = words.next().unwrap_or_default();
            let rest: Vec<&str> = words.collect();
            let (version, asked) = match rest.split_last() {
                Some((last, asked)) if last.starts_with("HTTP/") && !asked.is_empty() => {
                    (Some(*last), asked)
                }
                _ => (None, &rest[..]),
            };
            if asked.is_empty() || !is_method(method) {
                return Err(Skip::NoRequest);
            }
            exchange.method = method.to_owned();
            exchange.protocol = version.map(str::to_owned);
            target = Some(asked.join(" "));
        }
        if exchange.method.eq_ignore_ascii_case("connect") {
            return Err(Skip::Connect);
        }
        if exchange.status == Some(101) {
            return Err(Skip::WebSocket);
        }
        if !is_method(&exchange.method) {
            return Err(Skip::NoRequest);
        }
        let query = exchange.query.take();
        match (target, path) {
            (Some(target), _) if target.contains("://") && !target.starts_with('/') => {
                let scheme = target
                    .split("://")
                    .next()
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                if scheme == "ws" || scheme == "wss" {
                    return Err(Skip::WebSocket);
                }
                url::take(&mut exchange, &target).map_err(|_| Skip::Unsendable)?;
            }
            (Some(target), _) | (None, Some(target)) => {
                if !target.starts_with('/') {
                    // `OPTIONS *`, and what scanners send.
                    return Err(Skip::Unsendable);
                }
                url::target(&mut exchange, &target);
            }
            (None, None) => return Err(Skip::NoRequest),
        }
        if let Some(query) = query.filter(|query| !query.is_empty() && exchange.query.is_none()) {
            exchange.query = Some(url::sendable(query.trim_start_matches('?')));
        }
        if let (Some(date), Some(time)) = (date, time_of_day) {
            exchange.at_us = time::iso(&format!("{date} {time}"));
        }
        let asked = exchange.header("host").map(str::to_owned);
        exchange.host = exchange.host.or(asked);
        if exchange.scheme.is_none() && has_tls_port(exchange.host.as_deref()) {
            exchange.scheme = Some("https".to_owned());
        }
        let scheme = exchange.scheme.clone().unwrap_or_else(|| "http".to_owned());
        let host = exchange.host.take();
        exchange.host = host.and_then(|host| url::host_of(&scheme, &host));
        if exchange.body == Body::Unknown
            && !matches!(exchange.method.as_str(), "POST" | "PUT" | "PATCH")
        {
            exchange.body = Body::Absent;
        }
        exchange.join_cookies();
        Ok(exchange)
    }
}

/// The client of what stands before the time of a line, `CLIENT - USER`, where it is not alone.
fn client_of(value: &str) -> Option<&str> {
    let Some((before, _)) = value.split_once(" - ") else {
        return value.split_whitespace().next();
    };
    // A user's name may have blanks; words of a collector stand before the client, and behind it the proxies it came through.
    let mut words = before.split_whitespace().rev();
    let mut client = words.next()?;
    while let Some(through) = words.next().and_then(|word| word.strip_suffix(',')) {
        client = through;
    }
    (client != "-").then_some(client)
}

/// Whether a host has the port of TLS.
fn has_tls_port(host: Option<&str>) -> bool {
    host.and_then(|host| host.rsplit_once(':'))
        .is_some_and(|(_, port)| port == "443")
}

/// Whether a text has the characters of a name of a host.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn is_method(text: &str) -> bool {
    (1..=20).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_')
}

/// What a log with these columns can hold.
pub(super) fn holds(columns: &[Column], has_times: bool, is_whole: bool) -> Holds {
    let has = |asked: &Column| columns.contains(asked);
    let headers: Vec<String> = (columns.iter())
        .filter_map(|column| {
            if let Column::Header(name) = column {
                Some(name.clone())
            } else {
                None
            }
        })
        .collect();
    let has_all = has(&Column::AllHeaders);
    Holds {
        headers: if has_all {
            Headers::AllBut(vec![
                "Cookie".to_owned(),
                "Authorization".to_owned(),
                "Proxy-Authorization".to_owned(),
                "Set-Cookie".to_owned(),
            ])
        } else {
            Headers::Only(headers)
        },
        order: false,
        body: if has(&Column::BodyBytes) {
            Bodies::Sizes
        } else {
            Bodies::Nothing
        },
        time: match (has_times, is_whole) {
            (false, _) => Times::Absent,
            (true, true) => Times::Seconds,
            (true, false) => Times::Fine,
        },
        host: has(&Column::Host),
        client: has(&Column::Client),
        connection: has(&Column::Connection),
        status: has(&Column::Status),
    }
}
