//! How latency and the cost of a request went over a window, in at most 512 points: what rules about its course look at. Pure.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::metrics::value_at;

/// Points that are kept at most; then two neighbours become one.
const MOST: usize = 512;

/// A stretch of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Median of latency, µs; of several intervals the mean.
    pub(super) p50_us: f64,
    /// 99th percentile, µs; of several intervals the largest.
    pub(super) p99_us: f64,
    /// CPU of the target for each OK response, µs.
    pub(super) cost_us: Option<f64>,
}

/// The course of a window. Intervals without an answer are left out, and then nothing is said of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    /// From the beginning of one to that of the next.
    interval: Duration,
    /// How much of it counts: less where it is that of turns.
    own: Duration,
    /// Intervals in each point.
    each: u32,
    points: Vec<Point>,
    /// Intervals in the last point.
    last: u32,
    /// An interval had no latency, or is missing: points behind it stand too early.
    pub(super) has_gaps: bool,
}

impl Trend {
    /// Of intervals of this length, of which so much counts.
    pub(super) fn of(interval: Duration, own: Duration) -> Self {
        Self {
            interval,
            own,
            each: 1,
            ..Self::default()
        }
    }

    /// Adds the next interval: its latency, its OK responses a second, and the cores that the target used.
    pub(super) fn add(&mut self, latency: &Histogram<u64>, rate: f64, cores: Option<f64>) {
        if latency.is_empty() {
            self.has_gaps = true;
            return;
        }
        let cost = cores.map(|cores| cores * 1e6 / rate);
        let point = Point {
            p50_us: value_at(latency, 0.5),
            p99_us: value_at(latency, 0.99),
            cost_us: cost.filter(|cost| cost.is_finite()),
        };
        if self.last > 0 && self.last < self.each {
            let into = self.points.last_mut().expect("the last one is begun");
            *into = joined(*into, point, self.last);
            self.last += 1;
            return;
        }
        if self.points.len() == MOST {
            self.points = self
                .points
                .chunks(2)
                .map(|pair| joined(pair[0], pair[1], 1))
                .collect();
            self.each *= 2;
        }
        self.points.push(point);
        self.last = 1;
    }

    /// All points but a last one that is shorter.
    pub(super) fn points(&self) -> &[Point] {
        let whole = self.points.len() - usize::from(self.last < self.each && self.last > 0);
        &self.points[..whole]
    }

    /// The time from one point to the next.
    pub(super) fn step(&self) -> Duration {
        self.interval * self.each
    }

    /// How much of it counts, as warm-ups and durations do.
    pub(super) fn own_step(&self) -> Duration {
        self.own * self.each
    }
}

/// A point of `count` intervals with one more.
fn joined(into: Point, more: Point, count: u32) -> Point {
    let mean = |a: f64, b: f64| (a * f64::from(count) + b) / f64::from(count + 1);
    Point {
        p50_us: mean(into.p50_us, more.p50_us),
        p99_us: into.p99_us.max(more.p99_us),
        cost_us: into.cost_us.zip(more.cost_us).map(|(a, b)| mean(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_grow_longer_and_not_more() {
        let mut trend = Trend::of(Duration::from_millis(100), Duration::from_millis(40));
        let mut latency = Histogram::<u64>::new(3).unwrap();
        latency.auto(true);
        for at in 0..1_101_u64 {
            latency.reset();
            latency.record(1_000_000 + at % 4 * 1_000_000).unwrap();
            trend.add(&latency, 100.0, Some(0.5));
        }
        assert_eq!(trend.step(), Duration::from_millis(400));
        assert_eq!(trend.own_step(), Duration::from_millis(160));
        // 1,101 intervals are 275 points of four, and a rest.
        assert_eq!(trend.points().len(), 275);
        let Point {
            p50_us,
            p99_us,
            cost_us,
        } = trend.points()[200];
        assert!((p50_us / 2_500.0 - 1.0).abs() < 0.01 && (p99_us / 4_000.0 - 1.0).abs() < 0.01);
        assert_eq!(cost_us, Some(5_000.0));
        assert!(!trend.has_gaps);
        latency.reset();
        trend.add(&latency, 0.0, None);
        assert!(trend.has_gaps);
    }
}
