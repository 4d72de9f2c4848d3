//! How many readings of a target or rows of a series were late or missing, in words that name the remedy.

use std::fmt;

/// How many of how many were late or missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// Of what.
    pub what: Planned,
    /// Those that were.
    pub late: u64,
    /// All.
    pub of: u64,
}

/// What may be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// Readings of a target's processes.
    Processes,
    /// Readings of its metrics.
    Metrics,
    /// The same, where they alone tell its CPU.
    Cpu,
    /// Rows of its series.
    Rows,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.what {
            Planned::Processes => {
                "readings of the target's processes were late or missing, and have empty cells in series.csv: the machine was too busy to read them in time; leave telemload a core, or use a longer `interval`"
            }
            Planned::Metrics => {
                "readings of the target's metrics were late or missing, and have empty cells in series.csv: use a longer `interval` than its endpoint takes to answer"
            }
            Planned::Cpu => {
                "readings of the target's metrics were late or missing, and its CPU has empty cells in series.csv: use a longer `interval` than its endpoint takes to answer, or name its process with `target.pid`"
            }
            Planned::Rows => {
                "rows are missing in series.csv and latency.hlog: a worker of the generator or the disk was too slow; leave telemload a core, or name a directory on a faster disk with --out"
            }
        };
        write!(f, "{} of {} {words}", self.late, self.of)
    }
}
