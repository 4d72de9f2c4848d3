//! Intended starts of an open schedule, as offsets from its beginning. Pure arithmetic: no clock, no sleep.

use crate::scenario::Arrivals;
use crate::scenario::random;
use crate::units::Rate;

/// The n-th request of a schedule and when it is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number of the request within the whole schedule, from 0.
    pub n: u64,
    /// Offset from the schedule's beginning, ns.
    pub offset_ns: u64,
}

/// One worker's interleaved part of a schedule: requests `worker`, `worker + workers`, … Never ends.
#[derive(Debug, Clone)]
pub struct Pacer {
    arrivals: Arrivals,
    per_second: f64,
    seed: u64,
    workers: u64,
    next: Due,
    /// Unrounded offset of `next` for Poisson arrivals, whose gaps add up.
    sum_ns: f64,
}

/// Keeps the arrivals' random numbers apart from those of templates.
const ARRIVAL_SALT: u64 = 0xA221_7A15;

impl Pacer {
    /// The part of `worker` (from 0) of `workers`.
    pub fn new(rate: Rate, arrivals: Arrivals, seed: u64, worker: u32, workers: u32) -> Self {
        let mut pacer = Self {
            arrivals,
            per_second: rate.per_second(),
            seed,
            workers: u64::from(workers.max(1)),
            next: Due { n: 0, offset_ns: 0 },
            sum_ns: 0.0,
        };
        pacer.skip(u64::from(worker));
        pacer
    }

    /// The next request, left in place.
    pub fn peek(&self) -> Due {
        self.next
    }

    /// Takes the next request.
    pub fn take(&mut self) -> Due {
        let due = self.next;
        self.skip(self.workers);
        due
    }

    fn skip(&mut self, requests: u64) {
        let first = self.next.n;
        self.next.n += requests;
        self.next.offset_ns = match self.arrivals {
            // From n each time: rounding errors do not add up.
            Arrivals::Constant => (self.next.n as f64 * 1e9 / self.per_second) as u64,
            Arrivals::Poisson => {
                for n in first..self.next.n {
                    // Exponential gap by inversion; 1 - u is in (0, 1].
                    let u = random::unit(random::draw(self.seed, n, ARRIVAL_SALT));
                    self.sum_ns += -(1.0 - u).ln() * 1e9 / self.per_second;
                }
                self.sum_ns as u64
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offsets(arrivals: Arrivals, rate: f64, worker: u32, workers: u32, count: usize) -> Vec<Due> {
        let mut pacer = Pacer::new(Rate::new(rate).unwrap(), arrivals, 7, worker, workers);
        (0..count).map(|_| pacer.take()).collect()
    }

    #[test]
    fn constant_arrivals_are_even_and_do_not_drift() {
        let due = offsets(Arrivals::Constant, 3.0, 0, 1, 3_000_001);
        assert_eq!(due[0], Due { n: 0, offset_ns: 0 });
        assert_eq!(due[1].offset_ns, 333_333_333);
        assert_eq!(due[3_000_000].offset_ns, 1_000_000_000_000_000);
    }

    #[test]
    fn workers_share_one_schedule() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let whole = offsets(arrivals, 1_000.0, 0, 1, 300);
            for worker in 0..3 {
                let part = offsets(arrivals, 1_000.0, worker, 3, 100);
                let expected: Vec<Due> = whole
                    .iter()
                    .copied()
                    .skip(worker as usize)
                    .step_by(3)
                    .collect();
                assert_eq!(part, expected);
            }
        }
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_the_rate() {
        let due = offsets(Arrivals::Poisson, 1_000.0, 0, 1, 100_001);
        let gaps: Vec<f64> = due
            .windows(2)
            .map(|pair| (pair[1].offset_ns - pair[0].offset_ns) as f64 / 1e6)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    proptest! {
        #[test]
        fn schedules_never_go_back(rate in 0.1f64..1e6, worker in 0u32..4, poisson in any::<bool>()) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let due = offsets(arrivals, rate, worker, 4, 500);
            prop_assert!(due.windows(2).all(|pair| pair[0].offset_ns <= pair[1].offset_ns && pair[0].n + 4 == pair[1].n));
        }
    }
}
