//! The figures of the last second, whatever the length of intervals.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::experiment::Live;
use crate::metrics::value_at;

/// As many of the last intervals count as take no longer than this: what is more than a second is rounding.
const LONGEST: Duration = Duration::from_millis(1_050);

/// Figures of the last intervals that fit into a second, or of the last one if that is longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Second {
    /// How long these intervals are.
    pub(super) length: Duration,
    /// OK responses a second.
    pub(super) achieved: f64,
    /// Requests a second that the schedule asked for; `None` in a closed loop.
    pub(super) planned: Option<f64>,
    /// Median of latency, µs; `None` if nothing that was due has an OK response: what gave up knows lower bounds alone.
    pub(super) p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub(super) p99_us: Option<f64>,
    /// CPU of the target, cores; `None` if it is not known.
    pub(super) target_cores: Option<f64>,
    /// CPU of the generator, cores.
    pub(super) generator_cores: Option<f64>,
}

/// The last intervals, a second of them.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Interval>);

#[derive(Debug)]
struct Interval {
    length: Duration,
    completed_ok: u64,
    ok: u64,
    planned: Option<f64>,
    latency: Histogram<u64>,
    target_cores: Option<f64>,
    generator_cores: Option<f64>,
}

/// CPU time and how long it is known for, s.
#[derive(Debug, Default)]
struct Cores {
    used: f64,
    known: f64,
}

impl Recent {
    /// Adds an interval for which the schedule had `planned` requests: the figures of the second that ends with it.
    pub(super) fn add(&mut self, live: &Live<'_>, planned: Option<f64>) -> Second {
        self.0.push_back(Interval {
            length: live.length,
            completed_ok: live.completed_ok,
            ok: live.ok,
            planned,
            latency: live.latency.clone(),
            target_cores: live.target_cores,
            generator_cores: live.generator_cores,
        });
        while self.0.len() > 1 && self.length() > LONGEST {
            self.0.pop_front();
        }
        self.figures(live.latency)
    }

    fn length(&self) -> Duration {
        self.0.iter().map(|of| of.length).sum()
    }

    /// The figures of all intervals; `last` has the latencies of the last one.
    fn figures(&self, last: &Histogram<u64>) -> Second {
        let length = self.length();
        let seconds = length.as_secs_f64();
        let mut latency = last.clone();
        for of in self.0.iter().rev().skip(1) {
            // All are of one kind.
            let _ = latency.add(&of.latency);
        }
        let has_ok = self.0.iter().any(|of| of.ok > 0);
        let at = |quantile| (has_ok && !latency.is_empty()).then(|| value_at(&latency, quantile));
        let (mut target, mut generator) = (Cores::default(), Cores::default());
        for of in &self.0 {
            target.add(of.target_cores, of.length);
            generator.add(of.generator_cores, of.length);
        }
        let planned: Option<f64> = self.0.iter().map(|of| of.planned).sum();
        let completed_ok: u64 = self.0.iter().map(|of| of.completed_ok).sum();
        Second {
            length,
            achieved: completed_ok as f64 / seconds,
            planned: planned.map(|planned| planned / seconds),
            p50_us: at(0.5),
            p99_us: at(0.99),
            target_cores: target.average(),
            generator_cores: generator.average(),
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
    fn figures_are_of_the_last_second_however_short_or_long_intervals_are() {
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
            // Another half: the first one is no part of the last second any more.
            interval(500, 8, 900, None),
            interval(800, 80, 100, None),
            interval(800, 160, 100, None),
            interval(3_000, 30, 200, None),
        ];
        let mut recent = Recent::default();
        let mut seconds = Vec::new();
        for (length, latency, target_cores) in &intervals {
            let live = Live {
                start: Duration::ZERO,
                length: *length,
                completed_ok: latency.len(),
                ok: latency.len(),
                latency,
                errors: [0; ErrorKind::ALL.len()],
                target_cores: *target_cores,
                generator_cores: Some(0.5),
            };
            seconds.push(recent.add(&live, Some(60.0)));
        }
        let lengths: Vec<_> = seconds.iter().map(|of| of.length.as_millis()).collect();
        // Never longer than a second but for an interval that is, and told with each interval.
        assert_eq!(lengths, [500, 1_000, 1_000, 800, 800, 3_000]);
        let achieved: Vec<_> = seconds.iter().map(|of| of.achieved).collect();
        assert_eq!(achieved, [196.0, 100.0, 10.0, 100.0, 200.0, 10.0]);
        let near = |found: Option<f64>, us: f64| (found.unwrap() / us - 1.0).abs() < 0.01;
        let first = seconds[1];
        assert_eq!(first.planned, Some(120.0));
        assert!(
            near(first.p50_us, 100.0) && near(first.p99_us, 900.0),
            "{first:?}"
        );
        // What is not known is no zero.
        assert_eq!(
            (first.target_cores, first.generator_cores),
            (Some(1.0), Some(0.5))
        );
        assert_eq!(
            (seconds[5].planned, seconds[5].target_cores),
            (Some(20.0), None)
        );
    }

    #[test]
    fn what_gave_up_has_no_latency_until_something_is_answered() {
        let mut latency = Histogram::new(3).unwrap();
        latency.auto(true);
        latency.record_n(1_000_000_000, 7).unwrap();
        let mut recent = Recent::default();
        let mut second = |ok| {
            let live = Live {
                start: Duration::ZERO,
                length: Duration::from_millis(500),
                completed_ok: ok,
                ok,
                latency: &latency,
                errors: [0; ErrorKind::ALL.len()],
                target_cores: None,
                generator_cores: None,
            };
            let second = recent.add(&live, None);
            (second.p50_us.is_some(), second.p99_us.is_some())
        };
        assert_eq!(
            [second(0), second(0), second(1)],
            [(false, false), (false, false), (true, true)]
        );
    }
}
