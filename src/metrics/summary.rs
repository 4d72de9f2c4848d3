//! Histograms → the figures that are reported, in microseconds.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::tally::{Tally, growing};

/// The reported points of a distribution, µs; `None` where there is no distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Smallest value.
    pub min: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 75th percentile.
    pub p75: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p99_9: Option<f64>,
    /// 99.99th percentile.
    pub p99_99: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// The points of a histogram of nanoseconds; none is known of an empty one, for 0 would be within every limit.
pub fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let at = |quantile| Some(value_at(histogram, quantile));
    if histogram.is_empty() {
        return Quantiles::default();
    }
    Quantiles {
        min: Some(us(histogram.min())),
        mean: Some(histogram.mean() / 1e3),
        p50: at(0.5),
        p75: at(0.75),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        p99_99: at(0.9999),
        max: Some(us(histogram.max())),
    }
}

/// The value at a quantile (0..=1) of a histogram of nanoseconds, µs; never above the largest value recorded.
pub fn value_at(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    us(histogram.value_at_quantile(quantile).min(histogram.max()))
}

/// Latency of everything that was due in some tallies, as one histogram, and the quantile from which its values are lower bounds
/// (1 if none is): the share of values below the smallest lower bound.
pub fn latency_quantiles<'a>(
    tallies: impl IntoIterator<Item = &'a Tally>,
) -> (Histogram<u64>, f64) {
    let (mut known, mut censored) = (growing(), growing());
    let within = "histograms of one kind have the same bounds";
    for tally in tallies {
        known.add(&tally.latency).expect(within);
        censored.add(&tally.censored).expect(within);
    }
    if censored.is_empty() {
        return (known, 1.0);
    }
    let bound = censored.min();
    let below: u64 = known
        .iter_recorded()
        .take_while(|value| value.value_iterated_to() < bound)
        .map(|value| value.count_at_value())
        .sum();
    known.add(&censored).expect(within);
    let exact_below = below as f64 / known.len() as f64;
    (known, exact_below)
}

fn us(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ErrorKind, Outcome, Times};

    fn tally(ok_us: &[u64], timed_out_us: &[u64]) -> Tally {
        let mut tally = Tally::default();
        let times = |us: u64| Times {
            intended: 0,
            startable: 0,
            sent: 0,
            done: us * 1_000,
        };
        ok_us
            .iter()
            .for_each(|&us| tally.record(Outcome::Ok { status: 200 }, times(us), u64::MAX));
        timed_out_us.iter().for_each(|&us| {
            tally.record(
                Outcome::Failed {
                    kind: ErrorKind::Timeout,
                    status: None,
                },
                times(us),
                u64::MAX,
            )
        });
        tally
    }

    #[test]
    fn points_are_within_three_digits() {
        let values: Vec<u64> = (1..=10_000).collect();
        let (histogram, exact_below) = latency_quantiles([&tally(&values, &[])]);
        let points = quantiles(&histogram);
        assert_eq!(exact_below, 1.0);
        for (value, truth) in [
            (points.p50, 5_000.0),
            (points.p99, 9_900.0),
            (points.p99_99, 9_999.0),
            (points.min, 1.0),
            (points.max, 10_000.0),
            (points.mean, 5_000.5),
        ] {
            let value = value.unwrap();
            assert!(
                (value - truth).abs() / truth < 1.1e-3,
                "{value} beside {truth}"
            );
        }
        assert_eq!(quantiles(&Tally::default().latency), Quantiles::default());
    }

    #[test]
    fn timeouts_stay_in_the_tail_as_lower_bounds() {
        let (histogram, exact_below) = latency_quantiles([&tally(&[100; 90], &[10_000; 10])]);
        assert_eq!(exact_below, 0.9);
        assert!(quantiles(&histogram).p99.unwrap() > 9_980.0);
        let (_, exact_below) = latency_quantiles([&tally(&[100], &[1])]);
        assert_eq!(exact_below, 0.0);
    }
}
