//! What ends a stretch of load before its time: figures that are hopeless, and a target that is silent.

use std::time::{Duration, Instant};

use super::gather::Gather;
use super::phase::PhaseRun;
use super::stretch::{EndedEarly, Stretch};
use crate::pacer::Schedule;
use crate::scenario::{Load, LoadModel};

/// Figures are looked at that often at most.
const LOOKS: Duration = Duration::from_millis(500);

/// Looks at a stretch while it goes on.
pub(super) struct Early<'a> {
    pub(super) run: &'a PhaseRun<'a>,
    load: &'a Load,
    limits: Vec<f64>,
    /// Whether any threshold may end the run here.
    is_judged: bool,
    looked: Instant,
    pub(super) ended: Option<EndedEarly>,
}

impl<'a> Early<'a> {
    pub(super) fn new(run: &'a PhaseRun<'a>, stretch: &Stretch<'a>) -> Self {
        let launch = run.launch;
        let mut thresholds = launch.plan.thresholds.iter();
        let aborts = thresholds
            .any(|of| of.abort.is_some() && of.looks_at(&launch.variant.name, &run.phase.name));
        Self {
            run,
            load: stretch.load,
            limits: launch.plan.latency_limits(),
            // A profiled stretch has no figures of its own.
            is_judged: aborts && !stretch.profiled,
            looked: Instant::now(),
            ended: None,
        }
    }

    /// Whether the load is to end now.
    pub(super) fn looks(&mut self, gather: &Gather) -> bool {
        if self.ended.is_none() {
            self.ended = self.silence(gather).or_else(|| self.hopeless(gather));
            return self.ended.is_some();
        }
        false
    }

    fn silence(&self, gather: &Gather) -> Option<EndedEarly> {
        let longest = self.load.silent_for?;
        let (from, to) = (gather.silent_from(), gather.reached());
        (to.saturating_sub(from) >= longest && is_asked(self.load, from, to))
            .then_some(EndedEarly::Silent(from, to))
    }

    fn hopeless(&mut self, gather: &Gather) -> Option<EndedEarly> {
        if !self.is_judged || self.looked.elapsed() < LOOKS {
            return None;
        }
        self.looked = Instant::now();
        let launch = self.run.launch;
        let found = gather.so_far(self.run.blank(), &self.limits)?;
        let variant = &launch.variant.name;
        let words = launch.observer.hopeless(variant, &found, gather.reached());
        words.map(EndedEarly::Hopeless)
    }
}

/// Whether a request waited between two instants of a window in which nothing answered. Connections of a closed loop always wait.
fn is_asked(load: &Load, from: Duration, to: Duration) -> bool {
    let LoadModel::Open { pace, .. } = &load.model else {
        return true;
    };
    let schedule = Schedule::new(pace, load.warmup);
    let planned = |at: Duration| schedule.requests_before((load.warmup + at).as_nanos() as u64);
    // Of ten arrivals that are planned by chance hardly ever none comes.
    planned(to) - planned(from) >= 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::samples::phase;
    use crate::scenario::{Arrivals, Pace};
    use crate::units::Rate;

    #[test]
    fn a_target_that_nobody_asks_is_not_silent() {
        let mut load = phase(|_| ()).load;
        let [from, to] = [2, 5].map(Duration::from_secs);
        assert!(is_asked(&load, from, to));
        for (rate, asked) in [(1.0, false), (4.0, true)] {
            load.model = LoadModel::Open {
                pace: Pace::Constant(Rate::new(rate).unwrap()),
                arrivals: Arrivals::Poisson,
            };
            assert_eq!(is_asked(&load, from, to), asked, "{rate}");
        }
    }
}
