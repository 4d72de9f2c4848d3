//! Shares of known counts, and how well they are known.

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

#[test]
fn slices_that_differ_widen_an_interval_and_steady_ones_do_not_narrow_it() {
    let bursts = [0, 0, 90, 0, 10, 0, 0, 0, 0, 0].map(|hits| (hits, 100));
    let steady = [(10, 100); 10];
    let plain = sampled(100, 1_000);
    let of = |slices: &[(u64, u64)]| counted(0.1, 1_000.0, slices);
    assert_eq!(of(&steady).interval, plain.interval);
    assert!(
        of(&bursts[..4]).interval.high > 0.5,
        "of four slices t is wide"
    );
    // Σ(x - 10)² = 80² + 8 × 10² = 7200; √(10/9 × 7200)/1000 = 0.0894; t(9) = 2.262.
    let found = of(&bursts);
    assert!(
        (found.interval.high - (0.1 + 2.262 * 0.08944)).abs() < 1e-4,
        "{found:?}"
    );
    assert_eq!(found.interval.low, 0.0);
}

#[test]
fn what_was_never_seen_may_still_be_there() {
    let never = sampled(0, 1_000);
    assert_eq!((never.value, never.interval.low), (0.0, 0.0));
    assert!(never.interval.high > 0.003);
}
