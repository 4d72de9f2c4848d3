//! The time series of a phase as CSV, one row an interval, written as it happens.

use std::io::{self, Write};

use super::outcome::ErrorKind;

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
    /// 99th percentile of dispatch lag, µs; `None` if nothing was sent.
    pub dispatch_lag_p99_us: Option<f64>,
    /// CPU of the generator with all its threads, cores; `None` if it is not known.
    pub generator_cores: Option<f64>,
    /// CPU of all services, cores; `None` if it is not known, or there is none.
    pub service_cores: Option<f64>,
    /// Failures by kind, in the order of [`ErrorKind::ALL`].
    pub errors: [u64; ErrorKind::ALL.len()],
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
            "round,t_ms,throughput_rps,failed,latency_p50_us,latency_p99_us,latency_max_us,queue_wait_p99_us,first_byte_p99_us,target_cores,target_bytes,dispatch_lag_p99_us,generator_cores,service_cores"
        )?;
        for kind in ErrorKind::ALL {
            write!(out, ",errors_{kind}")?;
        }
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
        let cores = |value: Option<f64>| optional(value.map(|cores| format!("{cores:.3}")));
        write!(
            self.out,
            "{},{},{:.1},{},{},{},{},{},{},{},{},{},{},{}",
            row.round,
            row.t_ms,
            row.throughput_rps,
            row.failed,
            us(row.p50_us),
            us(row.p99_us),
            us(row.max_us),
            us(row.queue_wait_p99_us),
            us(row.first_byte_p99_us),
            cores(row.target_cores),
            optional(row.target_bytes.map(|bytes| bytes.to_string())),
            us(row.dispatch_lag_p99_us),
            cores(row.generator_cores),
            cores(row.service_cores),
        )?;
        for count in row.errors {
            write!(self.out, ",{count}")?;
        }
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

/// Columns and cells of a stored series that are read at most: a day of seconds has 5 million cells of ours.
const MOST_COLUMNS: usize = 256;
const MOST_CELLS: usize = 1 << 24;

/// A series as it was stored, by anybody: columns by name. What is no number is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredSeries {
    names: Vec<String>,
    columns: Vec<Vec<Option<f64>>>,
}

impl StoredSeries {
    /// Reads the text of a series. A last line without its end, as a killed run leaves it, is left out.
    pub fn read(text: &str) -> Self {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines();
        let names: Vec<String> = lines
            .next()
            .map(|head| {
                head.split(',')
                    .take(MOST_COLUMNS)
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default();
        let mut columns = vec![Vec::new(); names.len()];
        for line in lines.take(MOST_CELLS / names.len().max(1)) {
            let mut cells = line.split(',');
            for column in &mut columns {
                let cell = cells.next().and_then(|cell| cell.parse::<f64>().ok());
                column.push(cell.filter(|value| value.is_finite()));
            }
        }
        Self { names, columns }
    }

    /// A column.
    pub fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        let at = self.names.iter().position(|of| of == name)?;
        Some(&self.columns[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_by_name() {
        let series = StoredSeries::read("t_ms,failed,new\n0,1,\n1000,x,inf\n2000,7\n3000,");
        let column = |name| series.column(name).unwrap().to_vec();
        assert_eq!(column("t_ms"), [Some(0.0), Some(1000.0), Some(2000.0)]);
        assert_eq!(column("failed"), [Some(1.0), None, Some(7.0)]);
        assert_eq!(column("new"), [None, None, None]);
        assert_eq!(series.column("other"), None);
        assert_eq!(StoredSeries::read("").column("t_ms"), None);
        // Somebody else's file takes bounded memory.
        let wide = StoredSeries::read(&(",".repeat(10_000) + "\n"));
        assert_eq!(wide.names.len(), MOST_COLUMNS);
    }

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
                dispatch_lag_p99_us: Some(2.5),
                generator_cores: Some(0.4),
                errors: std::array::from_fn(|at| 3 * u64::from(at == ErrorKind::Timeout as usize)),
                published: vec![Some(7)],
                ..SeriesRow::default()
            })
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        let kinds = ErrorKind::ALL.len();
        assert_eq!(rows[0].split(',').count(), 15 + kinds);
        let (none, some) = (",0".repeat(kinds), ",0".repeat(kinds - 1));
        assert_eq!(rows[1], format!("1,1000,250.0,0,,1.2,,,,,,,,{none},"));
        assert_eq!(
            rows[2],
            format!("0,0,0.0,0,,,,,,1.988,5,2.5,0.400,{some},3,7")
        );
    }
}
