//! Whether counts that were read from a file are as a run counts them: arithmetic relies on that. Pure.

use super::Tally;

/// More than any run counts, and little enough to be added up.
const MOST: u64 = 1 << 53;

impl Tally {
    /// Whether counts are as those of a run. What its histograms hold is another question ([`Tally::holds`]).
    pub fn adds_up(&self) -> bool {
        let counts = [
            self.due,
            self.sent,
            self.completed_ok,
            self.ok,
            self.failed,
            self.in_flight_at_end,
            self.not_sent,
            self.resent,
            self.received,
            self.received_body,
            self.sent_bytes,
            self.sent_body,
        ];
        let all = counts
            .iter()
            .chain(&self.errors)
            .chain(self.status.values());
        if all.clone().any(|&count| count > MOST) {
            return false;
        }
        let failed: u64 = self.errors.iter().sum();
        let answered = self.status.values();
        let answered = answered.fold(0, |sum: u64, count| sum.saturating_add(*count));
        answered <= self.due
            && self.due == self.ok + self.failed + self.in_flight_at_end + self.not_sent
            && failed <= self.failed
            && self.timed_out <= self.failed
            && self.sent <= self.due
            && self.sent_in_window <= self.sent
            && self.needed <= self.due
            && self.needed_sent_in_window <= self.needed.min(self.sent_in_window)
    }

    /// Whether its histograms hold what its counts say.
    pub fn holds(&self) -> bool {
        let counts = [
            (self.latency.len(), self.ok),
            (self.service_time.len(), self.ok),
            (self.queue_wait.len(), self.sent),
            (self.dispatch_lag.len(), self.sent),
        ];
        counts.iter().all(|(held, told)| held == told)
    }
}
