//! Profiles that the command line names: files or standard input, read and prepared alike for every verb.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exit::Usage;
use super::output::say;
use super::path::{is_stdio, shown};
use crate::compare::is_of_cpu;
use crate::profile::{self, Choice, Fold, Labelled, Meaning, Profile, Scale};
use crate::scenario::read_or_wait;
use crate::units::parse_duration;

/// The largest profile that is read, as it is stored.
pub(super) const MAX_FILE: u64 = 512 << 20;

/// How profiles are read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Reading {
    /// Values to read where a profile has several, such as cpu or alloc_space; the event of a perf text [default: cpu, else the
    /// profile's own].
    #[arg(long, value_name = "TYPE")]
    pub(super) sample_type: Option<String>,
    /// The profile to read where a file has several, such as a thread, by its name or a part of that [default: all of one unit together].
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Read only samples that have this label, such as endpoint=/slow: labels of profile.proto, and threads (thread=NAME) of perf texts.
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) label: Option<(String, String)>,
    /// What the numbers of a profile are where it does not tell: samples, ns, bytes or period (of an event, as perf's folders write)
    /// [default: what they look like].
    #[arg(long, value_name = "MEANING", value_parser = meaning)]
    pub(super) value: Option<Meaning>,
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

fn meaning(text: &str) -> Result<Meaning, String> {
    Meaning::named(text).ok_or_else(|| format!("it is one of {}", Meaning::NAMES))
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is written KEY=VALUE, such as thread=main".to_owned()),
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
        Ok(self.of(&bytes(path)?, path)?)
    }

    /// The same of what a file held.
    pub(super) fn of(&self, bytes: &[u8], path: &Path) -> Result<Profile, Usage> {
        let refused = |error: profile::Error| Usage(format!("{}: {error}", shown(path)));
        let read = profile::read(bytes, self.choice()).map_err(refused)?;
        profile::fold(read, self.fold.unwrap_or_default()).map_err(refused)
    }

    fn choice(&self) -> Choice<'_> {
        Choice {
            sample_type: self.sample_type.as_deref(),
            profile: self.profile.as_deref(),
            value: self.value,
            label: self
                .label
                .as_ref()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        }
    }

    /// The labels of a profile.
    pub(super) fn labels(&self, path: &Path) -> anyhow::Result<Vec<Labelled>> {
        let found = profile::labelled(&bytes(path)?, self.choice());
        Ok(found.map_err(|error| Usage(format!("{}: {error}", shown(path))))?)
    }

    /// Whether it chooses of what a profile holds, which a profile of several launches may lack.
    pub(super) fn chooses(&self) -> bool {
        let named = [&self.sample_type, &self.profile].into_iter().flatten();
        named.count() > 0 || self.label.is_some() || self.value.is_some()
    }

    /// The same for the samples of one label.
    pub(super) fn of_label(&self, key: &str, value: &str) -> Self {
        Self {
            label: Some((key.to_owned(), value.to_owned())),
            ..self.clone()
        }
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

/// What a request costs on each side, which turns shares into costs.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Costs {
    /// CPU time per request before, such as 38ms; with --head-cost differences are per request.
    #[arg(long, value_name = "DURATION", requires = "head_cost", value_parser = parse_duration)]
    base_cost: Option<Duration>,
    /// CPU time per request after.
    #[arg(long, value_name = "DURATION", requires = "base_cost", value_parser = parse_duration)]
    head_cost: Option<Duration>,
}

impl Costs {
    /// As scales of base and head.
    pub(super) fn scales(self) -> Result<Option<(Scale, Scale)>, Usage> {
        let Some((base, head)) = self.base_cost.zip(self.head_cost) else {
            return Ok(None);
        };
        if base.is_zero() || head.is_zero() {
            return Err(Usage(
                "--base-cost and --head-cost must be above zero".to_owned(),
            ));
        }
        let scale = |cost: Duration| Scale::cost(cost.as_secs_f64() * 1e6);
        Ok(Some((scale(base), scale(head))))
    }
}

/// A profile that can be one side of a comparison, and can have the cost that was given for it.
pub(super) fn side(reading: &Reading, path: &Path, cost: Option<Scale>) -> anyhow::Result<Profile> {
    let profile = reading.profiles(&slices(path))?;
    if profile.is_empty() {
        return Err(Usage(format!("{}: {}", shown(path), profile::Error::Empty)).into());
    }
    if cost.is_some() && !is_of_cpu(&profile) {
        return Err(Usage(format!(
            "{}: --base-cost and --head-cost are CPU time, and these are samples of {}; leave them out, or choose others with --sample-type",
            shown(path),
            profile.kind()
        ))
        .into());
    }
    Ok(profile)
}

/// The files of a side: one, or with commas several slices of one capture.
fn slices(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(text) if text.contains(',') && !path.exists() => {
            text.split(',').map(PathBuf::from).collect()
        }
        _ => vec![path.to_owned()],
    }
}

pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let inside = "; name the profile in it, which for a run is VARIANT/PHASE/profile.pb.gz";
    Ok(bytes_up_to(path, MAX_FILE, inside)?)
}

/// A file or standard input of a size; `inside` is what is said of a directory.
pub(super) fn bytes_up_to(path: &Path, most: u64, inside: &str) -> Result<Vec<u8>, Usage> {
    part_up_to(path, most, inside, "")
}

/// The same of recorded traffic, of which a part is enough.
pub(super) fn traffic_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Usage> {
    let part = "; a part of it is enough, for at most 200,000 requests are kept: `tail -n 1000000 FILE`, or a file for each hour";
    part_up_to(path, most, "; name the files in it", part)
}

fn part_up_to(path: &Path, most: u64, inside: &str, part: &str) -> Result<Vec<u8>, Usage> {
    let read = if is_stdio(path) {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(most + 1).read_to_end(&mut bytes);
        read.map(|_| bytes)
    } else {
        read_or_wait(path, most, || {
            say(&format!("waits for a writer of {}", path.display()));
            true
        })
    };
    let refused =
        |reason: &dyn std::fmt::Display| Usage(format!("cannot read {}: {reason}", shown(path)));
    let bytes = read.map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => refused(&format!("it is a directory{inside}")),
        io::ErrorKind::FileTooLarge => {
            refused(&format!("it is larger than {} MiB{part}", most >> 20))
        }
        _ => refused(&error),
    })?;
    if bytes.len() as u64 > most {
        return Err(refused(&format!(
            "it is larger than {} MiB{part}",
            most >> 20
        )));
    }
    Ok(bytes)
}
