//! Files, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file of at most `limit` bytes; one without an end is not read to its end.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it has more than {limit} bytes, which is the limit");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Scenarios are written by hand; more is a mistake.
pub(in crate::scenario) const MAX_FILE: u64 = 1 << 20;

/// Bytes that a body from a file may have: it is held in memory and copied per request.
pub const MAX_BODY_FILE: u64 = 16 << 20;
