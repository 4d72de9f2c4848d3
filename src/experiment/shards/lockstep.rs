//! Reads the counts of several shards side by side, interval by interval, into what gathers the intervals of one process.

use std::path::Path;

use super::counts::{FILE, Next};
use super::files::{Counts, open};
use super::readouts::{Ended, Together};
use crate::experiment::gather::{Emit, Gather};
use crate::experiment::readings::Cells;
use crate::experiment::row::Row;
use crate::result::PhaseResult;
use crate::tenant;

/// The counts of one shard, as far as they were read.
pub(super) struct Track {
    index: u32,
    ended: Ended,
    counts: Counts,
    /// Its next interval, which lies ahead.
    ahead: Option<Box<Row>>,
    /// Intervals of its window, once its end was read.
    over: Option<u64>,
    /// Where it is, for messages.
    path: String,
}

impl Track {
    pub(super) fn open(
        root: &Path,
        place: &Path,
        of: (&PhaseResult, u64),
        (index, ended): (u32, Ended),
    ) -> Result<Self, String> {
        Ok(Self {
            index,
            ended,
            counts: open(root, place, of)?,
            ahead: None,
            over: None,
            path: root.join(place).join(FILE).display().to_string(),
        })
    }

    /// Its interval `at`, if it has one; what ends it is added to all.
    fn row(&mut self, at: u64, all: &mut Together) -> Result<Option<Box<Row>>, String> {
        while self.ahead.is_none() && self.over.is_none() {
            let next = self.counts.next();
            match next.map_err(|words| format!("{}: {words}", self.path))? {
                Next::Row(row) => self.ahead = Some(row),
                Next::Over(over) => {
                    let length = over.window.end - over.window.start;
                    self.over = Some(length.div_ceil(self.counts.head.interval_ns));
                    all.add(self.index, self.ended, &over);
                }
            }
        }
        Ok(self.ahead.take_if(|row| row.index == at))
    }

    /// Whether the interval `at` belongs to its window.
    fn covers(&self, at: u64) -> bool {
        self.over.is_none_or(|rows| at < rows)
    }
}

/// Feeds `rows` intervals of all shards.
///
/// # Errors
/// A message: a file is not what it was when it was checked.
pub(super) fn feed(
    tracks: &mut [Track],
    rows: u64,
    has_columns: bool,
    gather: &mut Gather,
    all: &mut Together,
) -> Result<(), String> {
    for at in 0..rows {
        let mut cells = Joined::default();
        for track in &mut *tracks {
            let row = track.row(at, all)?;
            match &row {
                Some(row) => gather.part(row),
                None if track.covers(at) => gather.lacks(at),
                // It was ended before.
                None => {}
            }
            cells.add(track.index, row.and_then(|row| row.cells));
        }
        gather.cells(cells.cells(at, has_columns));
        gather.emit(Emit::Everything, &mut |_| {});
    }
    // What ends them comes behind the last interval.
    for track in tracks {
        track.row(u64::MAX, all)?;
        if track.over.is_none() {
            return Err(format!(
                "{}: it has more intervals than its window",
                track.path
            ));
        }
    }
    Ok(())
}

/// What shards read over one interval.
#[derive(Default)]
struct Joined {
    /// Of the one that reads the target.
    target: Option<Cells>,
    /// CPU of all generators, cores; `None` if one is not known.
    own_cores: Option<f64>,
    is_partial: bool,
}

impl Joined {
    fn add(&mut self, index: u32, cells: Option<Cells>) {
        let own = cells.as_ref().and_then(|cells| cells.own_cores);
        match own {
            Some(own) => *self.own_cores.get_or_insert(0.0) += own,
            None => self.is_partial = true,
        }
        if index == 0 {
            self.target = cells;
        }
    }

    fn cells(self, index: u64, has_columns: bool) -> Cells {
        let own_cores = self.own_cores.filter(|_| !self.is_partial);
        match self.target {
            Some(of) => Cells { own_cores, ..of },
            None => Cells {
                index,
                cores: None,
                rss_bytes: None,
                own_cores,
                service_cores: None,
                published: if has_columns {
                    tenant::cells(None, None)
                } else {
                    Vec::new()
                },
            },
        }
    }
}
