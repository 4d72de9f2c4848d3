//! A process that a launch has started: with its log in the run directory, its CPU and memory, and words for its end.

use std::fs::File;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::process::ready::Probe;
use crate::process::supervisor::DEFAULT_GRACE;
use crate::process::{ProcessExit, ProcessHandle, ProcessSpec, ProcessTree};
use crate::result::Failure;

/// Number of the signal that ends what does not stop.
const KILLED: i32 = 9;

/// What is to be started.
pub(super) struct ToStart {
    /// What messages call it.
    pub(super) name: String,
    pub(super) argv: Vec<String>,
    /// Its standard input.
    pub(super) payload: Vec<u8>,
    /// How long it has to stop.
    pub(super) grace: Duration,
    /// Where its output goes, and the path of that.
    pub(super) log: (File, PathBuf),
}

/// A process under its supervisor.
#[derive(Debug)]
pub(super) struct Started {
    process: ProcessHandle,
    /// What it uses, or why that is not known.
    pub(super) tree: Result<ProcessTree, String>,
    log: PathBuf,
}

impl ToStart {
    /// Without input, and with the usual time to stop.
    pub(super) fn new(name: String, argv: Vec<String>, log: (File, PathBuf)) -> Self {
        Self {
            name,
            argv,
            payload: Vec::new(),
            grace: DEFAULT_GRACE,
            log,
        }
    }
}

impl Started {
    pub(super) async fn spawn(start: ToStart) -> Result<Self, Failure> {
        let (file, log) = start.log;
        let mut spec = ProcessSpec::new(start.name, start.argv, file);
        spec.payload = start.payload;
        spec.grace = start.grace;
        let process = ProcessHandle::spawn(spec)
            .await
            .map_err(|error| Failure::Target(error.to_string()))?;
        let tree = ProcessTree::supervised(process.pid()).map_err(|error| error.to_string());
        Ok(Self { process, tree, log })
    }

    /// Waits until it answers.
    pub(super) async fn wait_ready(
        &mut self,
        probe: &Probe,
        within: Duration,
    ) -> Result<(), Failure> {
        let ready = self.process.wait_ready(probe, within).await;
        ready
            .map(drop)
            .map_err(|error| Failure::Target(error.to_string()))
    }

    /// Returns when it has ended by itself: how, its last words, and where the others are.
    pub(super) async fn ended(&mut self) -> String {
        let exit = self.process.exited().await;
        let last = self.process.last_lines(5);
        format!("{exit}{last}; its log is {}", self.log.display())
    }

    pub(super) async fn stop(&mut self) -> ProcessExit {
        self.process.stop().await
    }

    /// Gives it no more time to stop.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Words for a log of which the middle is left out.
    pub(super) fn cut_log(&self) -> Option<String> {
        let bytes = self.process.left_out()?;
        let log = self.log.display();
        Some(format!("{bytes} bytes of the middle of {log} are left out"))
    }

    /// Words for the end of one that took so long to stop, and did not do so in order.
    pub(super) fn complaint(&self, exit: ProcessExit, took: Duration) -> String {
        let grace = self.process.grace();
        if exit == ProcessExit::Signal(KILLED) && took >= grace {
            return format!(
                "it had not stopped after {grace:?} and was killed: what it had not stored is lost"
            );
        }
        let last = self.process.last_lines(1).0.pop().unwrap_or_default();
        format!("{exit}: {last}")
    }
}

/// What the first of several futures comes to that is done; without any it is never.
pub(super) async fn first<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> T {
    std::future::poll_fn(|context| {
        let mut done = futures
            .iter_mut()
            .map(|future| future.as_mut().poll(context));
        done.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}
