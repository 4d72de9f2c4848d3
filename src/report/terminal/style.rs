//! Colours, tables and margins of everything that is shown on a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default();

/// A table without lines, whose first columns are numbers.
pub(super) fn plain_table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    for column in 0..numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Appends a block of lines, each behind `by`.
pub(super) fn indent(block: &str, by: &str, text: &mut String) {
    for line in block.lines() {
        let _ = writeln!(text, "{by}{}", line.trim_end());
    }
}

/// Appends a labelled line of a phase.
pub(super) fn line(label: &str, value: &str, text: &mut String) {
    let _ = writeln!(text, "    {label:<13} {value}");
}
