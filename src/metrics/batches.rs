//! Latency in batches of time: how sure a quantile is. Requests of one moment share its fate, so that their number says too little.

use hdrhistogram::Histogram;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::summary::value_at;

/// Batches that are kept at most; then two neighbours become one.
const MOST: usize = 32;
/// Relative spread that is assumed of quantiles from burst to burst: a window with a single one shows nothing of it. Of one program the
/// 99th percentile of windows with one burst of expired credentials was seen to differ by factors up to 5.
const BURST_SPREAD: f64 = 0.5;
/// Coarser than what is reported: only differences between batches count.
const DIGITS: u8 = 2;

/// Latencies of at most 32 stretches of equal length, ns: memory does not grow with time.
#[derive(Debug, Clone)]
pub struct Batches {
    /// Intervals in each but the last, which may have fewer.
    each: u32,
    batches: Vec<Histogram<u64>>,
    /// Intervals in the last.
    last: u32,
}

impl Default for Batches {
    fn default() -> Self {
        Self {
            each: 1,
            batches: Vec::new(),
            last: 1,
        }
    }
}

impl Batches {
    /// Adds the next interval. All are of one length.
    pub fn add(&mut self, latency: &Histogram<u64>) {
        if self.last == self.each {
            if self.batches.len() == MOST {
                self.join_neighbours();
            }
            self.batches.push(blank());
            self.last = 0;
        }
        let into = self.batches.last_mut().expect("there is one by now");
        into.add(latency).expect("histograms grow as needed");
        self.last += 1;
    }

    fn join_neighbours(&mut self) {
        let mut joined = Vec::with_capacity(MOST);
        for pair in self.batches.chunks(2) {
            let mut first = pair[0].clone();
            for other in &pair[1..] {
                first.add(other).expect("both are of one kind");
            }
            joined.push(first);
        }
        self.batches = joined;
        self.each *= 2;
    }

    /// The 95 % interval of a quantile (0..=1) of all that was added, of which `whole` is the distribution, µs: the quantiles at
    /// p ± t · s (R. S. Woodruff, J. Am. Stat. Assoc. 47, 1952, p. 635). s, the standard error of the part p above the quantile, is
    /// the larger of √(p(1 − p)/n) and, for K batches with x of n above it, √(K/(K − 1) Σ(x − p n)²)/Σn; t has K − 1 degrees of
    /// freedom. Where p + t · s is beyond 1 it is the largest value that was seen. Where bursts make the quantile, what these are
    /// assumed to differ by is added. `None` for fewer than two batches.
    pub fn interval(&self, whole: &Histogram<u64>, quantile: f64) -> Option<(f64, f64)> {
        let at = whole.value_at_quantile(quantile);
        let counted: Vec<(f64, f64)> = self
            .complete()
            .iter()
            .map(|batch| {
                let below = batch.count_between(0, at);
                ((batch.len() - below) as f64, batch.len() as f64)
            })
            .collect();
        let sum = |of: fn(&(f64, f64)) -> f64| counted.iter().map(of).sum::<f64>();
        let (above, all, count) = (sum(|of| of.0), sum(|of| of.1), counted.len() as f64);
        if count < 2.0 || all == 0.0 {
            return None;
        }
        let part = above / all;
        let squares: f64 = counted.iter().map(|(x, n)| (x - part * n).powi(2)).sum();
        let clustered = (count / (count - 1.0) * squares).sqrt() / all;
        let sampled = (quantile * (1.0 - quantile) / all).sqrt();
        let student = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
        let reach = student.inverse_cdf(0.975) * clustered.max(sampled);
        let within = |quantile: f64| value_at(whole, quantile.clamp(0.0, 1.0));
        let excess: Vec<f64> = counted.iter().map(|(x, _)| *x).collect();
        // Less may lie above than the quantile says, where many values are the same: then it is none of what lies above.
        let decides = part >= (1.0 - quantile) / 2.0;
        let bursts = bursts(&excess).filter(|_| decides).map_or(0.0, |bursts| {
            student.inverse_cdf(0.975) * BURST_SPREAD / bursts.sqrt()
        });
        let value = within(quantile);
        let wider = |bound: f64| (bound / value).ln().hypot(bursts).exp();
        Some((
            value / wider(within(quantile - reach)),
            value * wider(within(quantile + reach)),
        ))
    }

    /// Those of full length.
    fn complete(&self) -> &[Histogram<u64>] {
        let full = self.batches.len() - usize::from(self.last < self.each);
        &self.batches[..full]
    }
}

/// How many bursts hold what lies above a quantile, given how much of it each batch has: 1/Σ of the squared parts of runs of batches
/// with more than the average (the inverse of E. H. Simpson's index, Nature 163, 1949, p. 688). `None` if it is spread over half of
/// the batches or more, by the same measure: there are no bursts then.
fn bursts(excess: &[f64]) -> Option<f64> {
    let diversity = |parts: &[f64]| {
        let squares: f64 = parts.iter().map(|part| part.powi(2)).sum();
        parts.iter().sum::<f64>().powi(2) / squares
    };
    let average = excess.iter().sum::<f64>() / excess.len() as f64;
    // Nothing lies above the largest value.
    if average == 0.0 || diversity(excess) >= excess.len() as f64 / 2.0 {
        return None;
    }
    let runs = excess.chunk_by(|a, b| (*a > average) == (*b > average));
    let runs = runs.filter(|run| run[0] > average);
    let runs: Vec<f64> = runs.map(|run| run.iter().sum()).collect();
    Some(diversity(&runs))
}

fn blank() -> Histogram<u64> {
    let mut histogram = Histogram::new(DIGITS).expect("the digits are valid");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intervals of 1,000 requests at 1 ms, of which every `every`th has `slow` of them evenly from 60 to 140 ms instead.
    fn intervals(count: u64, every: u64, slow: u64) -> (Batches, Histogram<u64>) {
        let mut batches = Batches::default();
        let mut whole = Histogram::new(3).unwrap();
        whole.auto(true);
        for at in 0..count {
            let mut interval = whole.clone();
            interval.reset();
            let bad = if at % every == every - 1 { slow } else { 0 };
            interval.record_n(1_000_000, 1_000 - bad).unwrap();
            let values = (1..=bad).map(|at| 60_000_000 + 80_000_000 * at / bad);
            values.for_each(|value| interval.record(value).unwrap());
            whole.add(&interval).unwrap();
            batches.add(&interval);
        }
        (batches, whole)
    }

    #[track_caller]
    fn check(found: Option<(f64, f64)>, low_ms: f64, high_ms: f64) {
        let (low, high) = found.unwrap();
        let near = |us: f64, ms: f64| (us / 1e3 / ms - 1.0).abs() < 0.01;
        assert!(near(low, low_ms) && near(high, high_ms), "{found:?}");
    }

    #[test]
    fn a_quantile_beside_a_rare_burst_may_as_well_be_in_it() {
        // 80 of 10,000 requests are slow, all in one of ten intervals: the 99th percentile is that of calm requests by luck.
        let (batches, whole) = intervals(10, 10, 80);
        assert!((value_at(&whole, 0.99) - 1e3).abs() < 2.0);
        // t with 9 degrees of freedom is 2.262, and there is one burst: 2.262 · 0.5 is 1.131.
        let reaches = |from: f64, to: f64| (to / from).ln().hypot(1.131).exp();
        let low = 1.0 / reaches(1.0, 1.0);
        check(batches.interval(&whole, 0.99), low, reaches(1.0, 140.0));
        check(batches.interval(&whole, 0.5), 1.0, 1.0);
        // A quantile that is in the burst may as well be beside it.
        let (batches, whole) = intervals(10, 10, 120);
        let p99 = value_at(&whole, 0.99) / 1e3;
        assert!((p99 - 73.3).abs() < 0.5, "{p99}");
        let (low, high) = (p99 / reaches(p99, 1.0), p99 * reaches(p99, 140.0));
        check(batches.interval(&whole, 0.99), low, high);
    }

    #[test]
    fn what_is_slow_at_all_times_is_sure() {
        let (batches, whole) = intervals(10, 1, 20);
        // √(0.01 · 0.99/10,000) is 0.000995: the quantiles at 0.98775 and 0.99225: the 8th and the 13th of 20 slow ones.
        check(batches.interval(&whole, 0.99), 92.0, 112.0);
        check(batches.interval(&whole, 0.95), 1.0, 1.0);
    }

    #[test]
    fn bursts_are_runs_of_batches() {
        for (excess, expected) in [
            (&[0.0, 0.0, 5.0, 5.0, 0.0, 0.0][..], Some(1.0)),
            (&[4.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0], Some(2.0)),
            (&[9.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0], Some(1.0)),
            (&[5.0, 6.0, 4.0, 5.0], None),
            (&[0.0, 5.0, 0.0, 5.0], None),
            (&[0.0, 0.0, 0.0], None),
        ] {
            assert_eq!(bursts(excess), expected, "{excess:?}");
        }
    }

    #[test]
    fn few_requests_are_unsure_though_intervals_are_alike() {
        let mut batches = Batches::default();
        let mut whole = Histogram::new(3).unwrap();
        whole.auto(true);
        let mut interval: Histogram<u64> = whole.clone();
        (1..=50).for_each(|ms| interval.record(ms * 1_000_000).unwrap());
        for _ in 0..5 {
            batches.add(&interval);
            whole.add(&interval).unwrap();
        }
        // √(0.5 · 0.5/250) is 0.0316, t with 4 degrees of freedom 2.776: the quantiles at 0.412 and 0.588.
        check(batches.interval(&whole, 0.5), 21.0, 30.0);
    }

    #[test]
    fn batches_grow_longer_and_not_more() {
        let (batches, whole) = intervals(1_000, 2, 30);
        assert!(
            batches.batches.len() <= MOST && batches.each == 32,
            "{}",
            batches.each
        );
        let kept: u64 = batches.batches.iter().map(Histogram::len).sum();
        assert_eq!(kept, whole.len());
        // Bursts in every other interval are in every batch of many: √(0.01 · 0.99/992,000) is 0.0001, t with 30 degrees 2.042.
        check(batches.interval(&whole, 0.99), 86.7, 89.3);
        assert_eq!(intervals(1, 1, 0).0.interval(&whole, 0.5), None);
        assert_eq!(Batches::default().interval(&whole, 0.5), None);
    }
}
