//! The time that is measured.

use serde::{Deserialize, Serialize};

/// The measured window, ns on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First instant.
    pub start: u64,
    /// First instant after it.
    pub end: u64,
}

impl Window {
    /// Whether the instant lies in it.
    pub fn contains(self, instant: u64) -> bool {
        (self.start..self.end).contains(&instant)
    }

    /// Its length, seconds.
    pub fn seconds(self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1e9
    }
}
