//! The base of a git revision: a worktree in a temporary directory, built there, gone at the end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::cli::exit::Usage;
use crate::cli::output::say;
use crate::experiment::Stop;
use crate::process::{ProcessHandle, ProcessSpec};
use crate::result::Arms;
use crate::scenario::{Target, Variant};

/// A worktree of one revision. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The repository that it belongs to.
    repository: PathBuf,
    directory: TempDir,
    /// Where in it the user is, below the top.
    inside: PathBuf,
    revision: String,
}

impl Checkout {
    /// Makes the worktree and builds in it; `None` if the user wishes to end.
    pub(super) async fn make(
        revision: &str,
        build: Option<&str>,
        stop: &Stop,
        quiet: bool,
    ) -> anyhow::Result<Option<Self>> {
        let top = git(Path::new("."), &["rev-parse", "--show-toplevel"])?;
        let inside = git(Path::new("."), &["rev-parse", "--show-prefix"])?;
        // What begins with a dash would be an option.
        let commit = format!("{revision}^{{commit}}");
        let commit = git(
            Path::new("."),
            &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit],
        )
        .map_err(|_| {
            Usage(format!(
                "--base-ref {revision}: git knows no such revision here; fetch it first, such as with `git fetch origin`, and in CI with the whole history"
            ))
        })?;
        let directory = tempfile::Builder::new()
            .prefix("telemload-base-")
            .tempdir()
            .context("cannot make a temporary directory for the base")?;
        let checkout = Self {
            repository: PathBuf::from(top),
            inside: PathBuf::from(inside),
            directory,
            revision: revision.to_owned(),
        };
        let place = checkout.top();
        let place = place.to_string_lossy();
        git(
            &checkout.repository,
            &["worktree", "add", "--quiet", "--detach", &place, &commit],
        )
        .context("cannot make a worktree of the base")?;
        match build {
            None => Ok(Some(checkout)),
            Some(build) => {
                if !quiet {
                    say(&format!("building {revision}: {build}"));
                }
                let is_built = checkout.build(build, stop).await?;
                Ok(is_built.then_some(checkout))
            }
        }
    }

    fn top(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    /// Where commands of the base run: in the worktree, as far below its top as the user is.
    fn place(&self) -> PathBuf {
        self.top().join(&self.inside)
    }

    /// Words before a command that let it run there.
    pub(super) fn before(&self) -> String {
        let place = self.place();
        let place = place.to_string_lossy();
        let place = shlex::try_quote(&place).expect("a path of git's holds no NUL byte");
        format!("sh -c 'cd -- \"$0\" && exec \"$@\"' {place}")
    }

    /// Runs the build; `false` if the user wishes to end.
    async fn build(&self, build: &str, stop: &Stop) -> anyhow::Result<bool> {
        let path = self.directory.path().join("build.log");
        let log = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path);
        let log = log.context("cannot make a log of the build")?;
        // A target directory that both share would hold the base's program where the head's is.
        let script = "cd -- \"$0\" && unset CARGO_TARGET_DIR && eval \"$1\"";
        let place = self.place().to_string_lossy().into_owned();
        let argv = ["sh", "-c", script, &place, build].map(str::to_owned);
        let spec = ProcessSpec::new("build", argv.to_vec(), log);
        let mut building = ProcessHandle::spawn(spec).await?;
        let mut stop = stop.clone();
        let exit = tokio::select! {
            exit = building.exited() => exit,
            () = stop.asked() => {
                building.stop().await;
                return Ok(false);
            }
        };
        if exit.success() {
            return Ok(true);
        }
        let said = building.last_lines(20);
        bail!(
            "--build {build:?} of {} failed ({exit}){said}",
            self.revision
        )
    }

    /// What is to be said of arms that run the same bytes.
    pub(super) fn same_program(&self, arms: &Arms<Variant>) -> Option<String> {
        let Target::Command { command, .. } = &arms.head.target else {
            return None;
        };
        let head = program(command.line(), Path::new("."))?;
        let base = program(command.line(), &self.place())?;
        same_bytes(&base, &head).then(|| {
            format!(
                "base and head run the same bytes: the program of {} is that of the head; build the head first if it has changed",
                self.revision
            )
        })
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let place = self.top();
        let place = place.to_string_lossy();
        // What cannot be removed is in a temporary directory, which goes anyway; git forgets it then.
        let _ = git(&self.repository, &["worktree", "remove", "--force", &place]);
        let _ = git(&self.repository, &["worktree", "prune"]);
    }
}

/// Runs git and returns the first line that it prints.
fn git(directory: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(args)
        .output()
        .context("cannot run git, which --base-ref needs")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}", args.join(" "), said.trim());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.lines().next().unwrap_or_default().to_owned())
}

/// Whether both files can be read and hold the same.
fn same_bytes(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| std::fs::metadata(path).ok().map(|of| of.len());
    if length(one).is_none() || length(one) != length(other) {
        return false;
    }
    let contents = |path: &Path| std::fs::read(path).ok();
    contents(one).is_some() && contents(one) == contents(other)
}

/// The place of a program as a command names it, from a directory.
fn program(line: &str, from: &Path) -> Option<PathBuf> {
    let first = shlex::split(line)?.into_iter().next()?;
    first.contains('/').then(|| from.join(first))
}
