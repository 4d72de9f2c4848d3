//! Files that commands write.

use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::output::{say, write_out};
use super::path::is_stdio;
use crate::compare::Caution;
use crate::experiment::{CreateError, RunDir, WriteError, write_named};
use crate::report::page::flame_files::Drawn;

/// Writes a file whole, or to standard output.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if is_stdio(path) {
        return write_out(std::io::stdout().lock(), bytes);
    }
    let waits = || say(&format!("waits for a reader of {}", path.display()));
    write_named(path, bytes, waits).map_err(|error| unwritten(&error))
}

/// Files, and words for what could not be drawn, of which the user is told.
pub(super) fn apart(drawn: Vec<Drawn>) -> (Vec<(PathBuf, String)>, Vec<Caution>) {
    let (mut files, mut undrawn) = (Vec::new(), Vec::new());
    for picture in drawn {
        match picture {
            Ok(file) => files.push(file),
            Err(what) => {
                say(&format!("warning: {what}"));
                undrawn.push(Caution::Doubtful {
                    code: "not_drawn",
                    what,
                });
            }
        }
    }
    (files, undrawn)
}

/// Writes every file that can be written; the first one that cannot is the error.
pub(super) fn write_all(
    dir: &RunDir,
    files: impl IntoIterator<Item = (PathBuf, String)>,
) -> anyhow::Result<()> {
    let mut all = Ok(());
    for (file, text) in files {
        all = all.and(dir.write(Path::new(&file), text.as_bytes()));
    }
    all.map_err(|error| unwritten(&error))
}

/// A directory that was made, or why it was not.
pub(super) fn made(dir: Result<RunDir, CreateError>) -> anyhow::Result<RunDir> {
    dir.map_err(|error| match error {
        CreateError::Taken(_) | CreateError::InUse(_) | CreateError::Foreign { .. } => {
            Usage(error.to_string()).into()
        }
        CreateError::Write(error) => unwritten(&error),
    })
}

/// Its message holds the cause already.
pub(super) fn unwritten(error: &WriteError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
