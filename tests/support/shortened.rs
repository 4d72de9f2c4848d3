//! The shipped scenarios in a short form, and figures of what came out.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The text of a shipped scenario with some of its texts replaced; each must be there.
pub(crate) fn shortened(name: &str, replacements: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(name);
    let mut text = fs::read_to_string(path).unwrap();
    for (from, to) in replacements {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    text
}

/// What the two scenarios of the headline have in common, shortened; and `more`.
pub(crate) fn headline(name: &str, more: &[(&str, &str)]) -> String {
    let common = [
        ("bcrypt_cost = 7", "bcrypt_cost = 8"),
        ("connections = 64", "connections = 8"),
        ("cache_ttl = \"30s\"", "cache_ttl = \"2s\""),
        ("devices = 32", "devices = 8"),
        ("secrets = 32", "secrets = 8"),
        (
            "duration = \"12s\", warmup = \"2s\"",
            "duration = \"1500ms\", warmup = \"300ms\"",
        ),
        ("rate = \"20000/s\"", "rate = \"200/s\""),
        (
            "duration = \"35s\", warmup = \"2s\"",
            "duration = \"2500ms\", warmup = \"300ms\"",
        ),
        (
            "phase.capacity.load.duration = \"31s\"",
            "phase.capacity.load.duration = \"2500ms\"",
        ),
        ("profile.duration = \"29s\"", "profile.duration = \"2s\""),
        ("duration = \"10s\"\n", "duration = \"2s\"\n"),
        ("hz = 99", "hz = 250"),
        (
            "\"share(\\\"^bcrypt::\\\") > 80%\"",
            "\"share(\\\"^bcrypt::\\\") > 50%\"",
        ),
        ("latency.p99 < 5ms", "latency.p99 < 60s"),
        ("cpu_per_request < 50us", "cpu_per_request < 1s"),
    ];
    shortened(name, &[&common[..], more].concat())
}

pub(crate) fn number(value: &Value, keys: &[&str]) -> f64 {
    let found = keys.iter().fold(value, |value, key| &value[*key]);
    found
        .as_f64()
        .unwrap_or_else(|| panic!("no {keys:?} in {value:#}"))
}

/// A phase in which each request costs one; up to so many are under way at the window's edges.
#[track_caller]
pub(crate) fn a_bcrypt_for_each_request(phase: &Value, under_way: f64) {
    let bcrypts = number(phase, &["gateway", "bcrypt"]);
    let requests = number(phase, &["requests", "ok"]);
    assert!(
        (bcrypts - requests).abs() <= under_way,
        "{bcrypts} bcrypts, {requests} requests"
    );
}

/// Seconds of all windows.
pub(crate) fn seconds(phase: &Value) -> f64 {
    let rounds = phase["rounds"].as_array().unwrap();
    rounds
        .iter()
        .map(|round| number(round, &["window_s"]))
        .sum()
}
