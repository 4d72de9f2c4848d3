//! What one observation of a column of numbers is: a sample, a multiple of something, or nothing that can be known.
//!
//! Numbers of profiles are counts of samples only if they look like it. It must not guess in favour of more observations: where numbers
//! could be anything, each record counts as one.

use std::ops::RangeInclusive;

/// What the numbers of a profile are, where the user says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Counts of samples.
    Samples,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Periods of an event, such as cycles.
    Periods,
}

impl Meaning {
    /// What each is called on the command line.
    pub const NAMES: &str = "samples, ns, bytes, period";

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "samples" => Some(Self::Samples),
            "ns" => Some(Self::Nanoseconds),
            "bytes" => Some(Self::Bytes),
            "period" => Some(Self::Periods),
            _ => None,
        }
    }
}

/// Of counts of samples the smallest is hardly ever as large, for most stacks are rare; of a few stacks it may be larger.
const LARGEST_SMALLEST: u64 = 10_000;
const LARGEST_SMALLEST_OF_FEW: u64 = 1_000_000;
/// Records that are no longer a few.
const SOME_RECORDS: u64 = 5;
/// Samples that no profile has: 100 Hz on 64 CPUs give them in four hours.
const TOO_MANY: u128 = 100_000_000;
/// Samples that no few stacks have: of so many, some are of interrupts and other rare stacks. Where none is as rare, fewer are too many.
const TOO_MANY_OF_FEW: u128 = 1_000_000;
const TOO_MANY_OF_LARGE: u128 = 100_000;
/// Samples a stack on average, of many stacks: of more there would be more stacks.
const TOO_MANY_EACH: u128 = 2_500;
/// Records of which not all are multiples of a number by chance.
const MANY_RECORDS: u64 = 20;
/// Samples are not taken more often than each 100 µs, nor is a given period below a microsecond one.
const SHORTEST_STEP_NS: u64 = 100_000;
pub(super) const SHORTEST_PERIOD_NS: u64 = 1_000;
/// Counts stand for as much of a value if it differs by less, as it does where times are rounded.
const UNEVEN: f64 = 1.05;
/// An object as many times larger than the period is recorded with certainty: it is missed once in 5·10⁸ times.
const CERTAIN: f64 = 20.0;

/// Of counts of samples many are as small, because most stacks are rare; of bytes hardly any.
const SMALL: u64 = 16;
const MIDDLING: u64 = 128;

/// Powers of two of which sizes in memory are multiples, and hardly any sampling period is.
const ALIGNMENTS: RangeInclusive<u64> = 8..=4096;

/// All numbers of a column that are not zero, in short.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Survey {
    divisor: u64,
    smallest: u64,
    total: u128,
    records: u64,
    sizes: Sizes,
    /// The sum of the numbers as multiples of the period, rounded.
    rounded: u128,
    period: u64,
}

/// How many numbers there are between a power of two and the next.
#[derive(Debug, Clone, Copy)]
struct Sizes([u64; 64]);

impl Default for Sizes {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Sizes {
    fn add(&mut self, value: u64) {
        self.0[value.ilog2() as usize] += 1;
    }

    /// Of the numbers those below a limit, to within a power of two.
    fn below(&self, limit: u64) -> u64 {
        self.0[..limit.ilog2() as usize].iter().sum()
    }
}

/// How much of a value each of the counts beside it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    least: f64,
    most: f64,
}

impl Default for Beside {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            most: 0.0,
        }
    }
}

impl Beside {
    pub(super) fn add(&mut self, count: u64, value: u64) {
        if count == 0 && value == 0 {
            return;
        }
        let each = value as f64 / count as f64;
        self.least = self.least.min(each);
        self.most = self.most.max(each);
    }

    /// Whether there is any count beside a value.
    pub(super) fn is_counted(&self) -> bool {
        self.least.is_finite()
    }

    /// Whether each count stands for as much, so that shares of counts are shares of the value.
    pub(super) fn is_even(&self) -> bool {
        self.most <= self.least * UNEVEN
    }
}

/// What stands for one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So much of the value.
    Each(u64),
    /// A record, whatever its value.
    Record,
}

impl Survey {
    /// With the period that the profile names; 0 if it names none.
    pub(super) fn with_period(period: u64) -> Self {
        Self {
            period,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, value: u64) {
        if value == 0 {
            return;
        }
        self.smallest = if self.records == 0 {
            value
        } else {
            self.smallest.min(value)
        };
        self.divisor = divisor(self.divisor, value);
        self.records += 1;
        self.sizes.add(value);
        self.total += u128::from(value);
        if self.period > 0 {
            self.rounded += u128::from(multiples(value, self.period));
        }
    }

    /// Of numbers that are said to be counts.
    pub(super) fn of_counts(&self) -> Step {
        let step = self.divisor.max(1);
        let is_multiple = self.records >= MANY_RECORDS && step > 1;
        if !is_multiple && self.are_counts_of(1) {
            Step::Each(1)
        } else if step > 1 && self.are_counts_of(step) {
            Step::Each(step)
        } else {
            Step::Record
        }
    }

    /// Of numbers of which nothing is said.
    pub(super) fn of_anything(&self) -> Step {
        match self.of_counts() {
            Step::Each(step) if !self.look_like_counts_of(step) => Step::Record,
            step => step,
        }
    }

    /// Whether some are as small as most counts are, which bytes hardly ever are, or they are few and their sum is one of counts, and not of
    /// times. A few round numbers have a divisor by chance, unless that is as large as a period; an alignment is none of samples.
    fn look_like_counts_of(&self, step: u64) -> bool {
        if step.is_power_of_two() && ALIGNMENTS.contains(&step) {
            false
        } else if self.records >= MANY_RECORDS {
            let below = |count: u64| self.sizes.below(step.saturating_mul(count));
            let each = self.total / u128::from(step) / u128::from(self.records);
            each < TOO_MANY_EACH
                && (below(SMALL) * 10 >= self.records || below(MIDDLING) * 2 >= self.records)
        } else if step == 1 {
            let most = if self.smallest < MIDDLING {
                TOO_MANY_OF_FEW
            } else {
                TOO_MANY_OF_LARGE
            };
            self.total < most
        } else {
            step >= SHORTEST_STEP_NS
        }
    }

    fn are_counts_of(&self, step: u64) -> bool {
        let step_wide = u128::from(step);
        let largest = if self.records < SOME_RECORDS {
            LARGEST_SMALLEST_OF_FEW
        } else {
            LARGEST_SMALLEST
        };
        self.smallest / step < largest && self.total / step_wide < TOO_MANY
    }

    /// Of times in a unit of so many nanoseconds.
    pub(super) fn of_times(&self, unit_ns: u64) -> Step {
        let is_long = |step: u64, least| step.saturating_mul(unit_ns) >= least;
        let stands_for = self.rounded * u128::from(self.period);
        if self.period > 1
            && is_long(self.period, SHORTEST_PERIOD_NS)
            && stands_for.abs_diff(self.total) * 100 <= self.total
        {
            Step::Each(self.period)
        } else {
            self.of_steps(|step| is_long(step, SHORTEST_STEP_NS))
        }
    }

    /// Of periods of an event.
    pub(super) fn of_periods(&self) -> Step {
        self.of_steps(|step| step > 1)
    }

    fn of_steps(&self, is_step: impl Fn(u64) -> bool) -> Step {
        if is_step(self.divisor) && self.are_counts_of(self.divisor) {
            Step::Each(self.divisor)
        } else {
            Step::Record
        }
    }
}

impl Step {
    /// How many observations a value is, at least one.
    pub(super) fn observations(self, value: u64) -> u64 {
        match self {
            _ if value == 0 => 0,
            Self::Each(step) => multiples(value, step).max(1),
            Self::Record => 1,
        }
    }
}

/// Nanoseconds of a unit of time.
pub(super) fn nanoseconds(unit: &str) -> Option<u64> {
    match unit {
        "nanoseconds" | "ns" => Some(1),
        "microseconds" | "us" => Some(1_000),
        "milliseconds" | "ms" => Some(1_000_000),
        "seconds" | "s" => Some(1_000_000_000),
        _ => None,
    }
}

/// How many objects a heap sampler saw, of what it scaled them to, and whether it would have seen any of them for certain.
///
/// Each byte is the sampled one with the chance 1 / period, so that an object of s bytes is seen with 1 − exp(−s / period), and the sampler
/// divides by that (Go's `runtime/pprof`, gperftools, V8).
pub(super) fn of_heap(objects: u64, bytes: u64, period: u64) -> (u64, bool) {
    if objects == 0 {
        return (u64::from(bytes > 0), false);
    }
    let size = bytes as f64 / objects as f64 / period as f64;
    let seen = objects as f64 * -(-size).exp_m1();
    ((seen.round() as u64).max(1), size >= CERTAIN)
}

fn multiples(value: u64, step: u64) -> u64 {
    value / step + u64::from(value % step >= step.div_ceil(2))
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(period: u64, values: &[u64]) -> Survey {
        let mut survey = Survey::with_period(period);
        values.iter().for_each(|value| survey.add(*value));
        survey
    }

    #[test]
    fn counts_are_counts_only_if_they_look_like_it() {
        for (values, expected) in [
            (&[3, 7][..], Step::Each(1)),
            (&[0, 300, 100], Step::Each(1)),
            (&[20_202_020, 10_101_010], Step::Each(10_101_010)),
            (&[70_000_000, 30_000_000], Step::Each(10_000_000)),
            // Periods that vary, and bytes.
            (&[3_000_000_001, 1, 7], Step::Record),
            (&[48_123, 52_001, 66_770, 512_345, 1_048_577], Step::Record),
            (&[10_000, 20_000], Step::Each(1)),
            (&[10; 30], Step::Each(10)),
            (&[], Step::Each(1)),
        ] {
            assert_eq!(survey(0, values).of_counts(), expected, "{values:?}");
        }
    }

    #[test]
    fn times_are_multiples_of_a_period_that_can_be_one() {
        const MS: u64 = 1_000_000;
        for (period, values, expected) in [
            (10 * MS, &[30 * MS, 70 * MS][..], Step::Each(10 * MS)),
            (10 * MS, &[29_999_999, 70_000_001], Step::Each(10 * MS)),
            (1, &[70 * MS, 30 * MS], Step::Each(10 * MS)),
            (1_000 * MS, &[70 * MS, 30 * MS], Step::Each(10 * MS)),
            (0, &[5 * MS, 2 * MS], Step::Each(MS)),
            (1, &[70_000_001, 30_000_000], Step::Record),
        ] {
            assert_eq!(survey(period, values).of_times(1), expected, "{values:?}");
        }
        assert_eq!(
            survey(0, &[70_000, 30_000]).of_times(1_000),
            Step::Each(10_000)
        );
    }

    #[test]
    fn bytes_are_no_counts() {
        // What jeprof writes of a heap, and a profile of as many samples.
        let bytes: Vec<u64> = (0..24).map(|n| 1_041 + n * n * 513 + n).collect();
        assert_eq!(survey(0, &bytes).of_anything(), Step::Record);
        assert_eq!(survey(0, &bytes[..10]).of_anything(), Step::Record);
        assert_eq!(survey(0, &bytes[..5]).of_anything(), Step::Each(1));
        // Sizes of a heap are multiples of its alignment, and a few large ones of something.
        let aligned: Vec<u64> = bytes.iter().map(|bytes| bytes * 16).collect();
        assert_eq!(survey(0, &aligned).of_anything(), Step::Record);
        let small: Vec<u64> = (1..25).map(|n| 8 * n).collect();
        assert_eq!(survey(0, &small).of_anything(), Step::Record);
        let large = survey(0, &[52_428_800, 2_000_000]);
        assert_eq!(large.of_anything(), Step::Record);
        let periods = survey(0, &[20_202_020, 10_101_010]);
        assert_eq!(periods.of_anything(), Step::Each(10_101_010));
        let counts: Vec<u64> = (1..25).map(|n| 20_000 / (n * n)).collect();
        assert_eq!(survey(0, &counts).of_anything(), Step::Each(1));
        let tens: Vec<u64> = (1..25).map(|n| 2_000 / (n * n) * 10).collect();
        assert_eq!(survey(0, &tens).of_anything(), Step::Each(10));
    }

    #[test]
    fn times_of_a_few_stacks_are_no_counts() {
        // What nytprofcalls writes of a program with two subroutines, and a profile of as many stacks.
        assert_eq!(survey(0, &[95_752, 1_745_356]).of_anything(), Step::Record);
        assert_eq!(survey(0, &[9_575, 17_453]).of_anything(), Step::Each(1));
        // Bytes of what google-pprof folds of a heap.
        let heap = [702_068, 4_096, 320];
        assert_eq!(survey(0, &heap).of_anything(), Step::Record);
        assert_eq!(survey(0, &[300, 1, 702_068]).of_anything(), Step::Each(1));
        // Microseconds of uftrace, a recursion among them.
        let times = [
            4, 2, 579, 7, 1, 3, 1, 12, 3621, 2002, 98, 209, 399, 761, 1431, 2650, 12469, 8463,
            14994, 6903, 9100, 8200, 12000, 6100, 3000, 2500,
        ];
        assert_eq!(survey(0, &times).of_anything(), Step::Record);
        // Contentions are counted, however many.
        assert_eq!(survey(0, &[95_752, 1_745_356]).of_counts(), Step::Each(1));
    }

    #[test]
    fn counts_stand_for_values_if_each_has_as_much() {
        let of = |pairs: &[(u64, u64)]| {
            let mut beside = Beside::default();
            pairs
                .iter()
                .for_each(|(count, value)| beside.add(*count, *value));
            (beside.is_counted(), beside.is_even())
        };
        assert_eq!(of(&[(3, 30), (7, 70), (0, 0)]), (true, true));
        assert_eq!(of(&[(3, 30), (7, 71)]), (true, true));
        assert_eq!(of(&[(3, 30), (7, 300)]), (true, false));
        assert_eq!(of(&[(3, 30), (0, 70)]), (true, false));
        assert_eq!(of(&[(3, 30), (7, 0)]), (true, false));
        assert!(!of(&[(0, 30), (0, 70)]).0);
    }

    #[test]
    fn scaled_objects_are_counted_back() {
        // Of 64 bytes at a rate of 524,288 each seen one stands for 8,192.5.
        assert_eq!(of_heap(40_963, 5 * 524_320, 524_288), (5, false));
        assert_eq!(of_heap(1, 87_244_800, 524_288), (1, true));
        assert_eq!(of_heap(3, 3 * 524_288, 524_288), (2, false));
        assert_eq!(of_heap(1, 8, 524_288), (1, false));
        assert_eq!(of_heap(0, 0, 524_288), (0, false));
    }
}
