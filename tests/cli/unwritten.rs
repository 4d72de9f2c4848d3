//! Files that cannot be written: what was counted is told all the same, and the file is named.

use std::net::TcpStream;
use std::process::{Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{TestBed, device_request, free_port, gateway_scenario, until};

/// A shell that allows files of at most 4 KiB: of eight blocks, which are 512 bytes for POSIX.
const SMALL_FILES: &str = "ulimit -f 8";

/// What it prints comes over pipes, which have no such limit.
fn run(bed: &TestBed) -> Output {
    let mut command = bed.command();
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32, says: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}: {stderr}",
        output.status
    );
    for words in says {
        assert!(stderr.contains(words), "no {words:?} in {stderr}");
    }
}

#[test]
fn a_result_that_is_too_large_for_the_limit_is_printed() {
    let bed = TestBed::new()
        .shell(SMALL_FILES)
        .scenario(&gateway_scenario("300ms", &device_request("cars")));
    let says = ["error: cannot write out/result.json: File too large"];
    let output = run(&bed);
    expect(&output, 5, &says);
    assert!(!bed.path("out/result.json").exists());
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("latency"), "{stdout}");

    let bed = TestBed::new()
        .shell(SMALL_FILES)
        .scenario(&gateway_scenario("300ms", &device_request("cars")))
        .args(["--json"]);
    let output = run(&bed);
    expect(&output, 5, &says);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ok = &document["variants"][0]["phases"][0]["requests"]["ok"];
    assert!(ok.as_u64().unwrap() > 0, "{document}");
}

#[test]
fn a_series_that_reaches_the_limit_ends_the_run_and_what_was_counted_is_told() {
    let scenario = gateway_scenario("60s", &device_request("cars")).replace("100ms", "50ms");
    let bed = TestBed::new()
        .shell(SMALL_FILES)
        .scenario(&scenario)
        .args(["--json"]);
    let output = run(&bed);
    expect(
        &output,
        5,
        &["cannot write out/default/load/", "File too large"],
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["interrupted"], true);
    let failure = document["failure"].as_str().unwrap();
    assert!(failure.contains("cannot write"), "{failure}");
    let ok = &document["variants"][0]["phases"][0]["requests"]["ok"];
    assert!(ok.as_u64().unwrap() > 0, "{document}");
}

#[test]
fn a_gateway_outlives_a_log_that_reaches_the_limit() {
    let address = format!("127.0.0.1:{}", free_port());
    // Its first line is longer than the file may be.
    let running = TestBed::new()
        .shell("ulimit -f 0")
        .args(["gateway", "--listen", &address])
        .start();
    until("the gateway", || TcpStream::connect(&address).ok());
    running.signal(Signal::TERM);
    running.wait().expect(0, &[]);
}

#[test]
fn a_picture_that_cannot_be_stored_loses_no_profile() {
    let profile = "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n";
    let taken = "out/compare/a..b/load/flame-diff.html/in-the-way";
    let outcome = TestBed::new()
        .scenario(&gateway_scenario(
            "300ms",
            &(device_request("cars") + profile),
        ))
        .file("out/a/load/flame.svg/in-the-way", "")
        .run()
        .expect(5, &["cannot write out/a/load/flame.svg"]);
    let phase = outcome.phase("a", "load");
    assert!(
        phase["profile"]["samples"].as_u64().unwrap() > 0,
        "{phase:#}"
    );
    assert!(outcome.dir().join("a/load/profile.pb.gz").exists());

    let outcome = TestBed::new()
        .scenario(&gateway_scenario(
            "300ms",
            &(device_request("cars") + profile),
        ))
        .file(taken, "")
        .run()
        .expect(5, &["cannot write out/compare/a..b/load/flame-diff.html"]);
    assert_eq!(outcome.result()["comparisons"].as_array().unwrap().len(), 1);
    let other = "compare/a..b/load/flame-diff.svg";
    assert!(
        outcome.dir().join(other).exists(),
        "one takes the other along"
    );
}

#[test]
fn a_comparison_that_reaches_the_limit_is_refused_in_words() {
    let stacks = |weight: u64| {
        let line = |at: u64| format!("main;f{at};g{at} {}\n", weight + at);
        (0..200).map(line).collect::<String>()
    };
    let bed = TestBed::new()
        .file("a.folded", stacks(100))
        .file("b.folded", stacks(300))
        .shell(SMALL_FILES)
        .args(["compare", "a.folded", "b.folded", "--out", "diff"]);
    let output = run(&bed);
    expect(&output, 5, &["cannot write diff/", "File too large"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("401 functions"),
        "what was found is told: {stdout}"
    );
    let bed = TestBed::new()
        .file("a.folded", stacks(100))
        .shell(SMALL_FILES)
        .args(["flame", "render", "a.folded", "-o", "a.svg"]);
    let words = "cannot write ./a.svg: File too large";
    expect(&run(&bed), 5, &[words]);
    assert_eq!(std::fs::read_dir(bed.path("")).unwrap().count(), 1);
}
