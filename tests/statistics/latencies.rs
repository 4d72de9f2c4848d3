//! Percentiles of latency: how often what is stated of them is wrong.

use hdrhistogram::Histogram;
use telemload::compare::{Finding, MetricChange, RoundFigures};
use telemload::metrics::{Batches, value_at};
use telemload::result::{Estimates, Uncertainty};

use crate::chance::{Chance, Machine};
use crate::sides::{Runs, compared};
use crate::{Share, count};

/// Latencies of a window, by intervals of a second, ns.
type Window = Vec<Vec<u64>>;

/// What makes latencies.
#[derive(Debug, Clone, Copy)]
enum Service {
    /// Each by itself.
    Independent,
    /// A machine that slows all of a time: standard deviation, and for how many seconds it lasts.
    Drift(f64, f64),
    /// It stands still so many times a second, for so many milliseconds on average.
    Stalls(f64, f64),
}

impl Service {
    fn window(self, seconds: usize, rate: usize, chance: &mut Chance) -> Window {
        let (spread, lasts) = match self {
            Self::Drift(spread, lasts) => (spread, lasts),
            _ => (0.0, 1.0),
        };
        let mut machine = Machine::new(spread, lasts, chance);
        let mut window: Window = (0..seconds)
            .map(|_| {
                let speed = machine.after(1.0, chance);
                (0..rate)
                    .map(|_| (50_000.0 * (speed + 0.5 * chance.normal()).exp()) as u64)
                    .collect()
            })
            .collect();
        if let Self::Stalls(each_second, ms) = self {
            let requests = seconds * rate;
            for at in 0..requests {
                if !chance.happens(each_second / rate as f64) {
                    continue;
                }
                let length = -chance.uniform().ln() * ms * 1e6;
                let step = 1e9 / rate as f64;
                for later in 0..(length / step) as usize {
                    let waits = (length - later as f64 * step) as u64;
                    if at + later < requests {
                        let latency = &mut window[(at + later) / rate][(at + later) % rate];
                        *latency = waits.max(*latency);
                    }
                }
            }
        }
        window
    }

    /// The true percentile of many windows, µs.
    fn truth(self, quantile: f64) -> f64 {
        let mut chance = Chance::new(99);
        let mut all: Histogram<u64> = Histogram::new(3).unwrap();
        for _ in 0..200 {
            let window = self.window(30, 100, &mut chance);
            window
                .iter()
                .flatten()
                .for_each(|latency| all.record(*latency).unwrap());
        }
        value_at(&all, quantile)
    }
}

/// The value of a percentile and its interval, µs.
fn percentile(window: &Window, quantile: f64) -> (f64, Option<(f64, f64)>) {
    let mut batches = Batches::default();
    let mut whole: Histogram<u64> = Histogram::new(3).unwrap();
    for interval in window {
        let mut histogram: Histogram<u64> = Histogram::new(3).unwrap();
        interval
            .iter()
            .for_each(|latency| histogram.record(*latency).unwrap());
        whole.add(&histogram).unwrap();
        batches.add(&histogram);
    }
    (
        value_at(&whole, quantile),
        batches.interval(&whole, quantile),
    )
}

#[test]
fn intervals_of_percentiles_hold_the_truth_or_say_that_they_do_not() {
    let few = |seconds, rate| (Service::Independent, seconds, rate);
    for (name, (service, seconds, rate), quantile) in [
        ("independent", few(10, 500), 0.5),
        ("independent", few(10, 500), 0.99),
        ("independent", few(30, 500), 0.99),
        ("independent", few(10, 50), 0.99),
        ("independent", few(2, 30), 0.99),
        ("independent", few(5, 20), 0.99),
        ("independent", few(2, 100), 0.99),
        (
            "stalls of 10 ms, 2 a second",
            (Service::Stalls(2.0, 10.0), 10, 500),
            0.99,
        ),
        (
            "stalls of 50 ms, 1 in 2 s",
            (Service::Stalls(0.5, 50.0), 30, 500),
            0.99,
        ),
        (
            "stalls of 50 ms, 1 in 2 s",
            (Service::Stalls(0.5, 50.0), 10, 500),
            0.99,
        ),
    ] {
        let truth = service.truth(quantile);
        let mut chance = Chance::new(4);
        let (mut wrong, mut open) = (Share::default(), Share::default());
        for _ in 0..count(200) {
            let (_, interval) = percentile(&service.window(seconds, rate, &mut chance), quantile);
            let (low, high) = interval.unwrap();
            wrong.add(truth < low || truth > high);
            open.add(high.is_infinite());
        }
        let case = format!(
            "p{} of {} requests in {seconds} s, {name}",
            quantile * 100.0,
            seconds * rate
        );
        open.print(&case, "not judged (open above)");
        wrong.is_within((0.0, 0.08), &case, "stated and wrong");
    }
}

#[test]
fn percentiles_of_one_program_are_not_called_different() {
    for (name, service, seconds) in [
        ("independent", Service::Independent, 10),
        (
            "drift of 6 % that lasts 10 s",
            Service::Drift(0.06, 10.0),
            5,
        ),
        (
            "drift of 6 % that lasts 10 s",
            Service::Drift(0.06, 10.0),
            10,
        ),
        (
            "drift of 6 % that lasts 10 s",
            Service::Drift(0.06, 10.0),
            30,
        ),
        ("stalls of 50 ms, 1 in 2 s", Service::Stalls(0.5, 50.0), 10),
        ("stalls of 50 ms, 1 in 5 s", Service::Stalls(0.2, 50.0), 10),
    ] {
        let mut chance = Chance::new(5);
        let (mut alarms, mut wrong) = (Share::default(), Share::default());
        for _ in 0..count(100) {
            let mut launch = || {
                let window = service.window(seconds, 500, &mut chance);
                let ((p50, p50_us), (p99, p99_us)) =
                    (percentile(&window, 0.5), percentile(&window, 0.99));
                [RoundFigures {
                    ratio_errors: None,
                    round: 1,
                    whole: Estimates {
                        throughput_rps: None,
                        us_per_request: None,
                        p50_us: Some(p50),
                        p99_us: Some(p99),
                    },
                    uncertainty: Uncertainty {
                        p50_us,
                        p99_us,
                        ..Uncertainty::default()
                    },
                }]
            };
            let (base, head) = (launch(), launch());
            let changes = compared(Runs::One, &base, &head);
            let is_finding =
                |change: &MetricChange| matches!(change.finding, Finding::Better | Finding::Worse);
            alarms.add(changes.iter().any(is_finding));
            let is_wrong =
                |change: &MetricChange| change.interval.0 > 1.0 || change.interval.1 < 1.0;
            changes
                .iter()
                .for_each(|change| wrong.add(is_wrong(change)));
        }
        let case = format!("p50 and p99, one run, 1 × {seconds} s, {name}");
        alarms.is_within((0.0, 0.05), &case, "equal, called different");
        wrong.is_within((0.0, 0.08), &case, "stated and wrong");
    }
}
