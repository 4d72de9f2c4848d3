//! The files of a measured stretch, `series.csv` and `latency.hlog`: written on a thread of its own.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use super::background::Background;
use super::over::Over;
use super::row::Row;
use super::shards::counts::{self, Head, Writer};
use super::{RunDir, WriteError};
use crate::metrics::{IntervalLog, SeriesRow, SeriesWriter};

/// Rows that wait for the disk at most; what is more is lost, and said so.
const MOST_WAITING: usize = 64;

/// An interval that is to be written.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) row: SeriesRow,
    /// Since the start of the window.
    pub(super) start: Duration,
    pub(super) length: Duration,
    /// Of OK responses.
    pub(super) latency: Histogram<u64>,
    /// What a shard keeps of it.
    pub(super) counted: Option<Row>,
}

/// What is handed to the thread that writes.
#[derive(Debug)]
enum Work {
    Line(Box<Line>),
    Over(Box<Over>),
}

/// Which files there are to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What the target publishes of itself.
    pub(super) columns: &'a [&'a str],
    /// The attempt of a shard, which keeps its counts, and its interval.
    pub(super) counts: Option<(&'a str, Duration)>,
}

/// Files that are being written.
#[derive(Debug)]
pub(super) struct Files {
    lines: SyncSender<Work>,
    writing: Background<()>,
    /// Whether rows have what the target publishes of itself.
    pub(super) has_columns: bool,
    /// Whether raw counts are kept.
    pub(super) keeps_counts: bool,
    /// Whether whoever writes waits for the disk: no load goes on.
    waits: bool,
}

/// Files that are made, before it is known when their window begins.
#[derive(Debug)]
pub(super) struct Made {
    rows: SeriesWriter<BufWriter<File>>,
    rows_path: PathBuf,
    log: BufWriter<File>,
    log_path: PathBuf,
    counts: Option<(Writer<BufWriter<File>>, PathBuf)>,
    has_columns: bool,
}

impl Made {
    /// Makes them.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn create(
        dir: &RunDir,
        directory: &Path,
        wanted: Wanted<'_>,
    ) -> Result<Self, WriteError> {
        let open = |name: &str| {
            let path = directory.join(name);
            Ok::<_, WriteError>((dir.stream(&path)?, dir.path().join(path)))
        };
        let (out, rows_path) = open("series.csv")?;
        let rows = SeriesWriter::new(out, wanted.columns).map_err(|cause| WriteError {
            path: rows_path.clone(),
            cause,
        })?;
        let (log, log_path) = open("latency.hlog")?;
        let has_columns = !wanted.columns.is_empty();
        let counts = wanted.counts.map(|(attempt, interval)| {
            let (out, path) = open(counts::FILE)?;
            let head = Head::new(attempt, interval.as_nanos() as u64, has_columns);
            match Writer::new(out, head) {
                Ok(writer) => Ok((writer, path)),
                Err(cause) => Err(WriteError { path, cause }),
            }
        });
        Ok(Self {
            rows,
            rows_path,
            log,
            log_path,
            counts: counts.transpose()?,
            has_columns,
        })
    }

    /// Hands them to the thread that writes; the window begins at `start`.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn begin(self, start: SystemTime) -> io::Result<Files> {
        let (has_columns, keeps_counts) = (self.has_columns, self.counts.is_some());
        let (lines, from) = sync_channel(MOST_WAITING);
        let writing = Background::start("series", move || self.write(start, &from))?;
        Ok(Files {
            lines,
            writing,
            has_columns,
            keeps_counts,
            waits: false,
        })
    }

    fn write(mut self, start: SystemTime, from: &Receiver<Work>) -> Result<(), WriteError> {
        let of_log = |cause| WriteError {
            path: self.log_path.clone(),
            cause,
        };
        let mut log = IntervalLog::new(self.log, start).map_err(of_log)?;
        for work in from {
            let line = match work {
                Work::Line(line) => line,
                Work::Over(over) => {
                    if let Some((counts, path)) = self.counts.take() {
                        let written = counts.over(*over);
                        written.map_err(|cause| WriteError { path, cause })?;
                    }
                    continue;
                }
            };
            let written = self.rows.write(&line.row);
            written.map_err(|cause| WriteError {
                path: self.rows_path.clone(),
                cause,
            })?;
            let written = log.write(line.start, line.length, &line.latency);
            written.map_err(of_log)?;
            if let (Some((counts, path)), Some(row)) = (&mut self.counts, line.counted) {
                counts.row(row).map_err(|cause| WriteError {
                    path: path.clone(),
                    cause,
                })?;
            }
        }
        Ok(())
    }
}

impl Files {
    /// Hands over an interval; `false` if too many wait for the disk. One that can write no more tells so by itself.
    pub(super) fn write(&self, line: Line) -> bool {
        let line = Work::Line(Box::new(line));
        if self.waits {
            // One that can write no more tells so at the end.
            let _ = self.lines.send(line);
            return true;
        }
        !matches!(self.lines.try_send(line), Err(TrySendError::Full(_)))
    }

    /// The thread that writes.
    pub(super) fn writing(&mut self) -> &mut Background<()> {
        &mut self.writing
    }

    /// The same where no load goes on: nothing is lost.
    pub(super) fn patient(self) -> Self {
        Self {
            waits: true,
            ..self
        }
    }

    /// Waits until all is written, with what makes the counts whole.
    pub(super) fn finish(self, over: &Over) -> Result<(), WriteError> {
        if self.keeps_counts {
            let _ = self.lines.send(Work::Over(Box::new(over.clone())));
        }
        drop(self.lines);
        self.writing.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_disk_that_hangs_makes_nobody_wait_and_little_wait_for_it() {
        let (go_on, hangs) = channel();
        let (lines, from) = sync_channel(MOST_WAITING);
        let writing = Background::start("series", move || {
            let _ = hangs.recv();
            drop(from);
            Ok(())
        });
        let files = Files {
            lines,
            writing: writing.unwrap(),
            has_columns: false,
            keeps_counts: false,
            waits: false,
        };
        let line = || Line {
            row: SeriesRow::default(),
            start: Duration::ZERO,
            length: Duration::ZERO,
            latency: Histogram::new(3).unwrap(),
            counted: None,
        };
        for at in 0..MOST_WAITING + 10 {
            assert_eq!(files.write(line()), at < MOST_WAITING, "{at}");
        }
        go_on.send(()).unwrap();
        drop(files.lines);
        files.writing.finish().unwrap();
    }
}
