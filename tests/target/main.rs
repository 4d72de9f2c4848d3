//! What a user gets from starting, measuring and stopping a target: nothing stays behind, and the figures are true.
//!
//! Processes are looked for by id, and every wait is a poll with a deadline.
#![allow(clippy::unwrap_used, missing_docs)]

mod ended;
mod measured;
mod ready;
mod started;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use telemload::process::{ProcessHandle, ProcessSpec};
use tempfile::TempDir;

const TELEMLOAD: &str = env!("CARGO_BIN_EXE_telemload");
const LONG: Duration = Duration::from_secs(120);
const HOLD: &str = "TELEMLOAD_TEST_HOLD";

fn log(path: &Path) -> File {
    let mut options = File::options();
    options
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}

/// A directory in which the scripts of a test leave their process ids and whatever else they found out.
struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spec(&self, script: &str) -> ProcessSpec {
        let log = log(&self.path("log"));
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut spec = ProcessSpec::new("svc", argv, log);
        spec.env.insert(
            "STAGE".to_owned(),
            self.0.path().to_str().unwrap().to_owned(),
        );
        spec
    }

    async fn start(&self, script: &str) -> ProcessHandle {
        spawn(self.spec(script)).await
    }

    /// The complete lines of a file, once there are at least `n`.
    fn lines(&self, name: &str, n: usize) -> Vec<String> {
        let path = self.path(name);
        until(&format!("{n} lines in {name}"), || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'))
                .collect();
            (lines.len() >= n).then(|| lines.iter().map(|line| (*line).to_owned()).collect())
        })
    }

    /// Writes a line to a fifo that a script made. Keep the file: its end would be the end of what was written.
    #[must_use]
    fn tell(&self, name: &str) -> fs::File {
        let mut fifo = self.fifo(name);
        fifo.write_all(b"go\n").unwrap();
        fifo
    }

    /// Opened for both directions, so that it never waits for the other end.
    fn fifo(&self, name: &str) -> fs::File {
        let path = self.path(name);
        until(name, || {
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .ok()
        })
    }

    fn pids(&self, n: usize) -> Vec<i32> {
        self.lines("pids", n)
            .iter()
            .map(|line| line.parse().unwrap())
            .collect()
    }
}

async fn spawn(spec: ProcessSpec) -> ProcessHandle {
    ProcessHandle::spawn_through(TELEMLOAD, spec).await.unwrap()
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < LONG, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Gone or a zombie, which an init that does not reap may leave.
fn ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

fn all_end(pids: &[i32]) {
    for pid in pids {
        until(&format!("the end of {pid}"), || ended(*pid).then_some(()));
    }
}
