//! The process between telemload and a target, which takes the target's processes along when telemload goes.
//!
//! `telemload supervise` reads one JSON line (an `Order`) and a payload from standard input. The pipe then stays open:
//! its end means that telemload stopped, panicked or was killed. The supervisor is the subreaper of all it starts, so
//! "no children left" means that no descendant is left. SIGQUIT means that nobody waits for an orderly end: what is left is
//! killed at once. `telemload exec-with-parent` ties the command to the supervisor's own life. Both must start nothing
//! else, and must never write an environment value or the payload anywhere but to the command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group,
    set_child_subreaper, set_parent_process_death_signal, wait,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::log::keep;
use super::looks::Looks;
use super::tree;

/// The hidden verb that runs [`supervise`].
pub const SUPERVISE: &str = "supervise";
/// The hidden verb that runs [`exec_with_parent`].
pub const EXEC_WITH_PARENT: &str = "exec-with-parent";
/// How long processes have after SIGTERM unless the order says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Exit code when the supervisor itself failed, as `timeout` and `env` use it.
pub(super) const SUPERVISOR_FAILED: u8 = 125;
/// Exit code when the command exists and cannot be executed.
pub(super) const NOT_EXECUTABLE: u8 = 126;
/// Exit code when the command was not found.
pub(super) const NOT_FOUND: u8 = 127;
/// How long killed processes may take to disappear before the supervisor gives up on them.
pub(super) const KILL_ALLOWANCE: Duration = Duration::from_secs(5);

/// The running binary, even if the file was replaced since it was started.
pub(super) const OWN_BINARY: &str = "/proc/self/exe";

/// Asks a supervisor to kill what is left.
const KILL_AT_ONCE: SignalKind = SignalKind::quit();

const MAX_ORDER: u64 = 4 << 20;
const MAX_PAYLOAD: u64 = 256 << 20;

/// What telemload asks of a supervisor: the line in front of the payload. No `Debug`: `env` may hold secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) payload_len: u64,
    #[serde(default = "default_grace_ms")]
    pub(super) grace_ms: u64,
}

fn default_grace_ms() -> u64 {
    u64::try_from(DEFAULT_GRACE.as_millis()).expect("five seconds fit")
}

#[derive(Debug, Error)]
enum SupervisorError {
    #[error("supervise is started by telemload itself, with a pipe as its standard input: {0}")]
    NotAPipe(io::Error),
    #[error("the pipe from telemload ended before the order was complete")]
    Incomplete,
    #[error("the order is not the JSON line that telemload writes, at column {0}")]
    BadOrder(usize),
    #[error(
        "the order or its payload is too large: {MAX_ORDER} and {MAX_PAYLOAD} bytes are the limits"
    )]
    TooLarge,
    #[error("the order names no command")]
    NoCommand,
    #[error("cannot start a process: {0}")]
    Start(io::Error),
    #[error("cannot set up the supervisor: {0}")]
    SetUp(#[from] io::Error),
}

/// Runs the process that the order on standard input describes, and returns the exit code to end with.
///
/// That is the command's own code, or 128 + signal; 125 if the supervisor failed, 126 or 127 if the command could not
/// be executed. Returns once no descendant is left. Call it from the main thread of a process that has no other threads:
/// the command dies with the thread that started it.
#[must_use]
pub fn supervise() -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run()) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// Becomes the command `args[1..]`, to be killed by the kernel when the process `args[0]`, its parent, dies.
///
/// Returns only if it could not: the exit code to end with, after a message on standard error.
#[must_use]
pub fn exec_with_parent(mut args: impl Iterator<Item = OsString>) -> u8 {
    let parent = args
        .next()
        .and_then(|pid| pid.to_str()?.parse().ok())
        .and_then(Pid::from_raw);
    let (Some(parent), Some(program)) = (parent, args.next()) else {
        return fail(&"exec-with-parent is started by telemload itself");
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return fail(&error);
    }
    // A parent that died before the line above sends no signal any more.
    if getppid() != Some(parent) {
        return SUPERVISOR_FAILED;
    }
    let error = Command::new(&program).args(args).exec();
    report(&format_args!("cannot start {}: {error}", program.display()));
    if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    }
}

fn fail(error: &dyn std::fmt::Display) -> u8 {
    report(error);
    SUPERVISOR_FAILED
}

fn report(message: &dyn std::fmt::Display) {
    // Standard error is the log of the target; with a full disk there is nobody left to tell.
    let _ = writeln!(io::stderr(), "telemload: {message}");
}

async fn run() -> Result<u8, SupervisorError> {
    let mut signals = Signals::install()?;
    // `ps` would show the `exe` of its path.
    let _ = rustix::thread::set_name(c"telemload");
    set_child_subreaper(Some(getpid())).map_err(io::Error::from)?;
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let mut control =
        BufReader::new(pipe::Receiver::from_owned_fd(stdin).map_err(SupervisorError::NotAPipe)?);
    let (order, payload) = tokio::select! {
        order = read_order(&mut control) => order?,
        _ = signals.stop.recv() => return Ok(signal_code(Signal::TERM.as_raw())),
        _ = signals.kill.recv() => return Ok(signal_code(Signal::KILL.as_raw())),
    };
    let (mut child, stdin) = Child::start(&order)?;
    let (running, ended_all) = oneshot::channel();
    let log = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let is_file = log.metadata().is_ok_and(|of| of.is_file());
    let keeping = is_file.then(|| tokio::spawn(keep(log, ended_all)));
    let mut grace = Duration::from_millis(order.grace_ms);
    {
        let mut feed = pin!(feed(stdin, payload));
        let mut fed = false;
        while child.code.is_none() {
            tokio::select! {
                () = &mut feed, if !fed => fed = true,
                _ = signals.child.recv() => { child.reap(); }
                () = ended(&mut control) => break,
                _ = signals.stop.recv() => break,
                _ = signals.kill.recv() => {
                    grace = Duration::ZERO;
                    break;
                }
            }
        }
    }
    if child.code.is_none() {
        child.terminate(&mut signals, grace).await;
    }
    child.kill_rest(&mut signals).await;
    drop(running);
    if let Some(keeping) = keeping {
        let _ = keeping.await;
    }
    Ok(child
        .code
        .unwrap_or_else(|| signal_code(Signal::KILL.as_raw())))
}

/// Reads all of the payload before the command starts: what is still in the pipe would hide its end.
async fn read_order(
    control: &mut BufReader<pipe::Receiver>,
) -> Result<(Order, Vec<u8>), SupervisorError> {
    let mut line = Vec::new();
    control.take(MAX_ORDER).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        let full = line.len() as u64 + 1 == MAX_ORDER;
        return Err(if full {
            SupervisorError::TooLarge
        } else {
            SupervisorError::Incomplete
        });
    }
    // serde's message would quote what it found.
    let order: Order =
        serde_json::from_slice(&line).map_err(|error| SupervisorError::BadOrder(error.column()))?;
    if order.command.is_empty() {
        return Err(SupervisorError::NoCommand);
    }
    if order.payload_len > MAX_PAYLOAD {
        return Err(SupervisorError::TooLarge);
    }
    let mut payload = Vec::new();
    control
        .take(order.payload_len)
        .read_to_end(&mut payload)
        .await?;
    if payload.len() as u64 != order.payload_len {
        return Err(SupervisorError::Incomplete);
    }
    Ok((order, payload))
}

/// Writes the payload to the command and closes its standard input; a command that does not read it is no error.
async fn feed(stdin: Option<OwnedFd>, payload: Vec<u8>) {
    if let Some(mut stdin) = stdin.and_then(|stdin| pipe::Sender::from_owned_fd(stdin).ok()) {
        let _ = stdin.write_all(&payload).await;
    }
}

/// Completes when telemload's end of the pipe is closed; bytes that arrive before are ignored.
async fn ended(control: &mut BufReader<pipe::Receiver>) {
    let mut ignored = [0; 512];
    while matches!(control.read(&mut ignored).await, Ok(1..)) {}
}

struct Signals {
    child: unix::Signal,
    stop: unix::Signal,
    kill: unix::Signal,
    // Handlers that nobody listens to: ignored here, and back to the default in the command. A terminal that goes takes
    // telemload along, and that closes the pipe; under nohup it does not. A log that may not grow is no reason to leave.
    _ignored: [unix::Signal; 3],
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            child: unix::signal(SignalKind::child())?,
            stop: unix::signal(SignalKind::terminate())?,
            kill: unix::signal(KILL_AT_ONCE)?,
            _ignored: [
                unix::signal(SignalKind::interrupt())?,
                unix::signal(SignalKind::hangup())?,
                unix::signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
            ],
        })
    }
}

/// The command and all that descends from it.
struct Child {
    /// Also the process group of the command.
    pid: Pid,
    code: Option<u8>,
}

impl Child {
    fn start(order: &Order) -> Result<(Self, Option<OwnedFd>), SupervisorError> {
        let stdin = if order.payload_len == 0 {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        // Waited for by `reap`, along with the orphans.
        let mut child = Command::new(OWN_BINARY)
            .arg0("telemload")
            .arg(EXEC_WITH_PARENT)
            .arg(getpid().as_raw_nonzero().to_string())
            .args(&order.command)
            .envs(&order.env)
            .stdin(stdin)
            .process_group(0)
            .spawn()
            .map_err(SupervisorError::Start)?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id is a positive i32");
        Ok((
            Self { pid, code: None },
            child.stdin.take().map(OwnedFd::from),
        ))
    }

    /// Collects everything that ended. Returns whether descendants are left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.pid => self.code = Some(exit_code(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// SIGTERM to the group and to descendants that left it, then waits for all to end, at most for `grace` and while somebody
    /// else waits too.
    async fn terminate(&mut self, signals: &mut Signals, grace: Duration) {
        // Until the command is reaped its id is taken, so that neither call can meet a stranger.
        let _ = kill_process_group(self.pid, Signal::TERM);
        for process in tree::descendants(getpid().as_raw_nonzero().get()) {
            if process.group != self.pid.as_raw_nonzero().get() {
                kill(process.pid, Signal::TERM);
            }
        }
        let mut deadline = pin!(sleep_until(Instant::now() + grace));
        while self.reap() {
            tokio::select! {
                _ = signals.child.recv() => {}
                _ = signals.kill.recv() => return,
                () = &mut deadline => return,
            }
        }
    }

    /// SIGKILL to whatever is left, until nothing is. Orphans become children of the supervisor, so that killing
    /// children again and again reaches every generation; their ids cannot be reused before they are reaped here.
    async fn kill_rest(&mut self, signals: &mut Signals) {
        if self.code.is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        let own = getpid().as_raw_nonzero().get();
        let give_up = Instant::now() + KILL_ALLOWANCE;
        let mut looks = Looks::default();
        while self.reap() {
            for process in tree::descendants(own)
                .iter()
                .filter(|process| process.parent == own)
            {
                kill(process.pid, Signal::KILL);
            }
            if Instant::now() > give_up {
                report(
                    &"some processes survive SIGKILL and are left behind; look for state D in ps",
                );
                return;
            }
            tokio::select! {
                _ = signals.child.recv() => {}
                () = looks.pause() => {}
            }
        }
    }
}

/// Asks the supervisor `pid`, which has not been waited for, to kill what is left of its processes.
pub(super) fn kill_at_once(pid: i32) {
    kill(pid, Signal::QUIT);
}

/// Sends a signal to one process; that it is gone already is as good.
pub(super) fn kill(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn exit_code(status: WaitStatus) -> u8 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => signal_code(signal),
        (None, None) => u8::MAX,
    }
}

fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
