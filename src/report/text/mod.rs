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

/// A table as CSV (RFC 4180); a cell that a spreadsheet would take for a formula is made text.
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
