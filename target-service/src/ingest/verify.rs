//! Whether what was acknowledged is what is stored: reads lists of acknowledged ids and every object of a sink.
//!
//! It streams both. Memory is bounded by 17 bytes per line of the list (a digest and a counter), a chunk of an object, the
//! longest stored line, and the names of one directory of the sink. Nothing is written.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use gateway_config::{Environment, Location};
use sha2::{Digest, Sha256};

use super::document::{MAX_ID, id_of_line};
use super::sink::{Sink, SinkError};

/// Bytes of an object that are held at once.
const CHUNK: u64 = 1 << 20;
/// A stored line is no longer than the largest body that a gateway can be configured to take, and its device.
const MAX_LINE: usize = 65 << 20;
/// Missing ids that are named.
const NAMED: usize = 10;
/// Objects that hold payloads; others in the same place are not looked at.
const SUFFIX: &str = ".jsonl";

/// Where a sink is.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `file:///directory` or `s3://bucket/prefix`.
    pub sink: String,
    /// Endpoint of an S3 other than Amazon's.
    pub s3_endpoint: Option<String>,
    /// Region of the bucket.
    pub s3_region: Option<String>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The address is not one.
    #[error("{0}")]
    Address(String),
    /// The sink cannot be read.
    #[error("cannot read the sink {sink}: {reason}")]
    Sink {
        /// Its address.
        sink: String,
        /// What it said.
        reason: String,
    },
    /// The list cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The list has something else than ids.
    #[error("{}:{line}: longer than {MAX_ID} bytes, write one acknowledged id per line", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// What was found. Each acknowledged id is in exactly one of `stored_once`, `missing` and `duplicated`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Different ids in the list.
    pub acknowledged: u64,
    /// Lines of the list that repeat an earlier one.
    pub acknowledged_again: u64,
    /// Acknowledged ids that are stored once.
    pub stored_once: u64,
    /// Acknowledged ids that are not stored: lost.
    pub missing: u64,
    /// Acknowledged ids that are stored more than once: clients that sent them again.
    pub duplicated: u64,
    /// Stored payloads that were never acknowledged: replies that did not arrive.
    pub unacknowledged: u64,
    /// Stored lines that are not payloads: damage.
    pub unreadable: u64,
    /// Objects that were read.
    pub objects: u64,
    /// The first missing ids, in the order of the list.
    pub missing_ids: Vec<String>,
}

impl Report {
    /// Whether every acknowledged payload is stored, and everything stored can be read.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.unreadable == 0
    }
}

/// Compares the ids that `lists` hold, one per line, with what is stored. Reads the lists with blocking calls.
///
/// # Errors
///
/// A list or a sink that cannot be read to its end.
pub async fn verify(
    address: &Address,
    lists: &[PathBuf],
    environment: Environment<'_>,
) -> Result<Report, VerifyError> {
    let location = Location::parse(&address.sink)
        .and_then(|location| {
            location.with_access(address.s3_endpoint.as_deref(), address.s3_region.as_deref())
        })
        .map_err(VerifyError::Address)?;
    if location == Location::Memory {
        return Err(VerifyError::Address(
            "a memory sink ends with its gateway; use one of file:// or s3://".to_owned(),
        ));
    }
    let mut ids = read_lists(lists)?;
    let unreadable = |error: SinkError| VerifyError::Sink {
        sink: location.to_string(),
        reason: error.to_string(),
    };
    let sink = Sink::open_existing(&location, environment)
        .await
        .map_err(unreadable)?;
    let mut report = Report::default();
    // Depth first, one directory's names at a time.
    let mut pending = vec![None];
    while let Some(directory) = pending.pop() {
        let (below, objects) = sink.list(directory.as_ref()).await.map_err(unreadable)?;
        pending.extend(below.into_iter().map(Some));
        for (name, size) in objects
            .into_iter()
            .filter(|(name, _)| name.as_ref().ends_with(SUFFIX))
        {
            report.objects += 1;
            let mut lines = LineReader::default();
            let mut start = 0;
            while start < size {
                let end = size.min(start + CHUNK);
                let chunk = sink.read(&name, start..end).await.map_err(unreadable)?;
                lines.feed(&chunk, |line| ids.see(line, &mut report));
                start = end;
            }
            lines.end(|line| ids.see(line, &mut report));
        }
    }
    ids.conclude(&mut report);
    if report.missing > 0 {
        each_line_of(lists, |id| {
            if report.missing_ids.len() < NAMED && ids.copies_of(id) == Some(0) {
                let id = String::from_utf8_lossy(id).into_owned();
                if !report.missing_ids.contains(&id) {
                    report.missing_ids.push(id);
                }
            }
        })?;
    }
    Ok(report)
}

/// Ids as digests, each with the number of its stored copies.
struct Ids {
    digests: Vec<u128>,
    copies: Vec<u8>,
    again: u64,
}

impl Ids {
    fn new(mut digests: Vec<u128>) -> Self {
        let lines = digests.len();
        digests.sort_unstable();
        digests.dedup();
        let copies = vec![0; digests.len()];
        Self {
            again: (lines - digests.len()) as u64,
            digests,
            copies,
        }
    }

    /// Counts a stored line; `None` is one that is too long to be one.
    fn see(&mut self, line: Option<&[u8]>, report: &mut Report) {
        let Some(id) = line.and_then(id_of_line) else {
            report.unreadable += 1;
            return;
        };
        match self.digests.binary_search(&digest(id.as_bytes())) {
            Ok(index) => self.copies[index] = self.copies[index].saturating_add(1),
            Err(_) => report.unacknowledged += 1,
        }
    }

    fn copies_of(&self, id: &[u8]) -> Option<u8> {
        let index = self.digests.binary_search(&digest(id)).ok()?;
        Some(self.copies[index])
    }

    fn conclude(&self, report: &mut Report) {
        report.acknowledged = self.digests.len() as u64;
        report.acknowledged_again = self.again;
        for copies in &self.copies {
            match copies {
                0 => report.missing += 1,
                1 => report.stored_once += 1,
                _ => report.duplicated += 1,
            }
        }
    }
}

/// Half of SHA-256: two of 10⁹ ids share it with a probability below 10⁻²⁰.
fn digest(id: &[u8]) -> u128 {
    let digest: [u8; 32] = Sha256::digest(id).into();
    u128::from_le_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
}

fn read_lists(lists: &[PathBuf]) -> Result<Ids, VerifyError> {
    // Counted first: a vector that grows would need three times the memory at its worst.
    let mut count = 0;
    each_line_of(lists, |_| count += 1)?;
    let mut digests = Vec::with_capacity(count);
    each_line_of(lists, |id| digests.push(digest(id)))?;
    Ok(Ids::new(digests))
}

fn each_line_of(lists: &[PathBuf], mut found: impl FnMut(&[u8])) -> Result<(), VerifyError> {
    lists
        .iter()
        .try_for_each(|list| each_line(list, &mut found))
}

/// Calls `found` for every line that is not empty.
fn each_line(path: &Path, mut found: impl FnMut(&[u8])) -> Result<(), VerifyError> {
    let failed = |source| VerifyError::List {
        path: path.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut text = Vec::with_capacity(MAX_ID + 2);
    for line in 1.. {
        text.clear();
        // An id and the two characters that may end a line.
        let bound = MAX_ID as u64 + 2;
        if (&mut reader)
            .take(bound)
            .read_until(b'\n', &mut text)
            .map_err(failed)?
            == 0
        {
            break;
        }
        let id = text.strip_suffix(b"\n").unwrap_or(&text);
        let id = id.strip_suffix(b"\r").unwrap_or(id);
        if id.len() > MAX_ID {
            return Err(VerifyError::Line {
                path: path.to_owned(),
                line,
            });
        }
        if !id.is_empty() {
            found(id);
        }
    }
    Ok(())
}

/// Lines out of chunks.
#[derive(Default)]
struct LineReader {
    begun: Vec<u8>,
    /// The line that has begun is longer than any can be.
    too_long: bool,
}

impl LineReader {
    fn feed(&mut self, chunk: &[u8], mut found: impl FnMut(Option<&[u8]>)) {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if self.begun.is_empty() && !self.too_long {
                found(Some(&rest[..end]));
            } else {
                self.keep(&rest[..end]);
                self.hand_over(&mut found);
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// The object ended; a line without its end is handed over as it is.
    fn end(mut self, mut found: impl FnMut(Option<&[u8]>)) {
        if self.too_long || !self.begun.is_empty() {
            self.hand_over(&mut found);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long || self.begun.len() + part.len() > MAX_LINE {
            self.too_long = true;
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn hand_over(&mut self, found: &mut impl FnMut(Option<&[u8]>)) {
        found((!self.too_long).then_some(&self.begun));
        self.begun.clear();
        self.too_long = false;
    }
}

#[cfg(test)]
mod tests;
