//! The planned rate over time, its integral N(t), and the inverse of that: when the n-th request is due. Pure arithmetic.

use std::sync::Arc;
use std::time::Duration;

use crate::scenario::Pace;

/// The planned rate of an open loop from the beginning of its warm-up on; stretches of linear rate.
#[derive(Debug, Clone)]
pub struct Schedule {
    segments: Arc<[Segment]>,
}

/// A stretch in which the rate goes linearly.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Offset of its first instant, ns.
    begin_ns: u64,
    /// Its length, ns.
    length_ns: u64,
    /// Requests planned before it.
    before: f64,
    /// Requests planned within it.
    requests: f64,
    /// Rate at its begin, per second.
    from: f64,
    /// Rate at its end, per second.
    to: f64,
}

impl Schedule {
    /// The schedule of `pace`, whose first rate is held during `warmup`.
    pub fn new(pace: &Pace, warmup: Duration) -> Self {
        let mut schedule = Segments::default();
        match pace {
            Pace::Constant(rate) => schedule.push(u64::MAX, rate.per_second(), rate.per_second()),
            Pace::Staged { begin, stages } => {
                schedule.push(warmup.as_nanos() as u64, *begin, *begin);
                let mut from = *begin;
                for stage in &**stages {
                    schedule.push(stage.over.as_nanos() as u64, from, stage.to);
                    from = stage.to;
                }
            }
        }
        Self {
            segments: schedule.done.into(),
        }
    }

    /// N(t): requests planned before the offset `t_ns` (ns), with a fraction.
    pub fn requests_before(&self, t_ns: u64) -> f64 {
        let later = self
            .segments
            .partition_point(|segment| segment.begin_ns <= t_ns);
        self.segments[..later]
            .last()
            .map_or(0.0, |segment| segment.requests_before(t_ns))
    }

    /// The segment in which N reaches beyond `position`, sought from `first` on; `None` if the schedule ends before.
    pub(super) fn segment(&self, position: f64, first: usize) -> Option<usize> {
        let from_first = &self.segments[first..];
        // A stretch at rate 0 is passed over: what is due when it begins is due when the rate comes back.
        from_first
            .iter()
            .position(|segment| position < segment.before + segment.requests)
            .map(|at| first + at)
    }

    /// N⁻¹(`position`) within segment `at`, as an offset in ns, rounded down.
    pub(super) fn offset_ns(&self, position: f64, at: usize) -> u64 {
        let segment = &self.segments[at];
        let after = segment.ns_until(position - segment.before);
        segment
            .begin_ns
            .saturating_add((after as u64).min(segment.length_ns))
    }
}

/// Segments in the making.
#[derive(Default)]
struct Segments {
    done: Vec<Segment>,
    end_ns: u64,
    requests: f64,
}

impl Segments {
    fn push(&mut self, length_ns: u64, from: f64, to: f64) {
        let segment = Segment {
            begin_ns: self.end_ns,
            length_ns,
            before: self.requests,
            requests: length_ns as f64 * (from + to) / 2e9,
            from,
            to,
        };
        self.end_ns = self.end_ns.saturating_add(length_ns);
        self.requests += segment.requests;
        self.done.push(segment);
    }
}

impl Segment {
    fn requests_before(&self, t_ns: u64) -> f64 {
        let within = (t_ns - self.begin_ns).min(self.length_ns) as f64;
        if self.length_ns == 0 {
            return self.before;
        }
        // The mean of the rates at both ends of the part.
        let mean = self.from + (self.to - self.from) * (within / self.length_ns as f64) / 2.0;
        self.before + mean * within / 1e9
    }

    /// Time (ns) after its begin at which `requests` of its requests have been due: with the slope s = (to − from) / length,
    /// the root of from·x + s·x²/2 = requests.
    fn ns_until(&self, requests: f64) -> f64 {
        let (from, to) = (self.from, self.to);
        if from == to {
            return requests * 1e9 / from;
        }
        let length = self.length_ns as f64 / 1e9;
        let slope = (to - from) / length;
        // From the end at which the rate is lower, so that nothing cancels: neither for a ramp from or to 0 nor for a
        // slope next to none.
        if slope > 0.0 {
            1e9 * seconds_from(from, slope, requests)
        } else {
            let left = (self.requests - requests).max(0.0);
            self.length_ns as f64 - 1e9 * seconds_from(to, -slope, left)
        }
    }
}

/// The root x ≥ 0 of `rate`·x + `slope`·x²/2 = `requests` for a slope above 0, in the form without a difference.
fn seconds_from(rate: f64, slope: f64, requests: f64) -> f64 {
    if requests == 0.0 {
        return 0.0;
    }
    2.0 * requests / (rate + (rate * rate + 2.0 * slope * requests).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Stage;
    use proptest::prelude::*;

    fn staged(begin: f64, warmup_ms: u64, stages: &[(f64, u64)]) -> Schedule {
        let stages = stages.iter().map(|&(to, ms)| Stage {
            to,
            over: Duration::from_millis(ms),
        });
        let pace = Pace::Staged {
            begin,
            stages: stages.collect(),
        };
        Schedule::new(&pace, Duration::from_millis(warmup_ms))
    }

    fn offset(schedule: &Schedule, n: u64) -> Option<u64> {
        let at = schedule.segment(n as f64, 0)?;
        Some(schedule.offset_ns(n as f64, at))
    }

    #[track_caller]
    fn check(schedule: &Schedule, n: u64, expected_ns: u64) {
        let found = offset(schedule, n).unwrap();
        assert!(
            found.abs_diff(expected_ns) <= 1,
            "{n}: {found} beside {expected_ns}"
        );
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_ramp_from_zero_follows_the_square_root() {
        // N(t) = 2000/30 t²/2, so that request n is due at sqrt(0.03 n) s.
        let ramp = staged(0.0, 0, &[(2_000.0, 30_000), (2_000.0, 60_000)]);
        check(&ramp, 0, 0);
        check(&ramp, 3, 3 * S / 10);
        check(&ramp, 7_500, 15 * S);
        check(&ramp, 30_000, 30 * S);
        check(&ramp, 30_001, 30 * S + 500_000);
        check(&ramp, 149_999, 90 * S - 500_000);
        assert_eq!(offset(&ramp, 150_000), None);
    }

    #[test]
    fn a_ramp_to_zero_is_its_mirror_image() {
        let (up, down) = (
            staged(0.0, 0, &[(10_000.0, 3_600_000)]),
            staged(10_000.0, 0, &[(0.0, 3_600_000)]),
        );
        for n in [1, 2, 1_000, 17_999_999] {
            let mirrored = 3_600 * S - offset(&up, n).unwrap();
            check(&down, 18_000_000 - n, mirrored);
        }
    }

    #[test]
    fn slopes_next_to_none_are_those_of_a_constant_rate() {
        for to in [1_000.0 + 1e-10, 1_000.0 - 1e-10] {
            let nearly = staged(1_000.0, 0, &[(to, 3_600_000)]);
            for n in [0, 1, 1_234_567, 3_599_999] {
                check(&nearly, n, n * 1_000_000);
            }
        }
    }

    #[test]
    fn stretches_without_load_and_steps_are_passed_over() {
        let pause = staged(
            10.0,
            0,
            &[
                (10.0, 1_000),
                (0.0, 0),
                (0.0, 5_000),
                (100.0, 0),
                (100.0, 1_000),
            ],
        );
        check(&pause, 9, 9 * S / 10);
        check(&pause, 10, 6 * S);
        check(&pause, 11, 6 * S + S / 100);
        assert_eq!(offset(&pause, 110), None);
    }

    #[test]
    fn a_warm_up_holds_the_first_rate_and_nothing_drifts_in_hours() {
        let long = staged(
            100.0,
            10_000,
            &[(20_000.0, 10_800_000), (20_000.0, 10_800_000)],
        );
        check(&long, 999, 9_990_000_000);
        check(&long, 1_000, 10 * S);
        let at_top = 1_000 + 10_050 * 10_800;
        check(&long, at_top, 10_810 * S);
        check(&long, at_top + 200_000_007, 20_810 * S + 350_000);
        assert_eq!(long.requests_before(10 * S), 1_000.0);
        assert_eq!(
            long.requests_before(u64::MAX),
            (at_top + 216_000_000) as f64
        );
    }

    fn any_stages() -> impl Strategy<Value = (f64, Vec<(f64, u64)>)> {
        let rate = || prop_oneof![Just(0.0), 0.01..50_000.0];
        let stage = (rate(), prop_oneof![Just(0), 1u64..100_000]);
        (rate(), prop::collection::vec(stage, 1..6))
    }

    proptest! {
        #[test]
        fn the_inverse_undoes_the_integral((begin, stages) in any_stages(), warmup in 0u64..5_000, share in 0.0f64..1.0) {
            let schedule = staged(begin, warmup, &stages);
            let all = schedule.requests_before(u64::MAX);
            let position = (all * share).floor();
            match schedule.segment(position, 0) {
                None => prop_assert!(position >= all),
                Some(at) => {
                    let t = schedule.offset_ns(position, at);
                    // Rounded down to a ns, in which at most the highest rate is due.
                    let (low, high) = (schedule.requests_before(t), schedule.requests_before(t + 2));
                    prop_assert!(low <= position + 1e-6 && position <= high + 1e-6, "{low} {position} {high}");
                }
            }
        }
    }
}
