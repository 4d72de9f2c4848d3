//! Renders results: for people on a terminal, for programs as JSON. Strings out; only `cli` writes them anywhere.

pub mod compare;
pub mod compare_files;
pub mod dry_run;
pub mod flame_diff;
pub mod flame_files;
pub mod flame_top;
pub mod json;
mod load_json;
mod processes;
pub mod progress;
pub mod selftest;
pub mod stored;
pub mod story;
pub mod terminal;
mod trust_json;

use serde::Serialize;

/// A document of our own types as JSON with a line break at its end.
fn pretty(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("all keys are strings");
    text.push('\n');
    text
}

/// A table as CSV (RFC 4180); a cell that a spreadsheet would take for a formula is made text.
fn csv<const N: usize>(header: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = "a vector grows, and all rows have the same length";
    writer.write_record(header).expect(written);
    for row in rows {
        let cells = row.map(|cell| {
            let is_number = cell.parse::<f64>().is_ok();
            if !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                format!("'{cell}")
            } else {
                cell
            }
        });
        writer.write_record(cells).expect(written);
    }
    let bytes = writer.into_inner().expect("a vector is never full");
    String::from_utf8_lossy(&bytes).into_owned()
}
