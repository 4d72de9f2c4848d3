//! A gate for tests of its reports.

use std::collections::BTreeMap;
use std::time::Duration;

use super::GateRun;
use crate::gate::paired::{
    Bursts, Change, Confirmation, ErrorVerdict, Evidence, GateVerdict, Measured, MetricVerdict,
    Spread, Used,
};
use crate::gate::{Outcome, Verdict};
use crate::metrics::Tally;
use crate::process::machine::Fingerprint;
use crate::result::{ArmBlock, Arms, Around, Block, ScenarioId, Turns};
use crate::scenario::plan::gate::{FunctionFigure, GateLines, GateMetric, OnInconclusive};

/// A metric whose head has 4.7 % more.
pub(in crate::report) fn metric(metric: GateMetric, verdict: Option<Verdict>) -> MetricVerdict {
    let change = Change {
        by: 0.047,
        low: 0.039,
        high: 0.055,
    };
    MetricVerdict {
        metric,
        function: None,
        limits: verdict.map(|_| metric.default_limits()),
        base: Some(412.0),
        head: Some(431.0),
        change: Some(change),
        verdict,
        reason: Some("because".to_owned()),
        needs: (verdict == Some(Verdict::Inconclusive)).then(|| "more".to_owned()),
        n: 16,
        sd: Some(0.016),
        p: Some(0.000_1),
        sign_flip_p: Some(0.5_f64.powi(16)),
        smallest_effect: Some(0.019),
        bursts: None,
        launches: vec![0.047; 16],
        confirmation: None,
    }
}

/// The cost of the functions that a pattern matches.
pub(in crate::report) fn function(pattern: &str) -> MetricVerdict {
    MetricVerdict {
        function: Some(format!("cost(\"{pattern}\")")),
        ..metric(
            GateMetric::Function(FunctionFigure::Cost),
            Some(Verdict::Pass),
        )
    }
}

/// One of whose metrics the first has this verdict.
pub(in crate::report) fn verdict(first: Verdict) -> GateVerdict {
    let mut p99 = metric(GateMetric::Latency(0.99), None);
    p99.bursts = Some(Bursts {
        base: 3.0,
        head: 4.0,
    });
    (p99.base, p99.change, p99.p) = (None, None, None);
    let mut cpu = metric(GateMetric::CpuPerRequest, Some(first));
    cpu.confirmation = (first == Verdict::Fail).then_some(Confirmation {
        n: 8,
        change: cpu.change,
        p: Some(0.01),
        agrees: true,
    });
    let spread = Spread {
        median: 0.1,
        most: 0.4,
    };
    GateVerdict {
        outcome: match first {
            Verdict::Pass => Outcome::Pass,
            Verdict::Fail => Outcome::Fail,
            Verdict::Inconclusive => Outcome::Inconclusive,
        },
        reasons: vec!["cpu_per_request: because".to_owned()],
        advisory: None,
        on_inconclusive: OnInconclusive::Exit,
        metrics: vec![cpu, metric(GateMetric::Capacity, Some(Verdict::Pass)), p99],
        errors: ErrorVerdict {
            base: (0, 12_000),
            head: (1, 11_900),
            verdict: Some(Verdict::Pass),
            reason: None,
        },
        used: Used {
            blocks: 16,
            launches: 16,
            confirming: 8,
            voided: 2,
        },
        evidence: Evidence {
            foreign_cores: Some(spread),
            steal: None,
            generator_cores: Some(spread),
            dispatch_lag_us: Some(spread),
            throttled_seconds: 0.0,
        },
    }
}

/// What a report makes of a gate with this verdict.
pub(in crate::report) fn gate<T>(
    verdict: &GateVerdict,
    report: impl FnOnce(&GateRun<'_>) -> T,
) -> T {
    let tally = Tally {
        ok: 90,
        completed_ok: 100,
        ..Tally::default()
    };
    let turns = Turns {
        active: Duration::from_secs(2),
        count: 24,
        are_short: false,
        outruns_generator: false,
        tallies: vec![tally],
        exemplars: BTreeMap::new(),
        by_turn: Vec::new(),
    };
    let arm = ArmBlock {
        cpu: Some(Duration::from_millis(500)),
        open_cpu: None,
        peak_bytes: Some(1 << 20),
        closed: turns.clone(),
        open: Some(turns),
        died: None,
    };
    let block = Block {
        number: 1,
        launch: 1,
        head_first: true,
        arms: Arms {
            base: arm.clone(),
            head: arm,
        },
        around: Around::default(),
    };
    report(&GateRun {
        scenario: &ScenarioId {
            name: "service".to_owned(),
            sha256: "ab".repeat(32),
            seed: Some(7),
        },
        arms: Arms {
            base: "./old",
            head: "./new",
        },
        started_at: jiff::Timestamp::UNIX_EPOCH,
        seconds: 96.5,
        machine: &Fingerprint::read(),
        measured: Measured {
            blocks: std::slice::from_ref(&block),
            confirming: &[],
        },
        verdict,
        functions: None,
        file: "s.toml",
        lines: &GateLines {
            table: Some(5),
            metrics: BTreeMap::from([("cpu_per_request".to_owned(), 7)]),
        },
    })
}
