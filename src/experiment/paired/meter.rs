//! What one arm uses, read while it is idle: a reading that is late by less than its idle time is none the worse for that.

use std::time::Duration;

use super::super::launch::Launched;
use super::super::mark::{self, Cpu, Scraped};
use super::super::probe::TargetProbe;
use super::super::watch::Probe;
use crate::metrics::Timetable;
use crate::result::Failure;

/// Reads one arm.
pub(super) struct Meter {
    probe: TargetProbe,
    /// Whether what is read is of something else.
    is_blind: bool,
}

/// What an arm had used at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    /// ns.
    pub(super) at: u64,
    pub(super) used: Used,
}

/// CPU time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    /// Of the target.
    pub(super) target: Duration,
    /// Of that and of the services beside it.
    pub(super) all: Duration,
}

impl Meter {
    pub(super) fn of(target: &Launched) -> Result<Self, Failure> {
        Ok(Self {
            probe: target.probe()?,
            is_blind: false,
        })
    }

    /// The same, which reads nothing if what it would read is of something else than the arm.
    pub(super) fn blind(self, is_blind: bool) -> Self {
        Self { is_blind, ..self }
    }

    pub(super) fn restart_peaks(&self) {
        self.probe.restart_peaks();
    }

    /// Its CPU time; `None` if nothing tells it.
    pub(super) async fn cpu(&mut self) -> Option<Read> {
        if self.is_blind {
            return None;
        }
        match self.probe.cpu() {
            Cpu::Processes => {
                let seen = self.probe.see();
                let known = |of: &mark::Used| of.cpu_seconds.clone().ok();
                let services = seen.services.iter().filter_map(known).sum();
                read(seen.at, seen.instances.iter().map(known).sum(), services)
            }
            Cpu::Metrics => {
                let Scraped {
                    answered,
                    read: found,
                    ..
                } = self.probe.scrape().await;
                read(answered, found.ok()?.cpu_seconds, 0.0)
            }
            Cpu::Nowhere => None,
        }
    }

    /// The most memory that it had since its peaks were restarted, bytes.
    pub(super) fn peak_bytes(&mut self) -> Option<u64> {
        if self.is_blind {
            return None;
        }
        let seen = self.probe.see();
        seen.instances.iter().map(|of| of.peak_bytes).sum()
    }
}

fn read(at: u64, seconds: Option<f64>, services: f64) -> Option<Read> {
    let target = Duration::try_from_secs_f64(seconds?).ok()?;
    let all = target + Duration::try_from_secs_f64(services).ok()?;
    let used = Used { target, all };
    Some(Read { at, used })
}

/// What was used between two readings; `None` if the first came when the arm was no longer idle, or one is missing.
pub(super) fn used(
    begin: u64,
    turns: &Timetable,
    first: Option<Read>,
    last: Option<Read>,
) -> Option<Used> {
    let first = first.filter(|first| first.at <= begin + turns.first_measured())?;
    let last = last?;
    Some(Used {
        target: last.used.target.checked_sub(first.used.target)?,
        // A service may have ended.
        all: last.used.all.saturating_sub(first.used.all),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Slices;

    #[test]
    fn a_reading_that_came_after_the_arm_began_again_is_no_beginning() {
        const MS: Duration = Duration::from_millis(1);
        let slices = Slices {
            dropped: 4,
            measured: 8,
        };
        let turns = Timetable::new(100 * MS, 2 * MS, slices);
        let read = |at: u64, cpu| {
            Some(Read {
                at: 1_000 + at,
                used: Used {
                    target: cpu * MS,
                    all: cpu * MS + MS,
                },
            })
        };
        let used = |first, last| used(1_000, &turns, first, last).map(|used| used.target);
        let last = read(2_000_000_000, 50);
        assert_eq!(used(read(408_000_000, 20), last), Some(30 * MS));
        assert_eq!(used(read(408_000_001, 20), last), None);
        assert_eq!(used(None, last), None);
        assert_eq!(used(read(1, 20), None), None);
        assert_eq!(used(read(1, 51), last), None);
    }
}
