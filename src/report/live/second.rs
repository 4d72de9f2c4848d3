//! The figures of a second, whatever the length of intervals.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::experiment::Live;
use crate::metrics::value_at;

/// Intervals are joined until they are as long as this: the rest of a second is rounding.
const LONG_ENOUGH: Duration = Duration::from_millis(950);

/// Figures of a second, or of an interval that is longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Second {
    /// OK responses a second.
    pub(super) achieved: f64,
    /// Requests a second that the schedule asked for; `None` in a closed loop.
    pub(super) planned: Option<f64>,
    /// Median of latency, µs; `None` if nothing was due that has ended.
    pub(super) p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub(super) p99_us: Option<f64>,
    /// CPU of the target, cores; `None` if it is not known.
    pub(super) target_cores: Option<f64>,
    /// CPU of the generator, cores.
    pub(super) generator_cores: Option<f64>,
}

/// Intervals that are not yet a second.
#[derive(Debug, Default)]
pub(super) struct Joining {
    length: Duration,
    completed_ok: u64,
    planned: Option<f64>,
    latency: Option<Histogram<u64>>,
    target: Cores,
    generator: Cores,
}

/// CPU time and how long it is known for, s.
#[derive(Debug, Default)]
struct Cores {
    used: f64,
    known: f64,
}

impl Joining {
    /// Adds an interval for which the schedule had `planned` requests. The second that is complete with it, if one is.
    pub(super) fn add(&mut self, live: &Live<'_>, planned: Option<f64>) -> Option<Second> {
        self.length += live.length;
        self.completed_ok += live.completed_ok;
        self.planned = planned.map(|more| self.planned.unwrap_or(0.0) + more);
        match &mut self.latency {
            // All are of one kind.
            Some(latency) => drop(latency.add(live.latency)),
            None => self.latency = Some(live.latency.clone()),
        }
        self.target.add(live.target_cores, live.length);
        self.generator.add(live.generator_cores, live.length);
        (self.length >= LONG_ENOUGH).then(|| std::mem::take(self).over())
    }

    fn over(self) -> Second {
        let seconds = self.length.as_secs_f64();
        let latency = self.latency.filter(|latency| !latency.is_empty());
        let at = |quantile| latency.as_ref().map(|of| value_at(of, quantile));
        Second {
            achieved: self.completed_ok as f64 / seconds,
            planned: self.planned.map(|planned| planned / seconds),
            p50_us: at(0.5),
            p99_us: at(0.99),
            target_cores: self.target.average(),
            generator_cores: self.generator.average(),
        }
    }
}

impl Cores {
    fn add(&mut self, cores: Option<f64>, length: Duration) {
        if let Some(cores) = cores {
            self.used += cores * length.as_secs_f64();
            self.known += length.as_secs_f64();
        }
    }

    fn average(&self) -> Option<f64> {
        (self.known > 0.0).then(|| self.used / self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ErrorKind;

    #[test]
    fn short_intervals_are_joined_and_long_ones_are_not() {
        let mut latency = Histogram::new(3).unwrap();
        latency.auto(true);
        let mut interval = |ms: u64, ok: u64, us: u64, target_cores| {
            latency.reset();
            latency.record_n(us * 1_000, ok).unwrap();
            (Duration::from_millis(ms), latency.clone(), target_cores)
        };
        let intervals = [
            interval(500, 98, 100, Some(1.0)),
            interval(500, 2, 900, None),
            interval(3_000, 30, 200, None),
        ];
        let mut joining = Joining::default();
        let mut seconds = Vec::new();
        for (length, latency, target_cores) in &intervals {
            let live = Live {
                start: Duration::ZERO,
                length: *length,
                completed_ok: latency.len(),
                latency,
                errors: [0; ErrorKind::ALL.len()],
                target_cores: *target_cores,
                generator_cores: Some(0.5),
            };
            seconds.push(joining.add(&live, Some(60.0)));
        }
        let [None, Some(first), Some(second)] = seconds[..] else {
            panic!("{seconds:?}");
        };
        let near = |found: Option<f64>, us: f64| (found.unwrap() / us - 1.0).abs() < 0.01;
        assert_eq!((first.achieved, first.planned), (100.0, Some(120.0)));
        assert!(
            near(first.p50_us, 100.0) && near(first.p99_us, 900.0),
            "{first:?}"
        );
        // What is not known is no zero.
        assert_eq!(
            (first.target_cores, first.generator_cores),
            (Some(1.0), Some(0.5))
        );
        assert_eq!((second.achieved, second.planned), (10.0, Some(20.0)));
        assert_eq!(second.target_cores, None);
    }
}
