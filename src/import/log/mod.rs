//! Access logs: lines by a format (`format`, of nginx, Apache and Envoy, and those that have a name), tables that name their columns (W3C, Zeek),
//! HAProxy's, and JSON objects by pointers. Text in, a sample out: a line that is of another kind is counted and passed over.

mod column;
mod format;
mod haproxy;
mod json;
mod keys;
mod known;
mod line;
mod table;
#[cfg(test)]
mod tests;

use self::format::Format;
use self::line::{LONGEST, LOOKED_AT, finish, take};
use super::sample::{Sample, Skip};
pub(super) use json::{by_pointers, json};

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
        Some(given) => {
            let named = known::named(given);
            match named.first() {
                // Of several formats of one name the one that fits.
                Some(first) => best(text, &named).unwrap_or(first).clone(),
                None => Format::compile(given)?,
            }
        }
        None => match best(text, &known::all()) {
            Some(format) => format.clone(),
            None if haproxy::fits(text) => return Ok(haproxy::read(name, text)),
            None => {
                return Err("it is neither a HAR, nor curl commands, nor an access log of a known format (common, combined, envoy, alb, haproxy, W3C, Zeek, JSON); give the log's format with --log-format".to_owned());
            }
        },
    };
    let mut sample = Sample::default();
    let mut entries = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
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

/// The format that fits most lines.
fn best<'a>(text: &str, formats: &'a [Format]) -> Option<&'a Format> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && line.len() < LONGEST)
        .take(LOOKED_AT)
        .collect();
    let fits = |format: &Format| lines.iter().filter(|line| format.fits(line)).count();
    let formats = formats.iter().map(|format| (fits(format), format));
    // Of those that fit as well the first: the one with more fields.
    let best = formats.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(fits, _)| *fits > 0 && *fits * 4 >= lines.len())
        .map(|(_, format)| format)
}
