//! What a comparison of functions says of profiles with known counts.

use std::collections::HashSet;

use super::super::Profile;
use super::*;

/// Functions that `main` calls, and how often each was sampled.
fn table(samples: &[(&str, u64)]) -> FunctionTable {
    let mut profile = Profile::new("samples", "count", 0);
    for (leaf, n) in samples {
        profile.add(["main", leaf], *n, *n).expect("small");
    }
    FunctionTable::of(&profile)
}

fn side(table: &FunctionTable, us_per_request: f64) -> Side<'_> {
    Side {
        table,
        scale: Scale::cost(us_per_request),
    }
}

/// Function, rounded change of its total cost, finding.
#[track_caller]
fn check(base: Side<'_>, head: Side<'_>, expected: &[(&str, i64, DeltaFinding)]) -> Diff {
    let found = diff(base, head, Unit::PerRequest);
    let rounded = |delta: &FunctionDelta| delta.total.delta.round() as i64;
    let got: Vec<_> = found
        .functions
        .iter()
        .map(|delta| (delta.function.as_str(), rounded(delta), delta.total_finding))
        .collect();
    assert_eq!(got, expected);
    for delta in &found.functions {
        let interval = delta.total.interval;
        assert!(
            interval.low <= delta.total.delta && delta.total.delta <= interval.high,
            "{delta:?}"
        );
    }
    let sum: f64 = found.functions.iter().map(|delta| delta.own.delta).sum();
    assert!((sum - found.change.delta).abs() < 1e-6, "self costs add up");
    found
}

use DeltaFinding::{Changed, NotDetected, TooFew};

#[test]
fn changes_are_ranked_and_judged() {
    let (before, after) = (
        table(&[("bcrypt", 950), ("parse", 50)]),
        table(&[("parse", 950), ("lookup", 50)]),
    );
    // The same parsing per request is a larger share of a cheaper request: no change. Before, a function of up to
    // 30 µs could have gone without a sample, so one of 21 µs need not be new.
    let (base, head) = (side(&before, 8_000.0), side(&after, 421.0));
    let found = check(
        base,
        head,
        &[
            ("bcrypt", -7_600, Changed),
            ("main", -7_579, Changed),
            ("lookup", 21, NotDetected),
            ("parse", 0, NotDetected),
        ],
    );
    let hidden = found.hidden.unwrap();
    assert!(hidden.in_any > 30.0, "{hidden:?}");
    assert!(hidden.in_half < hidden.in_any, "{hidden:?}");
    // What went is a large part of the base; what came is too cheap for the base to have shown it.
    let (gone, new) = found.unmatched(base, head);
    assert_eq!((gone, new), (HashSet::from(["bcrypt"]), HashSet::new()));
    check(
        base,
        base,
        &[
            ("bcrypt", 0, NotDetected),
            ("main", 0, NotDetected),
            ("parse", 0, NotDetected),
        ],
    );
}

#[test]
fn builds_whose_names_differ_are_told_apart_from_changes() {
    let (before, after) = (
        table(&[("old::f", 500), ("old::g", 500)]),
        table(&[("new::f", 500), ("new::g", 500)]),
    );
    let (base, head) = (side(&before, 100.0), side(&after, 100.0));
    let found = diff(base, head, Unit::PerRequest);
    let (gone, new) = found.unmatched(base, head);
    assert_eq!(gone, HashSet::from(["old::f", "old::g"]));
    assert_eq!(new, HashSet::from(["new::f", "new::g"]));
}

#[test]
fn a_function_seen_a_few_times_more_is_no_news() {
    let (before, after) = (
        table(&[("f", 990), ("g", 10)]),
        table(&[("f", 982), ("g", 15), ("h", 3)]),
    );
    check(
        side(&before, 100.0),
        side(&after, 100.0),
        &[
            ("f", -1, NotDetected),
            ("g", 1, NotDetected),
            ("main", 0, NotDetected),
            ("h", 0, TooFew),
        ],
    );
}

#[test]
fn nothing_is_a_finding_without_a_profile_on_both_sides() {
    let (none, some) = (table(&[]), table(&[("f", 990), ("g", 10)]));
    check(
        side(&none, 100.0),
        side(&some, 100.0),
        &[("f", 99, TooFew), ("g", 1, TooFew), ("main", 100, TooFew)],
    );
    check(side(&none, 1.0), side(&none, 1.0), &[]);
}

/// A congruential generator: the sequence is the same wherever the test runs.
struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// 1,000 samples in 10 slices of 400 functions; each drawn one gives `burst` samples in a row.
    fn profile(&mut self, burst: u64) -> FunctionTable {
        let weights: Vec<f64> = (1..=400).map(|rank| 1.0 / f64::from(rank)).collect();
        let all: f64 = weights.iter().sum();
        let mut profile = Profile::new("cpu", "nanoseconds", 10);
        for slice in 0..10 {
            let mut of = Profile::new("cpu", "nanoseconds", 10);
            for _ in 0..100 / burst {
                let mut point = self.unit() * all;
                let hit = weights.iter().position(|weight| {
                    point -= weight;
                    point < 0.0
                });
                let name = format!("f{}", hit.unwrap_or(0));
                of.add(["main", &name], burst, burst * 10).expect("small");
            }
            profile.merge_slice(&of, slice).expect("one kind");
        }
        FunctionTable::of(&profile)
    }
}

fn findings(base: &FunctionTable, head: &FunctionTable) -> usize {
    let found = diff(side(base, 100.0), side(head, 100.0), Unit::PerRequest);
    found.count(Changed)
}

/// Two profiles drawn from the same functions: many differ by half, none is a finding, even if samples come in bursts.
#[test]
fn identical_programs_show_no_change() {
    let mut draw = Draw(42);
    for burst in [1, 10] {
        let mut found = 0;
        for _ in 0..20 {
            found += findings(&draw.profile(burst), &draw.profile(burst));
        }
        assert_eq!(found, 0, "bursts of {burst}");
    }
}

/// Without slices nothing shows the same bursts: they are assumed, and no finding either.
#[test]
fn bursts_are_assumed_without_slices() {
    let mut draw = Draw(42);
    let mut without = |burst| {
        let mut table = draw.profile(burst);
        table.slices.clear();
        table.by_slice.clear();
        let mut profile = Profile::new("samples", "count", 0);
        for function in &table.functions {
            profile
                .add(
                    [function.function.as_str()],
                    function.self_samples,
                    function.self_samples,
                )
                .expect("small");
        }
        FunctionTable::of(&profile)
    };
    let found: usize = (0..20).map(|_| findings(&without(10), &without(10))).sum();
    assert_eq!(found, 0);
}

/// A launch of a program whose 400 functions, and whose cost as a whole, differ by 3 % from launch to launch: six slices of 2,000
/// samples, which come in fours. Its functions and its µs per request.
fn launch(draw: &mut Draw) -> (FunctionTable, f64) {
    // The sum of twelve is nearly normal, with a deviation of one.
    let spread = |draw: &mut Draw| {
        let normal = (0..12).map(|_| draw.unit()).sum::<f64>() - 6.0;
        (0.03 * normal).exp()
    };
    let us_per_request = 100.0 * spread(draw);
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=400)
        .map(|rank| {
            sum += spread(draw) / f64::from(rank);
            sum
        })
        .collect();
    let mut profile = Profile::new("cpu", "nanoseconds", 10);
    for slice in 0..6 {
        let mut counts = vec![0; sums.len()];
        for _ in 0..2_000 / 4 {
            let point = draw.unit() * sum;
            counts[sums.partition_point(|sum| *sum < point)] += 4;
        }
        let mut of = Profile::new("cpu", "nanoseconds", 10);
        for (function, samples) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let name = format!("f{function}");
            let stack = ["main", name.as_str()];
            of.add(stack, *samples, samples * 10).expect("small");
        }
        profile.merge_slice(&of, slice).expect("one kind");
    }
    (FunctionTable::of(&profile), us_per_request)
}

/// With many samples it is what launches differ by that must not be a finding, and few slices must not pass for well known.
#[test]
fn two_launches_of_one_program_show_no_change() {
    let mut draw = Draw(7);
    let mut alarms = 0;
    for _ in 0..60 {
        let (base, head) = (launch(&mut draw), launch(&mut draw));
        let found = diff(
            side(&base.0, base.1),
            side(&head.0, head.1),
            Unit::PerRequest,
        );
        let changed =
            |delta: &FunctionDelta| delta.total_finding == Changed || delta.own_finding == Changed;
        alarms += usize::from(found.functions.iter().any(changed));
    }
    assert_eq!(alarms, 0);
}
