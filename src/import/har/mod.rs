//! HTTP archives (HAR 1.2 and 1.3) as browsers, proxies and clients write them: everything is optional, and what is odd about one
//! producer is known here. Bytes in, a sample out. Bodies of answers are never kept.

mod entry;
mod producer;
mod request;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

use self::entry::Entry;
use super::sample::{Bodies, Headers, Holds, Sample, Source, Times, plain};

/// What may stand in a file, and is read.
#[derive(Deserialize)]
struct Har {
    log: Option<Log>,
}

#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    creator: Value,
    #[serde(default)]
    browser: Value,
    entries: Option<Vec<Lenient<Entry>>>,
}

/// A part that is read if it has the right shape.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Lenient<T> {
    /// It has.
    Is(T),
    /// It has not.
    Other(serde::de::IgnoredAny),
}

/// Reads an archive, or says that this JSON is none.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(name: &str, text: &str) -> Result<Option<Sample>, String> {
    let har: Har = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(Log {
        creator,
        browser,
        entries: Some(entries),
    }) = har.log
    else {
        return Ok(None);
    };
    let producer = named(&creator).or_else(|| named(&browser));
    let mut sample = Sample::default();
    let count = entries.len() as u64;
    for (at, entry) in entries.into_iter().enumerate() {
        match entry {
            Lenient::Is(entry) => entry::read(&mut sample, entry, at + 1),
            Lenient::Other(_) => sample.skip(super::sample::Skip::Unreadable),
        }
    }
    let mut holds = Holds {
        headers: Headers::AllBut(Vec::new()),
        order: true,
        body: Bodies::Whole,
        time: Times::Fine,
        host: true,
        client: false,
        connection: false,
        status: true,
    };
    if sample
        .exchanges
        .iter()
        .any(|exchange| exchange.at_us.is_none())
    {
        holds.time = Times::Absent;
    }
    producer::know(
        producer.as_deref().unwrap_or_default(),
        &mut sample,
        &mut holds,
    );
    sample.sources.push(Source {
        name: name.to_owned(),
        format: "HAR".to_owned(),
        producer,
        entries: count,
        holds,
    });
    Ok(Some(sample))
}

/// `name version` of a creator or browser.
fn named(creator: &Value) -> Option<String> {
    let name = creator.get("name")?.as_str()?;
    let version = creator
        .get("version")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(plain(format!("{name} {version}").trim())).filter(|name| !name.is_empty())
}
