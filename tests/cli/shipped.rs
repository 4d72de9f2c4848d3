//! The shipped scenarios in a short form: what their opening comments promise is what comes out.
//!
//! Only ratios, counters and shares are asserted: the binary is not optimised and the machine is shared.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bed::{Outcome, TestBed};
use crate::recorded::{counted, prove};
use crate::shortened::{a_bcrypt_for_each_request, headline, number, seconds, shortened};

/// The comparison of one metric.
#[track_caller]
pub(crate) fn metric(outcome: &Outcome, base: &str, head: &str, name: &str) -> Value {
    let result = outcome.result();
    let comparison = result["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|comparison| comparison["base"] == base && comparison["head"] == head)
        .unwrap_or_else(|| panic!("no {base} and {head}: {:#}", result["comparisons"]))
        .clone();
    let metrics = comparison["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["metric"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {metrics:#?}"))
        .clone()
}

/// Total share of the first function that contains `name`.
fn share(phase: &Value, name: &str) -> f64 {
    let top = phase["profile"]["top"].as_array().unwrap();
    top.iter()
        .filter(|function| function["function"].as_str().unwrap().contains(name))
        .map(|function| number(function, &["total_share"]))
        .fold(0.0, f64::max)
}

#[test]
fn every_shipped_scenario_is_valid_and_opens_with_what_it_shows() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("# "))
                && text.contains("# Expect"),
            "{}",
            path.display()
        );
        let outcome = TestBed::new()
            .args(["run", path.to_str().unwrap(), "--dry-run"])
            .run();
        let outcome = outcome.expect(0, &[]);
        assert!(
            outcome.stdout.contains("  request 0, "),
            "{}",
            outcome.stdout
        );
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

/// The main scenario, with thresholds that builds of any speed keep.
pub(crate) fn main_scenario() -> String {
    headline(
        "200-to-20000.toml",
        &[
            ("throughput >= 20000/s", "throughput >= 1/s"),
            (
                "share(\\\"^bcrypt::\\\") < 5%",
                "share(\\\"^bcrypt::\\\") < 100%",
            ),
            (
                "cost(\\\"^bcrypt::\\\") < 5us",
                "cost(\\\"^bcrypt::\\\") < 1s",
            ),
        ],
    )
}

/// What a run of this scenario must have found. The README's session has one, which is judged whatever the machine does to trust.
#[track_caller]
pub(crate) fn from_one_bcrypt_per_request_to_one_per_device_and_ttl(outcome: &Outcome) {
    let before = outcome.phase("before", "capacity");
    let after = outcome.phase("after", "capacity");
    let speed_up = number(&after, &["throughput_rps"]) / number(&before, &["throughput_rps"]);
    assert!(speed_up >= 5.0, "{speed_up}");
    let throughput = metric(outcome, "before", "after", "throughput_rps");
    assert_eq!(throughput["finding"], "better", "{throughput:#}");
    assert!(
        (number(&throughput, &["ratio"]) / speed_up - 1.0).abs() < 0.01,
        "{throughput:#}"
    );
    let cost = metric(outcome, "before", "after", "target_us_per_request");
    assert_eq!(cost["finding"], "better", "{cost:#}");

    // Each request one bcrypt; those under way at the window's edges make the difference.
    a_bcrypt_for_each_request(&before, 32.0);
    for phase in [&after, &outcome.phase("after", "steady")] {
        let bcrypts = number(phase, &["gateway", "bcrypt"]);
        let most = 8.0 * (1.0 + seconds(phase) / 2.0);
        assert!((1.0..=most).contains(&bcrypts), "{bcrypts}, at most {most}");
        let expected = number(phase, &["expected_bcrypt_rps"]);
        assert!((3.9..=4.0).contains(&expected), "{expected}");
    }
    assert!(share(&before, "bcrypt::") > 0.5, "{:#}", before["profile"]);
    // Of a request, for where the machine lets few of them share a hash, that is a large part of their CPU time.
    let us = |phase: &Value| {
        let of_all = number(phase, &["profile", "target_us_per_request"]);
        share(phase, "bcrypt::") * of_all
    };
    assert!(us(&after) < us(&before) / 2.0, "{:#}", after["profile"]);
    for words in ["before", "after", "throughput", "bcrypt::"] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn a_local_benchmark_without_the_headers_of_production_says_more() {
    let text = shortened(
        "local-vs-production-headers.toml",
        &[
            ("bcrypt_cost = 7", "bcrypt_cost = 9"),
            ("user_kib = 64", "user_kib = 1"),
            ("devices = 32", "devices = 4"),
            (
                "duration = \"10s\"\nwarmup = \"1s\"",
                "duration = \"500ms\"\nwarmup = \"100ms\"",
            ),
            ("duration = \"10s\"", "duration = \"1s\""),
        ],
    );
    let bed = TestBed::new().scenario(&text).args(["--allow-untrusted"]);
    let outcome = bed.run().expect(0, &[]);
    let (local, production) = (
        outcome.phase("local", "load"),
        outcome.phase("production", "load"),
    );
    assert_eq!(local["gateway"]["bcrypt"], 0);
    assert!(number(&production, &["gateway", "bcrypt"]) > 0.0);
    let ratio = number(&local, &["throughput_rps"]) / number(&production, &["throughput_rps"]);
    assert!(ratio > 2.0, "{ratio}");
    assert_eq!(
        metric(&outcome, "local", "production", "throughput_rps")["finding"],
        "worse"
    );
    let comparisons = outcome.result()["comparisons"].clone();
    let functions = comparisons[0]["functions"].as_array().unwrap();
    let blamed = functions
        .iter()
        .find(|delta| delta["function"].as_str().unwrap().contains("bcrypt::"));
    let blamed = blamed.unwrap_or_else(|| panic!("{functions:#?}"));
    assert!(number(blamed, &["delta_total_us"]) > 0.0, "{blamed:#}");
}

#[test]
fn a_bitmask_helps_users_and_not_devices() {
    let text = shortened(
        "rbac-json-vs-bitmask.toml",
        &[
            ("rounds = 4", "rounds = 3\ninterval = \"100ms\""),
            ("bcrypt_cost = 7", "bcrypt_cost = 8, user_kib = 64"),
            ("devices = 32", "devices = 4"),
            (
                "duration = \"4s\"\nwarmup = \"1s\"",
                "duration = \"300ms\"\nwarmup = \"100ms\"",
            ),
        ],
    );
    let outcome = TestBed::new().scenario(&text).run().expect(0, &[]);
    for (base, head) in [
        ("user-json", "user-bitmask"),
        ("device-json", "device-bitmask"),
    ] {
        for name in ["throughput_rps", "target_us_per_request"] {
            let metric = metric(&outcome, base, head, name);
            let finding = metric["finding"].as_str().unwrap();
            assert!(
                ["better", "worse", "no difference detected", "not judged"].contains(&finding),
                "{metric:#}"
            );
            assert_eq!(metric["basis"], "rounds");
            assert_eq!(metric["pairs"], 3);
            // An end is open where the machine was too busy for three short rounds to tell.
            let (low, high) = (
                metric["ratio_low"].as_f64().unwrap_or(0.0),
                metric["ratio_high"].as_f64().unwrap_or(f64::INFINITY),
            );
            assert!(
                low <= number(&metric, &["ratio"]) && number(&metric, &["ratio"]) <= high,
                "{metric:#}"
            );
        }
    }
    // A bit test against the decoding of 64 KiB: nothing that noise could hide.
    let users = metric(
        &outcome,
        "user-json",
        "user-bitmask",
        "target_us_per_request",
    );
    assert!(number(&users, &["ratio"]) < 0.6, "{users:#}");
    let devices = metric(
        &outcome,
        "device-json",
        "device-bitmask",
        "target_us_per_request",
    );
    assert!(
        (0.6..1.7).contains(&number(&devices, &["ratio"])),
        "{devices:#}"
    );
    assert_eq!(outcome.phase("user-json", "load")["gateway"]["bcrypt"], 0);
    assert_eq!(
        outcome.phase("user-json", "load")["rounds"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn every_expiry_is_a_herd_without_singleflight_and_a_few_bcrypts_with_it() {
    let text = shortened(
        "thundering-herd.toml",
        &[
            ("interval = \"500ms\"", "interval = \"100ms\""),
            ("bcrypt_cost = 7", "bcrypt_cost = 8"),
            ("cache_ttl = \"5s\"", "cache_ttl = \"1s\""),
            ("rate = \"10000/s\"", "rate = \"500/s\""),
            ("connections = 256", "connections = 64"),
            (
                "duration = \"22s\"\nwarmup = \"2s\"",
                "duration = \"3500ms\"\nwarmup = \"300ms\"",
            ),
            ("latency.p99 < 100ms", "latency.p99 < 60s"),
        ],
    );
    // A busy machine may not send the planned rate in time, or leave a threshold open; the counters hold even then.
    let outcome = TestBed::new().scenario(&text).run();
    let outcome = outcome.expect_one_of(&[0, 3, 4]);
    let bcrypts = |variant: &str| number(&outcome.phase(variant, "load"), &["gateway", "bcrypt"]);
    // The window of 3.5 s holds 3 or 4 expiries of each of the 4 devices.
    let (herd, single) = (bcrypts("cached"), bcrypts("singleflight"));
    assert!((4.0..=4.0 * 4.5).contains(&single), "{single}");
    assert!(herd > single, "{herd} against {single}");
    let series = outcome.series("singleflight/load");
    assert!(series.len() >= 30, "{}", series.len());
    for at in 0..series.len() {
        // An expiry may lie across the border of two intervals, but not two expiries within half a TTL.
        // A reading that came late has no cell.
        let rows = series[at..].iter().take(5);
        let within: f64 = rows.filter_map(|row| row.get("bcrypt")).sum();
        assert!(
            within <= 4.0,
            "{within} bcrypts from {} ms on",
            series[at]["t_ms"]
        );
    }
    assert!(
        number(
            &outcome.phase("singleflight", "load"),
            &["gateway", "shared"]
        ) >= 0.0
    );
}

#[test]
fn ways_to_ingest_fail_in_their_series_and_the_pool_keeps_its_bounds() {
    let text = shortened(
        "million-per-minute.toml",
        &[
            ("rate = \"1000000/min\"", "rate = \"200/s\""),
            ("connections = 256", "connections = 16"),
            ("duration = \"20s\"", "duration = \"4s\""),
            ("timeout = \"5s\"", "timeout = \"2s\""),
            ("load.duration = \"60s\"", "load.duration = \"2s\""),
            ("cpus = 2", "cpus = 2\nuser_kib = 1"),
            ("sink_capacity = 32", "sink_capacity = 2"),
            ("max_workers = 8", "max_workers = 2"),
            ("max_queue = 100_000", "max_queue = 300"),
            ("max_queue = 500_000", "max_queue = 900"),
            (
                "max_workers = 2\ntarget.gateway.batch_payloads = 500",
                "max_workers = 1\ntarget.gateway.batch_payloads = 5",
            ),
            ("drain_payloads = \"2s\"", "drain_payloads = \"200ms\""),
            ("throughput > 16500/s", "throughput > 1/s"),
            ("latency.p99 < 20ms", "latency.p99 < 60s"),
            ("latency.p99 < 100ms", "latency.p99 < 60s"),
            ("latency.p90 < 20ms", "latency.p90 < 60s"),
            ("interval = \"500ms\"", "interval = \"200ms\""),
        ],
    );
    // A busy machine may not send what the pool's load plans in time; what is on record holds even then.
    let outcome = TestBed::new().scenario(&text).run();
    let outcome = outcome.expect_one_of(&[0, 1, 3, 4]);
    let column = |variant: &str, name: &str| -> Vec<f64> {
        let series = outcome.series(&format!("{variant}/load"));
        let known = series.iter().filter_map(|row| row.get(name).copied());
        known.collect()
    };
    // 600 payloads a second, or what a busy machine sends of them, against 2 / 50 ms: the tasks grow all the time, and beyond the
    // bound of the pools.
    let tasks = column("spawn", "ingest_tasks");
    let (half, last) = (tasks[tasks.len() / 2], tasks[tasks.len() - 1]);
    assert!(tasks[0] < half && half < last && last > 300.0, "{tasks:?}");
    // The queue fills at some 580 a second, and then every request waits for the consumer.
    let queue = column("queue", "ingest_queue");
    assert!(queue.iter().all(|&depth| depth <= 900.0), "{queue:?}");
    assert!(
        queue.ends_with(&[900.0]) || queue[queue.len() - 1] > 850.0,
        "{queue:?}"
    );
    let waits = column("queue", "latency_max_us");
    let longest = waits.iter().copied().fold(0.0, f64::max);
    assert!(
        longest > 20.0 * waits[0] || longest > 500_000.0,
        "{waits:?}"
    );
    // 5 / 50 ms: of 600 payloads a second the pool takes 100, and refuses the others at once.
    let overrun = outcome.phase("pool-overrun", "load");
    assert!(
        number(&overrun, &["status", "503"]) > number(&overrun, &["status", "202"]),
        "{overrun:#}"
    );
    assert!(number(&overrun, &["gateway_peak", "ingest_queue"]) <= 300.0);
    let pool = outcome.phase("pool", "load");
    assert_eq!(number(&pool, &["requests", "failed"]), 0.0, "{pool:#}");
    for variant in ["pool", "pool-file"] {
        let depths = column(variant, "ingest_queue");
        assert!(depths.iter().all(|&depth| depth <= 300.0), "{depths:?}");
    }
    let recorded = outcome.phase("pool-file", "load")["acknowledged"].clone();
    assert!(number(&recorded, &["ids"]) > 600.0, "{recorded:#}");
    let found = prove(&outcome).expect(0, &[]);
    assert_eq!(
        counted(&found, "stored once") as f64,
        number(&recorded, &["ids"])
    );
    assert_eq!(counted(&found, "missing"), 0);
}
