//! Function tables: which share of a profile each function has, itself and with what it calls.
//!
//! Functions are told apart by their normalised names. It must count a function once per sample however often it recurs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use regex::Regex;

use super::Profile;
use super::launch_spread::{LaunchSpread, by_launch, seen};
use super::names::normalise;
use super::share::{Part, Share, Whole};
use super::stacks::{Counts, InSlice};

/// All functions of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionTable {
    /// The largest total first, then by name.
    pub functions: Vec<FunctionShare>,
    /// Samples of the profile.
    pub samples: u64,
    /// Samples of each slice of the capture; empty if it was not taken in slices.
    pub slices: Vec<u64>,
    /// What the shares are of, by slice.
    pub(super) by_slice: Vec<u64>,
    /// What the shares are of, which is the sum of all values: CPU nanoseconds, bytes.
    pub value: u64,
    /// Whether shares are of values and not of samples.
    is_of_values: bool,
    whole: Whole,
    /// What is known of how its launches differ.
    pub launches: LaunchSpread,
    /// The launch of each slice; empty unless there are several launches.
    launch_of: Vec<u8>,
}

/// One function.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionShare {
    /// The normalised name.
    pub function: String,
    /// The names that the profile has for it, in order; empty if it is the normalised one alone.
    pub raw: Vec<String>,
    /// Samples in which it was the leaf.
    pub self_samples: u64,
    /// Samples in which it was anywhere on the stack.
    pub total_samples: u64,
    /// The share of which it was the leaf; these sum to 1.
    pub self_share: Share,
    /// The share in which it was on the stack.
    pub total_share: Share,
}

/// Raw names that are kept of one function.
const MAX_RAW: usize = 4;

impl FunctionTable {
    /// The table of a profile.
    pub fn of(profile: &Profile) -> Self {
        let mut counting = Counting::new(profile);
        for (number, counts) in profile.unordered().enumerate() {
            let seen = Seen::of(profile, counts);
            for id in counts.ids {
                let function = counting.function_of[*id as usize];
                let row = &mut counting.rows[function];
                if row.last_seen != number {
                    row.last_seen = number;
                    row.total.add(seen);
                }
            }
            let leaf = counts.ids.last().expect("a stack has at least one frame");
            let row = &mut counting.rows[counting.function_of[*leaf as usize]];
            row.own.add(seen);
        }
        let mut table = Self::without_functions(profile);
        let mut functions: Vec<FunctionShare> = counting
            .rows
            .into_iter()
            // Names of locations that no sample refers to are no functions of the profile.
            .filter(|row| row.total.weight > 0 || row.total.samples > 0)
            .map(|row| FunctionShare {
                self_share: table.share(&row.own),
                total_share: table.share(&row.total),
                self_samples: row.own.samples,
                total_samples: row.total.samples,
                function: row.function,
                raw: row.raw,
            })
            .collect();
        functions.sort_by(|a, b| {
            let by_total = b.total_share.value.total_cmp(&a.total_share.value);
            by_total.then_with(|| a.function.cmp(&b.function))
        });
        let launches = table.launches.launches();
        let own = functions.iter().map(|function| function.self_share);
        table.launches = LaunchSpread::of(launches, seen(own, launches));
        table.functions = functions;
        table
    }

    /// The shares of a function here and on another side, as comparisons take them: what one observation of it is worth is known from both,
    /// also where only one of them has any.
    pub(super) fn beside(
        &self,
        ours: Option<Share>,
        of: &Self,
        theirs: Option<Share>,
    ) -> (Share, Share) {
        let alike = self.is_of_values == of.is_of_values;
        let absent = |table: &Self, seen: Share| {
            if alike {
                let by_slice = table.by_slice.iter().map(|n| (0, *n));
                Share::absent(table.whole, seen.grain, by_slice)
            } else {
                table.share(&Count::default())
            }
        };
        match (ours, theirs) {
            (Some(ours), None) => (ours, absent(of, ours)),
            (None, Some(theirs)) => (absent(self, theirs), theirs),
            (Some(ours), Some(theirs)) if alike && self.is_of_values => {
                let value = |share: Share, table: &Self| share.value * table.whole.value;
                let (a, b) = (value(ours, self), value(theirs, of));
                let grain = (a * ours.grain + b * theirs.grain) / (a + b);
                (
                    ours.with_grain(self.whole, grain),
                    theirs.with_grain(of.whole, grain),
                )
            }
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => (self.share(&Count::default()), of.share(&Count::default())),
        }
    }
    /// The whole, of which the amount is known as well as its observations tell.
    pub(super) fn all(&self) -> Share {
        let part = Part {
            value: self.whole.value,
            squares: self.whole.squares,
        };
        Share::estimate(part, self.whole, std::iter::empty())
    }

    /// What is known of a profile as a whole.
    pub(super) fn without_functions(profile: &Profile) -> Self {
        let launches = profile.known_launches();
        Self {
            launches: LaunchSpread::of(profile.launches(), 0.0),
            launch_of: launches.map_or_else(Vec::new, |launches| launches.of_slices.clone()),
            functions: Vec::new(),
            samples: profile.samples(),
            slices: profile.slices().to_vec(),
            by_slice: profile.weighed_slices().to_vec(),
            value: profile.value(),
            is_of_values: profile.is_of_values(),
            whole: Whole {
                value: profile.whole() as f64,
                squares: profile.whole_squared(),
                effect: profile.design_effect(),
            },
        }
    }

    /// The share of what was counted in the `whole`.
    pub(super) fn share(&self, count: &Count) -> Share {
        let hits = |at: usize| count.by_slice.get(at).copied().unwrap_or(0);
        let by_slice = self
            .by_slice
            .iter()
            .enumerate()
            .map(|(at, n)| (hits(at), *n));
        let part = Part {
            value: count.weight as f64,
            squares: count.squares,
        };
        let share = Share::estimate(part, self.whole, by_slice);
        if self.launch_of.is_empty() {
            return share;
        }
        let launches = by_launch(&self.launch_of, &count.by_slice, &self.by_slice);
        share.between(launches.into_iter())
    }
}

/// What was counted of one function.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) weight: u64,
    samples: u64,
    squares: f64,
    /// The weight by slice, as far as there was any.
    by_slice: Vec<u64>,
}

/// What was seen of one stack, weighed as shares are.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) weight: u64,
    pub(super) squares: f64,
    pub(super) samples: u64,
    pub(super) by_slice: &'a [(u8, InSlice)],
    pub(super) is_of_values: bool,
}

impl<'a> Seen<'a> {
    pub(super) fn of(profile: &Profile, counts: Counts<'a>) -> Self {
        Self {
            weight: profile.weighed(counts.weight),
            squares: profile.squared(counts.weight),
            samples: counts.weight.samples,
            by_slice: counts.by_slice,
            is_of_values: profile.is_of_values(),
        }
    }
}

impl Count {
    pub(super) fn add(&mut self, seen: Seen<'_>) {
        // Bounded by the profile's total, which fits.
        self.samples += seen.samples;
        self.weight += seen.weight;
        self.squares += seen.squares;
        for (slice, of) in seen.by_slice {
            let at = usize::from(*slice);
            if self.by_slice.len() <= at {
                self.by_slice.resize(at + 1, 0);
            }
            self.by_slice[at] += if seen.is_of_values {
                of.value
            } else {
                of.samples
            };
        }
    }
}

impl Count {
    /// All samples of a profile.
    pub(super) fn of_all(profile: &Profile) -> Self {
        Self {
            weight: profile.whole(),
            samples: profile.samples(),
            squares: profile.whole_squared(),
            by_slice: profile.weighed_slices().to_vec(),
        }
    }

    /// Without a part of them.
    pub(super) fn take_away(&mut self, part: &Self) {
        self.samples = self.samples.saturating_sub(part.samples);
        self.weight = self.weight.saturating_sub(part.weight);
        self.squares = (self.squares - part.squares).max(0.0);
        for (from, taken) in self.by_slice.iter_mut().zip(&part.by_slice) {
            *from = from.saturating_sub(*taken);
        }
    }

    pub(super) fn matched(&self, table: &FunctionTable) -> Matched {
        Matched {
            samples: self.samples,
            share: table.share(self),
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.samples += other.samples;
        self.weight += other.weight;
        self.squares += other.squares;
        if self.by_slice.len() < other.by_slice.len() {
            self.by_slice.resize(other.by_slice.len(), 0);
        }
        for (into, from) in self.by_slice.iter_mut().zip(&other.by_slice) {
            *into += from;
        }
    }
}

struct Row {
    function: String,
    raw: Vec<String>,
    own: Count,
    total: Count,
    last_seen: usize,
}

struct Counting {
    rows: Vec<Row>,
    /// By name of the profile.
    function_of: Vec<usize>,
}

impl Counting {
    fn new(profile: &Profile) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut function_of = Vec::with_capacity(profile.names().len());
        for name in profile.names() {
            let function = normalise(name);
            let at = match by_name.get(&*function) {
                Some(at) => *at,
                None => {
                    by_name.insert(function.clone().into_owned(), rows.len());
                    rows.push(Row {
                        function: function.clone().into_owned(),
                        raw: Vec::new(),
                        own: Count::default(),
                        total: Count::default(),
                        last_seen: usize::MAX,
                    });
                    rows.len() - 1
                }
            };
            if **name != *function && rows[at].raw.len() < MAX_RAW {
                rows[at].raw.push(name.to_string());
            }
            function_of.push(at);
        }
        rows.iter_mut().for_each(|row| row.raw.sort_unstable());
        Self { rows, function_of }
    }
}

/// The samples whose stack has a frame that matches, by its normalised or its raw name, as a share.
pub fn inclusive(profile: &Profile, pattern: &Regex) -> Matched {
    let names = profile.names().iter();
    let matches: Vec<bool> = names
        .map(|name| pattern.is_match(name) || pattern.is_match(&normalise(name)))
        .collect();
    let mut count = Count::default();
    for counts in profile.unordered() {
        if counts.ids.iter().any(|id| matches[*id as usize]) {
            count.add(Seen::of(profile, counts));
        }
    }
    count.matched(&FunctionTable::without_functions(profile))
}

/// A part of a profile, which was read of it alone, as a share of the whole.
pub fn matched(part: &Profile, whole: &Profile) -> Matched {
    Count::of_all(part).matched(&FunctionTable::without_functions(whole))
}

/// The share of a profile whose stacks have one of the functions.
pub fn share_with(profile: &Profile, functions: &HashSet<&str>) -> f64 {
    let names = profile.names().iter();
    let has: Vec<bool> = names
        .map(|name| functions.contains(&*normalise(name)))
        .collect();
    let with = profile
        .unordered()
        .filter(|counts| counts.ids.iter().any(|id| has[*id as usize]));
    let weight: u64 = with.map(|counts| profile.weighed(counts.weight)).sum();
    weight as f64 / profile.whole().max(1) as f64
}

/// The caller that has most of what a function weighs, and its part of that.
pub fn main_caller(profile: &Profile, function: &str) -> Option<(String, f64)> {
    let names: Vec<Cow<'_, str>> = profile.names().iter().map(|of| normalise(of)).collect();
    let is = |id: &u32| names[*id as usize] == function;
    let mut by_caller: HashMap<&str, u64> = HashMap::new();
    let mut all = 0;
    for counts in profile.unordered() {
        let Some(at) = counts.ids.iter().position(is) else {
            continue;
        };
        let weight = profile.weighed(counts.weight);
        all += weight;
        if let Some(caller) = at.checked_sub(1) {
            *by_caller
                .entry(&names[counts.ids[caller] as usize])
                .or_default() += weight;
        }
    }
    let most = by_caller
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    most.map(|(caller, weight)| (caller.to_owned(), weight as f64 / all.max(1) as f64))
}

/// What a pattern matched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched {
    /// Samples with a frame that matches.
    pub samples: u64,
    /// Their share.
    pub share: Share,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(stacks: &[(&[&str], u64)]) -> Profile {
        let mut profile = Profile::new("samples", "count", 0);
        for (frames, samples) in stacks {
            profile
                .add(frames.iter().copied(), *samples, *samples)
                .expect("small");
        }
        profile
    }

    #[track_caller]
    fn check(stacks: &[(&[&str], u64)], expected: &[(&str, u64, u64)]) {
        let table = FunctionTable::of(&profile(stacks));
        let got: Vec<_> = table
            .functions
            .iter()
            .map(|s| (s.function.as_str(), s.self_samples, s.total_samples))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn totals_count_a_function_once_per_sample() {
        check(
            &[(&["main", "f", "g", "f"], 3), (&["main", "g"], 2)],
            &[("g", 2, 5), ("main", 0, 5), ("f", 3, 3)],
        );
        // Two builds' names of one function, in one stack.
        check(
            &[(&["f::h0123456789abcdef", "f::hfedcba9876543210"], 4)],
            &[("f", 4, 4)],
        );
        check(&[(&[], 4)], &[("[no stack]", 4, 4)]);
        check(&[], &[]);
    }

    #[test]
    fn raw_names_are_kept() {
        let profile = profile(&[
            (&["main", "f::hfedcba9876543210"], 1),
            (&["f::h0123456789abcdef"], 1),
        ]);
        let table = FunctionTable::of(&profile);
        assert_eq!(
            table.functions[0].raw,
            ["f::h0123456789abcdef", "f::hfedcba9876543210"]
        );
        assert!(table.functions[1].raw.is_empty());
    }

    #[test]
    fn shares_of_bytes_are_of_bytes() {
        let mut heap = Profile::new("inuse_space", "bytes", 0);
        heap.add(["main", "large"], 1, 9_000).expect("small");
        heap.add(["main", "small"], 99, 1_000).expect("small");
        let table = FunctionTable::of(&heap);
        let large = &table.functions[1];
        assert_eq!(
            (large.function.as_str(), large.total_share.value),
            ("large", 0.9)
        );
        // One large object tells little: the share could be anything.
        assert!(large.total_share.interval.low < 0.35, "{large:?}");
    }

    #[test]
    fn inclusive_samples_match_raw_and_normalised_names() {
        let profile = profile(&[
            (
                &[
                    "main",
                    "bcrypt::hash::h0123456789abcdef",
                    "blowfish::expand",
                ],
                5,
            ),
            (
                &["main", "bcrypt::verify", "bcrypt::hash::h0123456789abcdef"],
                2,
            ),
            (&["main", "idle"], 3),
        ]);
        for (pattern, expected) in [
            ("^bcrypt::", 7),
            ("^bcrypt::hash$", 7),
            ("h0123", 7),
            ("^main$", 10),
            ("x", 5),
            ("zz", 0),
        ] {
            let pattern = Regex::new(pattern).expect("a valid pattern");
            let found = inclusive(&profile, &pattern);
            assert_eq!(found.samples, expected, "{pattern}");
            assert_eq!(found.share.value, expected as f64 / 10.0, "{pattern}");
        }
    }
}
