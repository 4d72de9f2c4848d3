//! The run directory: series are streamed into it, the rest is written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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
    /// The system refused it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where a run is stored.
#[derive(Debug, Clone)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// Makes the directory `out`, or `runs/<name>-<UTC time>` without one.
    ///
    /// # Errors
    /// It cannot be made, or holds a result already.
    pub fn create(
        out: Option<&Path>,
        name: &str,
        started_at: jiff::Timestamp,
    ) -> Result<Self, CreateError> {
        let root = match out {
            Some(out) => {
                if out.join("result.json").exists() {
                    return Err(CreateError::Taken(out.to_owned()));
                }
                out.to_owned()
            }
            None => return Ok(fresh(Path::new("runs"), name, started_at)?),
        };
        let dir = Self { root };
        dir.make(&dir.root)?;
        Ok(dir)
    }

    /// A directory into which files are written, made when the first one is.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
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

    /// Writes a file whole: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), WriteError> {
        let path = self.root.join(file);
        let parent = path.parent().unwrap_or(&self.root).to_owned();
        self.make(&parent)?;
        let written = || {
            let mut temporary = tempfile::NamedTempFile::new_in(&parent)?;
            temporary.write_all(bytes)?;
            temporary.as_file().sync_all()?;
            fs::set_permissions(
                temporary.path(),
                std::os::unix::fs::PermissionsExt::from_mode(0o644),
            )?;
            temporary.persist(&path)?;
            File::open(&parent)?.sync_all()
        };
        written().map_err(|cause| WriteError { path, cause })
    }

    fn open(&self, file: &Path, options: &OpenOptions) -> Result<File, WriteError> {
        let path = self.root.join(file);
        if let Some(parent) = path.parent() {
            self.make(parent)?;
        }
        options
            .open(&path)
            .map_err(|cause| WriteError { path, cause })
    }

    fn make(&self, directory: &Path) -> Result<(), WriteError> {
        fs::create_dir_all(directory).map_err(|cause| WriteError {
            path: directory.to_owned(),
            cause,
        })
    }
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
            Ok(()) => return Ok(RunDir { root }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(source) => return Err(refused(&root, source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_never_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let dir = RunDir::create(Some(scratch.path()), "x", now).unwrap();
        dir.write(Path::new("a/b/flame.svg"), b"<svg/>").unwrap();
        dir.write(Path::new("result.json"), b"{}").unwrap();
        assert_eq!(
            fs::read(scratch.path().join("a/b/flame.svg")).unwrap(),
            b"<svg/>"
        );
        let error = RunDir::create(Some(scratch.path()), "x", now).unwrap_err();
        assert!(
            error.to_string().contains("holds a result already"),
            "{error}"
        );
    }

    #[test]
    fn runs_of_one_second_never_share_a_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let runs = scratch.path().join("runs");
        let names: Vec<_> = (0..3)
            .map(|_| fresh(&runs, "x", jiff::Timestamp::UNIX_EPOCH).unwrap())
            .map(|dir| dir.path().file_name().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "x-19700101T000000Z",
                "x-19700101T000000Z-2",
                "x-19700101T000000Z-3"
            ]
        );
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let scratch = tempfile::NamedTempFile::new().unwrap();
        let error =
            RunDir::create(Some(scratch.path()), "x", jiff::Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot write {}", scratch.path().display())),
            "{error}"
        );
    }
}
