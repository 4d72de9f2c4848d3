//! What is read of stored results, and that they are compared as results of a run are.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::compare::{Comparison, Finding, MetricChange, Side, Untrusted, compare, sides};
use crate::gate::{Judgements, Outcome};
use crate::metrics::ErrorKind;
use crate::report::figures::change::words;
use crate::result::samples::{self, concluded, run};
use crate::result::{Cause, Doubt, Estimates, RunResult, TrustLevel, VariantResult};
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

pub(super) fn written(result: &RunResult, comparisons: &[Comparison]) -> String {
    let judged = |variant: &VariantResult| vec![Vec::new(); variant.phases.len()];
    json(&Concluded {
        result,
        comparisons,
        judgements: &result.variants.iter().map(judged).collect::<Judgements>(),
        outcome: &Outcome::Pass,
        interrupted: false,
    })
}

#[test]
fn a_stored_run_is_compared_as_it_was_when_it_ended() {
    for keys in ["", "allow_untrusted = true"] {
        let plan = plan(keys);
        let result = result(&plan);
        let live = compare(&plan.judged(), &result);
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
        let found = |at: usize| {
            let change: &MetricChange = &live.metrics[at];
            (change.finding, words(change))
        };
        let withheld = "not judged: the loads differ".to_owned();
        assert_eq!(found(0), (Finding::NotJudged, withheld));
        let (finding, words) = match keys {
            "" => (
                Finding::NotJudged,
                "not judged: +50 % (95 %: +20 % to +80 %); it may come from the head's steal",
            ),
            _ => (
                Finding::Worse,
                "worse: +50 % (95 %: +20 % to +80 %); judged by `allow_untrusted`, in spite of the head's steal",
            ),
        };
        assert_eq!(found(1), (finding, words.to_owned()));
    }
}

#[test]
fn a_run_that_ended_early_is_doubted_while_it_is_there_too() {
    let plan = plan("");
    let live = compare(&plan.judged(), &result(&plan));
    let said: Vec<_> = live[0].cautions.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "the run of before ended before its time",
            "the run of after ended before its time"
        ]
    );
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
