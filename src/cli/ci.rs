//! What CI systems read: files that flags name, and what GitHub Actions asks for by its environment.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{self, Path, PathBuf};

use super::exit::Usage;
use super::files::write;
use super::output::{command, is_on_github, say};
use super::path::is_stdio;
use crate::report::checks::Checks;
use crate::report::{document, text};

/// Where GitHub Actions wants the summary of a job.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Flags of every verb that judges.
#[derive(Debug, clap::Args)]
pub(super) struct Outputs {
    /// File for a JUnit report: a failure for each check that fails, skipped is what could not be judged.
    #[arg(long, value_name = "FILE", help_heading = "Outputs for CI")]
    junit: Option<PathBuf>,
}

/// The flag of verbs that judge a scenario.
#[derive(Debug, clap::Args)]
pub(super) struct AtScenario {
    /// File for a code quality report of GitLab: an issue at the scenario's line for each check that does not pass.
    #[arg(long, value_name = "FILE", help_heading = "Outputs for CI")]
    code_quality: Option<PathBuf>,
}

impl Outputs {
    /// Refuses what cannot be written, before anything is measured.
    pub(super) fn check(&self) -> Result<(), Usage> {
        is_file("--junit", self.junit.as_deref())
    }

    /// Writes the report before anything is measured, where it stays a file until it is written again.
    pub(super) fn begin(&self, checks: &Checks) -> anyhow::Result<()> {
        match self.junit.as_deref().filter(|path| can_be_replaced(path)) {
            Some(path) => write(path, text::junit::junit(checks).as_bytes()),
            None => Ok(()),
        }
    }

    /// Writes what was asked for; on GitHub the summary of the job, whose further parts are `more`, and annotations.
    pub(super) fn write(&self, checks: &Checks, more: &[String]) -> anyhow::Result<()> {
        if is_on_github() {
            let commands = text::annotations::commands(checks);
            commands.iter().for_each(|line| command(line));
        }
        if let Some(path) = env::var_os(SUMMARY).filter(|path| !path.is_empty()) {
            append_summary(Path::new(&path), checks, more);
        }
        match &self.junit {
            Some(path) => write(path, text::junit::junit(checks).as_bytes()),
            None => Ok(()),
        }
    }
}

impl AtScenario {
    /// Refuses what cannot be written, and what would take the place of another file, before anything is measured.
    pub(super) fn check(&self, others: &Outputs, scenario: Option<&Path>) -> Result<(), Usage> {
        others.check()?;
        let (junit, own) = (others.junit.as_deref(), self.code_quality.as_deref());
        let is_scenario = |path: Option<&Path>| are_one(path, scenario);
        for (flag, path) in [("--junit", junit), ("--code-quality", own)] {
            if is_scenario(path) {
                let message = format!("{flag} names the scenario file; name another one");
                return Err(Usage(message));
            }
        }
        if are_one(junit, own) {
            let message = "--junit and --code-quality name one file; name two";
            return Err(Usage(message.to_owned()));
        }
        if self.code_quality.is_some() && scenario.is_none() {
            let message = "--code-quality goes with a scenario file, whose lines its issues name";
            return Err(Usage(message.to_owned()));
        }
        is_file("--code-quality", self.code_quality.as_deref())
    }

    /// Writes it before anything is measured, as [`Outputs::begin`] does.
    pub(super) fn begin(&self, checks: &Checks, scenario: Option<&str>) -> anyhow::Result<()> {
        match self.code_quality.as_deref().is_some_and(can_be_replaced) {
            true => self.write(checks, scenario),
            false => Ok(()),
        }
    }

    /// Writes what was asked for.
    pub(super) fn write(&self, checks: &Checks, scenario: Option<&str>) -> anyhow::Result<()> {
        match self.code_quality.as_ref().zip(scenario) {
            Some((path, scenario)) => {
                let report = document::code_quality::json(checks, scenario);
                write(path, report.as_bytes())
            }
            None => Ok(()),
        }
    }
}

/// A file by its path from the top of the repository that a job has checked out, which is how CI systems know it; as it is elsewhere.
pub(super) fn in_repository(file: &str) -> String {
    let tops = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"].into_iter();
    let top = tops.filter_map(env::var_os).find(|top| !top.is_empty());
    let absolute = path::absolute(file).ok();
    let within = top.zip(absolute).and_then(|(top, file)| {
        let within = file.strip_prefix(top).ok()?;
        Some(within.to_str()?.to_owned())
    });
    within.unwrap_or_else(|| file.to_owned())
}

/// Whether both paths lead to one file, which may not be there yet.
fn are_one(one: Option<&Path>, other: Option<&Path>) -> bool {
    let file = |path: &Path| {
        let parent = path.parent().filter(|of| !of.as_os_str().is_empty());
        let in_parent = || {
            let parent = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
            Some(parent.join(path.file_name()?))
        };
        let found = fs::canonicalize(path).ok().or_else(in_parent);
        found.or_else(|| path::absolute(path).ok())
    };
    one.zip(other)
        .is_some_and(|(one, other)| file(one) == file(other))
}

/// Whether what is written to it takes the place of what was there: a pipe has both.
fn can_be_replaced(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |of| of.is_file())
}

fn is_file(flag: &str, path: Option<&Path>) -> Result<(), Usage> {
    let Some(path) = path else { return Ok(()) };
    if is_stdio(path) {
        return Err(Usage(format!(
            "{flag} needs a file: standard output has the result"
        )));
    }
    if path.is_dir() {
        return Err(Usage(format!(
            "{flag}: {} is a directory; name a file in it",
            path.display()
        )));
    }
    Ok(())
}

/// Whether a file ends within a line, where a heading would be a part of that line.
fn ends_within_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::End(-1)).ok()?;
        let mut byte = [0];
        file.read_exact(&mut byte).ok()?;
        Some(byte[0])
    };
    last().is_some_and(|byte| byte != b'\n')
}

/// Other steps write there too. One that cannot be written changes nothing about what was found.
fn append_summary(path: &Path, checks: &Checks, more: &[String]) {
    let written = fs::metadata(path).map_or(0, |of| of.len());
    let room = text::markdown::MOST.saturating_sub(usize::try_from(written).unwrap_or(usize::MAX));
    let before = if ends_within_line(path) { "\n\n" } else { "" };
    let first = format!("{before}{}", text::markdown::checks(checks));
    let parts = [&[first], more].concat();
    let summary = text::markdown::fitting(&parts, room);
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).open(path);
    let error = file
        .and_then(|mut file| file.write_all(summary.as_bytes()))
        .err();
    if summary.is_empty() {
        say(&format!(
            "warning: {}, which {SUMMARY} names, has no room left: nothing is appended",
            path.display()
        ));
    } else if let Some(error) = error {
        say(&format!(
            "warning: cannot append to {}, which {SUMMARY} names: {error}",
            path.display()
        ));
    }
}
