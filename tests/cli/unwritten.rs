//! Files that cannot be written: what was counted is told all the same, and the file is named.

use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{TestBed, device_request, free_port, gateway_scenario, paced, until};

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
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("stored in"), "{stderr}");
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
    let blocked = |directory: &str, flags: &[&str]| {
        let scenario = gateway_scenario("300ms", &(device_request("cars") + profile));
        let bed = TestBed::new().scenario(&paced(&scenario)).args(flags);
        let (made, directory) = (bed.path("out/scenario.toml"), bed.path(directory));
        let running = bed.start();
        until("the run directory", || made.exists().then_some(()));
        std::fs::create_dir_all(directory).unwrap();
        running.wait()
    };
    let outcome = blocked("out/a/load/flame.svg/in-the-way", &["--variant", "a"])
        .expect(5, &["cannot write out/a/load/flame.svg"]);
    let phase = outcome.phase("a", "load");
    assert!(
        phase["profile"]["samples"].as_u64().unwrap() > 0,
        "{phase:#}"
    );
    assert!(outcome.dir().join("a/load/profile.pb.gz").exists());

    let outcome =
        blocked(taken, &[]).expect(5, &["cannot write out/compare/a..b/load/flame-diff.html"]);
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
        .args(["compare", "a.folded", "b.folded", "--out", "diff"])
        .args(["--value", "samples"]);
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
    let words = "cannot write a.svg: File too large";
    expect(&run(&bed), 5, &[words]);
    assert_eq!(std::fs::read_dir(bed.path("")).unwrap().count(), 1);
}

/// Runs in a mount namespace in which `out` is a disk of so many KiB.
pub(crate) fn on_small_disk(bed: &TestBed, kib: u32) -> Output {
    let setup = format!(
        "mkdir out && mount -t tmpfs -o size={kib}k none out || exit 97; exec \"$0\" \"$@\""
    );
    let inner = bed.command();
    Command::new("unshare")
        .args(["-rm", "sh", "-c", &setup])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(bed.path(""))
        .output()
        .expect("util-linux is installed")
}

#[test]
fn a_full_disk_is_told_and_nothing_is_called_stored() {
    let scenario = gateway_scenario("300ms", &device_request("cars"));
    let bed = TestBed::new().scenario(&scenario);
    let output = on_small_disk(&bed, 8);
    expect(&output, 5, &["No space left on device", "free some space"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("stored in"), "{stderr}");
    // Full in the middle of the load: that is found by the threads that write, and ends it.
    let long = gateway_scenario("60s", &device_request("cars"));
    let bed = TestBed::new().scenario(&long);
    let says = [
        "cannot write out/default/load/",
        "No space left",
        "free some space or name another directory with --out",
    ];
    let output = on_small_disk(&bed, 16);
    expect(&output, 5, &says);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("stored in"), "{stderr}");
    // With room it is.
    let bed = TestBed::new().scenario(&scenario);
    expect(&on_small_disk(&bed, 10_000), 0, &["stored in out"]);
}

#[test]
fn a_run_directory_that_is_removed_is_told_and_nothing_is_called_stored() {
    for replaces in [false, true] {
        let bed = TestBed::new().scenario(&gateway_scenario("1s", &device_request("cars")));
        let out = bed.path("out");
        let running = bed.start();
        running.wait_for_rows(2);
        std::fs::remove_dir_all(&out).unwrap();
        if replaces {
            std::fs::create_dir(&out).unwrap();
        }
        let outcome = running.wait().expect(5, &["cannot write out/"]);
        assert!(!outcome.stderr.contains("stored in"), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("throughput"), "{}", outcome.stdout);
        assert_eq!(outcome.files().len(), 0);
    }
}
