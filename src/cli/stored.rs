//! Run directories that are read again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::input::{Reading, bytes};
use crate::experiment::read_own;
use crate::report::chart::Recorded;
use crate::report::document;
use crate::report::document::run::HISTOGRAMS;
use crate::result::{PhaseResult, RunResult, Samples, VariantResult};

/// The largest series, log or scenario that is read.
const MOST: u64 = 128 << 20;

/// The run of a directory with its histograms, and the text of its `result.json`.
pub(super) fn run(directory: &Path, file: &Path) -> anyhow::Result<(RunResult, String)> {
    if !file.exists() {
        return Err(Usage(format!(
            "{} has no result.json: it is no run directory, or its run was killed",
            directory.display()
        ))
        .into());
    }
    let refused = |reason: &str| Usage(format!("{}: {reason}", file.display()));
    let json = String::from_utf8(bytes(file)?).map_err(|_| refused("it is no text"))?;
    let mut found = document::run::read(&json).map_err(|reason| refused(&reason))?;
    let histograms = directory.join(HISTOGRAMS);
    // Results of earlier versions have none.
    if histograms.exists() {
        let refused = |reason: &str| Usage(format!("{}: {reason}", histograms.display()));
        let text = String::from_utf8(bytes(&histograms)?);
        let text = text.map_err(|_| refused("it is no text"))?;
        document::run::attach(&mut found, &text).map_err(|reason| refused(&reason))?;
    }
    Ok((found, json))
}

/// Where the profile of a phase is: several launches profile in the last one.
fn profile(directory: &Path, variant: &VariantResult, phase: &PhaseResult) -> Option<PathBuf> {
    let directory = directory.join(&variant.name).join(&phase.name);
    let rounds = fs::read_dir(&directory).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number: u32 = path
            .file_name()?
            .to_str()?
            .strip_prefix("round-")?
            .parse()
            .ok()?;
        Some((number, path))
    });
    let mut places: Vec<_> = rounds.chain([(0, directory.clone())]).collect();
    places.sort();
    places
        .into_iter()
        .rev()
        .map(|(_, place)| place.join("profile.pb.gz"))
        .find(|path| path.exists())
}

/// Reads the profiles of a variant; `missing` is told the phase of each that cannot be read, and why if it is not gone.
///
/// What `reading` chooses, it chooses of the CPU's: the profiles beside that have other values and labels.
pub(super) fn open_profiles(
    directory: &Path,
    variant: &mut VariantResult,
    reading: &Reading,
    mut missing: impl FnMut(&str, Option<anyhow::Error>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let phases = variant.phases.iter();
    let paths: Vec<_> = phases
        .map(|phase| profile(directory, variant, phase))
        .collect();
    let beside = Reading {
        fold: reading.fold,
        ..Reading::default()
    };
    for (phase, path) in variant.phases.iter_mut().zip(paths) {
        let Some(profile) = &mut phase.profile else {
            continue;
        };
        let Some(path) = path else {
            missing(&phase.name, None)?;
            continue;
        };
        match reading.quietly(&path) {
            Ok(read) => profile.taken = Some(Samples::of(read.into())),
            Err(error) => missing(&phase.name, Some(error))?,
        }
        for also in &mut profile.also {
            let path = path.with_file_name(format!("{}.pb.gz", also.kind.name()));
            if !path.exists() {
                continue;
            }
            match beside.quietly(&path) {
                Ok(read) => also.taken = Some(Samples::of(read.into())),
                Err(error) => missing(&phase.name, Some(error))?,
            }
        }
    }
    Ok(())
}

/// The scenario of a run directory; `None` if it is gone.
pub(super) fn scenario(directory: &Path) -> Option<String> {
    text(&directory.join("scenario.toml"))
}

/// What was stored of each launch of a run.
pub(super) fn recorded(directory: &Path, run: &RunResult) -> Vec<Recorded> {
    let mut all = Vec::new();
    // A result that names a launch twice has its files once.
    let mut places = BTreeSet::new();
    for variant in &run.variants {
        for phase in &variant.phases {
            let place = directory.join(&variant.name).join(&phase.name);
            let is_alone = phase.rounds.len() == 1;
            for round in &phase.rounds {
                // A run of several launches has a directory for each.
                let own = place.join(format!("round-{}", round.number));
                let own = if is_directory(&own) {
                    Some(own)
                } else {
                    is_alone.then(|| place.clone())
                };
                let own = own.filter(|own| places.insert(own.clone()));
                let read = |name| text(&own.as_ref()?.join(name));
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

/// Whether it is a directory, and no link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The text of a file; what cannot be read is missing, which is told where it would be shown.
fn text(path: &Path) -> Option<String> {
    let bytes = read_own(path, MOST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
