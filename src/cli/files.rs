//! Files that commands write.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::output::{say, write_out};
use super::path::is_stdio;
use crate::compare::Caution;
use crate::experiment::{RunDir, WriteError};
use crate::report::page::flame_files::Drawn;

/// Writes a file whole, or to standard output.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if is_stdio(path) {
        return write_out(std::io::stdout().lock(), bytes);
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let dir = RunDir::at(parent.unwrap_or(Path::new(".")));
    let file = path
        .file_name()
        .context("name a file to write with --out")?;
    dir.write(Path::new(file), bytes)
        .map_err(|error| unwritten(&error))
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

/// Its message holds the cause already.
pub(super) fn unwritten(error: &WriteError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
