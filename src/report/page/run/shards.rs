//! Each shard of a merged run.

use crate::report::figures::shards::{HEADS, rows};
use crate::report::page::table::{Cell, Table};
use crate::result::RunResult;

/// A row for each window of each shard; none where the run was not merged.
pub(super) fn table(run: &RunResult) -> Table {
    let mut table = Table::new("Each shard", &HEADS).with_prose();
    for row in rows(run) {
        table.add(row.into_iter().map(Cell::from));
    }
    table
}
