//! Text for other programs: CSV for spreadsheets, Markdown for where changes are discussed, JUnit and annotations for CI.

pub mod ablate;
pub mod annotations;
pub mod audit;
pub mod compare;
pub mod gate;
pub mod junit;
pub mod markdown;
pub mod profile;
pub mod run;

use crate::units::printable;

/// A table as CSV (RFC 4180), as it may be shown; a cell that a spreadsheet would take for a formula is made text.
pub(super) fn csv<const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = "a vector grows, and all rows have the same length";
    writer.write_record(header).expect(written);
    for row in rows {
        let cells = row.map(|cell| {
            let is_number = cell.parse::<f64>().is_ok();
            let cell = printable(&cell);
            if !is_number && cell.starts_with(['=', '+', '-', '@', '\u{fffd}']) {
                format!("'{cell}")
            } else {
                cell.into_owned()
            }
        });
        writer.write_record(cells).expect(written);
    }
    let bytes = writer.into_inner().expect("a vector is never full");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_hides_nothing() {
        let names = [
            "=1+1",
            "-1.5",
            "\t=1",
            "a\u{1b}[31m\n::error::b\u{202e}",
            "\u{200b}=1",
        ];
        let rows = names.map(|name| [name.to_owned()]);
        assert_eq!(
            csv(&["name"], rows.into_iter()),
            "name\n'=1+1\n-1.5\n'\u{fffd}=1\na\u{fffd}[31m\u{fffd}::error::b\u{fffd}\n'\u{fffd}=1\n"
        );
    }
}
