//! What the machine did beside the arms and the generator while these were loaded.

use std::time::Duration;

use crate::engine::now_ns;
use crate::process::cgroup;
use crate::process::machine::{MachineTimes, MachineUse, own_cpu_ns};
use crate::result::Around;

/// What was counted until an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// ns.
    at: u64,
    times: Option<MachineTimes>,
    own_cpu_ns: u64,
    throttled: Option<Duration>,
}

/// CPU time of others, and over how long it was counted, seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Foreign {
    cpu: f64,
    over: f64,
}

impl Foreign {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            over: self.over + other.over,
        }
    }

    /// CPUs; `None` if it was not counted.
    pub(super) fn cores(self) -> Option<f64> {
        (self.over > 0.0).then(|| self.cpu / self.over)
    }
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            at: now_ns(),
            times: MachineTimes::read().ok(),
            own_cpu_ns: own_cpu_ns(),
            throttled: cgroup::throttled(),
        }
    }

    /// What happened between two of them; who else used the CPU is told by [`Self::foreign`].
    pub(super) fn until(&self, end: &Self) -> Around {
        let seconds = self.seconds(end);
        let generator = self.generator(end);
        let throttled = end.throttled.unwrap_or_default();
        Around {
            foreign_cores: None,
            steal: self.machine(end).map(|used| used.steal_share),
            throttled: throttled.saturating_sub(self.throttled.unwrap_or_default()),
            generator_cores: if seconds > 0.0 {
                generator / seconds
            } else {
                0.0
            },
            dispatch_lag_p99: Duration::ZERO,
        }
    }

    /// What others used between two of them. The CPU time `arms` must cover all of this span: what is missing would be counted as
    /// that of others.
    pub(super) fn foreign(&self, end: &Self, arms: Duration) -> Option<Foreign> {
        let over = self.seconds(end);
        let all = self.machine(end)?.process_cores * over;
        Some(Foreign {
            cpu: (all - self.generator(end) - arms.as_secs_f64()).max(0.0),
            over,
        })
    }

    fn seconds(&self, end: &Self) -> f64 {
        end.at.saturating_sub(self.at) as f64 / 1e9
    }

    /// CPU time of telemload itself, seconds.
    fn generator(&self, end: &Self) -> f64 {
        end.own_cpu_ns.saturating_sub(self.own_cpu_ns) as f64 / 1e9
    }

    fn machine(&self, end: &Self) -> Option<MachineUse> {
        end.times?.since(&self.times?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_neither_the_arms_nor_the_generator_used_is_foreign() {
        let at = |seconds: u64, total, idle, own| Moment {
            at: seconds * 1_000_000_000,
            times: Some(MachineTimes {
                total,
                idle,
                steal: total / 20,
                // The others are interrupts.
                processes: (total - idle) * 3 / 4,
                cpus: 2,
            }),
            own_cpu_ns: own,
            throttled: Some(Duration::from_millis(own / 1_000_000)),
        };
        // Two CPUs for two seconds, of which 40 ticks are idle and 20 stolen.
        let (begin, end) = (at(1, 0, 0, 0), at(3, 400, 40, 1_000_000_000));
        let around = begin.until(&end);
        assert_eq!(around.generator_cores, 0.5);
        assert_eq!(around.steal, Some(0.05));
        assert_eq!(around.throttled, Duration::from_secs(1));
        let foreign = |arms| begin.foreign(&end, Duration::from_secs(arms)).unwrap();
        let cores = foreign(1).cores().unwrap();
        assert!((cores - (0.675 * 2.0 - 1.0)).abs() < 1e-9, "{cores}");
        assert_eq!(foreign(9).cores(), Some(0.0));
        // What covers a part of the time says nothing of the other part.
        let both = foreign(1).and(foreign(9)).cores().unwrap();
        assert!((both - cores / 2.0).abs() < 1e-9, "{both}");
        assert!(end.foreign(&end, Duration::ZERO).is_none());
        assert_eq!(Foreign::default().cores(), None);
        let nothing = end.until(&end);
        assert_eq!((nothing.steal, nothing.generator_cores), (None, 0.0));
    }
}
