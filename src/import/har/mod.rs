//! HTTP archives (HAR 1.2 and 1.3) as browsers, proxies and clients write them: everything is optional, and what is odd about one
//! producer is known here. Bytes in, a sample out. Bodies of answers are never kept.

mod entry;
mod producer;
mod request;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::sample::{Bodies, Headers, Holds, Sample, Skip, Source, Times};

/// What may stand in a file, and is read.
#[derive(Deserialize)]
struct Har<'a> {
    #[serde(borrow)]
    log: Option<Log<'a>>,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    creator: Option<&'a RawValue>,
    #[serde(borrow)]
    browser: Option<&'a RawValue>,
    entries: Option<Entries>,
}

/// Values of an entry: one has a few hundred, and each takes memory of its own however short it is.
const MOST_VALUES: usize = 1 << 20;

/// What was read of the entries. Each is read by itself, and none is held: one that is odd does not spoil the others.
struct Entries {
    sample: Sample,
    count: u64,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
                let mut sample = Sample::default();
                let mut count = 0;
                while let Some(entry) = list.next_element::<&RawValue>()? {
                    count += 1;
                    match small(entry).and_then(|text| serde_json::from_str(text).ok()) {
                        Some(entry) => entry::read(&mut sample, entry, count),
                        None => sample.skip(Skip::Unreadable),
                    }
                }
                Ok(Entries {
                    sample,
                    count: count as u64,
                })
            }
        }

        from.deserialize_seq(Reader)
    }
}

/// Reads an archive, or says that this JSON is none.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(name: &str, text: &str) -> Result<Option<Sample>, String> {
    let har: Har<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(Log {
        creator,
        browser,
        entries: Some(Entries { mut sample, count }),
    }) = har.log
    else {
        return Ok(None);
    };
    let producer = creator.and_then(named).or_else(|| browser.and_then(named));
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

/// JSON whose values are not too many.
fn small(json: &RawValue) -> Option<&str> {
    let text = json.get();
    let mut in_text = false;
    let mut is_escaped = false;
    let mut values = 0;
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' | b',' if !in_text => values += 1,
            _ => {}
        }
    }
    (values <= MOST_VALUES).then_some(text)
}

/// `name version` of a creator or browser.
fn named(creator: &RawValue) -> Option<String> {
    let creator: Value = serde_json::from_str(small(creator)?).ok()?;
    let name = creator.get("name")?.as_str()?;
    let version = creator
        .get("version")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(format!("{name} {version}").trim().to_owned()).filter(|name| !name.is_empty())
}
