//! What one process counted in one interval of a window, all of its requests together. Pure.

use serde::{Deserialize, Serialize};

use super::readings::Cells;
use crate::metrics::Tally;

/// An interval of which all workers of a process have told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Of the interval within the window, from 0.
    pub(super) index: u64,
    /// OK responses of other hosts than the target.
    pub(super) elsewhere: u64,
    pub(super) tally: Tally,
    /// What was read of the target and of the generator, if that came in time.
    pub(super) cells: Option<Cells>,
}
