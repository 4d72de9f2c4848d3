//! The end of a target's log, for the message that says why it died.
//!
//! It reads at an offset and never moves the position that the target writes at. What the target wrote is untrusted:
//! bounded, and without control characters and credentials.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::traffic::redact::without_credentials;

const TAIL_BYTES: u64 = 64 << 10;
const LINE_CHARS: usize = 400;

/// Opens `path` so that a target can append to it and [`last_lines`] can read it; what it held before is dropped.
///
/// # Errors
/// Those of opening and truncating the file.
pub fn create(path: &Path) -> io::Result<File> {
    // Appending, because several processes share the file and must not write over each other.
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// The last `n` lines that are not blank, oldest first. Nothing if the file cannot be read.
#[must_use]
pub fn last_lines(file: &File, n: usize) -> Tail {
    Tail(
        read_tail(file)
            .map(|bytes| lines(&bytes, n))
            .unwrap_or_default(),
    )
}

/// The last lines of a log; displays as an indented block that follows a message, or as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail(pub Vec<String>);

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            f.write_str("; its last lines:")?;
        }
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

fn read_tail(file: &File) -> io::Result<Vec<u8>> {
    let end = file.metadata()?.len();
    let start = end.saturating_sub(TAIL_BYTES);
    let mut bytes = vec![0; usize::try_from(end - start).expect("at most the size of a tail")];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn lines(bytes: &[u8], n: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let printable = text.lines().map(|line| {
        let tabs = line.chars().map(|c| if c == '\t' { ' ' } else { c });
        tabs.filter(|c| !c.is_control())
            .take(LINE_CHARS)
            .collect::<String>()
    });
    let mut last: Vec<_> = printable.filter(|line| !line.trim().is_empty()).collect();
    last.drain(..last.len().saturating_sub(n));
    last.iter().map(|line| without_credentials(line)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn check(log: &[u8], n: usize, expected: &[&str]) {
        assert_eq!(lines(log, n), expected, "{}", log.escape_ascii());
    }

    #[test]
    fn the_last_lines_are_kept() {
        check(b"a\nb\nc\n", 2, &["b", "c"]);
        check(b"a\n\n  \nb", 2, &["a", "b"]);
        check(b"", 3, &[]);
        check(b"\x1b[31mred\x1b[0m\tx\r\n", 1, &["[31mred[0m x"]);
        check(b"bad \xff byte", 1, &["bad \u{fffd} byte"]);
    }

    #[test]
    fn a_long_log_is_read_from_its_end_and_the_writer_is_not_moved() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = create(&directory.path().join("target.log")).unwrap();
        for n in 0..20_000 {
            writeln!(file, "line {n}").unwrap();
        }
        assert_eq!(last_lines(&file, 2).0, ["line 19998", "line 19999"]);
        writeln!(file, "after").unwrap();
        assert_eq!(
            last_lines(&file, 1).to_string(),
            "; its last lines:\n  after"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_become_few_printable_lines(bytes in prop::collection::vec(any::<u8>(), 0..400), n in 0_usize..5) {
            let found = lines(&bytes, n);
            prop_assert!(found.len() <= n);
            prop_assert!(found.iter().all(|line| !line.chars().any(char::is_control)));
        }
    }
}
