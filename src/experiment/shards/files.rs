//! Where the files of a shard are, and opening them: they were copied from other machines.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::counts::{Bounds, FILE, Next, Reader};
use crate::experiment::run_dir::open_own;
use crate::metrics::{Tally, Window, value_at};
use crate::result::{PhaseResult, ShardStretch};

/// The file of what the results of a shard are judged by, once they are merged.
pub const JUDGED: &str = "judged.json";

/// The counts of a stretch that are being read.
pub(super) type Counts = Reader<BufReader<File>>;

/// A stretch of a shard as its counts say it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub(super) window: Window,
    pub(super) interval_ns: u64,
    pub(super) has_columns: bool,
    pub(super) due: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    /// 99th percentile of dispatch lag, µs.
    pub(super) lag_p99_us: Option<f64>,
}

impl Extent {
    pub(super) fn length(self) -> u64 {
        self.window.end - self.window.start
    }
}

/// Where the files of a stretch are, within a run directory.
pub(super) fn place(stretch: &ShardStretch, rounds: u32) -> PathBuf {
    let base = Path::new(&stretch.variant).join(&stretch.phase);
    if rounds > 1 {
        base.join(format!("round-{}", stretch.round))
    } else {
        base
    }
}

/// Opens the counts of a stretch, of which the result beside them has this phase, and no count is larger than this.
pub(super) fn open(
    root: &Path,
    place: &Path,
    (phase, most): (&PhaseResult, u64),
) -> Result<Counts, String> {
    let file = place.join(FILE);
    let told = |words: String| format!("{}: {words}", root.join(&file).display());
    let opened = open_own(root, &file).map_err(|error| told(error.to_string()))?;
    let requests = phase.requests.len();
    let bounds = Bounds {
        requests,
        hosts: phase.hosts.len(),
        most: most / requests.max(1) as u64,
    };
    Reader::new(BufReader::new(opened), bounds).map_err(told)
}

/// Reads the counts of a stretch of this attempt to their end.
pub(super) fn check(
    root: &Path,
    place: &Path,
    attempt: &str,
    of: (&PhaseResult, u64),
) -> Result<Extent, String> {
    let mut counts = open(root, place, of)?;
    if counts.head.attempt != attempt {
        let file = root.join(place).join(FILE);
        let words = "another process wrote it than the result beside it";
        return Err(format!("{}: {words}", file.display()));
    }
    loop {
        let next = counts.next();
        let next =
            next.map_err(|words| format!("{}: {words}", root.join(place).join(FILE).display()))?;
        if let Next::Over(over) = next {
            let total = Tally::sum(&over.counted.tallies);
            let lag = &total.dispatch_lag;
            return Ok(Extent {
                due: total.due,
                ok: total.ok,
                failed: total.failed,
                lag_p99_us: (!lag.is_empty()).then(|| value_at(lag, 0.99)),
                window: over.window,
                interval_ns: counts.head.interval_ns,
                has_columns: counts.head.has_columns,
            });
        }
    }
}
