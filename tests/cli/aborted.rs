//! Hopeless runs that end early: by a threshold, or because nothing answers.

use serde_json::Value;

use crate::bed::{Outcome, TestBed, url_scenario};
use crate::hostile::{Behaviour, OK, Server};

/// The only phase of the first variant.
fn phase(outcome: &Outcome) -> Value {
    outcome.result()["variants"][0]["phases"][0].clone()
}

/// Seconds of its window, which was planned to be longer.
fn window(outcome: &Outcome) -> f64 {
    phase(outcome)["rounds"][0]["window_s"].as_f64().unwrap()
}

#[test]
fn a_threshold_that_fails_ends_the_run_and_its_other_variants() {
    let server = Server::start(Behaviour::Canned(OK));
    let more = "[[threshold]]\nexpr = \"latency.p50 < 1us\"\nabort_on_fail = true\ndelay = \"200ms\"\nfor = \"300ms\"\n[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n";
    let scenario = url_scenario(server.addr, "60s", more);
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[1, 3]);
    let says = "as `abort_on_fail` asks for: latency.p50 < 1us: fail";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    let result = outcome.result();
    assert_eq!(result["variants"].as_array().unwrap().len(), 1);
    assert_eq!(result["interrupted"], true);
    let seconds = window(&outcome);
    assert!((0.5..50.0).contains(&seconds), "{seconds}");
    let notes = phase(&outcome)["notes"].clone();
    let mut notes = notes.as_array().unwrap().iter();
    assert!(notes.any(|of| of["code"] == "aborted"));
}

#[test]
fn a_threshold_that_holds_ends_nothing() {
    let server = Server::start(Behaviour::Canned(OK));
    let more =
        "[[threshold]]\nexpr = \"errors.rate < 1%\"\nabort_on_fail = { after = \"100ms\" }\n";
    let scenario = url_scenario(server.addr, "1200ms", more);
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    assert!((window(&outcome) - 1.2).abs() < 1e-6);
    assert_eq!(outcome.result()["interrupted"], false);
}

#[test]
fn a_load_that_nothing_answers_ends_where_it_says_so() {
    let server = Server::start(Behaviour::Silent);
    let scenario = url_scenario(server.addr, "60s", "").replace(
        "timeout = \"5s\"",
        "timeout = \"1s\"\nstop_when = { silent_for = \"400ms\" }",
    );
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect(4, &["no OK response at all"]);
    let says = "as `stop_when` asks for: no OK answer came for ";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    let seconds = window(&outcome);
    assert!((0.4..50.0).contains(&seconds), "{seconds}");
}
