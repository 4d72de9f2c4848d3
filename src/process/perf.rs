//! Samples local processes that serve no profile, with the system's `perf`: gives the text of its samples.
//!
//! The program is looked up on PATH and started with a vector of arguments, never by a shell. What can be checked is checked before it
//! is started, so that a refusal names its remedy. It runs under no supervisor: what it waits for is a `cat` at a pipe from
//! telemload, which ends when telemload does, in whatever way.

mod error;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

pub use self::error::PerfError;
use self::error::{MAX_TEXT, STARTING, failed};
use super::ProcessTree;

/// After its window perf writes what it has; reading symbols takes longer for large programs.
const GRACE: Duration = Duration::from_secs(120);
/// What comes back through the `cat` that perf starts once it takes samples.
const BEGUN: &str = "sampling";
/// The event that is sampled, the only one that every machine has: a timer of each CPU.
const CLOCK: &str = "cpu-clock";
/// The event of which processors record branches.
const CYCLES: &str = "cycles";
/// The event of a thread that leaves its CPU, which each occurrence of it is a sample of.
const SWITCHES: &str = "context-switches";
/// How often perf is started anew because a process that it was to sample has ended meanwhile.
const ATTEMPTS: usize = 5;
/// Bytes of the stack that are copied at each sample to find its callers later.
const STACK_COPY: &str = "dwarf,8192";

/// How the callers of a function are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallGraph {
    /// Through frame pointers, which the program has to keep.
    #[default]
    FramePointers,
    /// By the program's debug or unwind information, from a copy of the stack.
    Dwarf,
    /// By the branches that a processor remembers.
    BranchRecords,
}

impl CallGraph {
    fn argument(self) -> &'static str {
        match self {
            Self::FramePointers => "fp",
            Self::Dwarf => STACK_COPY,
            Self::BranchRecords => "lbr",
        }
    }
}

/// What samples are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// Time on a CPU.
    #[default]
    Cpu,
    /// Time in which a thread is on none: the samples are where it leaves one, and records of switches say when it is back.
    Waits,
}

/// What is to be sampled.
#[derive(Debug, Clone)]
pub struct Request {
    /// The processes, with their threads and what they start meanwhile. At least one tree.
    pub trees: Vec<ProcessTree>,
    /// What of them.
    pub subject: Subject,
    /// Samples per second and busy core; of waits each is one.
    pub hz: u32,
    /// How callers are found.
    pub call_graph: CallGraph,
}

impl Request {
    /// The event that is sampled.
    pub fn event(&self) -> &'static str {
        match (self.subject, self.call_graph) {
            (Subject::Waits, _) => SWITCHES,
            (Subject::Cpu, CallGraph::FramePointers | CallGraph::Dwarf) => CLOCK,
            (Subject::Cpu, CallGraph::BranchRecords) => CYCLES,
        }
    }

    /// How often samples are taken, and what else is recorded.
    fn arguments(&self) -> Vec<String> {
        match self.subject {
            Subject::Cpu => vec!["--freq".to_owned(), self.hz.to_string()],
            Subject::Waits => ["--count", "1", "--switch-events"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

/// Who runs now, of what is to be sampled.
struct Listed {
    pids: BTreeSet<u32>,
    /// Processes below the roots that other users own.
    foreign: usize,
}

impl Listed {
    /// What has ended since it was found, or belongs to another user, is left out, unless it is a root.
    fn of(trees: &[ProcessTree]) -> Result<Self, PerfError> {
        let (mut pids, mut foreign, mut refused) = (BTreeSet::new(), 0, None);
        for tree in trees {
            let root = tree.root();
            for pid in tree.pids().map_err(|_| PerfError::NoProcess(root))? {
                match check(pid) {
                    Ok(()) => drop(pids.insert(pid)),
                    Err(error @ PerfError::Foreign { .. }) if pid != root => {
                        foreign += 1;
                        refused = Some(error);
                    }
                    Err(PerfError::NoProcess(_)) if pid != root => {}
                    Err(error) => return Err(error),
                }
            }
        }
        match (pids.is_empty(), refused) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(PerfError::NoProcess(
                trees.first().map_or(0, ProcessTree::root),
            )),
            (false, _) => Ok(Self { pids, foreign }),
        }
    }
}

/// A perf that takes samples. When it is dropped it is killed, and what it has is removed.
#[derive(Debug)]
pub struct Recording {
    program: PathBuf,
    child: Child,
    /// It goes on until this is closed.
    input: Option<ChildStdin>,
    scratch: TempDir,
    shows_switches: bool,
    unseen: Vec<String>,
}

/// Takes samples of telemload itself, to see whether this machine and user can.
///
/// # Errors
/// [`PerfError`] names the remedy.
pub async fn rehearse(subject: Subject) -> Result<(), PerfError> {
    let own = std::process::id();
    let own = Request {
        trees: vec![ProcessTree::of(own).map_err(|_| PerfError::NoProcess(own))?],
        subject,
        hz: 1,
        call_graph: CallGraph::default(),
    };
    let recording = Recording::start(&own).await?;
    recording.finish().await.map(drop)
}

/// The kernel's limit, if it hides time in the kernel from this user.
fn hides_the_kernel() -> Option<i64> {
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let level: i64 = level.ok()?.trim().parse().ok()?;
    (level > 1 && !rustix::process::geteuid().is_root()).then_some(level)
}

/// Whether this user may sample a process, as far as can be told beforehand.
///
/// # Errors
/// [`PerfError::NoProcess`], [`PerfError::Foreign`], [`PerfError::Paranoid`].
pub fn check(pid: u32) -> Result<(), PerfError> {
    let user = rustix::process::geteuid();
    allowed(Path::new("/proc"), pid, user.as_raw(), user.is_root())
}

impl Recording {
    /// Samples processes; returns when samples are taken. Processes may come and go meanwhile.
    ///
    /// # Errors
    /// [`PerfError`] names the remedy.
    pub async fn start(request: &Request) -> Result<Self, PerfError> {
        let search = env::var_os("PATH").unwrap_or_default();
        let program = find(&search).ok_or(PerfError::Missing)?;
        let mut unseen = Vec::new();
        let mut listed = Listed::of(&request.trees)?;
        match (hides_the_kernel(), request.subject) {
            (Some(level), Subject::Waits) => return Err(PerfError::NoSwitches(level)),
            (Some(_), Subject::Cpu) => unseen.push(NO_KERNEL.to_owned()),
            (None, _) => {}
        }
        // perf refuses a list of which one has ended. The last time it is asked for those that were there each time.
        let mut stayed = listed.pids.clone();
        let mut attempt = 1;
        let mut recording = loop {
            match Self::of(&program, request, &listed.pids).await {
                Err(PerfError::Gone) if attempt < ATTEMPTS => {}
                started => break started?,
            }
            attempt += 1;
            listed = Listed::of(&request.trees)?;
            stayed.retain(|pid| listed.pids.contains(pid));
            if attempt == ATTEMPTS && stayed.len() < listed.pids.len() {
                unseen.push(format!(
                    "processes come and go too fast for perf to list them: of {} that ran it samples the {} that stay, with what they start from now on",
                    listed.pids.len(),
                    stayed.len()
                ));
                listed.pids.clone_from(&stayed);
            }
        };
        if listed.foreign > 0 {
            unseen.push(format!(
                "{} of the processes below belong to other users and are not sampled; run as root",
                listed.foreign
            ));
        }
        recording.unseen = unseen;
        Ok(recording)
    }

    /// Samples exactly these processes.
    async fn of(
        program: &Path,
        request: &Request,
        pids: &BTreeSet<u32>,
    ) -> Result<Self, PerfError> {
        let scratch = tempfile::tempdir().map_err(PerfError::Scratch)?;
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let mut command = Command::new(program);
        command
            .args(["record", "--event", request.event()])
            .args(["--call-graph", request.call_graph.argument()])
            // The engine's clock, so that the times of samples can be told from those of the load.
            .args(["--clockid", "CLOCK_MONOTONIC"])
            .args(request.arguments())
            .args(["--pid", &pids.join(",")])
            .arg("--output")
            .arg(scratch.path().join(DATA))
            .args(["--", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = spawn(command, program, &scratch)?;
        let input = child.stdin.take();
        let mut recording = Self {
            program: program.to_owned(),
            child,
            input,
            scratch,
            shows_switches: request.subject == Subject::Waits,
            unseen: Vec::new(),
        };
        match tokio::time::timeout(STARTING, recording.begun()).await {
            Ok(true) => Ok(recording),
            // It has closed its output: it is about to end, and says why.
            Ok(false) => {
                recording.stop();
                recording.ended().await?;
                Err(PerfError::Gone)
            }
            Err(_) => Err(PerfError::Idle),
        }
    }

    /// What of the processes is not sampled.
    pub fn unseen(&self) -> &[String] {
        &self.unseen
    }

    /// Whether what is sent through its `cat` has come back: perf starts it once samples are taken.
    async fn begun(&mut self) -> bool {
        let (Some(input), Some(output)) = (&mut self.input, self.child.stdout.take()) else {
            return false;
        };
        if input
            .write_all(format!("{BEGUN}\n").as_bytes())
            .await
            .is_err()
        {
            return false;
        }
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == BEGUN {
                return true;
            }
        }
        false
    }

    /// Goes on for `window`, or until all processes have ended, and perf with them: whether the window is complete.
    pub async fn lasts(&mut self, window: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(window) => true,
            _ = self.child.wait() => false,
        }
    }

    /// Takes no more samples, as soon as perf has seen so.
    pub fn stop(&mut self) {
        self.input = None;
    }

    /// The text of `perf script`, a sample of [`Request::event`] a paragraph, its time that of CLOCK_MONOTONIC in seconds. There are samples
    /// from a moment before [`Recording::start`] returned and until a moment after the stop.
    ///
    /// # Errors
    /// [`PerfError`] names the remedy.
    pub async fn finish(mut self) -> Result<Vec<u8>, PerfError> {
        self.stop();
        self.ended().await?;
        let text = self.scratch.path().join("perf.txt");
        let mut command = Command::new(&self.program);
        command
            .args([
                "script",
                "--no-inline",
                "--fields",
                "comm,pid,tid,time,event,ip,sym,dso",
            ])
            .args(self.shows_switches.then_some("--show-switch-events"))
            .arg("--input")
            .arg(self.scratch.path().join(DATA))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&text).map_err(PerfError::Scratch)?);
        let mut script = spawn(command, &self.program, &self.scratch)?;
        self.conclude("script", wait(&mut script).await)?;
        let length = fs::metadata(&text).map_err(PerfError::Scratch)?.len();
        if length > MAX_TEXT {
            return Err(PerfError::TooLarge);
        }
        fs::read(&text).map_err(PerfError::Scratch)
    }

    async fn ended(&mut self) -> Result<(), PerfError> {
        let exit = wait(&mut self.child).await;
        // Once all that it samples has ended, perf ends its `cat` by this signal, writes what it has, and ends itself as that did.
        let by_itself = Some(Signal::TERM.as_raw());
        if matches!(&exit, Some(Ok(exit)) if exit.signal() == by_itself) {
            return Ok(());
        }
        self.conclude("record", exit)
    }

    /// What the end of a perf means.
    fn conclude(
        &self,
        verb: &'static str,
        exit: Option<io::Result<ExitStatus>>,
    ) -> Result<(), PerfError> {
        let exit = exit
            .ok_or(PerfError::Hangs(verb))?
            .map_err(|cause| PerfError::Start {
                program: self.program.clone(),
                cause,
            })?;
        if exit.success() {
            return Ok(());
        }
        let words = fs::read(self.scratch.path().join(SAID)).unwrap_or_default();
        Err(failed(verb, exit, &String::from_utf8_lossy(&words)))
    }
}

/// What is said of a user who may not see the kernel.
const NO_KERNEL: &str = "time in the kernel is not sampled (perf_event_paranoid is above 1): shares are of the rest; run as root, or allow it with `sysctl kernel.perf_event_paranoid=1`";

/// In the temporary directory: what was recorded, and what perf said.
const DATA: &str = "perf.data";
const SAID: &str = "perf.err";

/// Starts a perf whose words go to a file, so that it never waits for a reader.
fn spawn(mut command: Command, program: &Path, scratch: &TempDir) -> Result<Child, PerfError> {
    let words = fs::File::create(scratch.path().join(SAID)).map_err(PerfError::Scratch)?;
    let spawned = command
        .stderr(words)
        .env("LC_ALL", "C")
        // Ctrl-C is for telemload, which then ends the recording and keeps it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    spawned.map_err(|cause| PerfError::Start {
        program: program.to_owned(),
        cause,
    })
}

/// `None` if it does not end.
async fn wait(child: &mut Child) -> Option<io::Result<ExitStatus>> {
    tokio::time::timeout(GRACE, child.wait()).await.ok()
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
