//! What a comparison says of launches with known figures.

use super::*;

const ONE_RUN: Between = Between {
    apart: Apart::Rounds,
    speed: None,
};
const TWO_RUNS: Between = Between {
    apart: Apart::Runs,
    speed: None,
};

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
    let round = |(&throughput, round): (&f64, u32)| RoundFigures {
        ratio_errors: None,
        round,
        whole: estimates(throughput),
        uncertainty: Uncertainty {
            throughput: Some(0.009),
            p50_us: Some((0.98e6 / throughput, 1.02e6 / throughput)),
            ..Uncertainty::default()
        },
    };
    throughputs.iter().zip(1..).map(round).collect()
}

/// One figure, judged alone.
fn change(
    metric: Metric,
    base: &[RoundFigures],
    head: &[RoundFigures],
    between: Between,
) -> Option<MetricChange> {
    let measured = measure(metric, base, head, between)?;
    Some(measured.judged(&Family::of([measured.p()])))
}

fn throughput(base: &[f64], head: &[f64], between: Between) -> MetricChange {
    change(Metric::Throughput, &phase(base), &phase(head), between).unwrap()
}

#[test]
fn a_large_change_is_found_in_one_launch_and_a_small_one_is_not() {
    let found = throughput(&[200.0], &[20_000.0], ONE_RUN);
    assert_eq!(
        (found.finding, found.basis),
        (Finding::Better, Basis::Times)
    );
    assert!(
        (found.ratio - 100.0).abs() < 1e-9 && found.interval.0 > 85.0 && found.interval.1 < 117.0,
        "{found:?}"
    );
    // Within what measurements at different times are assumed to differ by: no claim, however steady the intervals.
    let small = throughput(&[1_000.0], &[1_080.0], ONE_RUN);
    assert_eq!(small.finding, Finding::NotDetected);
    let detectable = small.detectable.unwrap();
    assert!(detectable > 0.20 && detectable < 0.25, "{small:?}");
}

#[test]
fn rounds_of_one_run_bring_their_own_spread() {
    let steady = throughput(
        &[1_000.0, 1_001.0, 999.0, 1_000.0],
        &[1_050.0, 1_052.0, 1_049.0, 1_051.0],
        ONE_RUN,
    );
    assert_eq!(
        (steady.finding, steady.basis, steady.detectable),
        (Finding::Better, Basis::Rounds(4), None)
    );
    let noisy = throughput(
        &[1_000.0, 1_300.0, 800.0, 1_000.0, 1_000.0],
        &[1_050.0, 900.0, 1_200.0, 1_051.0, 1_000.0],
        ONE_RUN,
    );
    assert_eq!(noisy.finding, Finding::NotDetected);
    assert!(noisy.detectable.unwrap() > 0.3, "{noisy:?}");
}

#[test]
fn rounds_of_two_runs_say_nothing_of_how_runs_differ() {
    let (base, head) = (
        [1_000.0, 1_001.0, 999.0, 1_000.0],
        [1_080.0, 1_082.0, 1_079.0, 1_081.0],
    );
    let found = throughput(&base, &head, TWO_RUNS);
    assert_eq!(
        (found.finding, found.basis),
        (Finding::NotDetected, Basis::Runs)
    );
    // 1.96 · 6 % · √2 is 16.6 %, however many rounds there are.
    let half = (found.interval.1 / found.ratio).ln();
    assert!((half - 0.1664).abs() < 0.001, "{half}");
    let many = throughput(&base.repeat(20), &head.repeat(20), TWO_RUNS);
    let half = (many.interval.1 / many.ratio).ln();
    assert!((half - 0.1663).abs() < 0.001, "{half}");
    assert_eq!(many.finding, Finding::NotDetected);
    // What is larger is found, and what the generator says of the machine counts.
    assert_eq!(
        throughput(&base, &[1_300.0; 4], TWO_RUNS).finding,
        Finding::Better
    );
    let slower = Between {
        speed: Some(-0.2),
        ..TWO_RUNS
    };
    assert_eq!(
        throughput(&base, &[1_300.0; 4], slower).finding,
        Finding::NotDetected
    );
}

#[test]
fn launches_are_paired_by_the_number_of_their_round() {
    // The machine doubles its speed from round to round; the head's second launch died.
    let base = phase(&[100.0, 200.0, 400.0, 800.0]);
    let mut head = phase(&[110.0, 220.0, 441.0, 879.0]);
    head.remove(1);
    let found = change(Metric::Throughput, &base, &head, ONE_RUN).unwrap();
    assert_eq!(
        (found.finding, found.basis),
        (Finding::Better, Basis::Rounds(3))
    );
    assert!((found.ratio - 1.1).abs() < 0.002, "{found:?}");
    // The means are of the launches that are compared.
    assert!((found.base - 1_300.0 / 3.0).abs() < 1e-9);
}

#[test]
fn figures_that_are_judged_together_need_more() {
    let base = [1_000.0, 1_001.0, 999.0, 1_000.0];
    let head = [1_003.0, 1_004.0, 1_003.0, 1_006.0];
    let measured = measure(Metric::Throughput, &phase(&base), &phase(&head), ONE_RUN).unwrap();
    let p = measured.p();
    assert!((0.005..0.05).contains(&p), "{p}");
    assert_eq!(measured.judged(&Family::of([p])).finding, Finding::Better);
    let others = [0.3, 0.5, 0.7, 0.2, 0.6, 0.8, 0.9];
    let found = measured.judged(&Family::of(others.into_iter().chain([p])));
    assert_eq!(found.finding, Finding::NotDetected);
    assert!((found.p_adjusted - 8.0 * p).abs() < 1e-12);
    assert!(found.interval.0 > 1.0, "{found:?}");
}

#[test]
fn more_latency_is_worse_and_more_throughput_better() {
    let (fast, slow) = (phase(&[2_000.0]), phase(&[1_000.0]));
    let of = |metric, base, head| change(metric, base, head, ONE_RUN).unwrap().finding;
    assert_eq!(of(Metric::Throughput, &fast, &slow), Finding::Worse);
    assert_eq!(of(Metric::P50, &fast, &slow), Finding::Worse);
    assert_eq!(of(Metric::P50, &slow, &fast), Finding::Better);
}

#[test]
fn a_tail_that_may_be_in_a_burst_or_not_reaches_to_one_side() {
    let with = |p99: f64, interval: Option<(f64, f64)>| {
        let round = RoundFigures {
            ratio_errors: None,
            round: 1,
            whole: Estimates {
                p99_us: Some(p99),
                ..estimates(1.0)
            },
            uncertainty: Uncertainty {
                p99_us: interval,
                ..Uncertainty::default()
            },
        };
        [round]
    };
    let p99 = |base: &[RoundFigures], head: &[RoundFigures]| {
        change(Metric::P99, base, head, ONE_RUN).unwrap()
    };
    // By chance the base's is beside its bursts and the head's in them: an interval beyond tenfold says nothing.
    let calm = with(1_000.0, Some((990.0, 90_000.0)));
    let burst = with(80_000.0, Some((1_000.0, 90_000.0)));
    let found = p99(&calm, &burst);
    assert_eq!(
        (found.finding, found.detectable),
        (Finding::NotJudged, None),
        "{found:?}"
    );
    assert_eq!(found.interval.0, 0.0);
    // One that is always slow is worse than both: ln 10 is 2.3026, and times are assumed to differ by √2 × 10 %.
    let slow = with(800_000.0, Some((790_000.0, 810_000.0)));
    let found = p99(&burst, &slow);
    assert_eq!(found.finding, Finding::Worse, "{found:?}");
    // Downwards √(0.0126² + 0.1178² + 0.2772²), upwards beyond ×10.
    assert!(
        (found.interval.0 - 10.0 * (-0.3014_f64).exp()).abs() < 0.01,
        "{found:?}"
    );
    assert!(found.interval.1.is_infinite(), "{found:?}");
    // Of too few requests nothing is known.
    let few = with(1_000.0, None);
    assert_eq!(p99(&few, &slow).finding, Finding::NotJudged);
    let open = with(1_000.0, Some((900.0, f64::INFINITY)));
    assert_eq!(p99(&open, &slow).finding, Finding::NotJudged);
    assert_eq!(p99(&slow, &open).finding, Finding::NotJudged);
    let fast = with(10.0, Some((9.0, 11.0)));
    let found = p99(&fast, &open);
    assert_eq!(
        (found.finding, found.interval.1),
        (Finding::Worse, f64::INFINITY)
    );
}

#[test]
fn what_is_not_known_on_both_sides_is_not_compared() {
    let of =
        |metric, base: &[f64], head: &[f64]| change(metric, &phase(base), &phase(head), ONE_RUN);
    assert_eq!(of(Metric::CpuPerRequest, &[1.0], &[1.0]), None);
    assert_eq!(of(Metric::P99, &[1.0], &[1.0]), None);
    assert_eq!(of(Metric::Throughput, &[], &[1.0]), None);
}
