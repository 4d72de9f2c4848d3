//! Samples a local process that serves no profile, with the system's `perf`: gives the text of its samples.
//!
//! The program is looked up on PATH and started with a vector of arguments, never by a shell. What can be checked is checked before it
//! is started, so that a refusal names its remedy. It runs under no supervisor: it ends by itself with its window, and with
//! whoever waits for it.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// The largest text of samples that is read.
const MAX_TEXT: u64 = 512 << 20;
/// What is shown of what perf says.
const SHOWN: usize = 400;
/// Beyond its window perf writes what it has; reading symbols takes longer for large programs.
const GRACE: Duration = Duration::from_secs(120);
/// The event that is sampled, the only one that every machine has: a timer of each CPU.
pub const EVENT: &str = "cpu-clock";

/// Why a process could not be sampled.
#[derive(Debug, thiserror::Error)]
pub enum PerfError {
    /// There is no `perf` on PATH.
    #[error(
        "there is no `perf` on PATH; install it (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf), or let the target serve pprof and use --url"
    )]
    Missing,
    /// No such process.
    #[error("there is no process {0}; name the pid of a running one")]
    NoProcess(u32),
    /// The process belongs to someone else.
    #[error("process {pid} belongs to user {owner}; run as that user, or as root")]
    Foreign {
        /// The process.
        pid: u32,
        /// Its user id.
        owner: u32,
    },
    /// The kernel does not let this user sample.
    #[error(
        "the kernel lets this user sample nothing (perf_event_paranoid is {0}); run as root, or allow it with `sysctl kernel.perf_event_paranoid=2`"
    )]
    Paranoid(i64),
    /// perf could not be started.
    #[error("cannot start {program}: {cause}")]
    Start {
        /// Where it is.
        program: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// perf ended with an error.
    #[error("`perf {verb}` failed: {words}{hint}")]
    Failed {
        /// What it was asked for.
        verb: &'static str,
        /// What it said.
        words: String,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// It did not end.
    #[error("`perf {0}` did not end; sample for a shorter time, or at a lower rate")]
    Hangs(&'static str),
    /// Its text is too large.
    #[error("the samples are more than {} MiB of text; sample for a shorter time, or at a lower rate", MAX_TEXT >> 20)]
    TooLarge,
    /// The temporary directory cannot be used.
    #[error("cannot use a temporary directory: {0}; name another one in TMPDIR")]
    Scratch(#[source] io::Error),
}

/// What is to be sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The process, with its threads.
    pub pid: u32,
    /// For how long; whole seconds are kept.
    pub duration: Duration,
    /// Samples per second and busy core.
    pub hz: u32,
}

/// Samples a process by frame pointers; the text of `perf script`, a sample of [`EVENT`] a paragraph.
///
/// # Errors
/// [`PerfError`] names the remedy.
pub async fn record(request: Request) -> Result<Vec<u8>, PerfError> {
    let search = env::var_os("PATH").unwrap_or_default();
    let program = find(&search).ok_or(PerfError::Missing)?;
    let root = rustix::process::geteuid().is_root();
    allowed(
        Path::new("/proc"),
        request.pid,
        rustix::process::geteuid().as_raw(),
        root,
    )?;
    let scratch = tempfile::tempdir().map_err(PerfError::Scratch)?;
    let recording = scratch.path().join("perf.data");
    let seconds = request.duration.as_secs().max(1);
    let mut command = Command::new(&program);
    command
        .args(["record", "--quiet", "--event", EVENT, "--call-graph", "fp"])
        .args([
            "--freq",
            &request.hz.to_string(),
            "--pid",
            &request.pid.to_string(),
        ])
        .arg("--output")
        .arg(&recording)
        .args(["--", "sleep", &seconds.to_string()]);
    run(
        command,
        "record",
        &program,
        Duration::from_secs(seconds) + GRACE,
    )
    .await?;
    let text = scratch.path().join("perf.txt");
    let mut command = Command::new(&program);
    command
        .args([
            "script",
            "--no-inline",
            "--fields",
            "comm,pid,tid,time,event,ip,sym,dso",
        ])
        .arg("--input")
        .arg(&recording)
        .stdout(fs::File::create(&text).map_err(PerfError::Scratch)?);
    run(command, "script", &program, GRACE).await?;
    let length = fs::metadata(&text).map_err(PerfError::Scratch)?.len();
    if length > MAX_TEXT {
        return Err(PerfError::TooLarge);
    }
    fs::read(&text).map_err(PerfError::Scratch)
}

async fn run(
    mut command: Command,
    verb: &'static str,
    program: &Path,
    within: Duration,
) -> Result<(), PerfError> {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .env("LC_ALL", "C")
        .kill_on_drop(true);
    if verb == "record" {
        command.stdout(Stdio::null());
    }
    let child = command.spawn().map_err(|cause| PerfError::Start {
        program: program.to_owned(),
        cause,
    })?;
    let ended = tokio::time::timeout(within, child.wait_with_output())
        .await
        .map_err(|_| PerfError::Hangs(verb))?
        .map_err(|cause| PerfError::Start {
            program: program.to_owned(),
            cause,
        })?;
    if ended.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&ended.stderr);
    let printable = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = printable
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let hint = if words.contains("ermission") || words.contains("paranoid") {
        "; run as root, or allow it with `sysctl kernel.perf_event_paranoid=2`"
    } else if words.contains("not found for the kernel") {
        "; install the perf of the running kernel"
    } else {
        ""
    };
    Err(PerfError::Failed {
        verb,
        words: words.chars().take(SHOWN).collect(),
        hint,
    })
}

/// The first executable `perf` of a search path.
fn find(search: &std::ffi::OsStr) -> Option<PathBuf> {
    env::split_paths(search)
        .map(|directory| directory.join("perf"))
        .find(|path| {
            fs::metadata(path)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

/// Whether a user may sample a process, as far as can be told beforehand; `proc` is where the kernel's files are.
fn allowed(proc: &Path, pid: u32, user: u32, root: bool) -> Result<(), PerfError> {
    use std::os::unix::fs::MetadataExt;
    let process =
        fs::metadata(proc.join(pid.to_string())).map_err(|_| PerfError::NoProcess(pid))?;
    if root {
        return Ok(());
    }
    if process.uid() != user {
        return Err(PerfError::Foreign {
            pid,
            owner: process.uid(),
        });
    }
    let level = fs::read_to_string(proc.join("sys/kernel/perf_event_paranoid"));
    match level.ok().and_then(|text| text.trim().parse().ok()) {
        // 3 and 4 are what some distributions add: nothing without a capability.
        Some(level) if level > 2 => Err(PerfError::Paranoid(level)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: &str, pid: u32, user: u32, expected: Option<&str>) {
        let proc = tempfile::tempdir().expect("a directory");
        let own = rustix::process::geteuid().as_raw();
        fs::create_dir_all(proc.path().join("77")).expect("makes");
        fs::create_dir_all(proc.path().join("sys/kernel")).expect("makes");
        fs::write(proc.path().join("sys/kernel/perf_event_paranoid"), level).expect("writes");
        let user = if user == 0 { own } else { own + user };
        match (allowed(proc.path(), pid, user, false), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_said_before_perf_is_started() {
        check("2\n", 77, 0, None);
        check("-1\n", 77, 0, None);
        check("4\n", 77, 0, Some("perf_event_paranoid is 4); run as root"));
        check("2\n", 78, 0, Some("there is no process 78"));
        check("2\n", 77, 1, Some("belongs to user"));
        let nobody = tempfile::tempdir().expect("a directory");
        assert!(matches!(
            allowed(nobody.path(), 1, 0, true),
            Err(PerfError::NoProcess(1))
        ));
    }

    #[test]
    fn perf_is_looked_up_on_the_path() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("perf");
        fs::write(&program, "#!/bin/sh\n").expect("writes");
        assert_eq!(find(directory.path().as_os_str()), None, "not executable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("sets");
        let search = env::join_paths(["/nonexistent".as_ref(), directory.path()]).expect("joins");
        assert_eq!(find(&search), Some(program));
        assert!(PerfError::Missing.to_string().contains("linux-perf"));
    }
}
