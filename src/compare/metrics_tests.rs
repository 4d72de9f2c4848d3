//! What a comparison says of launches with known figures.

use super::*;

fn estimates(throughput: f64) -> Estimates {
    Estimates {
        throughput_rps: Some(throughput),
        us_per_request: None,
        p50_us: Some(1e6 / throughput),
        p99_us: Some(0.0),
    }
}

/// A launch of each throughput, its intervals some 2 % apart.
fn phase(throughputs: &[f64]) -> Vec<RoundFigures> {
    let round = |&throughput: &f64| RoundFigures {
        whole: estimates(throughput),
        uncertainty: Uncertainty {
            throughput: Some(0.009),
            p50_us: Some((0.98e6 / throughput, 1.02e6 / throughput)),
            ..Uncertainty::default()
        },
    };
    throughputs.iter().map(round).collect()
}

fn throughput(base: &[f64], head: &[f64]) -> MetricChange {
    change(Metric::Throughput, &phase(base), &phase(head)).unwrap()
}

#[test]
fn a_large_change_is_found_in_one_launch_and_a_small_one_is_not() {
    let found = throughput(&[200.0], &[20_000.0]);
    assert_eq!(
        (found.finding, found.basis),
        (Finding::Better, Basis::Assumed)
    );
    assert!(
        (found.ratio - 100.0).abs() < 1e-9 && found.interval.0 > 85.0 && found.interval.1 < 118.0,
        "{found:?}"
    );
    // Within what launches are assumed to differ by: no claim, however steady the intervals.
    let small = throughput(&[1_000.0], &[1_050.0]);
    assert_eq!(small.finding, Finding::NotDetected);
    assert!(
        small.detectable > 0.10 && small.detectable < 0.20,
        "{small:?}"
    );
}

#[test]
fn repeated_launches_bring_their_own_spread() {
    let steady = throughput(
        &[1_000.0, 1_001.0, 999.0, 1_000.0],
        &[1_050.0, 1_052.0, 1_049.0, 1_051.0],
    );
    assert_eq!(
        (steady.finding, steady.basis),
        (Finding::Better, Basis::Rounds(4))
    );
    let noisy = throughput(
        &[1_000.0, 1_300.0, 800.0, 1_000.0],
        &[1_050.0, 900.0, 1_200.0, 1_051.0],
    );
    assert_eq!(noisy.finding, Finding::NotDetected);
    assert!(noisy.detectable > 0.3, "{noisy:?}");
}

#[test]
fn more_latency_is_worse_and_more_throughput_better() {
    let slower = (phase(&[2_000.0]), phase(&[1_000.0]));
    assert_eq!(
        change(Metric::Throughput, &slower.0, &slower.1)
            .unwrap()
            .finding,
        Finding::Worse
    );
    assert_eq!(
        change(Metric::P50, &slower.0, &slower.1).unwrap().finding,
        Finding::Worse
    );
    assert_eq!(
        change(Metric::P50, &slower.1, &slower.0).unwrap().finding,
        Finding::Better
    );
}

#[test]
fn a_tail_that_may_be_in_a_burst_or_not_reaches_to_one_side() {
    let with = |p99: f64, interval: (f64, f64)| {
        let round = RoundFigures {
            whole: Estimates {
                p99_us: Some(p99),
                ..estimates(1.0)
            },
            uncertainty: Uncertainty {
                p99_us: Some(interval),
                ..Uncertainty::default()
            },
        };
        [round]
    };
    let p99 = |base: &[RoundFigures], head: &[RoundFigures]| change(Metric::P99, base, head);
    // By chance the base's is beside its bursts and the head's in them.
    let calm = with(1_000.0, (990.0, 90_000.0));
    let burst = with(80_000.0, (1_000.0, 90_000.0));
    let found = p99(&calm, &burst).unwrap();
    assert_eq!(found.finding, Finding::NotDetected, "{found:?}");
    assert!(found.detectable > 80.0, "{found:?}");
    // One that is always slow is worse than both: ln 10 is 2.3026, and launches are assumed to differ by √2 × 10 %.
    let slow = with(800_000.0, (790_000.0, 810_000.0));
    let found = p99(&burst, &slow).unwrap();
    assert_eq!(found.finding, Finding::Worse, "{found:?}");
    // Downwards √(0.0126² + 0.1178² + 0.2772²), upwards √(0.0124² + 4.3820² + 0.2772²).
    assert!(
        (found.interval.0 - 10.0 * (-0.3014_f64).exp()).abs() < 0.01,
        "{found:?}"
    );
    assert!(
        (found.interval.1 / (10.0 * 4.3908_f64.exp()) - 1.0).abs() < 0.01,
        "{found:?}"
    );
}

#[test]
fn what_is_not_known_on_both_sides_is_not_compared() {
    assert_eq!(
        change(Metric::CpuPerRequest, &phase(&[1.0]), &phase(&[1.0])),
        None
    );
    assert_eq!(change(Metric::P99, &phase(&[1.0]), &phase(&[1.0])), None);
    assert_eq!(
        change(Metric::Throughput, &phase(&[]), &phase(&[1.0])),
        None
    );
}
