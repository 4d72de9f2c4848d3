//! Logs that name their columns: W3C extended (`#Fields:`, IIS, CloudFront) and Zeek's http.log (`#fields`). Pure.

use std::borrow::Cow;

use super::column::{Column, Fields};
use super::line::{LONGEST, finish, take};
use crate::import::sample::Sample;
use crate::units::percent_decoded;

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    W3c,
    CloudFront,
    Zeek,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::W3c => "W3C",
            Self::CloudFront => "CloudFront",
            Self::Zeek => "Zeek",
        }
    }
}

/// Reads such a log, if it is one.
pub(super) fn read(name: &str, text: &str) -> Option<Sample> {
    let mut columns: Vec<Column> = Vec::new();
    let mut all: Vec<Column> = Vec::new();
    let mut kind = None;
    let mut sample = Sample::default();
    let mut entries = 0;
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        if let Some(fields) = line.strip_prefix("#Fields:") {
            if fields.contains("x-edge-location") {
                kind = Some(Kind::CloudFront);
                columns = fields.split_whitespace().map(cloudfront).collect();
            } else {
                kind = Some(Kind::W3c);
                columns = fields.split_whitespace().map(w3c).collect();
            }
            all.extend(columns.clone());
        } else if let Some(fields) = line.strip_prefix("#fields") {
            kind = Some(Kind::Zeek);
            columns = fields
                .split('\t')
                .filter(|field| !field.is_empty())
                .map(zeek)
                .collect();
            all.extend(columns.clone());
        } else if !line.starts_with('#') {
            entries += 1;
            let kind = kind?;
            let fields = (line.len() <= LONGEST).then(|| row(line, &columns, kind));
            take(&mut sample, fields.flatten());
        }
    }
    finish(&mut sample, name, kind?.name(), entries, &all);
    Some(sample)
}

fn row(line: &str, columns: &[Column], kind: Kind) -> Option<Fields> {
    let values: Vec<Cow<'_, str>> = if kind == Kind::Zeek {
        line.split('\t').map(Cow::Borrowed).collect()
    } else {
        words(line)
    };
    if values.len() != columns.len() {
        return None;
    }
    let mut fields = Fields::default();
    for (column, value) in columns.iter().zip(values) {
        match (column, &*value) {
            (_, "(empty)") => {}
            // IIS writes a space as `+`, unless it quotes.
            (Column::Header(_), value) if kind == Kind::W3c && !value.contains(' ') => {
                fields.set(column, &value.replace('+', " "))
            }
            // CloudFront encodes what is no plain text, and once encoded blanks twice.
            (Column::Header(_), value) if kind == Kind::CloudFront => {
                let plain = percent_decoded(value);
                fields.set(column, &String::from_utf8_lossy(&plain).replace("%20", " "))
            }
            (column, value) => fields.set(column, value),
        }
    }
    Some(fields)
}

/// Words of a line; one in quotes may hold blanks, and quotes that are doubled.
fn words(line: &str) -> Vec<Cow<'_, str>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|within| {
            let mut ends = within.match_indices('"').map(|(at, _)| at);
            let is_end = |at: &usize| !within[at + 1..].starts_with('"');
            loop {
                let end = ends.next()?;
                if is_end(&end) {
                    return Some((&within[..end], &within[end + 1..]));
                }
                ends.next();
            }
        });
        let (word, behind) = match quoted {
            Some((word, behind)) => (word.replace("\"\"", "\"").into(), behind),
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

fn w3c(name: &str) -> Column {
    let lower = name.to_ascii_lowercase();
    if let Some(header) = lower
        .strip_prefix("cs(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return match header {
            "host" => Column::Host,
            "referrer" => Column::Header("Referer".to_owned()),
            _ => Column::Header(name[3..name.len() - 1].to_owned()),
        };
    }
    match lower.as_str() {
        "date" | "date-local" => Column::Date,
        "time" | "time-local" => Column::TimeOfDay,
        "c-ip" => Column::Client,
        "cs-method" => Column::Method,
        "cs-uri" => Column::Target,
        "cs-uri-stem" => Column::Path,
        "cs-uri-query" => Column::Query,
        "cs-host" => Column::Host,
        "cs-version" => Column::Protocol,
        "sc-status" => Column::Status,
        "sc-bytes" => Column::AnswerBytes,
        "time-taken" | "timetakenms" => Column::Duration(1000),
        _ => Column::Other,
    }
}

/// What differs from other logs of W3C: the host that was asked stands behind that of the distribution, and times are seconds.
fn cloudfront(name: &str) -> Column {
    match name {
        "x-host-header" => Column::Host,
        "cs-protocol" => Column::Scheme,
        "cs-protocol-version" => Column::Protocol,
        "time-taken" => Column::Duration(1_000_000),
        _ => w3c(name),
    }
}

fn zeek(name: &str) -> Column {
    zeek_column(name).unwrap_or(Column::Other)
}

/// The columns of Zeek's http.log, as a table and as JSON.
pub(super) fn zeek_column(name: &str) -> Option<Column> {
    Some(match name {
        "ts" => Column::Time,
        "uid" => Column::Connection,
        "id.orig_h" => Column::Client,
        "method" => Column::Method,
        "host" => Column::Host,
        "uri" => Column::Target,
        "referrer" => Column::Header("Referer".to_owned()),
        "user_agent" => Column::Header("User-Agent".to_owned()),
        "origin" => Column::Header("Origin".to_owned()),
        "request_body_len" => Column::BodyBytes,
        "response_body_len" => Column::AnswerBytes,
        "status_code" => Column::Status,
        _ => return None,
    })
}
