//! Which of many take their turn, where a share of them does: evenly spread, and exact over any number. Pure but for its count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A share of turns, counted over all who ask.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    share: f64,
    asked: Arc<AtomicU64>,
}

impl Turns {
    /// `share` is between 0 and 1.
    pub(super) fn new(share: f64) -> Self {
        Self {
            share,
            asked: Arc::default(),
        }
    }

    /// Whether who asks now is one of the share.
    pub(super) fn next(&self) -> bool {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let until = |n: u64| (n as f64 * self.share) as u64;
        until(n + 1) > until(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact() {
        for (share, expected) in [(0.0, 0), (0.25, 250), (0.5, 500), (1.0, 1_000)] {
            let turns = Turns::new(share);
            assert_eq!((0..1_000).filter(|_| turns.next()).count(), expected);
        }
    }
}
