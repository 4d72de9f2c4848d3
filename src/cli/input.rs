//! Profiles that the command line names: files or standard input, read and prepared alike for every verb.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Usage, say};
use crate::profile::{self, Choice, Fold, Profile};

/// The largest profile that is read, as it is stored.
const MAX_FILE: u64 = 512 << 20;

/// How profiles are read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Reading {
    /// Values to read where a profile has several, such as cpu or alloc_space; the event of a perf text [default: cpu, else the
    /// profile's own].
    #[arg(long, value_name = "TYPE")]
    pub(super) sample_type: Option<String>,
    /// The profile to read where a file has several, such as a thread of samply's [default: all of one unit together].
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Read only samples that have this label, such as endpoint=/slow; labels of profile.proto alone.
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) label: Option<(String, String)>,
    /// Fold frames that carry no news into one: plumbing is that of tokio, hyper, futures, tower, axum, thread starts and Go's
    /// runtime.
    #[arg(long, value_name = "PRESET", value_parser = preset)]
    pub(super) fold: Option<Fold>,
}

fn preset(text: &str) -> Result<Fold, String> {
    match text {
        "plumbing" => Ok(Fold::Plumbing),
        _ => Err("there is one preset: plumbing".to_owned()),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is written KEY=VALUE, such as endpoint=/slow".to_owned()),
    }
}

impl Reading {
    /// A profile of a file, or of standard input for `-`; what its reader chose is said.
    pub(super) fn read(&self, path: &Path) -> anyhow::Result<Profile> {
        let profile = self.quietly(path)?;
        for note in profile.notes() {
            say(&format!("{}: {note}", shown(path)));
        }
        Ok(profile)
    }

    /// The same of a profile that telemload stored, of which nothing was chosen.
    pub(super) fn quietly(&self, path: &Path) -> anyhow::Result<Profile> {
        let bytes = bytes(path)?;
        let refused = |error: profile::Error| Usage(format!("{}: {error}", shown(path)));
        let choice = Choice {
            sample_type: self.sample_type.as_deref(),
            profile: self.profile.as_deref(),
            label: self
                .label
                .as_ref()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        };
        let read = profile::read(&bytes, choice).map_err(refused)?;
        Ok(profile::fold(read, self.fold.unwrap_or_default()).map_err(refused)?)
    }

    /// Several files as the slices of one capture.
    pub(super) fn profiles(&self, paths: &[impl AsRef<Path>]) -> anyhow::Result<Profile> {
        let [path] = paths else {
            let mut merged: Option<Profile> = None;
            for (number, path) in paths.iter().enumerate() {
                let slice = self.read(path.as_ref())?;
                let merged = merged.get_or_insert_with(|| {
                    Profile::new(slice.sample_type(), slice.unit(), slice.period_ns())
                });
                let refused = |error| Usage(format!("{}: {error}", shown(path.as_ref())));
                merged.merge_slice(&slice, number).map_err(refused)?;
            }
            return Ok(merged.ok_or_else(|| Usage("name a profile".to_owned()))?);
        };
        self.read(path.as_ref())
    }
}

pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if is_stdio(path) {
        io::stdin()
            .lock()
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let refused =
        |reason: &dyn std::fmt::Display| Usage(format!("cannot read {}: {reason}", shown(path)));
    read.map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => refused(
            &"it is a directory; name the profile in it, which for a run is VARIANT/PHASE/profile.pb.gz",
        ),
        _ => refused(&error),
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refused(&format!("it is larger than {} MiB", MAX_FILE >> 20)).into());
    }
    Ok(bytes)
}

/// Whether the path stands for standard input or output.
pub(super) fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn shown(path: &Path) -> String {
    if is_stdio(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Standard input can be read once.
pub(super) fn at_most_one_stdin<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Usage> {
    if paths.into_iter().filter(|path| is_stdio(path)).count() > 1 {
        return Err(Usage(
            "standard input (-) can be read for one profile only".to_owned(),
        ));
    }
    Ok(())
}
