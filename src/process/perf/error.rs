//! Why a process could not be sampled, in words that name the remedy.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// The largest text of samples that is read.
pub(super) const MAX_TEXT: u64 = 512 << 20;
/// What is shown of what perf says.
const SHOWN: usize = 400;
/// perf reads what the processes have mapped before it takes the first sample.
pub(super) const STARTING: Duration = Duration::from_secs(30);
/// What perf says of a process that it was asked to sample and that is no more.
const NO_PROCESS: &str = "No such process";

/// Why a process could not be sampled.
#[derive(Debug, thiserror::Error)]
pub enum PerfError {
    /// There is no `perf` on PATH.
    #[error(
        "there is no `perf` on PATH; install it (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf), or profile the target through a pprof endpoint"
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
    /// The kernel does not show this user where threads leave their CPU.
    #[error(
        "threads leave their CPU in the kernel, which this user may not see (perf_event_paranoid is {0}); run as root, or allow it with `sysctl kernel.perf_event_paranoid=1`"
    )]
    NoSwitches(i64),
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
    /// It took no samples.
    #[error("`perf record` did not begin within {STARTING:?}; is the machine overloaded?")]
    Idle,
    /// It did not end.
    #[error("`perf {0}` did not end; sample for a shorter time, or at a lower rate")]
    Hangs(&'static str),
    /// Its text is too large.
    #[error("the samples are more than {} MiB of text; sample for a shorter time, or at a lower rate", MAX_TEXT >> 20)]
    TooLarge,
    /// A process has ended while perf looked at it.
    #[error(
        "the processes come and go too fast for `perf record` to list them; sample one that stays"
    )]
    Gone,
    /// The temporary directory cannot be used.
    #[error("cannot use a temporary directory: {0}; name another one in TMPDIR")]
    Scratch(#[source] io::Error),
}

/// What the end of a perf means that says `words`.
pub(super) fn failed(verb: &'static str, exit: ExitStatus, words: &str) -> PerfError {
    let printable = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = printable
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if words.contains(NO_PROCESS) {
        return PerfError::Gone;
    }
    let hint = if words.contains("ermission") || words.contains("paranoid") {
        "; run as root, or allow it with `sysctl kernel.perf_event_paranoid=2`"
    } else if words.contains("not permitted") {
        "; run as root on the host, or give the container CAP_PERFMON and a seccomp profile that allows perf_event_open (docker: --cap-add PERFMON --security-opt seccomp=unconfined)"
    } else if words.contains("branch") || words.contains("not supported") {
        "; this machine records no branches, as virtual machines and most processors but Intel's do not: use `--call-graph dwarf`"
    } else if words.contains("not found for the kernel") {
        "; install the perf of the running kernel"
    } else {
        ""
    };
    let words = match words.chars().take(SHOWN).collect::<String>() {
        none if none.is_empty() => exit.to_string(),
        words => words,
    };
    PerfError::Failed { verb, words, hint }
}
