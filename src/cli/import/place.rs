//! Where a scenario and what belongs to it are written. Nothing that exists is written over unless the user says so.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Args;
use crate::cli::exit::Usage;
use crate::cli::files::write;
use crate::cli::path::is_stdio;
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
}

impl Place {
    /// Looks whether all of it may be written.
    pub(super) fn of(args: &Args) -> anyhow::Result<Self> {
        if is_stdio(&args.out) {
            return Err(
                Usage("a scenario has files beside it; name a file with --out".to_owned()).into(),
            );
        }
        let stem = args
            .out
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.ok_or_else(|| {
            Usage(format!(
                "{} names no file; name one with --out",
                args.out.display()
            ))
        })?;
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let mut name: String = stem.chars().map(plain).take(50).collect();
        if name.trim_matches('-').is_empty() {
            name = "imported".to_owned();
        }
        let folder_name = format!("{name}-files");
        let folder = args.out.with_file_name(&folder_name);
        let place = Self {
            scenario: args.out.clone(),
            secrets_name: args
                .keep_secrets
                .as_deref()
                .map(|path| named(path, &args.out))
                .transpose()?,
            secrets: args.keep_secrets.clone(),
            name,
            folder,
            folder_name,
        };
        for path in [
            Some(&place.scenario),
            Some(&place.folder),
            place.secrets.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            let is_empty = path.is_dir()
                && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            if !args.force && !is_empty && fs::symlink_metadata(path).is_ok() {
                return Err(Usage(format!(
                    "{} exists; name another file with --out, or write over it with --force",
                    path.display()
                ))
                .into());
            }
        }
        Ok(place)
    }

    /// Writes the scenario last: what it names is there then.
    pub(super) fn write(&self, draft: &Draft, is_forced: bool) -> anyhow::Result<()> {
        for (name, bytes) in &draft.files {
            write(&self.folder.join(name), bytes)?;
        }
        if let (Some(path), Some(bytes)) = (&self.secrets, &draft.secrets) {
            write_secrets(path, bytes, is_forced)
                .with_context(|| format!("cannot write {}", path.display()))?;
            ignore(path);
        }
        write(&self.scenario, draft.scenario.as_bytes())
    }
}

/// How the scenario names the file of secrets.
fn named(path: &Path, out: &Path) -> anyhow::Result<String> {
    if path
        .extension()
        .is_none_or(|extension| extension != "jsonl")
    {
        return Err(Usage(format!(
            "--keep-secrets {}: name a .jsonl file, for the scenario reads it as a feed",
            path.display()
        ))
        .into());
    }
    if path.parent() == out.parent()
        && let Some(name) = path.file_name()
    {
        return Ok(name.to_string_lossy().into_owned());
    }
    let path =
        std::path::absolute(path).with_context(|| format!("cannot name {}", path.display()))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Nobody but the user can read it, from its first byte on.
fn write_secrets(path: &Path, bytes: &[u8], is_forced: bool) -> std::io::Result<()> {
    if is_forced && fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path)?;
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Keeps the file out of a repository of git that it lies in, as far as that can be done.
fn ignore(path: &Path) {
    let Ok(whole) = std::path::absolute(path) else {
        return;
    };
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
        return;
    };
    if !folder
        .ancestors()
        .any(|ancestor| ancestor.join(".git").exists())
    {
        return;
    }
    let list = folder.join(".gitignore");
    let line = format!("/{}", name.to_string_lossy());
    let known = fs::read_to_string(&list).unwrap_or_default();
    if known.lines().any(|known| known == line) {
        return;
    }
    let separator = if known.is_empty() || known.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let opened = OpenOptions::new().append(true).create(true).open(&list);
    // The file is of the user alone in any case.
    let _ = opened.and_then(|mut file| file.write_all(format!("{separator}{line}\n").as_bytes()));
}
