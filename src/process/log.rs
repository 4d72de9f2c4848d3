//! A target's log: its bound, and its end for the message that says why it died.
//!
//! Processes append to the file themselves, so that no log line waits for telemload. It reads at an offset and never moves the
//! position that they write at. What they wrote is untrusted: bounded, and without control characters and credentials.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::traffic::redact::{without_credentials, without_known_shapes};

/// What is kept of a log's beginning, and of its end.
const KEPT: u64 = 32 << 20;
/// How often a log is looked at. A process that writes 1 GB a second is 50 MB above the bound by then.
const LOOK: Duration = Duration::from_millis(50);
/// Begins the line that stands for what is left out.
const CUT: &str = "[telemload left out ";
/// Copied at once when a log is closed.
const BLOCK: usize = 1 << 20;

/// Keeps a log within its bound while processes append to it, until `ended` is dropped and they have ended.
pub(super) async fn keep(log: File, ended: oneshot::Receiver<()>) {
    let mut bound = Bound::new(log, KEPT);
    let looking = async {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            // A file that cannot be shortened is the disk's affair; nobody is left to tell.
            let _ = bound.hold(punch);
        }
    };
    tokio::select! {
        () = looking => {}
        _ = ended => {}
    }
    let _ = bound.close();
}

/// How many bytes of the middle of a log are left out, if any are.
#[must_use]
pub fn left_out(log: &File) -> Option<u64> {
    let mut line = [0; 64];
    let read = log.read_at(&mut line, KEPT).ok()?;
    let words = std::str::from_utf8(&line[..read]).ok()?;
    let words = words.trim_start_matches('\n').strip_prefix(CUT)?;
    words.split(' ').next()?.parse().ok()
}

fn punch(log: &File, from: u64, length: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(log, flags, from, length)?)
}

fn cut_line(bytes: u64) -> String {
    format!("\n{CUT}{bytes} bytes here: it keeps the first and the last 32 MiB of a log]\n")
}

/// A log, and what of it is gone.
struct Bound {
    log: File,
    kept: u64,
    /// Where the hole behind the head ends; `kept` without one.
    tail: u64,
    /// Bytes that were cut off where the file system makes no holes.
    cut: u64,
}

impl Bound {
    fn new(log: File, kept: u64) -> Self {
        Self {
            log,
            kept,
            tail: kept,
            cut: 0,
        }
    }

    /// Gives back the disk space of what is neither head nor tail: by `punch`, or where that does not work by cutting off all
    /// behind the head.
    fn hold(&mut self, punch: impl Fn(&File, u64, u64) -> io::Result<()>) -> io::Result<()> {
        let length = self.log.metadata()?.len();
        let tail = length.saturating_sub(self.kept);
        if tail <= self.tail {
            return Ok(());
        }
        if punch(&self.log, self.tail, tail - self.tail).is_ok() {
            self.tail = tail;
            return Ok(());
        }
        self.cut += length - self.kept;
        self.log.set_len(self.kept)?;
        self.log.write_all(cut_line(self.cut).as_bytes())
    }

    /// Closes the hole: the tail follows the head, with a line between them. Nobody writes any more.
    fn close(&mut self) -> io::Result<()> {
        if self.tail == self.kept {
            return Ok(());
        }
        // What came since the last look.
        let length = self.log.metadata()?.len();
        let tail = self.tail.max(length.saturating_sub(self.kept));
        let line = cut_line(tail - self.kept);
        let mut to = self.kept + line.len() as u64;
        let mut from = tail.max(to);
        let mut block = vec![0; BLOCK];
        // Without O_APPEND, which would write at the end.
        let file = File::options()
            .write(true)
            .open(format!("/proc/self/fd/{}", self.log.as_raw_fd()))?;
        file.write_all_at(line.as_bytes(), self.kept)?;
        loop {
            let read = self.log.read_at(&mut block, from)?;
            if read == 0 {
                break;
            }
            file.write_all_at(&block[..read], to)?;
            from += read as u64;
            to += read as u64;
        }
        file.set_len(to)
    }
}

const TAIL_BYTES: u64 = 64 << 10;
const LINE_CHARS: usize = 400;

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
        tabs.filter(|c| !c.is_control()).collect::<String>()
    });
    // A private key has many lines.
    let text = without_known_shapes(&printable.collect::<Vec<_>>().join("\n"));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut last: Vec<_> = lines.collect();
    last.drain(..last.len().saturating_sub(n));
    // Whole lines: a token may stand where one is cut.
    let shown = last.iter().map(|line| without_credentials(line));
    shown
        .map(|line| line.chars().take(LINE_CHARS).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn create(path: &Path) -> File {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
    }

    #[test]
    fn head_and_tail_are_kept_with_a_line_between_them() {
        let directory = tempfile::tempdir().unwrap();
        let none = |_: &File, _, _| Err(io::ErrorKind::Unsupported.into());
        for (name, makes_holes) in [("holes", true), ("none", false)] {
            let path = directory.path().join(name);
            let mut log = create(&path);
            let mut bound = Bound::new(log.try_clone().unwrap(), 1 << 20);
            let line = |n: usize| format!("line {n:>10}\n");
            let all: Vec<usize> = (0..1 << 20).collect();
            for some in all.chunks(40_000) {
                let text: String = some.iter().map(|n| line(*n)).collect();
                log.write_all(text.as_bytes()).unwrap();
                let held = if makes_holes {
                    bound.hold(punch)
                } else {
                    bound.hold(none)
                };
                held.unwrap();
                let used = log.metadata().unwrap().blocks() * 512;
                assert!(used <= (5 << 20), "{used} bytes of disk");
            }
            bound.close().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.len() <= (3 << 20), "{}", text.len());
            assert!(text.starts_with(&line(0)));
            assert!(text.ends_with(&line((1 << 20) - 1)), "{name}");
            let words = &text[1 << 20..(1 << 20) + 30];
            assert!(words.starts_with("\n[telemload left out 1"), "{words}");
            if makes_holes {
                let lines = text.lines().filter(|text| text.starts_with("line")).count() as u64;
                let out: u64 = words["\n[telemload left out ".len()..]
                    .split(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                assert!((out / 16 + lines).abs_diff(1 << 20) <= 2, "{out} {lines}");
            }
        }
    }

    #[test]
    fn a_log_within_the_bound_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = create(&directory.path().join("log"));
        let mut bound = Bound::new(log.try_clone().unwrap(), 1 << 10);
        log.write_all(&[b'x'; 2 << 10]).unwrap();
        bound.hold(punch).unwrap();
        bound.close().unwrap();
        assert_eq!(log.metadata().unwrap().len(), 2 << 10);
        assert_eq!(left_out(&log), None);
    }

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
    fn credentials_of_several_lines_and_at_the_end_of_a_long_one_are_not_shown() {
        let key = b"loaded\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\nAQEFAASCBKcw\n-----END PRIVATE KEY-----\nended\n";
        check(key, 3, &["loaded", "[redacted]", "ended"]);
        let long = format!("{} ghp_{}", "x".repeat(390), "A1b2".repeat(9));
        let shown = lines(long.as_bytes(), 1).concat();
        assert_eq!(shown.chars().count(), LINE_CHARS);
        assert!(!shown.contains("ghp"), "{shown}");
    }

    #[test]
    fn a_long_log_is_read_from_its_end_and_the_writer_is_not_moved() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = create(&directory.path().join("target.log"));
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
