//! A build without the bundled gateway and without meetings of shards: what it lacks is said, and a service is measured as ever.
#![cfg(not(any(feature = "gateway", feature = "meet")))]
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn telemload(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_telemload"))
        .args(args)
        .current_dir(home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn refused(home: &Path, args: &[&str], says: &str) {
    let output = telemload(home, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(says), "{said}");
}

#[test]
fn what_it_lacks_is_said() {
    let home = TempDir::new().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/thundering-herd.toml");
    let shipped = shipped.to_str().unwrap();
    refused(
        home.path(),
        &["run", shipped],
        "target.gateway: this build of telemload has no gateway; build it with the feature `gateway`, which is on by default, or load a `command` or a `url`",
    );
    refused(
        home.path(),
        &["gateway"],
        "unrecognized subcommand 'gateway'",
    );
    refused(
        home.path(),
        &[
            "run",
            "http://127.0.0.1:1/",
            "--shard",
            "0/2",
            "--meet",
            "file:///tmp",
        ],
        "--meet",
    );
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_service_is_started_and_measured() {
    let home = TempDir::new().unwrap();
    let written = telemload(home.path(), &["init", "shop"]);
    assert!(written.status.success(), "{written:?}");
    let output = telemload(
        home.path(),
        &["run", "shop.toml", "--duration", "1s", "--out", "out"],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    // Some machines are too busy to judge what the scenario asks for.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    let result = std::fs::read(home.path().join("out/result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    let phase = &result["variants"][0]["phases"][0];
    assert!(phase["rounds"][0]["throughput_rps"].as_f64().unwrap() > 0.0);
    assert!(home.path().join("out/report.html").is_file());
}
