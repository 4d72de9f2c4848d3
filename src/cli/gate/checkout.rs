//! The base of a git revision: a worktree in a temporary directory, built there, gone at the end.

use std::fs::{self, File};
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
use crate::traffic::redact::command_without_credentials;
use crate::units::format_things;

/// What git tells its hooks of the repository that they run for: another worktree has none of it, and a checkout there would write the
/// user's index.
const OF_HOOKS: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
];

/// How work on a worktree ended.
enum Worked {
    Done,
    /// With this exit status and these last lines, in words.
    Failed(String),
    /// Before its time: the user wishes to end.
    Left,
}

/// A revision that git knows here.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    /// As the user names it.
    name: String,
    commit: String,
    /// The top of the user's checkout.
    repository: PathBuf,
    /// Where in it the user is, below the top.
    inside: PathBuf,
    /// Whether it is what the user has checked out, with no file changed.
    is_head: bool,
    /// Commits of it that the user's checkout lacks, as far as git knows.
    ahead: usize,
}

/// A worktree of one revision. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    of: Revision,
    directory: TempDir,
}

impl Revision {
    /// Looks for it in the repository that the user is in.
    pub(super) fn find(name: &str) -> Result<Self, Usage> {
        let here = |args: &[&str]| git(Path::new("."), args);
        let no_checkout = |error: anyhow::Error| {
            Usage(format!(
                "--base-ref: {error:#}; run the gate in a checkout of the repository, where git is installed"
            ))
        };
        let top = here(&["rev-parse", "--show-toplevel"]).map_err(no_checkout)?;
        let inside = here(&["rev-parse", "--show-prefix"]).map_err(no_checkout)?;
        // What begins with a dash would be an option.
        let commit = format!("{name}^{{commit}}");
        let commit = here(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ]);
        let commit = commit.map_err(|_| {
            Usage(format!(
                "--base-ref {name}: git knows no such revision here; fetch it first, such as with `git fetch origin`, and in CI with the whole history"
            ))
        })?;
        // A part of the history does not tell.
        let is_whole =
            here(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|of| of == "false");
        let ahead = here(&["rev-list", "--count", &format!("HEAD..{commit}")]);
        let ahead = ahead.ok().filter(|_| is_whole);
        Ok(Self {
            name: name.to_owned(),
            repository: PathBuf::from(top),
            inside: PathBuf::from(inside),
            is_head: is_head(&commit),
            ahead: ahead.and_then(|count| count.parse().ok()).unwrap_or(0),
            commit,
        })
    }

    /// Refuses a program of the user's checkout that is named from the root: both arms would run it.
    pub(super) fn check(&self, head: &Variant) -> Result<(), Usage> {
        let words = words(head);
        let Some(program) = words.first().map(Path::new) else {
            return Ok(());
        };
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if program.is_relative() || !real(program).starts_with(real(&self.repository)) {
            return Ok(());
        }
        let here = std::env::current_dir().map(|here| real(&here));
        let within = here.ok().and_then(|here| {
            let program = real(program);
            Some(program.strip_prefix(here).ok()?.to_owned())
        });
        let within = within.map_or_else(String::new, |path| format!(": ./{}", path.display()));
        Err(Usage(format!(
            "--base-ref: the command names {} from the root, so that base and head would both run the program of this checkout; name it from this directory{within}",
            program.display()
        )))
    }

    /// What the user should know of a comparison with it, before anything is built.
    pub(super) fn notes(&self, head: &Variant) -> Vec<String> {
        let name = &self.name;
        let mut notes = Vec::new();
        if self.is_head {
            notes.push(format!(
                "{name} is the revision that is checked out here, and no file differs from it: both arms are of the same source; name the base, such as the branch that a change is for"
            ));
        }
        if self.ahead > 0 {
            notes.push(format!(
                "{name} has {} that the head lacks, and what they changed is taken for the head's doing; `--base-ref $(git merge-base {name} HEAD)` leaves them out",
                format_things(self.ahead, "commit", "commits")
            ));
        }
        let top = format!("{}/", self.repository.display());
        if words(head).iter().skip(1).any(|word| word.contains(&top)) {
            notes.push(format!(
                "the command names a file below {top} from the root, which base and head share; name it from this directory if it is a part of the change"
            ));
        }
        notes
    }
}

impl Checkout {
    /// Makes the worktree and builds in it; `None` if the user wishes to end.
    pub(super) async fn make(
        of: Revision,
        build: Option<&str>,
        stop: &Stop,
        quiet: bool,
    ) -> anyhow::Result<Option<Self>> {
        let directory = tempfile::Builder::new()
            .prefix("telemload-base-")
            .tempdir()
            .context("cannot make a temporary directory for the base")?;
        let checkout = Self { of, directory };
        match checkout.add(stop).await? {
            Worked::Done => {}
            Worked::Failed(how) => bail!("cannot make a worktree of the base {how}"),
            Worked::Left => return Ok(None),
        }
        let Some(build) = build else {
            return Ok(Some(checkout));
        };
        let (name, shown) = (&checkout.of.name, command_without_credentials(build));
        if !quiet {
            say(&format!("building {name}: {shown}"));
        }
        match checkout.build(build, stop).await? {
            Worked::Done => Ok(Some(checkout)),
            Worked::Failed(how) => bail!(
                "--build {shown:?} of {name} failed {how}{}",
                checkout.without_submodules()
            ),
            Worked::Left => Ok(None),
        }
    }

    /// Makes the worktree itself, which takes long where it is large or has hooks.
    async fn add(&self, stop: &Stop) -> anyhow::Result<Worked> {
        let script = format!(
            "unset {}; exec git -C \"$0\" worktree add --quiet --detach \"$1\" \"$2\"",
            OF_HOOKS.join(" ")
        );
        let (repository, place) = (self.of.repository.to_string_lossy(), self.top());
        let place = place.to_string_lossy();
        let words = ["sh", "-c", &script, &repository, &place, &self.of.commit];
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
        self.top().join(&self.of.inside)
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
        let script = format!(
            "cd -- \"$0\" && unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR {} && eval \"$1\"",
            OF_HOOKS.join(" ")
        );
        let place = self.place();
        let place = place.to_string_lossy();
        let words = ["sh", "-c", &script, &place, build];
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
        if self.of.is_head {
            return None;
        }
        let words = words(&arms.head);
        // One that is named from the root is on the machine, such as an interpreter.
        let program = words.first().filter(|of| of.contains('/'))?;
        if program.starts_with('/') {
            return None;
        }
        same_bytes(&self.place().join(program), Path::new(program)).then(|| {
            format!(
                "base and head run the same bytes: the program of {} is that of the head; build the head first if it has changed",
                self.of.name
            )
        })
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let place = self.top();
        let alone = |args: &[&str]| {
            let mut git = Command::new("git");
            OF_HOOKS.iter().for_each(|name| {
                git.env_remove(name);
            });
            // What cannot be removed is in a temporary directory.
            let _ = git.arg("-C").arg(&self.of.repository).args(args).output();
        };
        // One that was not made to its end is locked, which keeps git from forgetting it.
        alone(&["worktree", "unlock", &place.to_string_lossy()]);
        let _ = fs::remove_dir_all(&place);
        alone(&["worktree", "prune"]);
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
        // Whoever asks changes nothing.
        .env("GIT_OPTIONAL_LOCKS", "0")
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
    let length = |path: &Path| fs::metadata(path).ok().map(|of| of.len());
    if length(one).is_none() || length(one) != length(other) {
        return false;
    }
    let contents = |path: &Path| fs::read(path).ok();
    contents(one).is_some() && contents(one) == contents(other)
}

/// The words of the command that is run as an arm, if it is one.
fn words(arm: &Variant) -> Vec<String> {
    match &arm.target {
        Target::Command { command, .. } => shlex::split(command.line()).unwrap_or_default(),
        _ => Vec::new(),
    }
}
