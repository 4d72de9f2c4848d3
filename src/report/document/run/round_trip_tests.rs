//! A run that is written and read again is the same run, for whoever looks at it.

use std::path::Path;
use std::time::Duration;

use super::tests::written;
use super::*;
use crate::gate::judge;
use crate::metrics::{ErrorKind, Moved, Served, Tally};
use crate::result::samples::{self, concluded, run};
use crate::result::{
    AcknowledgedFile, AlsoResult, Answering, Answerings, Estimates, Failure, Gone, HostUse,
    InTurns, InstanceUse, Note, PhaseResult, ProcessUse, ProfileResult, ProfiledLaunch, Quiet,
    RatioErrors, RequestCost, Round, RunResult, ServiceUse, Tail, Uncertainty,
};
use crate::scenario::{self, Also, Overrides};
use crate::tenant::Expected;
use crate::transport::quirk::Quirk;

/// The result as its two files have it.
fn read_again(result: &RunResult) -> RunResult {
    let mut again = read(&written(result, &[])).unwrap();
    attach(&mut again, &histograms(result)).unwrap();
    again
}

/// A phase in which everything is there that a phase can have.
fn full() -> PhaseResult {
    let mut phase = samples::phase(|tally| {
        samples::ok(tally, 900, 1_234);
        samples::ok(tally, 3, 70_000);
        samples::failed(tally, 40, ErrorKind::Timeout);
        samples::failed(tally, 2, ErrorKind::Status);
        tally.note_needed(Some(1), 7);
        tally.record_not_sent(5_000);
    });
    // Behind `telemetry` in the scenario, and before it in the alphabet.
    phase.requests.push("a".to_owned());
    let mut other = Tally::default();
    samples::ok(&mut other, 7, 99);
    phase.tallies.push(other);
    phase
        .exemplars
        .insert(ErrorKind::Status, "status 503: no".to_owned());
    phase.turns = Some(InTurns {
        with: "other".to_owned(),
        slice: Duration::from_millis(101),
        gap: Duration::from_millis(2),
        count: 12,
    });
    let round = &mut phase.rounds[0];
    round.ratio_errors = Some(RatioErrors {
        throughput: Some(0.01),
        us_per_request: None,
    });
    round.seconds = 1.0 / 3.0;
    round.whole = Estimates {
        throughput_rps: Some(1e9 / 7.0),
        us_per_request: Some(0.1 + 0.2),
        p50_us: Some(1_234.567),
        p99_us: None,
    };
    round.uncertainty = Uncertainty {
        throughput: Some(0.01),
        us_per_request: None,
        p50_us: Some((1_000.0, 1_500.1)),
        p99_us: Some((2_000.0, f64::INFINITY)),
    };
    add_answers(round);
    (round.worker_wait, round.throttled_seconds) = (Some(0.123), Some(0.001));
    (round.steal_share, round.missed_share) = (Some(0.2), None);
    let mut unknown = phase.rounds[0].clone();
    (unknown.target_cpu_seconds, unknown.whole.us_per_request) = (None, None);
    (unknown.generator_cores, unknown.busiest_worker) = (None, None);
    phase.rounds.push(unknown);
    add_uses(&mut phase);
    phase.profile = Some(profile());
    phase.note([Note::warning("few_requests", "latency", "few".to_owned()).with_remedy("more")]);
    concluded(phase)
}

/// The capture of a launch.
fn profiled(round: u32) -> ProfiledLaunch {
    ProfiledLaunch {
        round,
        samples: 38,
        slices: 2,
        per_request: Some(12.5),
        error: Some(0.03),
    }
}

/// With what each kind of request costs, and with waits beside the CPU.
fn profile() -> ProfileResult {
    ProfileResult {
        samples: 77,
        slices: 5,
        hz: 99,
        capture_ratio: Some(0.93),
        us_per_request: Some(12.5),
        throughput_rps: None,
        steal_share: Some(0.01),
        neighbour_cores: Some(0.02),
        us_error: 0.02,
        launches: vec![profiled(1), profiled(3)],
        taken: None,
        also: vec![AlsoResult {
            kind: Also::Block,
            samples: 12,
            slices: 5,
            per_request: Some(1_500.0),
            error: Some(0.1),
            launches: vec![profiled(3)],
            taken: None,
        }],
        by_request: vec![
            RequestCost {
                request: Some("slow".to_owned()),
                samples: 60,
                share: (0.75, 0.6, 0.8),
                us_per_request: Some((30.0, 25.0, 33.0)),
            },
            RequestCost {
                request: None,
                samples: 17,
                share: (0.25, 0.2, 0.4),
                us_per_request: None,
            },
        ],
    }
}

/// When the target answered in a launch, and how slow answers came together.
fn add_answers(round: &mut Round) {
    let quiet = Quiet {
        from: 0.25,
        seconds: 0.1,
    };
    let answering = Answering {
        window: 2.0,
        answered: 1.9,
        longest: Some(quiet),
        stall: Some(quiet),
        gone: Some(Gone {
            from: 1.5,
            answers: true,
        }),
    };
    round.answerings = Answerings {
        whole: answering,
        requests: vec![answering; 2],
        instances: vec![answering],
        lost_share: Some(0.2),
        process_ended: Some(1.6),
    };
    round.tails.push(Tail {
        limit_us: 5_000.0,
        inflation: 1.5,
        bursts: Some(2),
    });
}

/// What its target, services and connections did.
fn add_uses(phase: &mut PhaseResult) {
    phase.target_cpus = 3.0;
    phase.peak_bytes = Some(1 << 40);
    phase.counters.insert("bcrypt".to_owned(), 5);
    phase.peaks.insert("in_flight".to_owned(), 6);
    phase.acknowledged.push(AcknowledgedFile {
        file: "v/load/acknowledged.ids".into(),
        ids: 12,
        sink: Some("file:///x".to_owned()),
    });
    phase.died = Some("it ended".to_owned());
    phase.opening.record(5);
    phase.opening.record(50_000_000);
    phase.tallies[0].resent = 4;
    phase.tallies[0].first_byte.record(1_000).unwrap();
    phase.tallies[0].add_moved(Moved {
        received: 500,
        received_body: 400,
        sent: 300,
        sent_body: 200,
        first_byte: 5,
    });
    phase.oddities.put(Quirk::Surplus, 3, "x".to_owned());
    phase.oddities.put(Quirk::FoldedHeader, 1, String::new());
    phase.handshakes = serde_json::from_value(serde_json::json!([
        {"version": "TLS 1.3", "cipher": "TLS_AES_128_GCM_SHA256", "full": 2, "resumed": 1}
    ]))
    .unwrap();
    let used = ProcessUse {
        cpu_seconds: Some(0.7),
        peak_bytes: Some(9),
    };
    phase.instances.push(InstanceUse {
        address: "127.0.0.1:1".to_owned(),
        used,
        served: Served {
            ok: 3,
            failed: 1,
            completed_ok: 2,
        },
        counters: [("bcrypt".to_owned(), 5)].into(),
    });
    let other = HostUse::new("https://idp.test".to_owned(), vec![0]);
    phase.hosts = vec![HostUse::new("target".to_owned(), Vec::new()), other];
    phase.hosts[1].opening.record(700);
    phase.hosts[1].handshakes = phase.handshakes.clone();
    phase.services.push(ServiceUse {
        name: "redis".to_owned(),
        used: ProcessUse {
            cpu_seconds: None,
            ..used
        },
    });
    phase.expected = Some(Expected {
        least: 1.5,
        most: 3.0,
    });
}

#[test]
fn a_run_that_is_written_and_read_is_the_same_run() {
    for failure in [
        None,
        Some(Failure::Target("it died".to_owned())),
        Some(Failure::Internal("the disk".to_owned())),
    ] {
        let mut live = run(full(), failure);
        live.variants[0].target = "command `x`".to_owned();
        live.variants[0].phases.push(samples::phase(|_| {}));
        live.started_at = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
        let again = read_again(&live);
        assert!(again == live, "what is read is not what was written");
        // And once more: what is read can be stored.
        assert_eq!(written(&again, &[]), written(&live, &[]));
        assert_eq!(histograms(&again), histograms(&live));
    }
}

#[test]
fn a_stored_phase_is_judged_as_it_was_when_it_ended() {
    let thresholds = [
        "latency.p99.9 < 80ms",
        "latency.p50 < 1ms",
        "errors.rate < 1%",
        "throughput > 1/s",
        "cpu_per_request < 1ms",
    ];
    let text: String = thresholds.iter().fold(String::new(), |text, expr| {
        format!("{text}[[threshold]]\nexpr = \"{expr}\"\n")
    });
    let plan = scenario::parse(
        "t",
        &format!("name = \"t\"\n[target]\nurl = \"http://127.0.0.1:1\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n[[request]]\nname = \"telemetry\"\npath = \"/\"\n{text}"),
        Path::new("."),
        &Overrides::default(),
    )
    .unwrap();
    let live = run(full(), None);
    let judged = |run: &RunResult| {
        let (variant, phase) = (&run.variants[0], &run.variants[0].phases[0]);
        judge(&plan.thresholds, variant, phase, &phase.total(), 2)
    };
    assert_eq!(judged(&read_again(&live)), judged(&live));
    let unknown = judged(&live).iter().filter(|of| of.value.is_none()).count();
    assert_eq!(unknown, 1, "the CPU of one launch");
    // Without its histograms a run has no latencies, and says so; all else is as it was.
    let bare = judged(&read(&written(&live, &[])).unwrap());
    assert_eq!(bare[0].value, None);
    let reason = bare[0].reason.as_ref().unwrap();
    assert!(reason.contains("lacks its histograms"), "{reason}");
    assert_eq!(bare[2..], judged(&live)[2..]);
}

#[test]
fn histograms_of_another_run_are_refused() {
    let live = run(full(), None);
    let other = run(samples::phase(|tally| samples::ok(tally, 5, 5)), None);
    let mut again = read(&written(&live, &[])).unwrap();
    let error = attach(&mut again, &histograms(&other)).unwrap_err();
    assert!(
        error.contains("v/load/telemetry are not those of the result"),
        "{error}"
    );
}

#[test]
fn counts_that_no_run_has_are_refused() {
    let text = written(&run(full(), None), &[]);
    for (from, to, says) in [
        ("\"due\": 953", "\"due\": 954", "do not add up"),
        ("\"status\": 2", "\"status\": 200", "do not add up"),
        (
            "\"received\": 500",
            "\"received\": 18446744073709551615",
            "do not add up",
        ),
        (
            "\"file\": \"v/load",
            "\"file\": \"../v",
            "is no file of a run directory",
        ),
        (
            "\"started_at\": \"",
            "\"started_at\": \"x",
            "`started_at` is no time",
        ),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let error = read(&text.replace(from, to)).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
