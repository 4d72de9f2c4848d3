//! Logs that name their columns: W3C extended (`#Fields:`, IIS) and Zeek's http.log (`#fields`). Pure.

use std::borrow::Cow;

use super::column::{Column, Fields};
use super::line::{LONGEST, finish, take};
use crate::import::sample::Sample;

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
            kind = Some("W3C");
            columns = fields.split_whitespace().map(w3c).collect();
            all.extend(columns.clone());
        } else if let Some(fields) = line.strip_prefix("#fields") {
            kind = Some("Zeek");
            columns = fields
                .split('\t')
                .filter(|field| !field.is_empty())
                .map(zeek)
                .collect();
            all.extend(columns.clone());
        } else if line.starts_with('#') {
        } else if kind.is_none() {
            return None;
        } else {
            entries += 1;
            let fields = if line.len() > LONGEST {
                None
            } else {
                row(line, &columns, kind == Some("Zeek"))
            };
            take(&mut sample, fields);
        }
    }
    finish(&mut sample, name, kind?, entries, &all);
    Some(sample)
}

fn row(line: &str, columns: &[Column], is_zeek: bool) -> Option<Fields> {
    let values: Vec<Cow<'_, str>> = if is_zeek {
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
            (Column::Header(_), value) if !is_zeek && !value.contains(' ') => {
                fields.set(column, &value.replace('+', " "))
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
