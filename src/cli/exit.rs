//! How a command that fails ends, where no outcome of a run says that.

/// A usage or scenario error: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Exit code of a usage or scenario error.
pub(super) const USAGE: u8 = 2;
/// Exit code of an internal or I/O error.
pub(super) const INTERNAL: u8 = 5;
