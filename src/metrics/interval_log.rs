//! Latency histograms of all intervals in HdrHistogram's interval log format, version 1.3 with V2 payloads,
//! values in nanoseconds: what HistogramLogProcessor and its relatives read.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

/// Writes one line an interval.
pub struct IntervalLog<W: Write> {
    out: W,
    serializer: V2DeflateSerializer,
}

impl<W: Write> IntervalLog<W> {
    /// Writes the heading; times of intervals count from `started`.
    ///
    /// # Errors
    /// What the writer answers.
    pub fn new(mut out: W, started: SystemTime) -> io::Result<Self> {
        // The crate writes no version, without which readers fall back to the format of 2014.
        writeln!(out, "#[Histogram log format version 1.3]")?;
        let mut serializer = V2DeflateSerializer::new();
        IntervalLogWriterBuilder::new()
            .add_comment("[Latency of OK responses, nanoseconds]")
            .with_start_time(started)
            .with_base_time(started)
            .begin_log_with(&mut out, &mut serializer)?;
        writeln!(
            out,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )?;
        Ok(Self { out, serializer })
    }

    /// Writes the interval that starts `start` after the beginning.
    ///
    /// # Errors
    /// What the writer answers.
    pub fn write(
        &mut self,
        start: Duration,
        length: Duration,
        histogram: &Histogram<u64>,
    ) -> io::Result<()> {
        // A builder without a heading continues a log.
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.out, &mut self.serializer)?
            .write_histogram(histogram, start, length, None)
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.out.flush()
    }
}

impl<W: Write> std::fmt::Debug for IntervalLog<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IntervalLog")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::read_intervals;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn a_log_is_read_back_interval_by_interval() {
        let mut out = Vec::new();
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut log = IntervalLog::new(&mut out, started).unwrap();
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 1_000_000_000, 3).unwrap();
        histogram.record(123_456).unwrap();
        for second in 0..3 {
            log.write(
                Duration::from_secs(second),
                Duration::from_secs(1),
                &histogram,
            )
            .unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("#[Histogram log format version 1.3]\n"),
            "{text}"
        );
        assert!(
            text.contains("#[BaseTime: 1700000000.000 (seconds since epoch)]"),
            "{text}"
        );
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with('"'))
            .map(|line| format!("{line}\n"))
            .collect();
        let starts: Vec<Duration> = IntervalLogIterator::new(body.as_bytes())
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval.start_timestamp()),
                _ => None,
            })
            .collect();
        assert_eq!(starts, [0, 1, 2].map(Duration::from_secs));
        // Ours reads it too, but for a line that was cut off.
        let cut = format!("{text}3.000,1.000,1,HISTF");
        let read: Vec<_> = read_intervals(&cut).collect();
        let read: Result<Vec<_>, String> = read.into_iter().collect();
        let read = read.unwrap();
        let starts: Vec<f64> = read.iter().map(|(start, _)| *start).collect();
        assert_eq!(starts, [0.0, 1.0, 2.0]);
        assert!(
            read.iter()
                .all(|(_, of)| of.len() == 1 && of.max() >= 123_456)
        );
        let broken = read_intervals("0.000,1.000,1,HISTF\n").next().unwrap();
        assert_eq!(broken.unwrap_err(), "line 1: it holds no histogram");
    }
}
