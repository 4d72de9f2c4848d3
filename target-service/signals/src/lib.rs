//! The signals that ask a process to end. A SIGHUP that was ignored when the process started stays ignored, as under `nohup`; SIGINT and
//! SIGTERM end it in any case, for a script starts its background jobs with SIGINT ignored.

use std::fs;
use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

/// SIGINT, SIGTERM, and SIGHUP unless it was ignored at the start.
#[derive(Debug)]
pub struct Endings {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: Option<unix::Signal>,
}

impl Endings {
    /// Handles them from now on, for as long as the process lives. Call it within a runtime.
    ///
    /// # Errors
    ///
    /// The system refuses a handler.
    pub fn watch() -> io::Result<Self> {
        let hangup = (!is_ignored(Signal::HUP)).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Returns at the next of them.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Makes a file that reaches the limit of the process (`ulimit -f`) an error of that file and no end of the process. What the
/// process starts has the system's default again.
///
/// # Errors
///
/// The system refuses the handler.
pub fn outlive_file_limit() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _entered = runtime.enter();
    // The handler stays when nobody listens any more.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

/// Whether the process ignores a signal. A system that does not tell has the default.
fn is_ignored(which: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (which.as_raw() - 1)) != 0)
}
