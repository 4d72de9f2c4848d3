//! Run directories that are read again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::input::bytes;
use crate::report::chart::Recorded;
use crate::report::document;
use crate::report::document::run::HISTOGRAMS;
use crate::result::{PhaseResult, RunResult, VariantResult};

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
pub(super) fn profile(
    directory: &Path,
    variant: &VariantResult,
    phase: &PhaseResult,
) -> Option<PathBuf> {
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

/// The scenario of a run directory; `None` if it is gone.
pub(super) fn scenario(directory: &Path) -> Option<String> {
    text(&directory.join("scenario.toml"))
}

/// What was stored of each launch of a run.
pub(super) fn recorded(directory: &Path, run: &RunResult) -> Vec<Recorded> {
    let mut all = Vec::new();
    for variant in &run.variants {
        for phase in &variant.phases {
            let place = directory.join(&variant.name).join(&phase.name);
            for round in &phase.rounds {
                // A run of several launches has a directory for each.
                let own = place.join(format!("round-{}", round.number));
                let place = if own.is_dir() { &own } else { &place };
                all.push(Recorded {
                    variant: variant.name.clone(),
                    phase: phase.name.clone(),
                    round: round.number,
                    series: text(&place.join("series.csv")),
                    latency: text(&place.join("latency.hlog")),
                });
            }
        }
    }
    all
}

/// The text of a file; what cannot be read is missing, which is told where it would be shown.
fn text(path: &Path) -> Option<String> {
    let read = || -> io::Result<String> {
        let mut text = Vec::new();
        File::open(path)?.take(MOST).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    read().ok()
}
