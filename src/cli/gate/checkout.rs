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

/// How work on a worktree ended.
enum Worked {
    Done,
    /// With this exit status and these last lines, in words.
    Failed(String),
    /// Before its time: the user wishes to end.
    Left,
}

/// A worktree of one revision. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The repository that it belongs to.
    repository: PathBuf,
    directory: TempDir,
    /// Where in it the user is, below the top.
    inside: PathBuf,
    revision: String,
    /// Whether it is what the user has checked out, with no file changed.
    is_head: bool,
}

impl Checkout {
    /// Makes the worktree and builds in it; `None` if the user wishes to end.
    pub(super) async fn make(
        revision: &str,
        build: Option<&str>,
        stop: &Stop,
        quiet: bool,
    ) -> anyhow::Result<Option<Self>> {
        let top = git(Path::new("."), &["rev-parse", "--show-toplevel"]).map_err(|error| {
            Usage(format!(
                "--base-ref: {error:#}; run the gate in a checkout of the repository, where git is installed"
            ))
        })?;
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
            is_head: is_head(&commit),
        };
        match checkout.add(&commit, stop).await? {
            Worked::Done => {}
            Worked::Failed(how) => bail!("cannot make a worktree of the base {how}"),
            Worked::Left => return Ok(None),
        }
        let Some(build) = build else {
            return Ok(Some(checkout));
        };
        if !quiet {
            say(&format!("building {revision}: {build}"));
        }
        match checkout.build(build, stop).await? {
            Worked::Done => Ok(Some(checkout)),
            Worked::Failed(how) => bail!(
                "--build {build:?} of {revision} failed {how}{}",
                checkout.without_submodules()
            ),
            Worked::Left => Ok(None),
        }
    }

    /// Makes the worktree itself, which takes long where it is large or has hooks.
    async fn add(&self, commit: &str, stop: &Stop) -> anyhow::Result<Worked> {
        let (repository, place) = (self.repository.to_string_lossy(), self.top());
        let place = place.to_string_lossy();
        let words = ["git", "-C", &repository, "worktree", "add", "--quiet"];
        let words = words.into_iter().chain(["--detach", &place, commit]);
        self.work("worktree", words, stop).await
    }

    fn top(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    /// What a failed build may lack: git leaves the directories of submodules empty in a new worktree.
    fn without_submodules(&self) -> &'static str {
        if self.top().join(".gitmodules").exists() {
            "\nthe submodules of the base are not checked out; begin --build with `git submodule update --init --recursive && `"
        } else {
            ""
        }
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

    /// Builds in it.
    async fn build(&self, build: &str, stop: &Stop) -> anyhow::Result<Worked> {
        // A target directory that both share would hold the base's program where the head's is.
        let script = "cd -- \"$0\" && unset CARGO_TARGET_DIR && eval \"$1\"";
        let place = self.place();
        let place = place.to_string_lossy();
        let words = ["sh", "-c", script, &place, build];
        self.work("build", words, stop).await
    }

    /// Runs a command on it to its end, or until the user wishes to end.
    async fn work<'w>(
        &self,
        name: &str,
        words: impl IntoIterator<Item = &'w str>,
        stop: &Stop,
    ) -> anyhow::Result<Worked> {
        let log = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(self.directory.path().join(format!("{name}.log")));
        let log = log.with_context(|| format!("cannot make a log of the {name}"))?;
        let argv = words.into_iter().map(str::to_owned).collect();
        let mut working = ProcessHandle::spawn(ProcessSpec::new(name, argv, log)).await?;
        let mut stop = stop.clone();
        let exit = tokio::select! {
            exit = working.exited() => exit,
            () = stop.asked() => {
                tokio::select! {
                    _ = working.stop() => return Ok(Worked::Left),
                    () = stop.hurried() => {}
                }
                working.kill();
                working.stop().await;
                return Ok(Worked::Left);
            }
        };
        Ok(match exit.success() {
            true => Worked::Done,
            false => Worked::Failed(format!("({exit}){}", working.last_lines(20))),
        })
    }

    /// What is to be said of arms that run the same bytes.
    pub(super) fn same_program(&self, arms: &Arms<Variant>) -> Option<String> {
        if self.is_head {
            return Some(format!(
                "{} is the revision that is checked out here, and no file differs from it: both arms are of the same source; name the base, such as the branch that a change is for",
                self.revision
            ));
        }
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
        // One that was not made to its end is locked, which keeps git from forgetting it. What cannot be removed is in a temporary directory.
        let _ = git(
            &self.repository,
            &["worktree", "unlock", &place.to_string_lossy()],
        );
        let _ = std::fs::remove_dir_all(&place);
        let _ = git(&self.repository, &["worktree", "prune"]);
    }
}

/// Whether a commit is what is checked out, with no file changed that git knows.
fn is_head(commit: &str) -> bool {
    let asked = |args: &[&str]| git(Path::new("."), args).ok();
    asked(&["rev-parse", "HEAD"]).as_deref() == Some(commit)
        && asked(&["status", "--porcelain", "--untracked-files=no"]).as_deref() == Some("")
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
