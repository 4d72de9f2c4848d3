//! Where a scenario and what belongs to it are written. Nothing that exists is written over unless the user says so, and no two of them are
//! one file.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;

use super::args::Args;
use crate::cli::exit::Usage;
use crate::cli::files::{unwritten, write};
use crate::cli::path::is_stdio;
use crate::experiment::write_new;
use crate::import::Draft;

/// The files of an import.
pub(super) struct Place {
    pub(super) scenario: PathBuf,
    /// Name of the scenario.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) folder_name: String,
    pub(super) secrets: Option<PathBuf>,
    /// As the scenario names it.
    pub(super) secrets_name: Option<String>,
    /// Whether what exists is written over.
    is_forced: bool,
}

impl Place {
    /// Looks whether all of it may be written.
    pub(super) fn of(args: &Args) -> anyhow::Result<Self> {
        if is_stdio(&args.out) {
            return refused("a scenario has files beside it; name a file with --out".to_owned());
        }
        let Some(stem) = args.out.file_stem() else {
            let out = args.out.display();
            return refused(format!("{out} names no file; name one with --out"));
        };
        let name = name_of(&stem.to_string_lossy());
        let folder_name = format!("{name}-files");
        let place = Self {
            scenario: args.out.clone(),
            folder: args.out.with_file_name(&folder_name),
            secrets_name: args
                .keep_secrets
                .as_deref()
                .map(|path| named(path, &args.out))
                .transpose()?,
            secrets: args.keep_secrets.clone(),
            is_forced: args.force,
            name,
            folder_name,
        };
        place.check_apart()?;
        place.check_kinds()?;
        if !place.is_forced {
            place.check_vacant()?;
        }
        Ok(place)
    }

    /// The file of secrets is none of the others.
    fn check_apart(&self) -> anyhow::Result<()> {
        let Some(secrets) = &self.secrets else {
            return Ok(());
        };
        let at = whole(secrets)?;
        if at == whole(&self.scenario)? {
            return refused(format!(
                "--keep-secrets {}: the scenario is written there; name another file",
                secrets.display()
            ));
        }
        let folder = whole(&self.folder)?;
        if at.parent() == Some(&folder) {
            return refused(format!(
                "--keep-secrets {}: feeds and bodies are written there; name a file in another directory",
                secrets.display()
            ));
        }
        Ok(())
    }

    /// No directory stands where a file goes, nor the other way round.
    fn check_kinds(&self) -> anyhow::Result<()> {
        let files = [Some(&self.scenario), self.secrets.as_ref()];
        if let Some(path) = files.into_iter().flatten().find(|path| path.is_dir()) {
            let path = path.display();
            return refused(format!("{path} is a directory; name a file in it"));
        }
        let folder = fs::symlink_metadata(&self.folder);
        if folder.is_ok_and(|folder| !folder.is_dir()) {
            return refused(format!(
                "{} is no directory, and feeds and bodies go there; move it away, or name another file with --out",
                self.folder.display()
            ));
        }
        Ok(())
    }

    fn check_vacant(&self) -> anyhow::Result<()> {
        let is_empty = fs::read_dir(&self.folder).is_ok_and(|mut all| all.next().is_none());
        let paths = [
            Some(&self.scenario),
            Some(&self.folder).filter(|_| !is_empty),
            self.secrets.as_ref(),
        ];
        let mut paths = paths.into_iter().flatten();
        match paths.find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(path) => refused(format!(
                "{} exists; name another file with --out, or write over it with --force",
                path.display()
            )),
            None => Ok(()),
        }
    }

    /// Writes the scenario last: what it names is there then. Says what could not be done beside that.
    pub(super) fn write(&self, draft: &Draft) -> anyhow::Result<Vec<String>> {
        let mut notes = Vec::new();
        for (name, bytes) in &draft.files {
            write(&self.folder.join(name), bytes)?;
        }
        if let (Some(path), Some(bytes)) = (&self.secrets, &draft.secrets) {
            self.write_secrets(path, bytes)?;
            if let Err(error) = ignore(path) {
                notes.push(format!(
                    "{} lies in a repository of git, and could not be added to .gitignore ({error}): keep it out of a commit",
                    path.display()
                ));
            }
        }
        write(&self.scenario, draft.scenario.as_bytes())?;
        Ok(notes)
    }

    /// Nobody but the user can read it, from its first byte on: one that is there gives way to another one.
    fn write_secrets(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        if self.is_forced && fs::symlink_metadata(path).is_ok() {
            let removed = fs::remove_file(path);
            removed.with_context(|| format!("cannot write {}", path.display()))?;
        }
        write_new(path, bytes, 0o600).map_err(|error| unwritten(&error))
    }
}

fn refused<T>(message: String) -> anyhow::Result<T> {
    Err(Usage(message).into())
}

/// The name of a scenario in a file of this name.
fn name_of(stem: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = stem.chars().map(plain).take(50).collect();
    if name.trim_matches('-').is_empty() {
        "imported".to_owned()
    } else {
        name
    }
}

/// A path from the root on, its directory as the system knows it if it is there.
fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    let path = absolute(path).with_context(|| format!("cannot name {}", path.display()))?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(path);
    };
    Ok(parent
        .canonicalize()
        .map_or(path.clone(), |parent| parent.join(name)))
}

/// How the scenario names the file of secrets.
fn named(path: &Path, out: &Path) -> anyhow::Result<String> {
    let is_feed = path.extension() == Some(OsStr::new("jsonl"));
    let Some(text) = path.to_str().filter(|_| is_feed) else {
        return refused(format!(
            "--keep-secrets {}: name a .jsonl file in UTF-8, for the scenario reads it as a feed",
            path.display()
        ));
    };
    if path.parent() == out.parent()
        && let Some(name) = path.file_name().and_then(OsStr::to_str)
    {
        return Ok(name.to_owned());
    }
    let path = absolute(path).with_context(|| format!("cannot name {text}"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Keeps the file out of a repository of git that it lies in.
fn ignore(path: &Path) -> anyhow::Result<()> {
    let path = whole(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    if !folder.ancestors().any(|above| above.join(".git").exists()) {
        return Ok(());
    }
    let list = folder.join(".gitignore");
    let line = pattern(name);
    let mut known = match fs::symlink_metadata(&list) {
        // git follows no link here.
        Ok(found) if !found.is_file() => anyhow::bail!("it is no file"),
        Ok(_) => fs::read(&list)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if known
        .split(|byte| *byte == b'\n')
        .any(|known| known == line)
    {
        return Ok(());
    }
    if !known.is_empty() && !known.ends_with(b"\n") {
        known.push(b'\n');
    }
    known.extend(line);
    known.push(b'\n');
    write(&list, &known)
}

/// A line of .gitignore that means a file of this name in the same directory and no other.
fn pattern(name: &OsStr) -> Vec<u8> {
    let mut line = vec![b'/'];
    for &byte in name.as_bytes() {
        match byte {
            // No line holds one.
            b'\n' | b'\r' => line.push(b'?'),
            b'*' | b'?' | b'[' | b']' | b'\\' | b' ' => line.extend([b'\\', byte]),
            byte => line.push(byte),
        }
    }
    line
}
