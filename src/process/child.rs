//! A process that telemload starts, and a handle that stops it with all that it started.
//!
//! The handle holds the only writing end of the supervisor's pipe: dropping it, a panic or a SIGKILL of telemload all
//! close it, and the supervisor does the rest. It never signals a process that is not its own.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::exit::ProcessExit;
use super::log::{Tail, last_lines, left_out};
use super::ready::{NotReady, Probe, wait_ready};
use super::supervisor::{
    DEFAULT_GRACE, KILL_ALLOWANCE, OWN_BINARY, Order, SUPERVISE, kill, kill_at_once,
};
use super::{orphans, tree};

const LINES_IN_MESSAGES: usize = 5;

/// What to start. `Debug` shows neither the values of `env` nor the payload.
pub struct ProcessSpec {
    /// What messages call it, such as `redis`.
    pub name: String,
    /// Program and arguments, visible to every user of the machine: no secrets.
    pub argv: Vec<String>,
    /// Variables added to telemload's own.
    pub env: BTreeMap<String, String>,
    /// What the program reads from its standard input, then the end of file. At most 256 MiB.
    pub payload: Vec<u8>,
    /// Where its standard output and error go: opened to read and to append, so that messages can quote it.
    pub log: File,
    /// How long its processes have between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl ProcessSpec {
    /// A process without payload or further variables, and with a grace of five seconds.
    #[must_use]
    pub fn new(name: impl Into<String>, argv: Vec<String>, log: File) -> Self {
        Self {
            name: name.into(),
            argv,
            env: BTreeMap::new(),
            payload: Vec::new(),
            log,
            grace: DEFAULT_GRACE,
        }
    }
}

impl fmt::Debug for ProcessSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessSpec")
            .field("name", &self.name)
            .field("argv", &self.argv)
            .field("env", &self.env.keys())
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// Why a process could not be started, or is of no use.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The supervisor could not be started.
    #[error("cannot start `{name}`: {source}")]
    Start {
        /// The process.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor ended before it had read the order.
    #[error("`{name}` could not be started: {exit}{log}")]
    Handover {
        /// The process.
        name: String,
        /// How the supervisor ended.
        exit: ProcessExit,
        /// The last lines of the log.
        log: Tail,
    },
    /// It did not become ready.
    #[error("`{name}` is not ready: {why}{log}")]
    NotReady {
        /// The process.
        name: String,
        /// What was seen.
        why: NotReady,
        /// The last lines of its log.
        log: Tail,
    },
}

/// A running process under its supervisor. Dropping it stops the process without waiting for it.
pub struct ProcessHandle {
    name: String,
    /// What all that descends from the supervisor has.
    mark: String,
    supervisor: Child,
    pid: u32,
    /// Closing it is the request to stop.
    pipe: Option<ChildStdin>,
    log: File,
    grace: Duration,
    exit: Option<ProcessExit>,
    /// The supervisor was killed, and what it left was not looked for yet.
    leaves_orphans: bool,
}

impl ProcessHandle {
    /// Starts the process. That its program cannot be executed shows later, as its exit.
    ///
    /// # Errors
    /// [`ProcessError::Start`], [`ProcessError::Handover`].
    pub async fn spawn(spec: ProcessSpec) -> Result<Self, ProcessError> {
        Self::spawn_through(OWN_BINARY, spec).await
    }

    /// As [`ProcessHandle::spawn`] from a binary that is not telemload, such as a test: `telemload` is the path of one.
    ///
    /// # Errors
    /// Those of [`ProcessHandle::spawn`].
    pub async fn spawn_through(telemload: &str, spec: ProcessSpec) -> Result<Self, ProcessError> {
        let name = spec.name;
        let order = Order {
            command: spec.argv,
            env: spec.env,
            payload_len: spec.payload.len() as u64,
            grace_ms: u64::try_from(spec.grace.as_millis()).unwrap_or(u64::MAX),
        };
        let mark = orphans::mark();
        let started = || {
            let mut supervisor = Command::new(telemload)
                .arg0("telemload")
                .arg(SUPERVISE)
                .env(orphans::MARK, &mark)
                .stdin(Stdio::piped())
                .stdout(spec.log.try_clone()?)
                .stderr(spec.log.try_clone()?)
                // Out of reach of the terminal's Ctrl-C.
                .process_group(0)
                .spawn()?;
            let pid = supervisor.id().expect("not waited for yet");
            let pipe = supervisor.stdin.take();
            Ok((supervisor, pid, pipe))
        };
        let (supervisor, pid, pipe) = match started() {
            Ok(started) => started,
            Err(source) => return Err(ProcessError::Start { name, source }),
        };
        let mut handle = Self {
            name,
            mark,
            supervisor,
            pid,
            pipe,
            log: spec.log,
            grace: spec.grace,
            exit: None,
            leaves_orphans: false,
        };
        if handle.hand_over(&order, &spec.payload).await.is_err() {
            let exit = handle.stop().await;
            return Err(ProcessError::Handover {
                exit,
                log: handle.last_lines(LINES_IN_MESSAGES),
                name: handle.name,
            });
        }
        Ok(handle)
    }

    async fn hand_over(&mut self, order: &Order, payload: &[u8]) -> io::Result<()> {
        let pipe = self
            .pipe
            .as_mut()
            .expect("standard input is piped and not closed yet");
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        pipe.write_all(&line).await?;
        pipe.write_all(payload).await
    }

    /// The process id of the supervisor, the root for [`super::ProcessTree::supervised`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How long the process has to stop before it is killed.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// What messages call the process.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the process ended, or `None` while it runs.
    pub fn try_exited(&mut self) -> Option<ProcessExit> {
        if self.exit.is_none()
            && let Ok(Some(status)) = self.supervisor.try_wait()
        {
            let exit = ProcessExit::of_supervisor(status);
            self.leaves_orphans = matches!(exit, ProcessExit::Supervisor(_));
            self.exit = Some(exit);
        }
        self.exit
    }

    /// Waits for the process to end by itself. It can be dropped and called again.
    pub async fn exited(&mut self) -> ProcessExit {
        if let Some(exit) = self.exit.filter(|_| !self.leaves_orphans) {
            return exit;
        }
        // The standard input was taken out: the child's `wait` would close it.
        let exit = match self.supervisor.wait().await {
            Ok(status) => ProcessExit::of_supervisor(status),
            Err(_) => ProcessExit::Supervisor(0),
        };
        if matches!(exit, ProcessExit::Supervisor(_)) {
            orphans::kill_marked(&self.mark).await;
        }
        self.leaves_orphans = false;
        *self.exit.insert(exit)
    }

    /// Stops the process and all that it started, and returns how it ended; at once if it has ended.
    ///
    /// Takes up to the grace of the process, and some six seconds more if even SIGKILL is slow.
    pub async fn stop(&mut self) -> ProcessExit {
        self.pipe = None;
        let deadline = self
            .grace
            .saturating_add(KILL_ALLOWANCE + Duration::from_secs(1));
        if let Ok(exit) = timeout(deadline, self.exited()).await {
            return exit;
        }
        // A supervisor that hangs, or was stopped by SIGSTOP.
        if let Ok(root) = i32::try_from(self.pid) {
            let below = tree::descendants(root);
            kill(root, Signal::KILL);
            below
                .iter()
                .for_each(|process| kill(process.pid, Signal::KILL));
        }
        self.exited().await
    }

    /// Gives the process no more time to stop: it and all that it started are killed. [`ProcessHandle::stop`] waits for that.
    pub fn kill(&mut self) {
        self.pipe = None;
        if self.try_exited().is_none()
            && let Ok(supervisor) = i32::try_from(self.pid)
        {
            kill_at_once(supervisor);
        }
    }

    /// Waits until the probe is answered with a 2xx status and returns how long that took.
    ///
    /// # Errors
    /// [`ProcessError::NotReady`] with the last lines of the log; at once if the process ends.
    pub async fn wait_ready(
        &mut self,
        probe: &Probe,
        deadline: Duration,
    ) -> Result<Duration, ProcessError> {
        let found = wait_ready(probe, deadline, self.exited()).await;
        found.map_err(|why| ProcessError::NotReady {
            name: self.name.clone(),
            why,
            log: self.last_lines(LINES_IN_MESSAGES),
        })
    }

    /// How many bytes of the middle of its log are left out, if any are.
    #[must_use]
    pub fn left_out(&self) -> Option<u64> {
        left_out(&self.log)
    }

    /// The last `n` lines that the process wrote.
    #[must_use]
    pub fn last_lines(&self, n: usize) -> Tail {
        last_lines(&self.log, n)
    }
}

impl fmt::Debug for ProcessHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessHandle")
            .field("name", &self.name)
            .field("pid", &self.pid)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let mut spec =
            ProcessSpec::new("x", vec!["true".to_owned()], tempfile::tempfile().unwrap());
        spec.env.insert("TOKEN".to_owned(), "hush-1".to_owned());
        spec.payload = b"hush-2".to_vec();
        let shown = format!("{spec:?}");
        assert!(
            shown.contains("TOKEN") && shown.contains("6 bytes") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
