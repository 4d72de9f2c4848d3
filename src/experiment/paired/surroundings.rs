//! What the machine did beside the arms and the generator while these were loaded.

use std::time::Duration;

use crate::engine::now_ns;
use crate::process::cgroup;
use crate::process::machine::{MachineTimes, own_cpu_ns};
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

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            at: now_ns(),
            times: MachineTimes::read().ok(),
            own_cpu_ns: own_cpu_ns(),
            throttled: cgroup::throttled(),
        }
    }

    /// What happened between two of them on a machine with so many CPUs, of which the arms used `arms`.
    pub(super) fn until(&self, end: &Self, cpus: usize, arms: Option<Duration>) -> Around {
        let seconds = end.at.saturating_sub(self.at) as f64 / 1e9;
        let per_second = |used: f64| if seconds > 0.0 { used / seconds } else { 0.0 };
        let generator = end.own_cpu_ns.saturating_sub(self.own_cpu_ns) as f64 / 1e9;
        let used = end.times.zip(self.times);
        let used = used.and_then(|(end, begin)| end.since(&begin));
        let generator_cores = per_second(generator);
        let foreign = used.zip(arms).map(|(used, arms)| {
            let own = generator_cores + per_second(arms.as_secs_f64());
            (used.busy_share * cpus as f64 - own).max(0.0)
        });
        let throttled = end.throttled.unwrap_or_default();
        Around {
            foreign_cores: foreign,
            steal: used.map(|used| used.steal_share),
            throttled: throttled.saturating_sub(self.throttled.unwrap_or_default()),
            generator_cores,
            dispatch_lag_p99: Duration::ZERO,
        }
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
            }),
            own_cpu_ns: own,
            throttled: Some(Duration::from_millis(own / 1_000_000)),
        };
        // Two CPUs for two seconds, of which 40 ticks are idle and 20 stolen.
        let (begin, end) = (at(1, 0, 0, 0), at(3, 400, 40, 1_000_000_000));
        let around = begin.until(&end, 2, Some(Duration::from_secs(1)));
        assert_eq!(around.generator_cores, 0.5);
        assert_eq!(around.steal, Some(0.05));
        assert_eq!(around.throttled, Duration::from_secs(1));
        let foreign = around.foreign_cores.unwrap();
        assert!((foreign - (0.85 * 2.0 - 1.0)).abs() < 1e-9, "{foreign}");
        assert_eq!(begin.until(&end, 2, None).foreign_cores, None);
        assert_eq!(
            begin
                .until(&end, 2, Some(Duration::from_secs(9)))
                .foreign_cores,
            Some(0.0)
        );
        let nothing = end.until(&end, 2, Some(Duration::ZERO));
        assert_eq!((nothing.steal, nothing.generator_cores), (None, 0.0));
    }
}
