//! What waits in the queue and is stored.

use axum::body::Bytes;
use tokio::sync::oneshot;

/// Payloads that are stored together or not at all.
#[derive(Debug)]
pub(crate) struct Job {
    /// Their stored lines.
    pub(crate) lines: Bytes,
    pub(crate) payloads: u32,
    /// Told once they are stored; without it they are acknowledged already.
    pub(crate) stored: Option<oneshot::Sender<()>>,
}
