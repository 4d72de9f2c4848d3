//! What is read of stored results, and that they are compared as results of a run are.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::compare::{Comparison, Finding, Side, Untrusted, compare, sides};
use crate::gate::{Judgements, Outcome, judge};
use crate::metrics::{ErrorKind, Served};
use crate::result::samples::{self, concluded, run};
use crate::result::{
    AcknowledgedFile, Answering, Answerings, BcryptRate, Cause, Doubt, Estimates, Failure, Gone,
    InstanceUse, Note, ProcessUse, ProfileResult, Quiet, RunResult, ServiceUse, Tail, TrustLevel,
    Uncertainty, VariantResult,
};
use crate::scenario::{self, LoadModel, Overrides, Plan};

const RUN: &str = r#"{
  "schema": "telemload.result/1", "tool": {"version": "9.9.9"}, "news": [1, 2],
  "scenario": {"name": "s", "sha256": "ab"}, "started_at": "2026-01-01T00:00:00Z", "interrupted": false,
  "machine": {"hostname_hash": null, "cpu_model": "m", "logical_cpus": 2, "usable_cpus": 2, "kernel": null,
    "memory_bytes": null, "cgroup_cpus": null, "governor": null},
  "variants": [{"name": "v", "target": "t", "thresholds": [], "phases": [{"name": "load",
    "load": {"model": "open", "connections": 4, "rate": 20000, "duration_s": 1, "warmup_s": 0, "timeout_s": 1, "workers": 1},
    "rounds": [{"window_s": 1, "throughput_rps": 10.5, "target_us_per_request": null, "latency_p50_us": 1,
      "latency_p99_us": 2, "relative_error": {"throughput_rps": 0.01}, "latency_p99_interval_us": [1.5, 4]},
      {"throughput_rps": 11, "latency_p50_us": 10, "relative_error": {"latency_p50_us": 0.1}},
      {"round": 7, "throughput_rps": 11, "latency_p99_us": 10, "relative_error": {}, "latency_p99_interval_us": [9, null]}],
    "profile": {"target_us_per_request": 50.5, "samples": 3},
    "trust": {"level": "trusted", "reasons": []}}]}]
}"#;

#[test]
fn a_result_is_read_without_what_is_not_known() {
    let run = read(RUN).unwrap();
    let phase = &run.variants[0].phases[0];
    let rounds = &phase.rounds;
    assert_eq!(rounds[0].whole.throughput_rps, Some(10.5));
    let known = rounds[0].uncertainty;
    assert_eq!((known.throughput, known.p50_us), (Some(0.01), None));
    assert_eq!(known.p99_us, Some((1.5, 4.0)));
    let known = rounds[1].uncertainty;
    assert_eq!((known.throughput, known.p99_us), (None, None));
    // An error alone reaches as far to either side.
    let (low, high) = known.p50_us.unwrap();
    assert!((low - 8.2200).abs() < 1e-3 && (high - 12.1654).abs() < 1e-3);
    // Launches of earlier versions have no number; an end may be open.
    assert_eq!(rounds[2].uncertainty.p99_us, Some((9.0, f64::INFINITY)));
    let numbers: Vec<_> = rounds.iter().map(|round| round.number).collect();
    assert_eq!(numbers, [1, 2, 7]);
    assert_eq!(
        phase.profile.as_ref().unwrap().scale().unwrap().factor,
        50.5
    );
    assert!(phase.load.keep_alive);
    assert_eq!(phase.trust.level(), TrustLevel::Trusted);
}

#[test]
fn another_schema_is_refused() {
    for (from, to, expected) in [
        (
            "telemload.result/1",
            "telemload.result/2",
            "its schema is `telemload.result/2` and this version reads `telemload.result/1`",
        ),
        (
            "\"schema\": \"telemload.result/1\",",
            "",
            "it has no schema",
        ),
        (
            "\"connections\": 4",
            "\"connections\": -4",
            "not as `telemload.result/1` should be",
        ),
        ("{\n", "{{", "it is no result"),
        (
            "\"name\": \"load\"",
            "\"name\": \"../load\"",
            "`../load` is no name of a variant or phase",
        ),
        (
            "\"name\": \"v\"",
            "\"name\": \"/tmp/\\u001bv\"",
            "`/tmp/\u{fffd}v` is no name of a variant or phase",
        ),
    ] {
        let error = read(&RUN.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

/// Written before loads were read as a whole, and before trust had codes.
const EARLIER: &str = include_str!("../../../../tests/data/result-suspect.json");

#[test]
fn a_result_of_an_earlier_version_is_read_as_a_whole() {
    let run = read(EARLIER).unwrap();
    let phase = &run.variants[0].phases[0];
    let LoadModel::Open { pace, arrivals } = &phase.load.model else {
        panic!("{:?}", phase.load)
    };
    assert_eq!(pace.to_string(), "100/s");
    assert_eq!(arrivals.to_string(), "bursts of 10");
    let (second, half) = (Duration::from_secs(1), Duration::from_millis(500));
    assert_eq!((phase.load.timeout, phase.load.warmup), (3 * second, half));
    // It has words for its trust and no codes: what they bear on is not known.
    let [doubt] = phase.trust.doubts.as_slice() else {
        panic!("{:?}", phase.trust)
    };
    assert_eq!(doubt.cause, Cause::Unstated(TrustLevel::Suspect));
    assert!(doubt.words.starts_with("a worker of the generator waited"));
}

#[test]
fn trust_is_read_as_far_as_it_is_known() {
    let trust_of = |trust: &str| {
        let text = RUN.replacen(r#"{"level": "trusted", "reasons": []}"#, trust, 1);
        read(&text).unwrap().variants[0].phases[0].trust.clone()
    };
    let doubt = |cause, share, words: &str| Doubt {
        cause,
        share,
        words: words.to_owned(),
    };
    let limited = Cause::Unstated(TrustLevel::ClientLimited);
    for (trust, expected) in [
        (
            r#"{"level": "suspect", "reasons": ["a", "b"], "doubts": [{"code": "steal", "share": 0.1}, {"code": "sent_late", "share": null}]}"#,
            vec![
                doubt(Cause::Steal, Some(0.1), "a"),
                doubt(Cause::SentLate, None, "b"),
            ],
        ),
        // Of a later version.
        (
            r#"{"level": "client-limited", "reasons": ["a"], "doubts": [{"code": "moon", "share": 0.1}]}"#,
            vec![doubt(limited, Some(0.1), "a")],
        ),
        (
            r#"{"level": "hopeless", "reasons": []}"#,
            vec![doubt(Cause::Unstated(TrustLevel::Suspect), None, "")],
        ),
        // Of no version; what steers a terminal is shown harmless.
        (
            r#"{"level": "client-limited", "reasons": ["\u001b[2Ja"], "doubts": [{"code": "steal", "share": 0.1}]}"#,
            vec![
                doubt(Cause::Steal, Some(0.1), "\u{fffd}[2Ja"),
                doubt(limited, None, "\u{fffd}[2Ja"),
            ],
        ),
        (
            r#"{"level": "client-limited", "reasons": ["a", "b"], "doubts": [{"code": "steal", "share": 0.1}]}"#,
            vec![doubt(limited, None, "a; b")],
        ),
    ] {
        assert_eq!(trust_of(trust).doubts, expected, "{trust}");
    }
}

/// A plan of two variants, which differ in bursts and timeout.
fn plan(keys: &str) -> Plan {
    let text = format!(
        r#"name = "two"
{keys}
[target]
url = "http://127.0.0.1:1"
[load]
model = "open"
rate = "500/s"
arrivals = {{ burst = 10 }}
connections = 1
duration = "2s"
timeout = "1s"
[[request]]
name = "telemetry"
path = "/"
[[variant]]
name = "before"
[[variant]]
name = "after"
load.arrivals = {{ burst = 1000 }}
load.timeout = "3s"
"#
    );
    scenario::parse("two", &text, Path::new("."), &Overrides::default()).unwrap()
}

/// A result of it with one launch each; a worker of the base was saturated, the host took time from the head.
fn result(plan: &Plan) -> RunResult {
    let phases = [(100.0, 0.97, 0.0), (150.0, 0.1, 0.2)];
    let mut result = run(samples::phase(|_| {}), None);
    result.interrupted = true;
    let variants = plan.variants.iter().zip(phases);
    result.variants = variants
        .map(|(variant, (throughput, busy, steal))| {
            let mut phase = samples::phase(|tally| samples::ok(tally, 200, 100));
            phase.load = variant.phases[0].load.clone();
            let round = &mut phase.rounds[0];
            (round.busiest_worker, round.steal_share) = (Some(busy), Some(steal));
            round.whole = Estimates {
                throughput_rps: Some(throughput),
                us_per_request: Some(throughput),
                p50_us: Some(throughput),
                p99_us: Some(throughput),
            };
            VariantResult {
                name: variant.name.clone(),
                target: String::new(),
                phases: vec![concluded(phase)],
            }
        })
        .collect();
    result
}

fn written(result: &RunResult, comparisons: &[Comparison]) -> String {
    let judged = |variant: &VariantResult| vec![Vec::new(); variant.phases.len()];
    json(&Concluded {
        result,
        comparisons,
        judgements: &result.variants.iter().map(judged).collect::<Judgements>(),
        outcome: &Outcome::Pass,
        interrupted: false,
    })
}

/// The result as its two files have it.
fn read_again(result: &RunResult) -> RunResult {
    let mut again = read(&written(result, &[])).unwrap();
    attach(&mut again, &histograms(result)).unwrap();
    again
}

#[test]
fn a_stored_run_is_compared_as_it_was_when_it_ended() {
    for keys in ["", "allow_untrusted = true"] {
        let plan = plan(keys);
        let result = result(&plan);
        let live = compare(&plan, &result);
        let stored = read(&written(&result, &live)).unwrap();
        let side = |at: usize| {
            let variant = &stored.variants[at];
            Side::of(&stored, variant, &variant.name)
        };
        let untrusted = Untrusted::from(plan.allow_untrusted);
        let again = sides(&side(0), &side(1), untrusted);
        let [live] = live.as_slice() else {
            panic!("{live:?}")
        };
        assert_eq!(again.cautions, live.cautions);
        let (again, live) = (&again.phases[0], &live.phases[0]);
        assert_eq!(again.cautions, live.cautions);
        assert_eq!(again.metrics, live.metrics);
        // The same for both, and nothing is missing.
        let said: Vec<_> = live.cautions.iter().map(ToString::to_string).collect();
        let judged = if keys.is_empty() {
            ""
        } else {
            "; judged all the same by `allow_untrusted`"
        };
        let says = [
            "the loads differ in arrivals (bursts of 10; bursts of 1000) and timeout (1s; 3s): only costs per request can be compared".to_owned(),
            format!("before · load is client-limited: a worker of the generator used 97 % of a core: the target may be faster; use more workers, or another machine for the generator{judged}"),
            format!("after · load is suspect: the machine's host took 20.0 % of its CPU time: throughput is lower, latencies and CPU per request are higher than the target's; measure on a quieter machine{judged}"),
        ];
        assert_eq!(said, says);
        let throughput = &live.metrics[0];
        let (finding, words) = match keys {
            "" => (
                Finding::NotJudged,
                "not judged: +50 % (95 %: +20 % to +80 %); it may come from the base's worker_saturated",
            ),
            _ => (
                Finding::Better,
                "better: +50 % (95 %: +20 % to +80 %); judged by `allow_untrusted`, in spite of the base's worker_saturated",
            ),
        };
        assert_eq!(
            (
                throughput.finding,
                crate::report::figures::change::words(throughput).as_str()
            ),
            (finding, words)
        );
    }
}

#[test]
fn a_run_that_ended_early_is_doubted_while_it_is_there_too() {
    let plan = plan("");
    let live = compare(&plan, &result(&plan));
    let said: Vec<_> = live[0].cautions.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "the run of before ended before its time",
            "the run of after ended before its time"
        ]
    );
}

/// A phase in which everything is there that a phase can have.
fn full() -> crate::result::PhaseResult {
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
    let mut other = crate::metrics::Tally::default();
    samples::ok(&mut other, 7, 99);
    phase.tallies.push(other);
    phase
        .exemplars
        .insert(ErrorKind::Status, "status 503: no".to_owned());
    let round = &mut phase.rounds[0];
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
    });
    (round.worker_wait, round.throttled_seconds) = (Some(0.123), Some(0.001));
    (round.steal_share, round.missed_share) = (Some(0.2), None);
    let mut unknown = phase.rounds[0].clone();
    (unknown.target_cpu_seconds, unknown.whole.us_per_request) = (None, None);
    (unknown.generator_cores, unknown.busiest_worker) = (None, None);
    phase.rounds.push(unknown);
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
    phase.services.push(ServiceUse {
        name: "redis".to_owned(),
        used: ProcessUse {
            cpu_seconds: None,
            ..used
        },
    });
    phase.expected_bcrypt_rate = Some(BcryptRate {
        least: 1.5,
        most: 3.0,
    });
    phase.profile = Some(ProfileResult {
        samples: 77,
        slices: 5,
        hz: 99,
        capture_ratio: Some(0.93),
        us_per_request: Some(12.5),
        throughput_rps: None,
        steal_share: Some(0.01),
        us_error: 0.02,
        taken: None,
    });
    phase.note([Note::warning("few_requests", "latency", "few".to_owned()).with_remedy("more")]);
    concluded(phase)
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
        judge(&plan.thresholds, variant, phase, &phase.total())
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

/// Written by the version before this, without histograms.
const BEFORE: &str = include_str!("../../../../tests/data/result-earlier.json");

#[test]
fn a_result_of_the_version_before_is_read_and_compared() {
    let run = read(BEFORE).unwrap();
    let phase = &run.variants[0].phases[0];
    let total = phase.total();
    assert_eq!((total.due, total.ok, total.failed), (400, 271, 45));
    assert_eq!((total.not_sent, total.completed_ok), (76, 153));
    assert_eq!(total.errors[ErrorKind::Status as usize], 45);
    // 37.0 % of what was planned, as was said of it.
    assert_eq!(total.sent_in_window, 148);
    assert!(total.latency.is_empty());
    assert_eq!(phase.target_cpus.round(), 2.0);
    let us = phase.us_per_request(&total).unwrap();
    assert!((us - 339.0).abs() < 1.0, "{us}");
    assert_eq!(phase.rounds[0].stopped_seconds, None);
    assert_eq!(phase.services[0].name, "beside");
    assert!(phase.services[0].used.cpu_seconds.unwrap() > 0.0);
    assert_eq!(phase.trust.doubts[0].cause, Cause::SentLate);
    let note = &phase.notes[0];
    assert_eq!(note.code, "unstated");
    assert!(note.to_string().starts_with("only 139 OK responses"));
    let side = |at: usize| Side::of(&run, &run.variants[at], &run.variants[at].name);
    let found = sides(&side(0), &side(1), Untrusted::NotJudged);
    let metrics = &found.phases[0].metrics;
    let findings: Vec<_> = metrics.iter().map(|of| of.finding).collect();
    let doubted = Finding::NotJudged;
    assert_eq!(findings, [doubted, Finding::Better, doubted, doubted]);
}
