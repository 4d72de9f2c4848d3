//! The self-test with short windows: what it finds has its shape on any machine, and nothing in it is plainly wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use telemload::experiment::Stop;
use telemload::gate::Verdict;
use telemload::report::document::selftest as document;
use telemload::report::terminal::progress::{Mode, Progress};
use telemload::report::terminal::selftest as rendered;
use telemload::selftest::{Error, Extent, Report, Standing, run};
use tokio::sync::watch;

const SHORT: Extent = Extent {
    bare: Duration::from_millis(30),
    warmup: Duration::from_millis(100),
    immediate: Duration::from_millis(150),
    delayed: Duration::from_millis(250),
    stall: Duration::from_millis(50),
    every: Duration::from_millis(250),
    stalls: 1,
};

fn selftest(is_asked: bool) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_asking, stop) = watch::channel(u32::from(is_asked));
    runtime.block_on(run(
        &SHORT,
        &Progress::new(Mode::Quiet, "selftest"),
        &Stop(stop),
    ))
}

#[test]
fn the_floor_and_the_checks_are_there_and_nothing_is_plainly_wrong() {
    let found = selftest(false).unwrap();
    let text = rendered::render(&found);
    let wrong = |standing| {
        let of = found
            .checks
            .iter()
            .filter(|check| check.standing() == standing);
        of.count()
    };
    assert_eq!(wrong(Standing::Wrong), 0, "{text}");
    // What a machine is too slow for is left out and said to be.
    assert!(found.floor.closed_loop_rps > 0.0);
    let names = [
        "immediate-1000",
        "immediate-2000",
        "immediate-20000",
        "delayed-2000",
        "stalled-2000",
        "stalled-20000",
    ];
    for name in names {
        let is_checked = found.checks.iter().any(|check| check.stretch == name);
        let is_left_out = found
            .left_out
            .iter()
            .any(|words| words.starts_with(&format!("{name}: ")));
        assert!(is_checked != is_left_out, "{name}: {text}");
        assert!(text.contains(name), "{text}");
    }
    for floor in &found.floor.rates {
        let planned = u64::from(floor.rate) * 150 / 1_000;
        assert!(
            floor.requests <= planned && floor.bare_steps > 0,
            "{floor:?}"
        );
        assert!(
            floor.latency_us.p50 >= floor.service_time_us.p50,
            "{floor:?}"
        );
    }
    let is_known = |verdict: Verdict| text.contains(verdict.name());
    assert!(is_known(found.verdict()), "{text}");

    let written: serde_json::Value = serde_json::from_str(&document::json(&found)).unwrap();
    assert_eq!(written["schema"], document::SCHEMA);
    assert_eq!(written["verdict"], found.verdict().name());
    assert_eq!(
        written["checks"].as_array().unwrap().len(),
        found.checks.len()
    );
    assert_eq!(
        written["floor"]["rates"].as_array().unwrap().len(),
        found.floor.rates.len()
    );
    assert!(written["evidence"][0]["waited_share"].is_f64());
}

#[test]
fn a_self_test_that_is_to_end_ends() {
    assert!(matches!(selftest(true), Err(Error::Interrupted)));
}
