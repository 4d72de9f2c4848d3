//! Latency in batches of time: how sure a quantile is. Requests of one moment share its fate, so that their number says too little.

use hdrhistogram::Histogram;

use super::summary::value_at;
use crate::statistics::{Z95, nested_half, t_quantile};

/// Batches that are kept at most; then two neighbours become one.
const MOST: usize = 32;
/// Relative spread that is assumed of quantiles from burst to burst: a window with a single one shows nothing of it. Of one program the
/// 99th percentile of windows with one burst of expired credentials was seen to differ by factors up to 5.
const BURST_SPREAD: f64 = 0.5;
/// Bursts below which a quantile that they make has no upper end: the next window may hold none, or three times as many.
pub const FEW_BURSTS: usize = 5;
/// Requests above a quantile in each batch from which their spread over batches shows bursts; independent ones are as uneven below.
const ENOUGH_ABOVE: f64 = 2.0;
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
    /// p ± r (R. S. Woodruff, J. Am. Stat. Assoc. 47, 1952, p. 635). r, half of the interval of the part above the quantile, is the
    /// larger of 1.96 √(p(1 − p)/n) and what nested batches show. Where bursts make the quantile, what these are assumed to differ by is
    /// added.
    ///
    /// The upper end is infinite where it would rest on the largest value of all, and where fewer than five bursts make the quantile.
    /// `None` for fewer than two batches.
    pub fn interval(&self, whole: &Histogram<u64>, quantile: f64) -> Option<(f64, f64)> {
        let counted = self.above(whole.value_at_quantile(quantile));
        let (count, sum) = (counted.len() as f64, sum(&counted));
        if count < 2.0 || sum.1 == 0.0 {
            return None;
        }
        let part = sum.0 / sum.1;
        let clustered = nested_half(&counted).map_or(0.0, |half| half * part);
        let reach = clustered.max(Z95 * (quantile * (1.0 - quantile) / sum.1).sqrt());
        // Less may lie above than the quantile says, where many values are the same: then it is none of what lies above.
        let decides = part >= (1.0 - quantile) / 2.0;
        let shows = sum.0 / count >= ENOUGH_ABOVE;
        let bursts = bursts(&counted).filter(|_| decides && shows);
        let spread = bursts.map_or(0.0, |bursts| {
            t_quantile(0.975, count - 1.0) * BURST_SPREAD / bursts.effective.sqrt()
        });
        let within = |quantile: f64| value_at(whole, quantile.clamp(0.0, 1.0));
        let value = within(quantile);
        let wider = |bound: f64| (bound / value).ln().hypot(spread).exp();
        let all = whole.len() as f64;
        let is_open = (quantile + reach) * all > all - 1.0
            || bursts.is_some_and(|bursts| bursts.count < FEW_BURSTS);
        let high = if is_open {
            f64::INFINITY
        } else {
            value * wider(within(quantile + reach))
        };
        Some((value / wider(within(quantile - reach)), high))
    }

    /// Bursts that make what lies above a latency, µs; `None` if it lies at all times alike, or is too little to tell.
    pub fn bursts_above(&self, latency_us: f64) -> Option<usize> {
        bursts_in(&self.above((latency_us * 1e3) as u64))
    }

    /// How many times wider the interval of the part of requests above a latency, µs, is than if they were independent; at least 1.
    pub fn inflation(&self, latency_us: f64) -> f64 {
        let counted = self.above((latency_us * 1e3) as u64);
        let sum = sum(&counted);
        let part = sum.0 / sum.1;
        let Some(half) = nested_half(&counted) else {
            return 1.0;
        };
        let sampled = Z95 * (part * (1.0 - part) / sum.1).sqrt();
        if sampled > 0.0 {
            (half * part / sampled).max(1.0)
        } else {
            1.0
        }
    }

    /// Requests above a latency, ns, and all, by batch.
    fn above(&self, at: u64) -> Vec<(f64, f64)> {
        let batches = self.complete().iter();
        batches
            .map(|batch| {
                let below = batch.count_between(0, at);
                ((batch.len() - below) as f64, batch.len() as f64)
            })
            .collect()
    }

    /// Those of full length.
    fn complete(&self) -> &[Histogram<u64>] {
        let full = self.batches.len() - usize::from(self.last < self.each);
        &self.batches[..full]
    }
}

/// Bursts that hold what lies above a latency, given how much of it each stretch of time has, and all of what each has. `None` if it lies
/// at all times alike, or is too little to tell.
pub fn bursts_in(counted: &[(f64, f64)]) -> Option<usize> {
    let shows = sum(counted).0 / counted.len().max(1) as f64 >= ENOUGH_ABOVE;
    bursts(counted).filter(|_| shows).map(|bursts| bursts.count)
}

fn sum(counted: &[(f64, f64)]) -> (f64, f64) {
    counted
        .iter()
        .fold((0.0, 0.0), |sum, batch| (sum.0 + batch.0, sum.1 + batch.1))
}

/// What makes a quantile, where it is not made at all times alike.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bursts {
    /// Runs of batches with more than the average above the quantile.
    count: usize,
    /// 1/Σ of the squared parts that these runs have of it (the inverse of E. H. Simpson's index, Nature 163, 1949, p. 688).
    effective: f64,
}

/// The bursts that hold what lies above a quantile, given how much of it each batch has. `None` if it is spread over half of the
/// batches or more, by the same measure as of runs: there are no bursts then.
fn bursts(counted: &[(f64, f64)]) -> Option<Bursts> {
    let diversity = |parts: &[f64]| {
        let squares: f64 = parts.iter().map(|part| part.powi(2)).sum();
        parts.iter().sum::<f64>().powi(2) / squares
    };
    let excess: Vec<f64> = counted.iter().map(|(above, _)| *above).collect();
    let average = excess.iter().sum::<f64>() / excess.len() as f64;
    // Nothing lies above the largest value.
    if average == 0.0 || diversity(&excess) >= excess.len() as f64 / 2.0 {
        return None;
    }
    let runs = excess.chunk_by(|a, b| (*a > average) == (*b > average));
    let runs = runs.filter(|run| run[0] > average);
    let runs: Vec<f64> = runs.map(|run| run.iter().sum()).collect();
    Some(Bursts {
        count: runs.len(),
        effective: diversity(&runs),
    })
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
        let near = |us: f64, ms: f64| us / 1e3 == ms || (us / 1e3 / ms - 1.0).abs() < 0.01;
        assert!(near(low, low_ms) && near(high, high_ms), "{found:?}");
    }

    #[test]
    fn a_quantile_beside_a_rare_burst_may_as_well_be_in_it() {
        // 80 of 10,000 requests are slow, all in one of ten intervals: the 99th percentile is that of calm requests by luck.
        let (batches, whole) = intervals(10, 10, 80);
        assert!((value_at(&whole, 0.99) - 1e3).abs() < 2.0);
        // t with 9 degrees of freedom is 2.262, and there is one burst: 2.262 · 0.5 is 1.131. The next window may hold two.
        let reaches = |from: f64, to: f64| (to / from).ln().hypot(1.131).exp();
        check(
            batches.interval(&whole, 0.99),
            1.0 / reaches(1.0, 1.0),
            f64::INFINITY,
        );
        check(batches.interval(&whole, 0.5), 1.0, 1.0);
        // A quantile that is in the burst may as well be beside it.
        let (batches, whole) = intervals(10, 10, 120);
        let p99 = value_at(&whole, 0.99) / 1e3;
        assert!((p99 - 73.3).abs() < 0.5, "{p99}");
        check(
            batches.interval(&whole, 0.99),
            p99 / reaches(p99, 1.0),
            f64::INFINITY,
        );
        assert_eq!(batches.bursts_above(10e3), Some(1));
        assert_eq!(batches.bursts_above(0.5e3), None);
        assert_eq!(Batches::default().bursts_above(10e3), None);
        // Six bursts show what there is of them.
        let (batches, whole) = intervals(30, 5, 100);
        let (low, high) = batches.interval(&whole, 0.99).unwrap();
        assert!(low < 60e3 && (140e3..1e6).contains(&high), "{low} {high}");
    }

    #[test]
    fn what_is_slow_at_all_times_is_sure() {
        let (batches, whole) = intervals(10, 1, 20);
        // 1.96 √(0.01 · 0.99/10,000) is 0.00195: the quantiles at 0.98805 and 0.99195: the 9th and the 12th of 20 slow ones.
        check(batches.interval(&whole, 0.99), 96.0, 108.0);
        check(batches.interval(&whole, 0.95), 1.0, 1.0);
    }

    #[test]
    fn bursts_are_runs_of_batches() {
        for (excess, expected) in [
            (&[0.0, 0.0, 5.0, 5.0, 0.0, 0.0][..], Some((1, 1.0))),
            (&[4.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0], Some((2, 2.0))),
            (&[9.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0], Some((1, 1.0))),
            (&[6.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0], Some((2, 1.6))),
            (&[5.0, 6.0, 4.0, 5.0], None),
            (&[0.0, 5.0, 0.0, 5.0], None),
            (&[0.0, 0.0, 0.0], None),
        ] {
            let counted: Vec<_> = excess.iter().map(|above| (*above, 10.0)).collect();
            let found = bursts(&counted).map(|bursts| (bursts.count, bursts.effective));
            assert_eq!(found, expected, "{excess:?}");
        }
    }

    /// `count` intervals with `each` latencies from 1 ms on, 1 ms apart.
    fn alike(count: usize, each: u64) -> (Batches, Histogram<u64>) {
        let mut batches = Batches::default();
        let mut whole = Histogram::new(3).unwrap();
        whole.auto(true);
        let mut interval: Histogram<u64> = whole.clone();
        (1..=each).for_each(|ms| interval.record(ms * 1_000_000).unwrap());
        for _ in 0..count {
            batches.add(&interval);
            whole.add(&interval).unwrap();
        }
        (batches, whole)
    }

    #[test]
    fn few_requests_are_unsure_though_intervals_are_alike() {
        let (batches, whole) = alike(5, 50);
        // 1.96 √(0.5 · 0.5/250) is 0.062: the quantiles at 0.438 and 0.562.
        check(batches.interval(&whole, 0.5), 22.0, 29.0);
        // Beyond the largest of 250 there may be anything: of 1,000 that are alike 1.6 % are above the upper end.
        assert_eq!(batches.interval(&whole, 0.99).unwrap().1, f64::INFINITY);
        let (batches, whole) = alike(10, 100);
        check(batches.interval(&whole, 0.99), 99.0, 100.0);
    }

    #[test]
    fn a_few_independent_requests_above_a_quantile_are_no_bursts() {
        // Of 500 in ten batches the five slowest are in two of them.
        let mut batches = Batches::default();
        let mut whole = Histogram::new(3).unwrap();
        whole.auto(true);
        for at in 0..10 {
            let mut interval = whole.clone();
            interval.reset();
            let slow = [3, 0, 0, 0, 0, 0, 2, 0, 0, 0][at];
            interval.record_n(1_000_000, 50 - slow).unwrap();
            interval.record_n(1_500_000, slow).unwrap();
            whole.add(&interval).unwrap();
            batches.add(&interval);
        }
        assert_eq!(batches.bursts_above(1.2e3), None);
        let (low, _) = batches.interval(&whole, 0.99).unwrap();
        assert!((990.0..1_010.0).contains(&low), "{low}");
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
        // Bursts in every other interval are in every batch of many: 1.96 √(0.01 · 0.99/992,000) is 0.0002.
        check(batches.interval(&whole, 0.99), 86.8, 89.3);
        assert_eq!(intervals(1, 1, 0).0.interval(&whole, 0.5), None);
        assert_eq!(Batches::default().interval(&whole, 0.5), None);
    }
}
