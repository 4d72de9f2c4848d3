//! Writes the ids of what was acknowledged, a line each, while the load goes on: on a thread of its own, so that a slow disk
//! delays neither workers nor the readings of the target. What it is handed is in the file before it waits for more.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::WriteError;
use crate::engine::{AcknowledgedIds, Acknowledgement};

/// Where ids go, and what makes them.
pub(super) struct Lines {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) ids: AcknowledgedIds,
}

/// A file that is being written.
pub(super) struct Ledger {
    thread: JoinHandle<Result<u64, WriteError>>,
    /// `None` once it has ended well.
    failed: Option<oneshot::Receiver<()>>,
}

impl Ledger {
    /// Writes what is received until nobody is left who could send.
    pub(super) fn start(
        lines: Lines,
        from: Receiver<Vec<Acknowledgement>>,
    ) -> std::io::Result<Self> {
        let (tell, failed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("acknowledged".to_owned());
        let thread = thread.spawn(move || {
            let written = lines.write(&from);
            if written.is_err() {
                // Whoever has ended the load already does not listen.
                let _ = tell.send(());
            }
            written
        })?;
        Ok(Self {
            thread,
            failed: Some(failed),
        })
    }

    /// Returns when it can write no more, and only then.
    pub(super) async fn failed(&mut self) {
        if let Some(failed) = &mut self.failed
            && failed.await.is_ok()
        {
            return;
        }
        self.failed = None;
        std::future::pending().await
    }

    /// Waits for the last line; returns how many were written.
    pub(super) fn finish(self) -> Result<u64, WriteError> {
        self.thread.join().expect("nothing in it panics")
    }
}

impl Lines {
    fn write(mut self, from: &Receiver<Vec<Acknowledgement>>) -> Result<u64, WriteError> {
        let (mut count, mut text) = (0, Vec::new());
        for some in from {
            text.clear();
            for one in some {
                count += self.ids.append(one, &mut text);
            }
            self.file.write_all(&text).map_err(|cause| WriteError {
                path: self.path.clone(),
                cause,
            })?;
        }
        Ok(count)
    }
}
