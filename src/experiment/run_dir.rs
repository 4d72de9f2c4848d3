//! The run directory: series are streamed into it, the rest is written whole or not at all. Nothing in it leads out of it: no link
//! below its root is followed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::writing::{Last, begin, descend, make, open_file, put, reach};

/// A file or directory of a run could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {cause}{hint}", path = path.display(), hint = hint(cause))]
pub struct WriteError {
    /// What was to be written.
    pub path: PathBuf,
    /// What the system answered; part of the message, and so not its source as well.
    pub cause: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or name another directory with --out"
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory => "; name another directory with --out",
        _ => "",
    }
}

/// The directory of a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The one that was asked for is another run's.
    #[error("--out {path}: the directory holds a result already; name a directory that is new or has no result", path = .0.display())]
    Taken(PathBuf),
    /// Another process writes into the one that was asked for.
    #[error("--out {path}: another telemload is writing into this directory; wait for it, or name another directory", path = .0.display())]
    InUse(PathBuf),
    /// The one that was asked for holds what is not telemload's.
    #[error("--out {path}: the directory is not empty and holds no {what}; name a new or an empty directory", path = .path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What it might have held.
        what: &'static str,
    },
    /// The system refused it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where a run is stored.
#[derive(Debug, Clone)]
pub struct RunDir {
    root: PathBuf,
    /// Device and inode: files never go into another directory that stands there later.
    is: (u64, u64),
    /// Held as long as somebody writes into it: two runs in one directory would mix their series.
    _held: Option<Arc<Held>>,
}

/// A directory that is locked.
#[derive(Debug)]
struct Held(File);

impl Held {
    /// Locks a directory; `None` on file systems without locks.
    fn of(out: &Path) -> Result<Option<Self>, CreateError> {
        let Ok(directory) = File::open(out) else {
            return Ok(None);
        };
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(directory))),
            Err(Errno::WOULDBLOCK) => Err(CreateError::InUse(out.to_owned())),
            Err(_) => Ok(None),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A child that was just forked has the file too, and would keep the lock until it runs its program.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// The plan of a run, in its directory.
const SCENARIO: &str = "scenario.toml";
/// Directories of judgements: the file that one holds and the schema's name in its first lines.
const COMPARISON: (&str, &str) = ("compare.json", "telemload.compare/");
const AUDIT: (&str, &str) = ("audit.json", "telemload.audit/");
const ABLATION: (&str, &str) = ("ablation.json", "telemload.ablation/");

impl RunDir {
    /// Makes the directory `out`, or `runs/<name>-<UTC time>` without one, and stores the scenario's `text` in it.
    ///
    /// # Errors
    /// It cannot be made, holds a result already, or is neither empty nor an unfinished run of the same scenario.
    pub fn create(
        out: Option<&Path>,
        name: &str,
        text: &str,
        started_at: jiff::Timestamp,
    ) -> Result<Self, CreateError> {
        let dir = match out {
            None => fresh(Path::new("runs"), name, started_at)?,
            Some(out) => {
                if out.join("result.json").exists() {
                    return Err(CreateError::Taken(out.to_owned()));
                }
                // Another run may have ended since.
                let is_ours = || {
                    !out.join("result.json").exists()
                        && begins_with(&out.join(SCENARIO), text.len() as u64 + 1, |found| {
                            found == text.as_bytes()
                        })
                };
                vacant(out, is_ours, "unfinished run of this scenario")?
            }
        };
        dir.write(Path::new(SCENARIO), text.as_bytes())?;
        Ok(dir)
    }

    /// Makes the directory `out` for the files of a comparison.
    ///
    /// # Errors
    /// It cannot be made, or is neither empty nor that of another comparison.
    pub fn for_comparison(out: &Path) -> Result<Self, CreateError> {
        Self::judged(out, COMPARISON, "comparison of telemload's")
    }

    /// Makes the directory `out` for the files of an audit.
    ///
    /// # Errors
    /// It cannot be made, or is neither empty nor that of another audit.
    pub fn for_audit(out: &Path) -> Result<Self, CreateError> {
        Self::judged(out, AUDIT, "audit of telemload's")
    }

    /// Makes the directory `out` for the files of an ablation and the directories of its runs.
    ///
    /// # Errors
    /// It cannot be made, holds an ablation, or is not empty.
    pub fn for_ablation(out: &Path) -> Result<Self, CreateError> {
        if out.join(ABLATION.0).exists() {
            return Err(CreateError::Taken(out.to_owned()));
        }
        vacant(out, || false, "ablation of telemload's")
    }

    fn judged(
        out: &Path,
        (file, schema): (&str, &str),
        what: &'static str,
    ) -> Result<Self, CreateError> {
        let is_ours = || {
            begins_with(&out.join(file), 256, |found| {
                String::from_utf8_lossy(found).contains(schema)
            })
        };
        vacant(out, is_ours, what)
    }

    /// Makes the directory `out` for pictures.
    ///
    /// # Errors
    /// It cannot be made, or holds something else.
    pub fn for_pictures(out: &Path) -> Result<Self, CreateError> {
        let is_picture = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.path().extension().is_some_and(|of| of == "svg"))
        };
        let is_ours = || fs::read_dir(out).is_ok_and(|mut found| found.all(is_picture));
        vacant(out, is_ours, "pictures alone")
    }

    /// One that exists.
    ///
    /// # Errors
    /// It is gone.
    pub fn existing(root: &Path) -> Result<Self, WriteError> {
        Self::at(root.to_owned())
    }

    /// A directory in it, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn below(&self, directory: &Path) -> Result<Self, WriteError> {
        let path = self.root.join(directory);
        match descend(&self.root, self.is, directory) {
            Ok(_) => Self::at(path),
            Err(cause) => Err(WriteError { path, cause }),
        }
    }

    /// One that was made.
    fn at(root: PathBuf) -> Result<Self, WriteError> {
        match fs::metadata(&root) {
            Ok(found) => Ok(Self {
                is: (found.dev(), found.ino()),
                root,
                _held: None,
            }),
            Err(cause) => Err(WriteError { path: root, cause }),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Creates a file that is written bit by bit; directories are made as needed.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn stream(&self, file: &Path) -> Result<BufWriter<File>, WriteError> {
        self.create_file(file).map(BufWriter::new)
    }

    /// Creates a file that is written as it comes, without a buffer.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create_file(&self, file: &Path) -> Result<File, WriteError> {
        self.open(
            file,
            File::options().write(true).create(true).truncate(true),
        )
    }

    /// Opens a file to write on at its end.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn append(&self, file: &Path) -> Result<File, WriteError> {
        self.open(file, File::options().append(true).create(true))
    }

    /// Creates the log of a process, which can be read too, and says where it is.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn log(&self, file: &Path) -> Result<(File, PathBuf), WriteError> {
        // Appending, because several processes share the file and must not write over each other.
        let log = self.open(file, File::options().read(true).append(true).create(true))?;
        let path = self.root.join(file);
        match log.set_len(0) {
            Ok(()) => Ok((log, path)),
            Err(cause) => Err(WriteError { path, cause }),
        }
    }

    /// Writes a file whole: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), WriteError> {
        self.within(file, |path| put(path, bytes, Last::File, || {}))
    }

    fn open(&self, file: &Path, options: &mut OpenOptions) -> Result<File, WriteError> {
        self.within(file, |path| open_file(options, path))
    }

    /// What `act` comes to with a path to the file, below which nothing can be exchanged meanwhile.
    fn within<T>(
        &self,
        file: &Path,
        act: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, WriteError> {
        let parent = file.parent().unwrap_or(Path::new(""));
        let acted = descend(&self.root, self.is, parent).and_then(|directory| {
            let name = file.file_name().ok_or(io::ErrorKind::IsADirectory)?;
            act(&directory.path(name))
        });
        acted.map_err(|cause| WriteError {
            path: self.root.join(file),
            cause,
        })
    }
}

/// Writes a file that the user named, whatever it is; `waits` is told that nobody reads a FIFO yet.
///
/// # Errors
/// It cannot be written.
pub fn write_named(path: &Path, bytes: &[u8], waits: impl FnOnce()) -> Result<(), WriteError> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    written
        .and_then(|()| put(path, bytes, Last::Anything, waits))
        .map_err(|cause| WriteError {
            path: path.to_owned(),
            cause,
        })
}

/// Opens a file that the user named, to write into it as things come, with the directories before it; a regular file is written over only
/// with `over`. `waits` is told that nobody reads a FIFO yet.
///
/// # Errors
/// A regular file stands there (`AlreadyExists`), or it cannot be opened.
pub fn begin_named(path: &Path, over: bool, waits: impl FnOnce()) -> Result<File, WriteError> {
    let above = path.parent().map_or(Ok(()), fs::create_dir_all);
    above
        .and_then(|()| begin(path, over, waits))
        .map_err(|cause| WriteError {
            path: path.to_owned(),
            cause,
        })
}

/// Makes a file that the user named and that is not there yet, with the directories before it; `mode` is what the umask leaves of it.
///
/// # Errors
/// Something stands there (`AlreadyExists`), or it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
    let above = path.parent().map_or(Ok(()), fs::create_dir_all);
    above
        .map_err(|error| match error.kind() {
            // A file stands where a directory goes: that is not what was to be written.
            io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
            _ => error,
        })
        .and_then(|()| make(path, bytes, mode))
        .map_err(|cause| WriteError {
            path: path.to_owned(),
            cause,
        })
}

/// A directory that is new, empty, or ours.
fn vacant(
    out: &Path,
    is_ours: impl FnOnce() -> bool,
    what: &'static str,
) -> Result<RunDir, CreateError> {
    let refused = |cause| WriteError {
        path: out.to_owned(),
        cause,
    };
    fs::create_dir_all(out).map_err(refused)?;
    let held = Held::of(out)?;
    let is_empty = fs::read_dir(out).map_err(refused)?.next().is_none();
    if is_empty || is_ours() {
        let dir = RunDir::at(out.to_owned())?;
        Ok(RunDir {
            _held: held.map(Arc::new),
            ..dir
        })
    } else {
        Err(CreateError::Foreign {
            path: out.to_owned(),
            what,
        })
    }
}

/// Reads a file of the run directory `root`, of at most `limit` bytes. It follows no link below `root`, and waits for nobody who
/// writes to a FIFO.
///
/// # Errors
/// It cannot be read, is longer, or is no regular file.
pub fn read_own(root: &Path, below: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_own(root, below)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Opens such a file, to read it bit by bit.
pub(super) fn open_own(root: &Path, below: &Path) -> io::Result<File> {
    let directory = reach(root, below.parent().unwrap_or(Path::new("")))?;
    let name = below.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    open_file(File::options().read(true), &directory.path(name))
}

/// What is in the directory `below` of the run directory `root`, which no link leads to.
///
/// # Errors
/// It cannot be read.
pub fn own_names(root: &Path, below: &Path) -> io::Result<Vec<OsString>> {
    let found = fs::read_dir(reach(root, below)?.path(OsStr::new("")))?;
    found.map(|entry| Ok(entry?.file_name())).collect()
}

/// Whether the first bytes of a regular file are such.
fn begins_with(path: &Path, bytes: u64, are: impl FnOnce(&[u8]) -> bool) -> bool {
    let mut found = Vec::new();
    let opened = open_file(File::options().read(true), path);
    let read = opened.and_then(|file| file.take(bytes).read_to_end(&mut found));
    read.is_ok() && are(&found)
}

/// A directory of its own below `runs`: runs that begin within one second are numbered, and never share one.
fn fresh(runs: &Path, name: &str, started_at: jiff::Timestamp) -> Result<RunDir, WriteError> {
    let stem = format!("{name}-{}", started_at.strftime("%Y%m%dT%H%M%SZ"));
    let refused = |path: &Path, cause| WriteError {
        path: path.to_owned(),
        cause,
    };
    fs::create_dir_all(runs).map_err(|source| refused(runs, source))?;
    let mut n = 1;
    loop {
        let root = runs.join(if n == 1 {
            stem.clone()
        } else {
            format!("{stem}-{n}")
        });
        match fs::create_dir(&root) {
            Ok(()) => return RunDir::at(root),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(source) => return Err(refused(&root, source)),
        }
    }
}

#[cfg(test)]
#[path = "run_dir_tests.rs"]
mod tests;
