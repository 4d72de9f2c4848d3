//! When each stretch of load begins: a function of the start and of the scenario, so that no shard waits for a word of another.

use std::time::Duration;

/// Time between the latest end of a stretch, answers that are waited for included, and the beginning of the next one.
pub const GAP: Duration = Duration::from_secs(2);

/// How long a stretch of load takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Warm-up and window.
    pub length: Duration,
    /// How long answers are waited for behind them.
    pub timeout: Duration,
}

/// When each stretch begins, from the start on.
pub fn begins(slots: impl IntoIterator<Item = Slot>) -> Vec<Duration> {
    let slots = slots.into_iter();
    let begins = slots.scan(Duration::ZERO, |next, slot| {
        let begin = *next;
        let lasts = slot.length.saturating_add(slot.timeout);
        *next = begin.saturating_add(lasts).saturating_add(GAP);
        Some(begin)
    });
    begins.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_begins_when_the_one_before_it_is_over() {
        let slot = |length, timeout| Slot {
            length: Duration::from_secs(length),
            timeout: Duration::from_secs(timeout),
        };
        let found = begins([slot(12, 10), slot(30, 1), slot(5, 5)]);
        assert_eq!(found, [0, 24, 57].map(Duration::from_secs));
        assert!(begins([]).is_empty());
        let endless = Slot {
            length: Duration::MAX,
            timeout: Duration::MAX,
        };
        assert_eq!(begins([endless; 2]), [Duration::ZERO, Duration::MAX]);
    }
}
