//! Each condition of a look by itself: what fails for one of them alone.

use super::look::{LogLimits, Seen, confirms, first, last, seen_from, times_needed};
use super::*;
use crate::scenario::plan::gate::{GateMetric, Limits};
use crate::statistics::{Paired, sign_flip};

const LIMITS: LogLimits = LogLimits {
    catch: 0.05,
    tolerate: 0.03,
};

/// As many values with this mean and this standard error, half above it and half below.
fn values(n: usize, mean: f64, error: f64) -> Vec<f64> {
    let n = n as f64;
    let off = error * (n - 1.0).sqrt();
    (0..n as usize)
        .map(|at| mean + if at % 2 == 0 { off } else { -off })
        .collect()
}

fn paired(values: &[f64]) -> Paired {
    Paired::of(values).unwrap()
}

#[test]
fn samples_are_what_they_should_be() {
    for n in [8, 10, 16] {
        let of = paired(&values(n, 0.3, 0.05));
        assert!((of.mean - 0.3).abs() < 1e-12 && (of.error() - 0.05).abs() < 1e-12);
    }
}

#[test]
fn the_first_look_fails_what_is_plain_by_all_three_rules() {
    let unanimous = 0.5_f64.powi(10);
    // t is 20, all agree, and the lower bound is far above what is tolerated.
    assert_eq!(first(&values(10, 0.4, 0.02), LIMITS, 0.004), Seen::Fails);
    // One p in 1,024 is the smallest: a stricter level asks for no more than that.
    assert_eq!(first(&values(10, 0.4, 0.02), LIMITS, 1e-5), Seen::Fails);
    // t is 4: p is between a quarter of the level and the level.
    let unsure = values(10, 0.4, 0.1);
    let p = paired(&unsure).p();
    assert!(p > 0.001 && p < 0.004, "{p}");
    assert_eq!(sign_flip(&unsure), unanimous);
    assert_eq!(first(&unsure, LIMITS, 0.004), Seen::Open);
    assert_eq!(first(&unsure, LIMITS, 4.0 * p * 1.01), Seen::Fails);
    // One launch that disagrees is more than a level of 1 in 2,000 allows, whatever Student says.
    let mut one_against = values(10, 0.4, 0.04);
    one_against[0] = -0.01;
    assert!(paired(&one_against).p() < 1e-4);
    assert_eq!(sign_flip(&one_against), 2.0 * unanimous);
    assert_eq!(first(&one_against, LIMITS, 0.000_5), Seen::Open);
    assert_eq!(first(&one_against, LIMITS, 0.002), Seen::Fails);
    // Surely worse, but not surely by more than is tolerated: t(0.99, 9) is 2.82.
    assert_eq!(first(&values(10, 0.035, 0.0018), LIMITS, 0.004), Seen::Open);
    assert_eq!(
        first(&values(10, 0.035, 0.0017), LIMITS, 0.004),
        Seen::Fails
    );
    // It passes below what is tolerated, and not below what is caught.
    assert_eq!(
        first(&values(10, 0.025, 0.0017), LIMITS, 0.004),
        Seen::Passes
    );
    assert_eq!(first(&values(10, 0.025, 0.0018), LIMITS, 0.004), Seen::Open);
    assert_eq!(first(&values(10, -0.4, 0.1), LIMITS, 0.004), Seen::Passes);
}

#[test]
fn the_last_look_fails_what_is_estimated_above_what_is_tolerated() {
    // t is 4 with 15 degrees: p is 0.000,6.
    let sure = values(16, 0.04, 0.01);
    assert_eq!(last(&sure, LIMITS, 0.004), Seen::Fails);
    let p = paired(&sure).p();
    assert_eq!(last(&sure, LIMITS, p * 0.99), Seen::Open);
    assert_eq!(last(&sure, LIMITS, p * 1.01), Seen::Fails);
    // The estimate itself decides, and at the limit it fails.
    let mean = paired(&sure).mean;
    let at = |tolerate| LogLimits { tolerate, ..LIMITS };
    assert_eq!(last(&sure, at(mean), 0.004), Seen::Fails);
    assert_eq!(last(&sure, at(mean + 1e-9), 0.004), Seen::Open);
    // Student is sure, the signs are not: four of sixteen disagree, and each by nearly nothing.
    let mut against = values(16, 0.4, 0.01);
    against[..4].fill(-0.001);
    assert!(paired(&against).p() < 1e-4);
    assert_eq!(sign_flip(&against), 16.0 / 65_536.0);
    assert_eq!(last(&against, LIMITS, 0.000_2), Seen::Open);
    assert_eq!(last(&against, LIMITS, 0.000_3), Seen::Fails);
    // t(0.95, 15) is 1.753: the upper bound is below or above 5 %.
    assert_eq!(last(&values(16, 0.01, 0.022), LIMITS, 0.004), Seen::Passes);
    assert_eq!(last(&values(16, 0.01, 0.023), LIMITS, 0.004), Seen::Open);
    // Fewer than ten tell nothing.
    for look in [first, last] {
        assert_eq!(look(&values(9, 0.4, 0.01), LIMITS, 0.1), Seen::Open);
        assert_eq!(look(&values(9, -0.4, 0.01), LIMITS, 0.1), Seen::Open);
        assert_eq!(look(&[], LIMITS, 0.1), Seen::Open);
    }
    assert_eq!(last(&values(10, 0.4, 0.01), LIMITS, 0.004), Seen::Fails);
}

#[test]
fn fresh_launches_confirm_by_their_number_their_p_and_their_estimate() {
    // t(0.95, 7) is 1.895.
    assert!(confirms(&values(8, 0.2, 0.104), LIMITS));
    assert!(!confirms(&values(8, 0.2, 0.107), LIMITS));
    assert!(!confirms(&values(8, 0.029, 0.001), LIMITS));
    assert!(confirms(&values(8, 0.031, 0.001), LIMITS));
    assert!(!confirms(&values(7, 0.2, 0.01), LIMITS));
    assert!(!confirms(&[], LIMITS));
    let same = values(8, 0.2, 0.01);
    let at = |tolerate| LogLimits { tolerate, ..LIMITS };
    assert!(confirms(&same, at(paired(&same).mean)));
    assert!(!confirms(&same, at(paired(&same).mean + 1e-9)));
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 0.005,
        "{found}, not {expected}"
    );
}

#[test]
fn launches_that_would_settle_it_are_those_of_the_nearer_verdict() {
    let needed = |mean, error| times_needed(&paired(&values(16, mean, error)), LIMITS, 0.004);
    // It would pass: 1.753 errors have to fit between the estimate and 5 %.
    close(
        needed(0.01, 0.04).unwrap(),
        (0.04 * 1.753_05 / 0.04_f64).powi(2),
    );
    // It would fail: the estimate has to be t(0.996, 15) = 3.057 errors.
    let fails = (0.06 * 3.057_2 / 0.08_f64).powi(2);
    close(needed(0.08, 0.06).unwrap(), fails);
    // Either: the nearer one. To fail 0.045 needs 0.014,72 as the error, to pass 0.002,85.
    close(
        needed(0.045, 0.03).unwrap(),
        (0.03 * 3.057_2 / 0.045_f64).powi(2),
    );
    // What there is would do: nothing more is named.
    assert_eq!(needed(0.08, 0.001), None);
    // At what is caught it does not pass, and what is tolerated may fail.
    let edge = |mean: f64, limits| {
        let of = paired(&values(16, mean, 0.03));
        times_needed(&of, limits, 0.004)
    };
    let exact = paired(&values(16, 0.05, 0.03)).mean;
    let at_catch = LogLimits {
        catch: exact,
        tolerate: 0.03,
    };
    close(
        edge(0.05, at_catch).unwrap(),
        (0.03 * 3.057_2 / 0.05_f64).powi(2),
    );
    let at_tolerate = LogLimits {
        catch: 0.5,
        tolerate: exact,
    };
    close(
        edge(0.05, at_tolerate).unwrap(),
        (0.03 * 3.057_2 / 0.05_f64).powi(2),
    );
}

#[test]
fn the_smallest_effect_is_that_of_the_test_or_of_the_estimate() {
    let of = |error| seen_from(&paired(&values(16, 0.0, error)), LIMITS, 0.004);
    // t(0.9, 15) is 1.341.
    close(of(0.001), 0.03 + 0.001_340_6);
    // By the test: some 4.5 errors.
    let by_test = of(0.05) / 0.05;
    assert!((4.2..4.8).contains(&by_test), "{by_test}");
    assert!((of(0.1) / of(0.05) - 2.0).abs() < 1e-6);
}

#[test]
fn limits_are_of_what_is_worse() {
    let limits = Limits {
        catch: 0.2,
        tolerate: 0.1,
    };
    let more = LogLimits::of(GateMetric::CpuPerRequest, limits);
    close(more.catch, 1.2_f64.ln());
    close(more.tolerate, 1.1_f64.ln());
    // A fifth less is caught.
    let less = LogLimits::of(GateMetric::Capacity, limits);
    close(less.catch, -(0.8_f64.ln()));
    close(less.tolerate, -(0.9_f64.ln()));
}

#[test]
fn the_level_is_shared_by_all_that_is_judged() {
    let level = |count: usize| {
        let metrics = [
            GateMetric::CpuPerRequest,
            GateMetric::Capacity,
            GateMetric::PeakMemory,
        ];
        look::level(&samples::plan(&metrics[..count]))
    };
    assert_eq!([level(0), level(1), level(2)], [0.004, 0.004, 0.002]);
    let mut shown = samples::plan(&[GateMetric::CpuPerRequest, GateMetric::Capacity]);
    shown.metrics[1].limits = None;
    assert_eq!(look::level(&shown), 0.004);
}
