//! Histograms as text and back: HdrHistogram's interval log, version 1.3 with tags and V2 payloads, values in nanoseconds, which
//! HistogramLogProcessor and its relatives read. What is read may come from anybody.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

/// Bytes of a histogram before they are compressed, at most: those of ours have less than 0.5 MB.
const MOST_BYTES: u64 = 1 << 20;
/// Counters of all histograms of a file at most, which are 0.5 GB.
const MOST_COUNTERS: u64 = 1 << 26;
/// Largest value that a histogram may have room for, ns: more than an hour.
const MOST_NS: u64 = 1 << 43;
/// Bytes before the counts: cookie, length, offset, digits, lowest and highest value, ratio.
const HEAD: usize = 40;

/// A log that is being written.
pub struct HistogramLog {
    text: String,
    serializer: V2DeflateSerializer,
}

impl HistogramLog {
    /// Of a run that began then.
    pub fn new(started_at: jiff::Timestamp) -> Self {
        let seconds = started_at.as_millisecond() as f64 / 1e3;
        Self {
            text: format!(
                "#[Histogram log format version 1.3]\n#[StartTime: {seconds:.3} (seconds since epoch)]\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
            ),
            serializer: V2DeflateSerializer::new(),
        }
    }

    /// Adds a histogram over so many seconds under a tag without commas and spaces, unless it is empty.
    pub fn add(&mut self, tag: &str, seconds: f64, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        let payload = encode(&mut self.serializer, histogram);
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.text,
            "Tag={tag},0.000,{seconds:.3},{},{payload}",
            histogram.max(),
        );
    }

    /// The log as it is.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl std::fmt::Debug for HistogramLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HistogramLog")
    }
}

/// Reads the histograms of a log by their tags.
///
/// # Errors
/// A message that names the line.
pub fn read_histograms(text: &str) -> Result<BTreeMap<String, Histogram<u64>>, String> {
    let mut read = BTreeMap::new();
    let mut counters = 0;
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with(['#', '"']) {
            continue;
        }
        let of = |error: &str| format!("line {}: {error}", at + 1);
        let (tag, rest) = line
            .strip_prefix("Tag=")
            .and_then(|line| line.split_once(','))
            .ok_or_else(|| of("it has no tag"))?;
        let payload = rest.rsplit(',').next().unwrap_or(rest);
        let histogram = decode(payload).map_err(|error| of(&error))?;
        counters += histogram.distinct_values() as u64;
        if counters > MOST_COUNTERS {
            return Err(of("the histograms are too many"));
        }
        if read.insert(tag.to_owned(), histogram).is_some() {
            return Err(of("its tag is that of an earlier line"));
        }
    }
    Ok(read)
}

/// Reads a log of intervals, one after the other: where each begins, s, and its histogram. A last line without its end, as a killed run
/// leaves it, is left out.
///
/// # Errors
/// Each of its own: a message that names the line.
pub fn read_intervals(
    text: &str,
) -> impl Iterator<Item = Result<(f64, Histogram<u64>), String>> + '_ {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '"']));
    lines.map(|(at, line)| {
        let of = |error: &str| format!("line {}: {error}", at + 1);
        let start = line.split(',').next().and_then(|start| start.parse().ok());
        let start = start.filter(|start: &f64| start.is_finite() && *start >= 0.0);
        let start = start.ok_or_else(|| of("it does not say when its interval begins"))?;
        let payload = line.rsplit(',').next().unwrap_or(line);
        let histogram = decode(payload).map_err(|error| of(&error))?;
        Ok((start, histogram))
    })
}

/// The V2 payload of a histogram, deflated and in base64.
pub(super) fn encode(serializer: &mut V2DeflateSerializer, histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    serializer
        .serialize(histogram, &mut bytes)
        .expect("a vector grows, and counts are below 2^63");
    STANDARD.encode(bytes)
}

/// A histogram from its V2 payload, deflated and in base64.
pub(super) fn decode(payload: &str) -> Result<Histogram<u64>, String> {
    let broken = || "it holds no histogram".to_owned();
    let deflated = STANDARD.decode(payload).map_err(|_| broken())?;
    // Cookie and length: the rest is a stream of zlib.
    let deflated = deflated.get(8..).ok_or_else(broken)?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(deflated)
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| broken())?;
    // The decoder of the library makes room for what the head says.
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
        )
    };
    let head = (number(4, 4), number(12, 4), number(16, 8), number(24, 8));
    let (Some(length), Some(3), Some(1), Some(2..=MOST_NS)) = head else {
        return Err("it is no histogram of nanoseconds with three digits".to_owned());
    };
    if bytes.len() as u64 > MOST_BYTES || bytes.len() as u64 != HEAD as u64 + length {
        return Err(broken());
    }
    if !counts_are_few(&bytes[HEAD..]) {
        return Err(broken());
    }
    let mut histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|_| broken())?;
    histogram.auto(true);
    Ok(histogram)
}

/// Whether counts are few enough to be added up. They are zigzag numbers in base 128, the lowest digits first; negative ones stand for
/// so many empty values.
fn counts_are_few(counts: &[u8]) -> bool {
    const MOST: u64 = 1 << 53;
    let (mut value, mut digits, mut sum) = (0_u64, 0, 0_u64);
    for &byte in counts {
        // The ninth byte is taken whole.
        let (digit, is_last) = if digits == 8 {
            (u64::from(byte), true)
        } else {
            (u64::from(byte & 0x7f), byte & 0x80 == 0)
        };
        value |= digit << (7 * digits);
        digits += 1;
        if is_last {
            sum = sum.saturating_add(value.div_ceil(2));
            (value, digits) = (0, 0);
        }
    }
    digits == 0 && sum <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::metrics::Durations;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut durations = Durations::default();
        values.iter().for_each(|&ns| durations.record(ns));
        durations.histogram().clone()
    }

    fn written(tags: &[(&str, &[u64])]) -> String {
        let mut log = HistogramLog::new(jiff::Timestamp::UNIX_EPOCH);
        for (tag, values) in tags {
            log.add(tag, 1.5, &histogram(values));
        }
        log.into_text()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            values in proptest::collection::vec(0..3_600_000_000_000_u64, 1..200),
            more in 0..3_600_000_000_000_u64,
        ) {
            let text = written(&[("a/b", &values), ("c", &[])]);
            let mut read = read_histograms(&text).unwrap();
            prop_assert_eq!(read.len(), 1);
            let (read, mut own) = (read.get_mut("a/b").unwrap(), histogram(&values));
            prop_assert_eq!(&*read, &own);
            prop_assert_eq!((read.min(), read.max()), (own.min(), own.max()));
            prop_assert_eq!(read.mean(), own.mean());
            // It grows, as that which was written.
            let more = histogram(&[more]);
            read.add(&more).unwrap();
            own.add(&more).unwrap();
            prop_assert_eq!(&*read, &own);
        }

        #[test]
        fn bytes_of_anybody_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0..200_usize, byte: u8,
        ) {
            let _ = decode(&STANDARD.encode(&bytes));
            let _ = decode(&deflated(&bytes));
            // A histogram of which one byte is another one.
            let mut whole = inflated(&written(&[("a", &[5, 7_000, 1 << 40])]));
            if let Some(of) = whole.get_mut(at) {
                *of = byte;
            }
            let _ = decode(&deflated(&whole));
        }
    }

    fn deflated(bytes: &[u8]) -> String {
        let mut out = vec![0; 8];
        let mut coder = flate2::read::ZlibEncoder::new(bytes, flate2::Compression::fast());
        coder.read_to_end(&mut out).unwrap();
        STANDARD.encode(out)
    }

    fn inflated(text: &str) -> Vec<u8> {
        let payload = text.trim_end().rsplit(',').next().unwrap();
        let deflated = STANDARD.decode(payload).unwrap();
        let mut bytes = Vec::new();
        ZlibDecoder::new(&deflated[8..])
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    #[test]
    fn counts_that_cannot_be_added_up_are_found() {
        assert!(counts_are_few(&[]) && counts_are_few(&[2, 3, 0x82, 1]));
        // The last one says -2^63, of which the positive does not exist.
        for counts in [
            &[0x80][..],
            &[0xff; 9],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f],
        ] {
            assert!(!counts_are_few(counts), "{counts:?}");
        }
    }

    #[test]
    fn what_is_no_log_of_ours_is_refused_with_its_line() {
        let good = written(&[("a", &[1, 2, 3])]);
        let line = good.lines().last().unwrap();
        let huge = |from: usize, bytes: &[u8]| {
            let mut whole = inflated(&good);
            whole[from..from + bytes.len()].copy_from_slice(bytes);
            format!("Tag=a,0,1,1,{}", deflated(&whole))
        };
        for (text, says) in [
            (
                format!("{good}{line}\n"),
                "line 5: its tag is that of an earlier line",
            ),
            ("0.1,2,3,HIST".to_owned(), "line 1: it has no tag"),
            ("Tag=a,0,1,1,!".to_owned(), "line 1: it holds no histogram"),
            (
                "Tag=a,0,1,1,AAAA".to_owned(),
                "line 1: it holds no histogram",
            ),
            (huge(4, &[255; 4]), "line 1: it holds no histogram"),
            (
                huge(24, &[127; 8]),
                "line 1: it is no histogram of nanoseconds",
            ),
            (huge(15, &[5]), "line 1: it is no histogram of nanoseconds"),
            (
                format!("Tag=a,0,1,1,{}", deflated(&vec![0; 3 << 20])),
                "line 1: it is no histogram",
            ),
        ] {
            let error = read_histograms(&text).unwrap_err();
            assert!(error.starts_with(says), "{error} beside {says}");
        }
    }
}
