//! The file of a sample: lines of JSON, of which the first says what it is and each other one is a request.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::record::Record;

/// Name and version of the format.
const SCHEMA: &str = "telemload.sample/1";
/// Requests of a sample that are read.
const MOST: usize = 200_000;
/// The longest line that is read.
const LONGEST: usize = 1 << 20;
/// Times that a tap can have noted, from 1970 to the year 9999, in microseconds.
const TIMES: RangeInclusive<i64> = 0..=253_402_300_799_999_999;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Name and version of the format.
    pub schema: String,
    /// Version of telemload.
    pub telemload: String,
    /// Whether clients connected themselves. Of mirrored requests connections and clients are known only where the mirror names them.
    pub direct: bool,
}

impl Opening {
    /// Of a sample that this telemload writes.
    pub fn new(direct: bool) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            telemload: env!("CARGO_PKG_VERSION").to_owned(),
            direct,
        }
    }
}

/// A sample that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its first line.
    pub opening: Opening,
    /// Its requests, in the order of their times.
    pub records: Vec<Record>,
    /// Requests behind those that are read.
    pub beyond: u64,
    /// Whether the last line is cut off, as when the tap was killed.
    pub is_cut: bool,
}

/// Why a file is no sample: the number of the line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct NoSample {
    /// From 1.
    pub line: usize,
    /// Without values.
    pub why: String,
}

/// Whether a text is a sample, by its first line.
pub fn is_one(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.len() <= LONGEST && first.contains("telemload.sample/")
}

/// A line of a sample, with its end.
///
/// # Panics
/// Never: what lines are made of has a form in JSON.
pub fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("texts, numbers and lists");
    line.push('\n');
    line
}

/// Reads a sample.
///
/// # Errors
/// The first line that is none.
pub fn read(text: &str) -> Result<Recorded, NoSample> {
    let refused = |line: usize, why: String| NoSample { line, why };
    let mut lines = text.lines().enumerate();
    let opening = lines.next().map_or("", |(_, line)| line);
    let opening: Opening = parsed(opening).map_err(|why| refused(1, why))?;
    if opening.schema != SCHEMA {
        return Err(refused(
            1,
            format!("it is of another version than {SCHEMA}"),
        ));
    }
    let mut sample = Recorded {
        opening,
        records: Vec::new(),
        beyond: 0,
        is_cut: false,
    };
    while let Some((at, line)) = lines.next() {
        if sample.records.len() == MOST {
            sample.beyond = 1 + lines.count() as u64;
            break;
        }
        match timed(line) {
            Ok(record) => sample.records.push(record),
            Err(_) if !text.ends_with('\n') && lines.next().is_none() => {
                sample.is_cut = true;
                break;
            }
            Err(why) => return Err(refused(at + 1, why)),
        }
    }
    // Stable: what has no time keeps its place.
    if sample.records.iter().all(|record| record.at_us.is_some()) {
        sample.records.sort_by_key(|record| record.at_us);
    }
    Ok(sample)
}

/// A request, whose time is one if it has any.
fn timed(line: &str) -> Result<Record, String> {
    let record: Record = parsed(line)?;
    if record.at_us.is_some_and(|at| !TIMES.contains(&at)) {
        return Err("its time is not between 1970 and the year 9999".to_owned());
    }
    Ok(record)
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, String> {
    if line.len() > LONGEST {
        return Err("it has more than 1 MiB".to_owned());
    }
    serde_json::from_str(line)
        .map_err(|error| format!("no line of a sample, at column {}", error.column()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opening() -> Opening {
        Opening {
            schema: SCHEMA.to_owned(),
            telemload: "0.1.0".to_owned(),
            direct: true,
        }
    }

    fn record(at_us: i64) -> Record {
        Record {
            at_us: Some(at_us),
            method: "GET".to_owned(),
            route: "/".to_owned(),
            ..Record::default()
        }
    }

    #[test]
    fn what_was_written_is_read_in_the_order_of_times() {
        let text = line(&opening()) + &line(&record(2)) + &line(&record(1));
        assert!(is_one(&text));
        let read = read(&text).unwrap();
        assert_eq!(read.records, [record(1), record(2)]);
        assert!(!read.is_cut);
    }

    #[test]
    fn a_last_line_that_is_cut_off_is_left_out_and_said() {
        let whole = line(&opening()) + &line(&record(1));
        let read = read(&(whole + "{\"at_us\":2,\"meth")).unwrap();
        assert_eq!(read.records.len(), 1);
        assert!(read.is_cut);
    }

    #[test]
    fn a_broken_line_is_named_and_not_quoted() {
        let text = line(&opening()) + "{\"method\":\"hush\"\n" + &line(&record(1));
        let error = read(&text).unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
        assert!(!error.contains("hush"), "{error}");
        let other = line(&opening()).replace("sample/1", "sample/9");
        assert!(read(&other).unwrap_err().to_string().contains("sample/1"));
        for at in [i64::MIN, -1, i64::MAX] {
            let text = line(&opening()) + &line(&record(1)) + &line(&record(at));
            let error = read(&text).unwrap_err().to_string();
            assert!(error.starts_with("line 3: its time"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_panics(text in "\\PC*") {
            let _ = read(&text);
            let _ = read(&(line(&opening()) + &text));
        }
    }
}
