//! HAProxy's HTTP log: behind syslog's words, with counters, and headers in braces that have no names. Pure.

use super::column::{Column, Fields};
use super::line::{LONGEST, finish, take};
use crate::import::sample::{Headers, Sample};

const COLUMNS: [Column; 6] = [
    Column::Client,
    Column::Time,
    Column::Duration(1000),
    Column::Status,
    Column::AnswerBytes,
    Column::Line,
];

/// Whether lines are of this log.
pub(super) fn fits(text: &str) -> bool {
    text.lines().take(200).any(|line| fields(line).is_some())
}

/// Reads the lines.
pub(super) fn read(name: &str, text: &str) -> Sample {
    let mut sample = Sample::default();
    let mut entries = 0;
    let mut has_captures = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        entries += 1;
        has_captures |= line.contains(" {") && line.contains("} ");
        take(
            &mut sample,
            if line.len() > LONGEST {
                None
            } else {
                fields(line)
            },
        );
    }
    if has_captures {
        sample.note("captured headers stand in braces without their names, and are left out");
    }
    finish(&mut sample, name, "haproxy", entries, &COLUMNS);
    if let Some(source) = sample.sources.last_mut() {
        source.holds.headers = Headers::Only(Vec::new());
    }
    sample
}

/// `client:port [time] frontend backend/server timers status bytes … "request"`.
fn fields(line: &str) -> Option<Fields> {
    // Behind the words of syslog, of which there are two kinds, or at the start.
    let is_time = |at: &usize| line[at + 2..].starts_with(|c: char| c.is_ascii_digit());
    let mut brackets = line.match_indices(" [").map(|(at, _)| at);
    let at = brackets.find(is_time)?;
    let client = line[..at].rsplit(' ').next()?;
    let (time, rest) = line[at + 2..].split_once("] ")?;
    let (address, port) = client.rsplit_once(':')?;
    if port.parse::<u16>().is_err() {
        return None;
    }
    let words: Vec<&str> = rest.splitn(7, ' ').collect();
    let [_, _, timers, status, bytes, ..] = words[..] else {
        return None;
    };
    if timers.split('/').count() < 5 {
        return None;
    }
    let request = rest
        .find('"')
        .map(|at| rest[at + 1..].trim_end().trim_end_matches('"'))?;
    let mut fields = Fields::default();
    fields.set(&Column::Client, address);
    fields.set(&Column::Time, time);
    let total = timers
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_start_matches('+');
    fields.set(&Column::Duration(1000), total);
    fields.set(&Column::Status, status);
    fields.set(&Column::AnswerBytes, bytes);
    fields.set(&Column::Line, request);
    Some(fields)
}
