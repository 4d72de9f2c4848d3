//! How a command that fails ends, where no outcome of a run says that.

/// A usage or scenario error: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Exit code of a usage or scenario error.
pub(super) const USAGE: u8 = 2;
/// Exit code of an internal or I/O error.
pub(super) const INTERNAL: u8 = 5;

/// What could not be written decides on the exit code, where the summary has named that of the figures.
pub(super) fn unkept(error: anyhow::Error, of_figures: u8) -> anyhow::Error {
    if of_figures == INTERNAL || error.is::<Usage>() {
        return error;
    }
    anyhow::anyhow!("{error:#}; therefore the exit code is {INTERNAL} and not {of_figures}")
}
