//! Access logs: lines by a format (`format`, of nginx, Apache and Envoy, and those that have a name), tables that name their columns (W3C, Zeek),
//! HAProxy's, and JSON objects by pointers. Text in, a sample out: a line that is of another kind is counted and passed over.

mod column;
mod format;
mod haproxy;
mod json;
mod known;
mod table;
#[cfg(test)]
mod tests;

use self::column::{Column, Fields};
use self::format::Format;
use super::sample::{Exchange, Sample, Skip, Source};
pub(super) use json::{by_pointers, json};

/// Longer lines are of no request.
const LONGEST: usize = 256 << 10;
/// Lines by which a format is told.
const LOOKED_AT: usize = 200;

/// Reads lines of a format, or of the one that fits most of them.
///
/// # Errors
/// That no known format fits, or that the given one is none.
pub(super) fn read(name: &str, text: &str, given: Option<&str>) -> Result<Sample, String> {
    if given.is_none()
        && let Some(sample) = table::read(name, text)
    {
        return Ok(sample);
    }
    if given == Some("haproxy") {
        return Ok(haproxy::read(name, text));
    }
    let format = match given {
        Some(given) => known::named(given).map_or_else(|| Format::compile(given), Ok)?,
        None => match best(text) {
            Some(format) => format,
            None if haproxy::fits(text) => return Ok(haproxy::read(name, text)),
            None => {
                return Err("it is neither a HAR, nor curl commands, nor an access log of a known format (common, combined, envoy, alb, haproxy, W3C, Zeek, JSON); give the log's format with --log-format".to_owned());
            }
        },
    };
    let mut sample = Sample::default();
    let mut entries = 0;
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        entries += 1;
        let fields = if line.len() > LONGEST {
            None
        } else {
            format.fields(line)
        };
        take(&mut sample, fields);
    }
    finish(&mut sample, name, format.name(), entries, format.columns());
    if sample.exchanges.is_empty() && sample.skipped.keys().all(|why| *why == Skip::Unreadable) {
        return Err(format!(
            "none of its {entries} lines is of the format {}; look at --log-format",
            format.name()
        ));
    }
    Ok(sample)
}

/// The known format that fits most lines.
fn best(text: &str) -> Option<Format> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && line.len() < LONGEST)
        .take(LOOKED_AT)
        .collect();
    let fits = |format: &Format| {
        lines
            .iter()
            .filter(|line| format.fields(line).is_some_and(|fields| fields.is_sound()))
            .count()
    };
    let formats = known::all()
        .into_iter()
        .map(|format| (fits(&format), format));
    // Of those that fit as well the first: the one with more fields.
    let best = formats.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(fits, _)| *fits > 0 && *fits * 4 >= lines.len())
        .map(|(_, format)| format)
}

/// Takes a line in.
fn take(sample: &mut Sample, fields: Option<Fields>) {
    match fields.map(Fields::exchange) {
        Some(Ok(exchange)) => sample.push(exchange),
        Some(Err(why)) => sample.skip(why),
        None => sample.skip(Skip::Unreadable),
    }
}

/// Says what such a log can hold.
fn finish(sample: &mut Sample, name: &str, format: &str, entries: u64, columns: &[Column]) {
    let crawls = |exchange: &&Exchange| {
        let agent = exchange
            .header("user-agent")
            .unwrap_or_default()
            .to_ascii_lowercase();
        [
            "bot",
            "crawl",
            "spider",
            "healthcheck",
            "kube-probe",
            "health check",
        ]
        .iter()
        .any(|word| agent.contains(word))
    };
    let crawlers = sample.exchanges.iter().filter(crawls).count();
    if crawlers > 0 {
        sample.note(format!(
            "{crawlers} of {} requests are of crawlers and health checks, by their User-Agent",
            sample.exchanges.len()
        ));
    }
    let is_whole = sample
        .exchanges
        .iter()
        .all(|exchange| exchange.at_us.is_none_or(|at| at % 1_000_000 == 0));
    let has_times = !sample.exchanges.is_empty()
        && sample
            .exchanges
            .iter()
            .all(|exchange| exchange.at_us.is_some());
    sample.sources.push(Source {
        name: name.to_owned(),
        format: format!("access log ({format})"),
        producer: None,
        entries,
        holds: column::holds(columns, has_times, is_whole),
    });
}
