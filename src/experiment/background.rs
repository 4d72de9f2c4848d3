//! A thread that writes while the load goes on, so that a slow disk delays neither workers nor the readings of the target.

use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::WriteError;

/// A file, or several, that are being written.
#[derive(Debug)]
pub(super) struct Background<T> {
    thread: JoinHandle<Result<T, WriteError>>,
    /// `None` once it has ended well.
    failed: Option<oneshot::Receiver<()>>,
}

impl<T: Send + 'static> Background<T> {
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(
        name: &str,
        write: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tell, failed) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            let written = write();
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

    /// Waits until all is written.
    pub(super) fn finish(self) -> Result<T, WriteError> {
        self.thread.join().expect("nothing in it panics")
    }
}

/// Returns when one of several, if there is one, can write no more.
pub(super) async fn failed<T: Send + 'static>(background: Option<&mut Background<T>>) {
    match background {
        Some(background) => background.failed().await,
        None => std::future::pending().await,
    }
}
