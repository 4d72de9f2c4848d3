//! Results with known counts, for tests of what is made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Answerings, Estimates, Failure, PhaseResult, Round, RunResult, ScenarioId, Uncertainty,
    VariantResult,
};
use crate::metrics::{ErrorKind, Outcome as RequestOutcome, Tally, Times};
use crate::process::machine::Fingerprint;
use crate::scenario::{Load, LoadModel};

pub(crate) fn phase(record: impl FnOnce(&mut Tally)) -> PhaseResult {
    let mut tally = Tally::default();
    record(&mut tally);
    let load = Load {
        model: LoadModel::Closed,
        connections: 1,
        duration: Duration::from_secs(2),
        requests: None,
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(1),
        workers: 1,
        keep_alive: true,
        weights: BTreeMap::new(),
        overload: false,
        silent_for: None,
    };
    let none = Estimates {
        throughput_rps: None,
        us_per_request: None,
        p50_us: None,
        p99_us: None,
    };
    let round = Round {
        number: 1,
        seconds: 2.0,
        target_cpu_seconds: Some(0.5),
        generator_cores: Some(0.1),
        busiest_worker: Some(0.1),
        worker_wait: None,
        stopped_seconds: Some(0.0),
        throttled_seconds: None,
        steal_share: None,
        neighbour_cores: None,
        missed_share: Some(0.0),
        answerings: Answerings::default(),
        whole: none,
        uncertainty: Uncertainty::default(),
        tails: Vec::new(),
        ratio_errors: None,
    };
    PhaseResult {
        tallies: vec![tally],
        rounds: vec![round],
        ..PhaseResult::blank("load".to_owned(), load, vec!["telemetry".to_owned()])
    }
}

/// With the trust that follows from its figures.
pub(crate) fn concluded(mut phase: PhaseResult) -> PhaseResult {
    phase.conclude_trust();
    phase
}

pub(crate) fn ok(tally: &mut Tally, count: u64, latency_us: u64) {
    for _ in 0..count {
        tally.record(
            RequestOutcome::Ok { status: 200 },
            times(latency_us),
            u64::MAX,
        );
        tally.completed_ok += 1;
    }
}

pub(crate) fn failed(tally: &mut Tally, count: u64, kind: ErrorKind) {
    (0..count).for_each(|_| {
        tally.record(
            RequestOutcome::Failed { kind, status: None },
            times(1_000_000),
            u64::MAX,
        )
    });
}

fn times(latency_us: u64) -> Times {
    Times {
        intended: 0,
        startable: 0,
        sent: 0,
        done: latency_us * 1_000,
    }
}

pub(crate) fn run(phase: PhaseResult, failure: Option<Failure>) -> RunResult {
    RunResult {
        scenario: ScenarioId {
            name: "s".to_owned(),
            sha256: "ab".to_owned(),
            seed: Some(42),
        },
        started_at: jiff::Timestamp::UNIX_EPOCH,
        shard: None,
        machine: Fingerprint::read(),
        variants: vec![VariantResult {
            name: "v".to_owned(),
            target: String::new(),
            phases: vec![concluded(phase)],
        }],
        shards: Vec::new(),
        interrupted: failure.is_some(),
        failure,
    }
}
