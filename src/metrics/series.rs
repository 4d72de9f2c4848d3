//! The time series of a phase as CSV, one row an interval, written as it happens.

use std::io::{self, Write};

/// One interval of a phase.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesRow {
    /// Launch of the variant, from 1.
    pub round: u32,
    /// Start of the interval since the start of the window, ms.
    pub t_ms: u64,
    /// OK responses completed per second.
    pub throughput_rps: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Median latency, µs; like the next two `None` if nothing was due that was answered or given up.
    pub p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub p99_us: Option<f64>,
    /// Largest latency, µs.
    pub max_us: Option<f64>,
    /// 99th percentile of queue wait, µs; `None` if nothing was sent.
    pub queue_wait_p99_us: Option<f64>,
    /// 99th percentile of the time to the first byte, µs; `None` if there was no OK response.
    pub first_byte_p99_us: Option<f64>,
    /// CPU of the target, cores; `None` if it is not known.
    pub target_cores: Option<f64>,
    /// Memory of the target, bytes; `None` if it is not known.
    pub target_bytes: Option<u64>,
    /// What the target publishes of itself, in the order of the writer's columns; `None` is not known.
    pub published: Vec<Option<u64>>,
}

/// Writes rows.
#[derive(Debug)]
pub struct SeriesWriter<W> {
    out: W,
}

impl<W: Write> SeriesWriter<W> {
    /// Writes the heading; `columns` name the last ones.
    ///
    /// # Errors
    /// What the writer answers.
    pub fn new(mut out: W, columns: &[&str]) -> io::Result<Self> {
        write!(
            out,
            "round,t_ms,throughput_rps,failed,latency_p50_us,latency_p99_us,latency_max_us,queue_wait_p99_us,first_byte_p99_us,target_cores,target_bytes"
        )?;
        for column in columns {
            write!(out, ",{column}")?;
        }
        writeln!(out)?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Writes one row and flushes it: a killed run loses no finished interval.
    ///
    /// # Errors
    /// What the writer answers.
    pub fn write(&mut self, row: &SeriesRow) -> io::Result<()> {
        let optional = |value: Option<String>| value.unwrap_or_default();
        let us = |value: Option<f64>| optional(value.map(|us| format!("{us:.1}")));
        write!(
            self.out,
            "{},{},{:.1},{},{},{},{},{},{},{},{}",
            row.round,
            row.t_ms,
            row.throughput_rps,
            row.failed,
            us(row.p50_us),
            us(row.p99_us),
            us(row.max_us),
            us(row.queue_wait_p99_us),
            us(row.first_byte_p99_us),
            optional(row.target_cores.map(|cores| format!("{cores:.3}"))),
            optional(row.target_bytes.map(|bytes| bytes.to_string())),
        )?;
        for cell in &row.published {
            write!(
                self.out,
                ",{}",
                optional(cell.map(|value| value.to_string()))
            )?;
        }
        writeln!(self.out)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_empty() {
        let mut out = Vec::new();
        let mut writer = SeriesWriter::new(&mut out, &["bcrypt"]).unwrap();
        writer
            .write(&SeriesRow {
                round: 1,
                t_ms: 1_000,
                throughput_rps: 250.04,
                p99_us: Some(1.25),
                published: vec![None],
                ..SeriesRow::default()
            })
            .unwrap();
        writer
            .write(&SeriesRow {
                target_cores: Some(1.98765),
                target_bytes: Some(5),
                published: vec![Some(7)],
                ..SeriesRow::default()
            })
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0].split(',').count(), 12);
        assert_eq!(rows[1], "1,1000,250.0,0,,1.2,,,,,,");
        assert_eq!(rows[2], "0,0,0.0,0,,,,,,1.988,5,7");
    }
}
