//! Files that are read whole, up to a limit, without waiting for ever: a FIFO that nobody writes to has no end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};

/// Reads a file of at most `limit` bytes; one without an end is not read to its end.
///
/// # Errors
/// It cannot be read, is longer, or is a FIFO that nobody writes to.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_or_wait(path, limit, || false)
}

/// The same; if nobody writes to a FIFO, `waits` says whether to wait for who does.
///
/// # Errors
/// Those of [`read_at_most`].
pub fn read_or_wait(path: &Path, limit: u64, waits: impl FnOnce() -> bool) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.file_type().is_fifo() {
        let mut first = [0; 4096];
        match file.read(&mut first) {
            // Neither a byte nor anyone who could write one.
            Ok(0) if waits() => file = File::open(path)?,
            Ok(0) => return Err(refused("it is a FIFO that nobody writes to".to_owned())),
            Ok(read) => bytes.extend_from_slice(&first[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        fcntl_setfl(&file, OFlags::empty())?;
    }
    // No more than the limit is waited for, and one byte.
    let left = (limit + 1).saturating_sub(bytes.len() as u64);
    file.take(left).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it has more than {limit} bytes, which is the limit");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn fifos_are_read_if_there_is_somebody_who_writes() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
        let refused = read_at_most(&path, 100).unwrap_err();
        assert_eq!(refused.to_string(), "it is a FIFO that nobody writes to");
        // One who has written: what it left is read, and then its end.
        let mut both = File::options().read(true).write(true).open(&path).unwrap();
        both.write_all(b"some").unwrap();
        let reading = {
            let path = path.clone();
            thread::spawn(move || read_at_most(&path, 3))
        };
        let refused = reading.join().unwrap().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        drop(both);
        // One who comes after the word that it is waited for.
        let later = path.clone();
        let read = read_or_wait(&path, 100, move || {
            thread::spawn(move || {
                let mut writer = File::options().write(true).open(later).unwrap();
                writer.write_all(b"late").unwrap();
            });
            true
        });
        assert_eq!(read.unwrap(), b"late");
    }

    #[test]
    fn what_has_no_end_is_read_up_to_the_limit() {
        let refused = read_at_most(Path::new("/dev/zero"), 1000).unwrap_err();
        let words = "it has more than 1000 bytes, which is the limit";
        assert_eq!(refused.to_string(), words);
    }
}
