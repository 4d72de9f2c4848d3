//! Intended starts of an open schedule, as offsets from its beginning. Pure arithmetic: no clock, no sleep.

mod schedule;

pub use schedule::Schedule;

use crate::metrics::Timetable;
use crate::scenario::Arrivals;
use crate::shard::Lane;
use crate::traffic::random;

/// The n-th request of a schedule and when it is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number of the request within the whole schedule, from 0.
    pub n: u64,
    /// Offset from the schedule's beginning, ns; [`u64::MAX`] behind its end.
    pub offset_ns: u64,
}

/// One worker's interleaved part of a schedule: requests `worker`, `worker + workers`, …
///
/// With N(t) the requests planned before t and N⁻¹ its inverse, request n is due at N⁻¹(n); in bursts of b at
/// N⁻¹(⌊n/b⌋·b). Poisson arrivals of k workers are k independent processes (change of time): a worker's requests are due at
/// N⁻¹ of sums of exponential gaps of mean k, which it draws for its own numbers alone. Together they are one Poisson
/// process at the planned rate.
#[derive(Debug, Clone)]
pub struct Pacer {
    schedule: Schedule,
    arrivals: Arrivals,
    seed: u64,
    workers: u64,
    next: Due,
    /// Of the schedule, in which `next` lies.
    segment: usize,
    /// For Poisson arrivals, whose gaps add up: N at `next`.
    sum: f64,
    /// If the time of the schedule passes in turns alone.
    turns: Option<Timetable>,
}

/// Keeps the arrivals' random numbers apart from those of templates.
const ARRIVAL_SALT: u64 = 0xA221_7A15;

/// Keeps the gap before a worker's first request apart from those behind requests.
const FIRST_SALT: u64 = 0xF125_7A15;

impl Pacer {
    /// The part of a worker.
    pub fn new(schedule: Schedule, arrivals: Arrivals, seed: u64, lane: Lane) -> Self {
        let mut pacer = Self {
            schedule,
            arrivals,
            seed,
            workers: u64::from(lane.all()),
            next: Due {
                n: u64::from(lane.number()),
                offset_ns: 0,
            },
            segment: 0,
            sum: 0.0,
            turns: None,
        };
        // The first of all is due at once.
        if lane.number() > 0 {
            pacer.sum = pacer.gap(pacer.next.n, FIRST_SALT);
        }
        pacer.place();
        pacer
    }

    /// The same schedule, whose time passes in these turns alone: between them nothing is due. Nothing was taken yet.
    #[must_use]
    pub fn in_turns(mut self, turns: Timetable) -> Self {
        self.turns = Some(turns);
        self.place();
        self
    }

    /// The next request, left in place.
    pub fn peek(&self) -> Due {
        self.next
    }

    /// Takes the next request.
    pub fn take(&mut self) -> Due {
        let due = self.next;
        if self.arrivals == Arrivals::Poisson {
            self.sum += self.gap(due.n, ARRIVAL_SALT);
        }
        self.next.n += self.workers;
        self.place();
        due
    }

    /// An exponential gap by inversion, in requests of the whole schedule.
    fn gap(&self, n: u64, salt: u64) -> f64 {
        // 1 - u is in (0, 1].
        let u = random::unit(random::draw(self.seed, n, salt));
        -(1.0 - u).ln() * self.workers as f64
    }

    /// Finds out when the next request is due.
    fn place(&mut self) {
        // From n each time, so that rounding errors do not add up.
        let position = match self.arrivals {
            Arrivals::Constant => self.next.n as f64,
            Arrivals::Burst(size) => (self.next.n - self.next.n % u64::from(size.get())) as f64,
            Arrivals::Poisson => self.sum,
        };
        let offset_ns = match self.schedule.segment(position, self.segment) {
            Some(segment) => {
                self.segment = segment;
                self.schedule.offset_ns(position, segment)
            }
            None => u64::MAX,
        };
        let offset_ns = self.turns.map_or(offset_ns, |turns| turns.at(offset_ns));
        // Gaps far below a nanosecond must not go back by one through rounding.
        self.next.offset_ns = offset_ns.max(self.next.offset_ns);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::scenario::{Pace, Stage};
    use crate::units::Rate;
    use proptest::prelude::*;

    fn constant(rate: f64) -> Schedule {
        Schedule::new(&Pace::Constant(Rate::new(rate).unwrap()), Duration::ZERO)
    }

    /// Stages of `(rate at the end, ms)`, from `begin` on.
    fn staged(begin: f64, stages: &[(f64, u64)]) -> Schedule {
        let stages = stages.iter().map(|&(to, ms)| Stage {
            to,
            over: Duration::from_millis(ms),
        });
        let pace = Pace::Staged {
            begin,
            stages: stages.collect(),
        };
        Schedule::new(&pace, Duration::ZERO)
    }

    fn bursts(size: u32) -> Arrivals {
        Arrivals::Burst(NonZeroU32::new(size).unwrap())
    }

    fn due(schedule: &Schedule, arrivals: Arrivals, seed: u64) -> impl Iterator<Item = Due> {
        let mut pacer = Pacer::new(schedule.clone(), arrivals, seed, Lane::new(0, 1));
        std::iter::from_fn(move || Some(pacer.take())).take_while(|due| due.offset_ns < u64::MAX)
    }

    #[test]
    fn constant_arrivals_are_even_and_do_not_drift() {
        let due: Vec<Due> = due(&constant(3.0), Arrivals::Constant, 7)
            .take(3_000_001)
            .collect();
        assert_eq!(due[0], Due { n: 0, offset_ns: 0 });
        assert_eq!(due[1].offset_ns, 333_333_333);
        assert_eq!(due[3_000_000].offset_ns, 1_000_000_000_000_000);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_the_rate() {
        let due: Vec<Due> = due(&constant(1_000.0), Arrivals::Poisson, 7)
            .take(100_001)
            .collect();
        let gaps = due
            .windows(2)
            .map(|pair| (pair[1].offset_ns - pair[0].offset_ns) as f64 / 1e6);
        check_exponential(gaps);
    }

    #[test]
    fn poisson_arrivals_in_a_ramp_have_the_spread_of_the_rate_at_each_moment() {
        let ramp = staged(0.0, &[(2_000.0, 50_000), (500.0, 40_000), (500.0, 20_000)]);
        let at = due(&ramp, Arrivals::Poisson, 3).map(|due| ramp.requests_before(due.offset_ns));
        let at: Vec<f64> = at.collect();
        assert!(at.len() > 100_000, "{}", at.len());
        check_exponential(at.windows(2).map(|pair| pair[1] - pair[0]));
        // Counts of a stretch, over many seeds: mean and variance are N of it.
        let (from, to) = (5_000_000_000, 7_000_000_000);
        let expected = ramp.requests_before(to) - ramp.requests_before(from);
        let counts: Vec<f64> = (0..300)
            .map(|seed| {
                due(&ramp, Arrivals::Poisson, seed)
                    .take_while(|due| due.offset_ns < to)
                    .filter(|due| due.offset_ns >= from)
                    .count() as f64
            })
            .collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares = counts.iter().map(|count| (count - mean).powi(2));
        let variance = squares.sum::<f64>() / counts.len() as f64;
        assert!((mean / expected - 1.0).abs() < 0.02, "{mean} of {expected}");
        assert!(
            (variance / expected - 1.0).abs() < 0.3,
            "{variance} of {expected}"
        );
    }

    #[test]
    fn the_arrivals_of_one_worker_never_change() {
        let due: Vec<Due> = due(&constant(1_000.0), Arrivals::Poisson, 7)
            .take(4)
            .collect();
        let mut sum = 0.0;
        for (n, due) in due.iter().enumerate() {
            assert_eq!((due.n, due.offset_ns), (n as u64, (sum * 1e6) as u64));
            sum -= (1.0 - random::unit(random::draw(7, n as u64, 0xA221_7A15))).ln();
        }
        let offsets: Vec<u64> = due.iter().map(|due| due.offset_ns).collect();
        assert_eq!(offsets, [0, 1_933_929, 2_701_646, 3_605_020]);
    }

    #[test]
    fn poisson_arrivals_of_several_workers_are_one_process_of_the_planned_rate() {
        for workers in [2, 5] {
            let schedule = constant(1_000.0);
            let of = |worker| {
                let mut pacer = Pacer::new(
                    schedule.clone(),
                    Arrivals::Poisson,
                    7,
                    Lane::new(worker, workers),
                );
                std::iter::from_fn(move || Some(pacer.take().offset_ns))
                    .take_while(|&offset| offset < 100_000_000_000)
            };
            let mut offsets: Vec<u64> = (0..workers).flat_map(of).collect();
            offsets.sort_unstable();
            assert_eq!(offsets[0], 0);
            let gaps = offsets
                .windows(2)
                .map(|pair| (pair[1] - pair[0]) as f64 / 1e6);
            check_exponential(gaps);
            // Counts of 100 ms vary as much as their mean, which is 100.
            let mut counts = [0.0_f64; 1_000];
            for offset in offsets {
                counts[(offset / 100_000_000) as usize] += 1.0;
            }
            let variance = counts
                .iter()
                .map(|count| (count - 100.0).powi(2))
                .sum::<f64>()
                / 1e3;
            assert!((variance / 100.0 - 1.0).abs() < 0.15, "{variance}");
        }
    }

    fn check_exponential(gaps: impl Iterator<Item = f64>) {
        let gaps: Vec<f64> = gaps.collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn bursts_keep_the_mean_rate() {
        let offsets: Vec<u64> = due(&constant(1_000.0), bursts(100), 0)
            .take(301)
            .map(|due| due.offset_ns / 1_000_000)
            .collect();
        for (n, offset) in offsets.into_iter().enumerate() {
            assert_eq!(offset, n as u64 / 100 * 100);
        }
        // In a ramp each group is due when its first request would be.
        let ramp = staged(0.0, &[(2_000.0, 30_000)]);
        let single: Vec<Due> = due(&ramp, Arrivals::Constant, 0).collect();
        for due in due(&ramp, bursts(64), 0) {
            assert_eq!(due.offset_ns, single[due.n as usize / 64 * 64].offset_ns);
        }
    }

    fn any_arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![
            Just(Arrivals::Constant),
            Just(Arrivals::Poisson),
            (1u32..500).prop_map(bursts),
        ]
    }

    /// Of at most some 20,000 requests; some have an end, some have none.
    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let rate = || prop_oneof![Just(0.0), 0.1f64..1_000.0];
        let stage = (rate(), prop_oneof![Just(0), 1u64..10_000]);
        prop_oneof![
            (0.1f64..1e6).prop_map(constant),
            (rate(), prop::collection::vec(stage, 1..4))
                .prop_map(|(begin, stages)| staged(begin, &stages)),
        ]
    }

    proptest! {
        #[test]
        fn workers_share_one_schedule_that_never_goes_back(
            schedule in any_schedule(), arrivals in any_arrivals(), workers in 1u32..5, seed in any::<u64>()
        ) {
            let whole: Vec<Due> = due(&schedule, arrivals, seed).take(1_000).collect();
            prop_assert!(whole.windows(2).all(|pair| pair[0].offset_ns <= pair[1].offset_ns && pair[0].n + 1 == pair[1].n));
            for worker in 0..workers {
                let mut pacer = Pacer::new(schedule.clone(), arrivals, seed, Lane::new(worker, workers));
                if arrivals == Arrivals::Poisson && workers > 1 {
                    // Each draws its own gaps.
                    let own: Vec<Due> = (0..300).map(|_| pacer.take()).collect();
                    prop_assert!(own.windows(2).all(|pair| pair[0].offset_ns <= pair[1].offset_ns && pair[0].n + u64::from(workers) == pair[1].n));
                    continue;
                }
                for expected in whole.iter().skip(worker as usize).step_by(workers as usize) {
                    prop_assert_eq!(pacer.peek().n, expected.n);
                    prop_assert!(pacer.take().offset_ns.abs_diff(expected.offset_ns) <= 1);
                }
            }
        }

        #[test]
        fn arms_in_turns_send_the_same_requests_in_their_own_turns(
            rate in 100.0f64..1e5, arrivals in any_arrivals(), worker in 0u32..2, seed in any::<u64>(), slice_us in 100u64..50_000
        ) {
            let slices = crate::metrics::Slices { dropped: 4, measured: 8 };
            let turns = Timetable::new(Duration::from_micros(slice_us), Duration::from_micros(20), slices);
            let due = |turns: Option<Timetable>| {
                let pacer = Pacer::new(constant(rate), arrivals, seed, Lane::new(worker, 2));
                let mut pacer = match turns {
                    Some(turns) => pacer.in_turns(turns),
                    None => pacer,
                };
                std::iter::from_fn(move || Some(pacer.take())).take(500)
            };
            let arms = due(Some(turns)).zip(due(Some(turns.other()))).zip(due(None));
            for ((one, other), alone) in arms.take_while(|((one, _), _)| one.offset_ns < u64::MAX) {
                prop_assert_eq!((one.n, other.n), (alone.n, alone.n));
                prop_assert_eq!(one.offset_ns, turns.at(alone.offset_ns));
                prop_assert!(turns.may_send(one.offset_ns) && turns.other().may_send(other.offset_ns));
            }
        }

        #[test]
        fn even_arrivals_number_what_was_planned(schedule in any_schedule(), share in 0.0f64..1.2) {
            let whole = (share * 3e10) as u64;
            // High rates are counted for a shorter time.
            let until = if schedule.requests_before(whole) < 50_000.0 { whole } else { whole / 1_000 };
            let planned = schedule.requests_before(until);
            let count = due(&schedule, Arrivals::Constant, 0).take_while(|due| due.offset_ns < until).count();
            prop_assert!((count as f64 - planned).abs() <= 1.0, "{} of {}", count, planned);
        }
    }
}
