//! Run directories that are read again.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit::Usage;
use super::files::unwritten;
use super::input::{MAX_FILE, Reading, bytes};
use super::output::say;
use crate::experiment::{JUDGED, RunDir, own_names, read_own};
use crate::profile::Profile;
use crate::report::chart::Recorded;
use crate::report::document;
use crate::report::document::audit::Stored;
use crate::report::document::run::HISTOGRAMS;
use crate::result::{PhaseResult, ProfiledLaunch, RunResult, Samples, VariantResult};
use crate::scenario::{Judged, Plan};

const RESULT: &str = "result.json";
const PROFILE: &str = "profile.pb.gz";

/// Files of directories that are those of no run.
const JUDGEMENTS: [(&str, &str); 4] = [
    ("gate.json", "a gate"),
    ("compare.json", "a comparison"),
    ("audit.json", "an audit"),
    ("ablation.json", "an ablation"),
];

/// The directory of an audit in that of a run.
pub(super) const AUDIT: &str = "audit";

/// The largest list of thresholds that is read.
const MOST_JUDGED: u64 = 16 << 20;

/// The largest series, log or scenario that is read.
const MOST: u64 = 128 << 20;

/// The run of a directory with its histograms, and the text of its `result.json`, which `named` is where the user named that.
pub(super) fn run(directory: &Path, named: Option<&Path>) -> anyhow::Result<(RunResult, String)> {
    let file = named.map_or_else(|| directory.join(RESULT), Path::to_owned);
    let refused = |reason: &str| Usage(format!("{}: {reason}", file.display()));
    let found = match named {
        Some(named) => Some(bytes(named)?),
        None => own(directory, Path::new(RESULT), MAX_FILE)?,
    };
    let Some(found) = found else {
        return Err(Usage(format!(
            "{} {}",
            directory.display(),
            without_result(directory)
        ))
        .into());
    };
    let json = String::from_utf8(found).map_err(|_| refused("it is no text"))?;
    let mut found = document::run::read(&json).map_err(|reason| refused(&reason))?;
    // Results of earlier versions have none.
    if let Some(histograms) = own(directory, Path::new(HISTOGRAMS), MAX_FILE)? {
        let path = directory.join(HISTOGRAMS);
        let refused = |reason: &str| Usage(format!("{}: {reason}", path.display()));
        let text = String::from_utf8(histograms).map_err(|_| refused("it is no text"))?;
        document::run::attach(&mut found, &text).map_err(|reason| refused(&reason))?;
    }
    Ok((found, json))
}

/// What a directory without a result is.
fn without_result(directory: &Path) -> String {
    let is_there = |(file, _): &&(&str, &str)| directory.join(file).exists();
    match JUDGEMENTS.iter().find(is_there) {
        Some((file, what)) => {
            format!("holds {what} ({file}) and no run: its page is report.html in that directory")
        }
        None => "has no result.json: it is no run directory, or its run was killed".to_owned(),
    }
}

/// The run of a directory without its histograms; `None` if there is no result.
pub(super) fn figures(directory: &Path) -> Result<Option<RunResult>, String> {
    let found = own(directory, Path::new(RESULT), MAX_FILE).map_err(|error| error.to_string())?;
    let Some(found) = found else { return Ok(None) };
    let json = String::from_utf8(found).map_err(|_| format!("{RESULT} is no text"))?;
    let read = document::run::read(&json).map_err(|reason| format!("{RESULT}: {reason}"))?;
    Ok(Some(read))
}

/// A shard is not judged: it keeps what the merged run is judged by.
pub(super) fn keep_judged(plan: &Plan, dir: &RunDir) -> anyhow::Result<()> {
    if plan.part.is_none() {
        return Ok(());
    }
    let judged = serde_json::to_vec(&plan.judged()).context("cannot write down thresholds")?;
    let written = dir.write(Path::new(JUDGED), &judged);
    written.map_err(|error| unwritten(&error))
}

/// What a shard's run is judged by.
pub(super) fn judged(directory: &Path) -> Result<Judged, String> {
    let found =
        own(directory, Path::new(JUDGED), MOST_JUDGED).map_err(|error| error.to_string())?;
    let found = found.ok_or_else(|| format!("it has no {JUDGED}"))?;
    let read: Result<Judged, _> = serde_json::from_slice(&found);
    read.map_err(|error| format!("{JUDGED}: {error}"))
}

/// A file of a run directory; `None` if it is gone.
fn own(directory: &Path, below: &Path, most: u64) -> Result<Option<Vec<u8>>, Usage> {
    let refused = |reason: &dyn Display| {
        let path = directory.join(below);
        Usage(format!("cannot read {}: {reason}", path.display()))
    };
    match read_own(directory, below, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            io::ErrorKind::FileTooLarge => {
                Err(refused(&format!("it is larger than {} MiB", most >> 20)))
            }
            // What stands in the way of a file.
            io::ErrorKind::NotADirectory => {
                Err(refused(&format!("{error}; put the file itself there")))
            }
            _ => Err(refused(&error)),
        },
    }
}

/// Where the files of a phase are, below its run's directory.
fn place(variant: &str, phase: &str) -> PathBuf {
    Path::new(variant).join(phase)
}

/// Where the profile of a phase may be, in the order in which it is looked for: one of all launches stands above them. In runs of earlier
/// versions the last launch alone has one.
fn places(directory: &Path, variant: &str, phase: &PhaseResult) -> Vec<PathBuf> {
    let place = place(variant, &phase.name);
    let launches = phase.profile.as_ref().map_or(0, |of| of.launches.len());
    if launches > 1 {
        return vec![place];
    }
    let names = own_names(directory, &place).unwrap_or_default();
    let number = |name: &OsString| name.to_str()?.strip_prefix("round-")?.parse::<u32>().ok();
    let mut rounds: Vec<_> = names
        .iter()
        .filter_map(|name| Some((number(name)?, place.join(name))))
        .collect();
    rounds.sort();
    rounds.reverse();
    let rounds = rounds.into_iter().map(|(_, round)| round);
    std::iter::once(place.clone()).chain(rounds).collect()
}

/// The profile of several launches from those of each, as `reading` chooses it; `None` if one of them is gone.
fn of_launches(
    (directory, place): (&Path, &Path),
    launches: &[ProfiledLaunch],
    reading: &Reading,
    started_at: jiff::Timestamp,
) -> Result<Option<Profile>, Usage> {
    let run = u64::try_from(started_at.as_millisecond()).unwrap_or(0);
    let mut all: Option<Profile> = None;
    for launch in launches {
        let below = place.join(format!("round-{}", launch.round)).join(PROFILE);
        let Some(bytes) = own(directory, &below, MAX_FILE)? else {
            return Ok(None);
        };
        let path = directory.join(below);
        let next = reading.of(&bytes, &path)?;
        let joined = match &all {
            Some(all) => all.with_launch(&next, run),
            None => Ok(next),
        };
        let joined = joined.map_err(|error| Usage(format!("{}: {error}", path.display())))?;
        all = Some(joined);
    }
    Ok(all)
}

/// Reads the profiles of a variant of a run; `missing` is told the phase of each that cannot be read, and why if it is not gone.
///
/// What `reading` chooses, it chooses of the CPU's: the profiles beside that have other values and labels.
pub(super) fn open_profiles(
    (directory, started_at): (&Path, jiff::Timestamp),
    variant: &mut VariantResult,
    reading: &Reading,
    mut missing: impl FnMut(&str, Option<anyhow::Error>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let beside = Reading {
        fold: reading.fold,
        ..Reading::default()
    };
    let read = |reading: &Reading, path: &Path| match own(directory, path, MAX_FILE)? {
        Some(bytes) => Ok(Some(reading.of(&bytes, &directory.join(path))?)),
        None => Ok::<_, Usage>(None),
    };
    for phase in &mut variant.phases {
        let places = places(directory, &variant.name, phase);
        let Some(profile) = &mut phase.profile else {
            continue;
        };
        let mut gone = true;
        for place in places {
            let several = profile.launches.as_slice();
            let found = match several.len() > 1 && reading.chooses() {
                true => of_launches((directory, &place), several, reading, started_at),
                false => read(reading, &place.join(PROFILE)),
            };
            let taken = match found {
                Ok(None) => continue,
                Ok(taken) => taken,
                Err(error) => {
                    missing(&phase.name, Some(error.into()))?;
                    None
                }
            };
            gone = false;
            profile.taken = taken.map(|read| Samples::of(read.into()));
            for also in &mut profile.also {
                match read(&beside, &place.join(format!("{}.pb.gz", also.kind.name()))) {
                    Ok(taken) => also.taken = taken.map(|read| Samples::of(read.into())),
                    Err(error) => missing(&phase.name, Some(error.into()))?,
                }
            }
            break;
        }
        if gone {
            missing(&phase.name, None)?;
        }
    }
    Ok(())
}

/// The scenario of a run directory; `None` if it is gone.
pub(super) fn scenario(directory: &Path) -> Option<String> {
    text(directory, Path::new("scenario.toml"))
}

/// The audit that was stored beside a run; `None` if there is none.
pub(super) fn audit(directory: &Path) -> Option<Stored> {
    let file = Path::new(AUDIT).join("audit.json");
    let found = document::audit::stored(&text(directory, &file)?);
    if found.is_none() {
        say(&format!(
            "warning: {} is no audit of telemload's, and not in the page",
            directory.join(file).display()
        ));
    }
    found
}

/// What was stored of each launch of a run.
pub(super) fn recorded(directory: &Path, run: &RunResult) -> Vec<Recorded> {
    let mut all = Vec::new();
    // A result that names a launch twice has its files once.
    let mut places = BTreeSet::new();
    for variant in &run.variants {
        for phase in &variant.phases {
            let place = place(&variant.name, &phase.name);
            let names = own_names(directory, &place).unwrap_or_default();
            let is_alone = phase.rounds.len() == 1;
            for round in &phase.rounds {
                // A run of several launches has a directory for each.
                let own = format!("round-{}", round.number);
                let own = if names.contains(&OsString::from(&own)) {
                    Some(place.join(own))
                } else {
                    is_alone.then(|| place.clone())
                };
                let own = own.filter(|own| places.insert(own.clone()));
                let read = |name| text(directory, &own.as_ref()?.join(name));
                all.push(Recorded {
                    variant: variant.name.clone(),
                    phase: phase.name.clone(),
                    round: round.number,
                    series: read("series.csv"),
                    latency: read("latency.hlog"),
                });
            }
        }
    }
    all
}

/// The text of a file; what cannot be read is missing, which is told where it would be shown.
fn text(directory: &Path, below: &Path) -> Option<String> {
    let bytes = read_own(directory, below, MOST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
