//! What one instance of several answered.

use serde::{Deserialize, Serialize};

/// Requests that ended at one instance. Those due in the window, but for `completed_ok`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Answered as expected.
    pub ok: u64,
    /// Failed, in whatever way.
    pub failed: u64,
    /// OK responses completed in the window, whenever they were due.
    pub completed_ok: u64,
}

impl Served {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.completed_ok += other.completed_ok;
    }
}
