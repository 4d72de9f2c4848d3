//! Rows of values from a file, one row per request: CSV with a header row, or JSON Lines. Read once, before anything is
//! started, into one arena. A row is a function of seed and request; looking one up allocates nothing.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use super::random;

/// Bytes that a feed's file may have.
pub const MAX_FEED_BYTES: u64 = 64 << 20;

/// Columns that a feed may have.
pub const MAX_FEED_COLUMNS: usize = 10_000;

/// Rows that a feed may have.
pub const MAX_FEED_ROWS: usize = 1_000_000;

/// Keeps the choice of rows apart from other uses of the seed.
const ROW_SALT: u64 = 0x0FEE_D000;

/// Which row is used by request n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Row n modulo the number of rows.
    RoundRobin,
    /// One drawn at random.
    Random,
}

/// A feed with its rows in memory.
pub struct Feed {
    name: String,
    columns: Vec<String>,
    order: RowOrder,
    salt: u64,
    arena: Vec<u8>,
    /// Where each cell ends in the arena, row by row; it begins where the one before it ends.
    ends: Vec<u32>,
    /// Line of the file on which each row begins, from 1.
    lines: Vec<u32>,
}

/// How a feed's file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a header row.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// By the ending of the file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

impl Feed {
    /// Reads the rows.
    ///
    /// # Errors
    /// What is wrong, behind the number of its line (`:12: …`).
    pub fn read(name: &str, bytes: &[u8], format: Format, order: RowOrder) -> Result<Self, String> {
        let salt = name.bytes().fold(ROW_SALT, |salt, byte| {
            random::draw(salt, u64::from(byte), ROW_SALT)
        });
        let mut feed = Self {
            name: name.to_owned(),
            columns: Vec::new(),
            order,
            salt,
            arena: Vec::with_capacity(bytes.len()),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        match format {
            Format::Csv => feed.read_csv(bytes)?,
            Format::JsonLines => feed.read_json_lines(bytes)?,
        }
        if feed.lines.is_empty() {
            return Err(": it has no rows; add at least one".to_owned());
        }
        Ok(feed)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of its columns, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The value of a column for request `n`; all columns of one request come from the same row.
    pub(super) fn cell(&self, seed: u64, n: u64, column: usize) -> &[u8] {
        let rows = self.rows() as u64;
        let row = match self.order {
            RowOrder::RoundRobin => n % rows,
            RowOrder::Random => random::below(random::draw(seed, n, self.salt), rows),
        };
        self.at(row as usize, column)
    }

    /// All values of a column.
    pub(crate) fn cells(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        (0..self.rows()).map(move |row| self.at(row, column))
    }

    /// Line of the first row whose value in `column` has a byte that `is_bad`.
    pub(crate) fn line_with(&self, column: usize, is_bad: impl Fn(u8) -> bool) -> Option<u32> {
        let found =
            (0..self.rows()).find(|&row| self.at(row, column).iter().any(|&byte| is_bad(byte)));
        found.map(|row| self.lines[row])
    }

    fn at(&self, row: usize, column: usize) -> &[u8] {
        let cell = row * self.columns.len() + column;
        let start = cell
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.arena[start..self.ends[cell] as usize]
    }

    fn push_cell(&mut self, value: &[u8]) {
        self.arena.extend_from_slice(value);
        let end = u32::try_from(self.arena.len())
            .expect("values take a few times the bytes of their file at most");
        self.ends.push(end);
    }

    fn push_row(&mut self, line: u64) -> Result<(), String> {
        if self.rows() == MAX_FEED_ROWS {
            return Err(format!(
                ":{line}: more than {MAX_FEED_ROWS} rows, which is the limit; use a sample of them"
            ));
        }
        self.lines
            .push(u32::try_from(line).expect("lines are no more than bytes"));
        Ok(())
    }

    fn name_columns(
        &mut self,
        names: impl Iterator<Item = String>,
        line: u64,
    ) -> Result<(), String> {
        let mut known = HashSet::new();
        for name in names {
            if self.columns.len() == MAX_FEED_COLUMNS {
                return Err(format!(
                    ":{line}: more than {MAX_FEED_COLUMNS} columns, which is the limit; leave out those that are not used"
                ));
            }
            if !known.insert(name.clone()) {
                return Err(format!(
                    ":{line}: two columns are named `{name}`; give each its own name"
                ));
            }
            self.columns.push(name);
        }
        Ok(())
    }

    fn read_csv(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = reader.headers().map_err(|error| csv_error(&error))?.clone();
        self.name_columns(header.iter().map(str::to_owned), 1)?;
        let mut record = csv::StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|error| csv_error(&error))?
        {
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != self.columns.len() {
                return Err(format!(
                    ":{line}: {} values where the header has {} names",
                    record.len(),
                    self.columns.len()
                ));
            }
            self.push_row(line)?;
            record
                .iter()
                .for_each(|value| self.push_cell(value.as_bytes()));
        }
        Ok(())
    }

    fn read_json_lines(&mut self, bytes: &[u8]) -> Result<(), String> {
        for (at, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = at as u64 + 1;
            let text = text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(text).map_err(|_| format!(":{line}: not UTF-8 text"))?;
            // As any value first: the library's words for one of another type would quote it.
            let object = match serde_json::from_str(text) {
                Ok(serde_json::Value::Object(object)) => object,
                Ok(_) => return Err(format!(":{line}: not a JSON object")),
                Err(error) => {
                    let error = error.to_string();
                    let what = without_place(&error);
                    return Err(format!(":{line}: not a JSON object: {what}"));
                }
            };
            if self.columns.is_empty() {
                if object.is_empty() {
                    return Err(format!(":{line}: an object without keys; give it some"));
                }
                self.name_columns(object.keys().cloned(), line)?;
            }
            self.push_object(&object, line)?;
        }
        Ok(())
    }

    fn push_object(
        &mut self,
        object: &serde_json::Map<String, serde_json::Value>,
        line: u64,
    ) -> Result<(), String> {
        let known = self
            .columns
            .iter()
            .filter(|name| object.contains_key(*name));
        if known.count() < object.len()
            && let Some(key) = object.keys().find(|key| !self.columns.contains(key))
        {
            return Err(format!(
                ":{line}: `{key}` is not in the first object; give all objects the same keys"
            ));
        }
        self.push_row(line)?;
        for at in 0..self.columns.len() {
            let column = &self.columns[at];
            let value = match object.get(column) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(serde_json::Value::Number(number)) => number.to_string(),
                Some(serde_json::Value::Bool(flag)) => flag.to_string(),
                Some(_) => {
                    return Err(format!(
                        ":{line}: `{column}` is neither a text, a number nor true or false; nested values and null cannot be sent"
                    ));
                }
                None => {
                    return Err(format!(
                        ":{line}: `{column}` is missing; give all objects the same keys"
                    ));
                }
            };
            self.push_cell(value.as_bytes());
        }
        Ok(())
    }
}

// By hand: rows hold credentials.
impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed({}, {} rows)", self.name, self.rows())
    }
}

/// Without the values, which the library's message does not hold for these kinds.
fn csv_error(error: &csv::Error) -> String {
    let line = error
        .position()
        .map_or(String::new(), |position| format!(":{}", position.line()));
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => format!("{line}: not UTF-8 text: {err}"),
        _ => format!("{line}: not CSV: {error}"),
    }
}

/// A line of JSON Lines is parsed on its own, so that the place in the library's message would mislead.
fn without_place(message: &str) -> &str {
    message
        .split_once(" at line ")
        .map_or(message, |(what, _)| what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: impl AsRef<[u8]>, format: Format) -> Result<Feed, String> {
        Feed::read("cars", bytes.as_ref(), format, RowOrder::RoundRobin)
    }

    fn row(feed: &Feed, n: u64) -> Vec<String> {
        (0..feed.columns().len())
            .map(|column| String::from_utf8(feed.cell(7, n, column).to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn columns_have_a_limit_and_are_not_compared_with_each_other() {
        let names = |count: usize| (0..count).map(|n| format!("c{n}"));
        let csv = |count| names(count).collect::<Vec<_>>().join(",") + "\n";
        let words =
            ":1: more than 10000 columns, which is the limit; leave out those that are not used";
        for count in [MAX_FEED_COLUMNS + 1, 200_000] {
            assert_eq!(read(csv(count), Format::Csv).unwrap_err(), words);
        }
        // Each name of each row against all others would be ten billion comparisons.
        let row: serde_json::Map<_, _> = names(MAX_FEED_COLUMNS)
            .map(|name| (name, 1.into()))
            .collect();
        let row = serde_json::Value::from(row).to_string() + "\n";
        let feed = read(row.repeat(100), Format::JsonLines).unwrap();
        assert_eq!((feed.rows(), feed.columns().len()), (100, MAX_FEED_COLUMNS));
        let other = row.replacen("c17\"", "x17\"", 1);
        let words = ":2: `x17` is not in the first object; give all objects the same keys";
        assert_eq!(read(row + &other, Format::JsonLines).unwrap_err(), words);
    }

    #[test]
    fn rows_come_one_after_the_other_from_both_formats() {
        let csv = "\u{feff}vin,note\nA1,\"two\nlines, \"\"x\"\"\"\nB2,\n";
        let json = "{\"vin\":\"A1\",\"note\":\"two\\nlines, \\\"x\\\"\"}\n\n{\"note\":\"\",\"vin\":\"B2\"}";
        for (feed, lines) in [
            (read(csv, Format::Csv).unwrap(), [2, 4]),
            (read(json, Format::JsonLines).unwrap(), [1, 3]),
        ] {
            let vin = feed
                .columns()
                .iter()
                .position(|name| name == "vin")
                .unwrap();
            let note = 1 - vin;
            assert_eq!(feed.rows(), 2);
            for n in 0..4 {
                let found = row(&feed, n);
                let expected = if n % 2 == 0 {
                    ["A1", "two\nlines, \"x\""]
                } else {
                    ["B2", ""]
                };
                assert_eq!([&found[vin], &found[note]], expected);
            }
            assert_eq!(feed.line_with(note, |byte| byte == b'\n'), Some(lines[0]));
            assert_eq!(feed.line_with(vin, |byte| byte == b'2'), Some(lines[1]));
            assert_eq!(feed.line_with(vin, |byte| byte == b'\n'), None);
        }
    }

    #[test]
    fn a_random_row_is_the_same_for_all_columns_and_depends_on_seed_and_number() {
        let text: String = (0..100)
            .map(|i| format!("{i},{i}\n"))
            .collect::<Vec<_>>()
            .concat();
        let feed = Feed::read(
            "x",
            format!("a,b\n{text}").as_bytes(),
            Format::Csv,
            RowOrder::Random,
        )
        .unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..500 {
            let found = row(&feed, n);
            assert_eq!(found[0], found[1]);
            assert_eq!(found, row(&feed, n));
            seen.insert(found[0].clone());
        }
        assert!(seen.len() > 90, "{}", seen.len());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        use Format::{Csv, JsonLines};
        let table: [(&[u8], Format, &str); 15] = [
            (b"", Csv, ": it has no rows; add at least one"),
            (b"a,b\n", Csv, ": it has no rows"),
            (b"a,b\n1,2\n3\n", Csv, ":3: 1 values where the header has 2"),
            (b"a\n1,2\n", Csv, ":2: 2 values where the header has 1"),
            (b"a,a\n1,2\n", Csv, ":1: two columns are named `a`"),
            (b"a\nx\n\xff\n", Csv, ":3: not UTF-8 text"),
            (b"\n\n", JsonLines, ": it has no rows"),
            (b"{\"a\":1}\n[1]\n", JsonLines, ":2: not a JSON object"),
            (b"\"hush\"", JsonLines, ":1: not a JSON object"),
            (b"{\"a\":1}\n{\"a\"\n", JsonLines, ":2: not a JSON object"),
            (b"{\"a\":\"\xff\"}", JsonLines, ":1: not UTF-8"),
            (b"{\"a\":1}\n{}\n", JsonLines, ":2: `a` is missing"),
            (
                b"{\"a\":1}\n{\"a\":1,\"b\":2}\n",
                JsonLines,
                ":2: `b` is not in the first",
            ),
            (b"{\"a\":{}}", JsonLines, ":1: `a` is neither"),
            (b"{}\n{\"a\":1}", JsonLines, ":1: an object without keys"),
        ];
        for (bytes, format, says) in table {
            let error = read(bytes, format).unwrap_err();
            assert!(error.starts_with(says), "{error} beside {says}");
            assert!(!error.contains("hush"), "{error}");
        }
        let many = "a\n".to_owned() + &"1\n".repeat(MAX_FEED_ROWS + 1);
        let error = read(many, Csv).unwrap_err();
        assert!(
            error.contains("more than 1000000 rows") && error.contains("sample"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for format in [Format::Csv, Format::JsonLines] {
                if let Ok(feed) = read(&bytes, format) {
                    for n in 0..feed.rows() as u64 {
                        row_bytes(&feed, n);
                    }
                }
            }
        }

        #[test]
        fn what_was_written_is_read(cells in proptest::collection::vec(("[ -~é\n]{1,12}", "[ -~\n,\"]{0,12}"), 1..20)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "b"]).unwrap();
            for (a, b) in &cells {
                writer.write_record([a, b]).unwrap();
            }
            let feed = read(writer.into_inner().unwrap(), Format::Csv).unwrap();
            for (n, (a, b)) in cells.iter().enumerate() {
                prop_assert_eq!(row(&feed, n as u64), [a.clone(), b.clone()]);
            }
        }
    }

    fn row_bytes(feed: &Feed, n: u64) {
        (0..feed.columns().len()).for_each(|column| {
            feed.cell(0, n, column);
        });
    }
}
