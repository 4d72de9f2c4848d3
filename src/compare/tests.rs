//! What a comparison says of launches with known figures.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::experiment::Round;
use crate::metrics::Durations;
use crate::scenario::{Load, LoadModel};

fn estimates(throughput: f64) -> Estimates {
    Estimates {
        throughput_rps: Some(throughput),
        us_per_request: None,
        p50_us: Some(1e6 / throughput),
        p99_us: Some(0.0),
    }
}

fn phase(throughputs: &[f64]) -> PhaseResult {
    let load = Load {
        model: LoadModel::Closed,
        connections: 1,
        duration: Duration::from_secs(4),
        requests: None,
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(1),
        workers: 1,
        keep_alive: true,
    };
    let rounds = throughputs.iter().map(|&throughput| Round {
        seconds: 4.0,
        target_cpu_seconds: None,
        generator_cores: 0.1,
        busiest_worker: 0.1,
        worker_wait: None,
        steal_share: None,
        whole: estimates(throughput),
        blocks: [0.99, 1.01, 0.98, 1.02]
            .map(|factor| estimates(throughput * factor))
            .to_vec(),
    });
    PhaseResult {
        name: "load".to_owned(),
        load,
        requests: Vec::new(),
        tallies: Vec::new(),
        exemplars: BTreeMap::new(),
        rounds: rounds.collect(),
        target_cpus: 1.0,
        peak_bytes: None,
        counters: BTreeMap::new(),
        opening: Durations::default(),
        resent: 0,
        expected_bcrypt_rate: None,
        profile: None,
        warnings: Vec::new(),
    }
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
