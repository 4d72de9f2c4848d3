//! What cannot be run is refused before anything is started: with file, line, column, key and remedy.

mod judged;
mod keys;

use std::path::Path;

use telemload::scenario::{self, Overrides};

use crate::bed::TestBed;

const GOOD: &str = r#"name = "test"
[target]
gateway = { auth = "naive", bcrypt_cost = 4, cpus = 1 }
[fleet.cars]
devices = 4
[load]
model = "closed"
connections = 2
duration = "400ms"
[[request]]
name = "get"
fleet = "cars"
path = "/v1/telemetry"
headers = { X-Device-Id = "{{device.id}}" }
[[variant]]
name = "a"
[[variant]]
name = "b"
target.gateway.auth = "cached"
"#;

/// A phase that takes the place of `[load]`.
const PHASE: &str =
    "[[phase]]\nname = \"p\"\nload = { model = \"closed\", connections = 1, duration = \"1s\" }\n";

const LOAD: &str = "[load]\nmodel = \"closed\"\nconnections = 2\nduration = \"400ms\"\n";
const GATEWAY: &str = "gateway = { auth = \"naive\", bcrypt_cost = 4, cpus = 1 }\n";

/// What is said of a scenario; files that it names are sought in `directory`.
#[track_caller]
pub(crate) fn rejected_in(directory: &Path, text: &str, place: &str, says: &[&str]) {
    let outcome = scenario::parse("s.toml", text, directory, &Overrides::default());
    let said = outcome.expect_err(text).to_string();
    assert!(said.starts_with(&format!("s.toml:{place}")), "{said}");
    for words in says {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[track_caller]
pub(crate) fn rejected(text: impl AsRef<str>, place: &str, says: &[&str]) {
    rejected_in(Path::new("/nowhere"), text.as_ref(), place, says);
}

/// The good scenario with one text replaced.
#[track_caller]
fn replaced(from: &str, to: &str, place: &str, says: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    rejected(GOOD.replacen(from, to, 1), place, says);
}

/// The good scenario with something at its end.
#[track_caller]
fn appended(more: &str, place: &str, says: &[&str]) {
    rejected(GOOD.to_owned() + more, place, says);
}

#[test]
fn the_scenario_that_the_others_are_made_of_is_good() {
    TestBed::new()
        .file("s.toml", GOOD)
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
}

#[test]
fn a_refusal_is_an_exit_code_and_a_message_before_anything_is_started() {
    let text = GOOD.replacen("connections = 2", "connexions = 2", 1);
    let outcome = TestBed::new()
        .file("s.toml", text)
        .args(["run", "s.toml"])
        .run();
    let says = [
        "error: s.toml:8:1: load.connexions: unknown key `connexions`",
        "8 | connexions = 2",
    ];
    let outcome = outcome.expect(2, &says);
    assert_eq!(outcome.stdout, "");
    assert!(!outcome.home().join("runs").exists(), "{}", outcome.stderr);
}

#[test]
fn targets_loads_and_fleets() {
    replaced(
        "[fleet",
        "url = \"http://127.0.0.1:1\"\n[fleet",
        "4:7: target: ",
        &["there is `gateway` and `url`"],
    );
    rejected(
        GOOD.replace(GATEWAY, "")
            .replace("target.gateway.auth = \"cached\"\n", ""),
        "2:1: target: ",
        &["exactly one of", "there is none"],
    );
    rejected(
        &GOOD[..GOOD.find("[[request]]").unwrap()],
        "2:1: request: ",
        &["add a [[request]]"],
    );
    replaced(LOAD, "", "2:1: phase: ", &["add [load] or [[phase]]"]);
    appended(PHASE, "6:1: load: ", &["does not go with [[phase]]"]);
    replaced(
        "connections = 2",
        "connections = 2\nrate = \"5/s\"",
        "9:8: load: ",
        &["a closed loop has neither `rate`", "use model = \"open\""],
    );
    replaced(
        "\"closed\"",
        "\"open\"",
        "7:9: load.rate: ",
        &["needs a `rate`, such as"],
    );
    replaced(
        "\"closed\"",
        "\"half\"",
        "7:9: load.model: ",
        &["use \"closed\" or \"open\""],
    );
    replaced(
        "connections = 2",
        "connections = 0",
        "8:15: load.connections: ",
        &["use 1 to 100000"],
    );
    replaced(
        "devices = 4",
        "devices = 0",
        "5:11: fleet.cars.devices: ",
        &["1 to 1000000 devices"],
    );
    replaced(
        "devices = 4",
        "devices = 4\nsecrets = 5",
        "6:11: fleet.cars.secrets: ",
        &["use 1 to 4"],
    );
    replaced(
        "devices = 4",
        "devices = 4\norder = \"random\"",
        "6:9: fleet.cars.order: ",
        &["\"round-robin\", \"uniform\""],
    );
    replaced(
        "bcrypt_cost = 4",
        "bcrypt_cost = 3",
        "3:43: target.gateway.bcrypt_cost: ",
        &["bcrypt_cost = 3 is out of range, use 4 to 14"],
    );
    replaced(
        "cpus = 1",
        "cpus = 0",
        "3:53: target.gateway.cpus: ",
        &["use 1 to"],
    );
    let url = GOOD
        .replace(GATEWAY, "url = \"http://127.0.0.1:1\"\n")
        .replace("target.gateway.auth = \"cached\"\n", "");
    rejected(
        format!("{url}[profile]\ncpu = \"pprof\"\n"),
        "20:7: profile.url: ",
        &["give the target's, such as"],
    );
    rejected(
        url.replace(":1\"", ":1/api\""),
        "3:7: target.url: ",
        &["the path belongs to the request"],
    );
    rejected(
        url.replace("http:", "ftp:"),
        "3:7: target.url: ",
        &["use http:// or https://"],
    );
    rejected(
        url.replace("http://", ""),
        "3:7: target.url: ",
        &["such as \"http://127.0.0.1:8080\""],
    );
    appended(
        "[profile]\ncpu = \"gprof\"\n",
        "21:7: profile.cpu: ",
        &["use \"pprof\", or \"perf\""],
    );
    appended(
        "[profile]\ncpu = \"perf\"\nurl = \"http://127.0.0.1:1/\"\n",
        "22:7: profile.url: ",
        &["perf needs no endpoint; leave `url` out"],
    );
    rejected(
        format!("{url}[profile]\ncpu = \"perf\"\n"),
        "20:7: target.pid: ",
        &["perf samples local processes; name the target's with `pid`"],
    );
}

#[test]
fn files_that_are_no_scenarios() {
    rejected("", "1:1: ", &["missing key `name`"]);
    for (text, says) in [
        (b"name = \"\xff\"".to_vec(), "not UTF-8 text"),
        (vec![b'#'; (1 << 20) + 1], "more than 1048576 bytes"),
    ] {
        TestBed::new()
            .file("s.toml", text)
            .args(["run", "s.toml"])
            .run()
            .expect(2, &["error: s.toml: ", says]);
    }
    for (path, says) in [
        (
            "none.toml",
            "error: none.toml: cannot read the scenario: No such file",
        ),
        (
            "/dev/zero",
            "error: /dev/zero: cannot read the scenario: it has more than",
        ),
        ("127.0.0.1:8080/v1", "a URL begins with http://"),
        ("localhost:8080/app.js", "a URL begins with http://"),
        (".", "cannot read the scenario: Is a directory"),
    ] {
        TestBed::new().args(["run", path]).run().expect(2, &[says]);
    }
}

#[test]
fn an_unknown_variant_is_refused() {
    for verb in [["run", "--dry-run"], ["gateway", "--listen=127.0.0.1:1"]] {
        TestBed::new()
            .file("s.toml", GOOD)
            .args([verb[0], "s.toml", verb[1], "--variant", "c"])
            .run()
            .expect(
                2,
                &["--variant: there is no variant `c`; there is `a` and `b`"],
            );
    }
}
