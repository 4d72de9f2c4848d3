//! The self-test as a command, and what later summaries make of its floor.

use rustix::process::Signal;
use serde_json::Value;
use telemload::process::machine::Fingerprint;
use telemload::selftest::Floor;
use telemload::selftest::floor::{Points, RateFloor, SCHEMA};

use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

const STORED: &str = "cache/telemload/floor.json";

#[test]
fn the_reported_figures_are_true_or_the_machine_is_too_noisy_to_tell() {
    let outcome = TestBed::new().args(["selftest", "--json"]).run();
    let code = outcome.code.unwrap();
    let all = format!("{}\n{}", outcome.stdout, outcome.stderr);
    assert!(code == 0 || code == 3, "{code}: {all}");
    let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let verdict = if code == 0 { "pass" } else { "inconclusive" };
    assert_eq!(found["verdict"], verdict, "{all}");
    assert_eq!(
        found["noise"].as_array().unwrap().is_empty(),
        code == 0,
        "{all}"
    );
    // Only a floor of a quiet machine is one.
    let path = outcome.home().join(STORED);
    let known = Floor::known(&path, &Fingerprint::read());
    assert_eq!(known.is_some(), code == 0, "{all}");
    let says = if code == 0 {
        "floor stored in"
    } else {
        "the floor is not stored"
    };
    assert!(outcome.stderr.contains(says), "{all}");
}

#[test]
fn an_interrupted_self_test_stores_nothing() {
    let running = TestBed::new().args(["selftest"]).start();
    running.wait_for_stderr("selftest · closed");
    running.signal(Signal::INT);
    let outcome = running
        .wait()
        .expect(130, &["interrupted: nothing is stored"]);
    assert!(!outcome.home().join(STORED).exists());
}

#[test]
fn a_summary_quotes_the_floor_of_this_machine_and_of_no_other() {
    let points = Points {
        p50: 51.0,
        p99: 120.0,
        p99_9: 400.0,
    };
    let known = Floor {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        measured_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        machine: Fingerprint::read(),
        closed_loop_rps: 1.0,
        rates: vec![RateFloor {
            rate: 2_000,
            requests: 1_000,
            bare_steps: 1_000,
            bare_timer_us: points,
            dispatch_lag_us: points,
            service_time_us: points,
            latency_us: points,
        }],
    };
    let mut foreign = known.clone();
    foreign.machine.hostname_hash = Some("another".to_owned());
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let line = "floor here: latency p50 and p99 of an immediate answer at 2,000/s 51 µs and 120 µs (telemload selftest, 2026-01-02)\n";
    for (stored, is_quoted) in [
        (serde_json::to_vec(&known).unwrap(), true),
        (serde_json::to_vec(&foreign).unwrap(), false),
        (b"{ \"schema\": ".to_vec(), false),
    ] {
        let outcome = TestBed::new()
            .file(STORED, stored)
            .scenario(&url_scenario(server.addr, "100ms", ""))
            .args(["-q"])
            .run()
            .expect(0, &[]);
        assert_eq!(
            outcome.stdout.contains(line),
            is_quoted,
            "{}",
            outcome.stdout
        );
        assert_eq!(outcome.stderr, "");
    }
}
