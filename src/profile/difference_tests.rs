//! Differences of known shares.

use super::super::share::{Part, Whole};
use super::*;

fn counted(value: f64, n: f64, slices: &[(u64, u64)]) -> Share {
    let whole = Whole {
        value: n,
        squares: n,
        effect: 1.0,
    };
    let part = Part {
        value: value * n,
        squares: value * n,
    };
    Share::estimate(part, whole, slices.iter().copied())
}

fn sampled(k: u64, n: u64) -> Share {
    counted(k as f64 / n as f64, n as f64, &[])
}

/// Newcombe 1998, table II, row (a) of method 10: 56/70 - 48/80 is 0.0524 to 0.3339.
#[test]
fn the_interval_of_a_difference_is_newcombes() {
    let (before, after) = (sampled(48, 80), sampled(56, 70));
    let found = Difference::plain((before, Scale::SHARE), (after, Scale::SHARE));
    // Without what is assumed between launches.
    let launches = [before, after].map(|share| Z95 * Scale::SHARE.launch_error_of(share).0);
    let without = |end: f64| {
        let half = (end - found.delta).powi(2) - launches[0].powi(2) - launches[1].powi(2);
        half.sqrt()
    };
    let (low, high) = (
        found.delta - without(found.interval.low),
        found.delta + without(found.interval.high),
    );
    assert!(
        (low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5,
        "{low} {high}"
    );
}

#[test]
fn a_cost_that_is_not_well_known_makes_differences_uncertain() {
    let scale = |error| Scale::cost(100.0).known_to(error, 0);
    let of = |error| {
        Difference::of(
            (sampled(500, 1_000), scale(error)),
            (sampled(600, 1_000), scale(error)),
        )
    };
    let (exact, rough) = (of(0.0), of(0.1));
    assert!((exact.delta - 10.0).abs() < 1e-9 && rough.delta == exact.delta);
    assert!(exact.p < 0.01 && rough.p > 0.1);
    assert!(rough.interval.low < 0.0 && exact.interval.low > 0.0);
    let share = (sampled(500, 1_000), sampled(600, 1_000));
    let hidden = |found, error| {
        Detectable::at(0.05).change((share.0, scale(error)), (share.1, scale(error)), found)
    };
    assert!(hidden(&rough, 0.1) > hidden(&exact, 0.0));
    // Of what is known to no better than its own size no change would be found.
    assert!(hidden(&rough, 0.1).is_finite() && hidden(&of(1.0), 1.0).is_infinite());
    // The same error from six slices is less well known: t(5) is 2.571, and p is larger.
    let share = sampled(500, 1_000);
    let of = |slices| Scale::cost(100.0).known_to(0.1, slices);
    assert!((of(6).half_of(share) - 2.571 * 5.0).abs() < 0.01);
    let against = |slices| {
        let other = (sampled(500, 1_000), of(slices));
        Difference::of((sampled(200, 1_000), of(slices)), other).p
    };
    assert!(against(6) > 5.0 * against(0));
    let cost = of(6).interval_of(share);
    assert!(
        (cost.low - 36.78).abs() < 0.05 && (cost.high - 63.22).abs() < 0.05,
        "{cost:?}"
    );
}

/// However many samples there are, what launches differ by is no finding.
#[test]
fn launches_of_one_program_differ() {
    let p = |(before, after), scale: fn(f64) -> Scale, by| {
        let of = |share: f64| counted(share, 1e9, &[]);
        Difference::of((of(before), scale(1.0)), (of(after), scale(by))).p
    };
    let share = |_| Scale::SHARE;
    assert!(
        p((0.5, 0.5), Scale::cost, 1.05) > 0.2,
        "the whole costs 5 % more"
    );
    assert!(
        p((0.5, 0.5), Scale::cost, 1.25) > 0.2,
        "so much slower may a machine be"
    );
    assert!(p((0.5, 0.5), Scale::cost, 2.0) < 1e-5);
    assert!(p((0.1, 0.2), Scale::cost, 1.30) < 1e-5);
    assert!(
        p((0.5, 0.5), Scale::rate, 2.0) > 0.2,
        "twice the load is no change of any function"
    );
    assert!(
        p((0.1, 0.2), Scale::rate, 0.5) > 0.2,
        "nor is what became of the others"
    );
    assert!(
        p((0.10, 0.105), Scale::cost, 1.0) > 0.2,
        "a function costs 5 % more"
    );
    assert!(p((0.10, 0.105), share, 1.0) > 0.1);
    assert!(p((0.10, 0.13), share, 1.0) < 1e-5);
    // What is nearly everything has little room to change.
    assert!(p((0.99, 0.98), share, 1.0) < 1e-5);
}

#[test]
fn findings_follow_the_published_procedure() {
    // Of four p values at 1 % the limits are 0.0025, 0.005, 0.0075, 0.01: the third is kept and with it those below.
    let limit = findings_up_to([0.02, 0.004, 0.0074, 0.003].into_iter());
    assert!((limit - 0.0075).abs() < 1e-12, "{limit}");
    assert!((findings_up_to([0.5, 0.2].into_iter()) - 0.005).abs() < 1e-12);
    assert!((findings_up_to(std::iter::empty()) - 0.01).abs() < 1e-12);
}

#[test]
fn launches_that_were_measured_are_not_assumed_to_differ() {
    let share = (sampled(50_000, 100_000), sampled(51_500, 100_000));
    let found = |launches| {
        let scale = Scale::cost(100.0).of_launches(LaunchSpread::of(launches, 0.0));
        let found = Difference::of((share.0, scale), (share.1, scale));
        (scale.launches().assumed(), found)
    };
    let (one, few, enough) = (found(1), found(4), found(5));
    assert_eq!((one.0, few.0, enough.0), (0.03, 0.03, 0.0));
    // 1.5 % of the whole: chance does not explain it, launches may.
    assert!(one.1.p > few.1.p && few.1.p > 0.1 && enough.1.p < 1e-6);
    assert!(one.1.interval.low < 0.0 && enough.1.interval.low > 0.0);
    let plain = |scale: Scale| Difference::of((share.0, scale), (share.1, scale)).p;
    assert!(
        plain(Scale::SHARE) > 0.1
            && plain(Scale::SHARE.of_launches(LaunchSpread::of(5, 0.0))) < 1e-6
    );
    let hidden = |launches| {
        let scale = Scale::cost(100.0).of_launches(LaunchSpread::of(launches, 0.0));
        let same = Difference::of((share.0, scale), (share.0, scale));
        Detectable::at(0.05).change((share.0, scale), (share.0, scale), &same)
    };
    assert!(hidden(5) < hidden(1) / 3.0, "{} {}", hidden(5), hidden(1));
}

/// Two launches that disagree about a function have one degree of freedom of their own: it widens its interval and ends the finding.
#[test]
fn a_few_launches_count_as_well_as_they_agree() {
    let scale = Scale::cost(100.0).of_launches(LaunchSpread::of(2, 0.03));
    let launches = |one: u64, two: u64| {
        let share = sampled(one + two, 100_000);
        share.between([(one, 50_000), (two, 50_000)].into_iter())
    };
    let (agree, disagree) = (launches(10_000, 10_100), launches(5_000, 15_100));
    let found = |base: Share, head: Share| Difference::of((base, scale), (head, scale));
    let (sure, unsure) = (
        found(agree, launches(20_000, 20_200)),
        found(disagree, launches(20_000, 20_200)),
    );
    assert_eq!(sure.delta, unsure.delta);
    assert!(sure.p < 1e-5 && unsure.p > 1e-3, "{} {}", sure.p, unsure.p);
    let reach = |of: &Difference| of.interval.high - of.delta;
    assert!(sure.interval.low > 0.0 && reach(&unsure) > 3.0 * reach(&sure));
    assert!(unsure.error().1 < 7.0, "{:?}", unsure.error());
}

#[test]
fn a_rise_beyond_a_part_of_the_base_is_one_sided() {
    let scale = Scale::cost(100.0).of_launches(LaunchSpread::of(5, 0.0));
    let (base, head) = (
        (sampled(2_000, 10_000), scale),
        (sampled(2_600, 10_000), scale),
    );
    let by = |by| Difference::beyond(base, head, by);
    assert!((by(0.0).delta - 6.0).abs() < 1e-9);
    assert!((by(0.1).delta - 4.0).abs() < 1e-9 && (by(0.5).delta + 4.0).abs() < 1e-9);
    assert!(by(0.0).p_of_rise() < 1e-9 && by(0.0).p_of_rise() < by(0.1).p_of_rise());
    assert!(by(0.5).p_of_rise() > 0.999 && (by(0.3).p_of_rise() - 0.5).abs() < 0.01);
    let (error, degrees) = by(0.0).error();
    assert!(
        (error - 0.59).abs() < 0.02 && degrees.is_infinite(),
        "{error} {degrees}"
    );
}
