//! Logs that name their columns: W3C extended (`#Fields:`, IIS) and Zeek's http.log (`#fields`). Pure.

use super::column::{Column, Fields};
use super::{LONGEST, finish, take};
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
    let values: Vec<&str> = if is_zeek {
        line.split('\t').collect()
    } else {
        line.split_whitespace().collect()
    };
    if values.len() != columns.len() {
        return None;
    }
    let mut fields = Fields::default();
    for (column, value) in columns.iter().zip(values) {
        match (column, value) {
            (_, "(empty)") => {}
            // IIS writes a space as `+`.
            (Column::Header(_), value) if !is_zeek => fields.set(column, &value.replace('+', " ")),
            (column, value) => fields.set(column, value),
        }
    }
    Some(fields)
}

fn w3c(name: &str) -> Column {
    let lower = name.to_ascii_lowercase();
    if let Some(header) = lower
        .strip_prefix("cs(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return if header == "host" {
            Column::Host
        } else {
            Column::Header(name[3..name.len() - 1].to_owned())
        };
    }
    match lower.as_str() {
        "date" => Column::Date,
        "time" => Column::TimeOfDay,
        "c-ip" => Column::Client,
        "cs-method" => Column::Method,
        "cs-uri" => Column::Target,
        "cs-uri-stem" => Column::Path,
        "cs-uri-query" => Column::Query,
        "cs-host" => Column::Host,
        "cs-version" => Column::Protocol,
        "sc-status" => Column::Status,
        "sc-bytes" => Column::AnswerBytes,
        "time-taken" => Column::Duration(1000),
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
