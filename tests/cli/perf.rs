//! Sampling by the system's perf: what it measures, alone and under load, and what is said where it cannot.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bed::{TestBed, device_request, gateway_scenario, url_scenario};
use crate::hostile::{Behaviour, Server};
use crate::profiles::data;

#[test]
fn without_perf_the_remedy_is_said() {
    let empty = tempfile::tempdir().unwrap();
    TestBed::new()
        .args(["flame", "capture", "--pid", "1"])
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(2, &["there is no `perf` on PATH; install it", "pprof"]);
}

/// Starts `tests/data/shares`, which spends three tenths of its CPU time in one function, and waits until it does.
fn busy_with_known_shares(home: &Path) -> std::process::Child {
    let program = home.join("shares");
    let built = Command::new("cc")
        .args(["-O1", "-fno-omit-frame-pointer", "-o"])
        .arg(&program)
        .arg(data("shares/main.c"))
        .status()
        .expect("a C compiler, as scripts/test says");
    assert!(built.success());
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    let output = child.stdout.as_mut().unwrap();
    output.read_exact(&mut ready).unwrap();
    child
}

/// Needs `perf`, which scripts/test installs, and a kernel that lets this user sample.
#[test]
fn perf_measures_a_known_share_within_its_interval() {
    let home = tempfile::tempdir().unwrap();
    let mut busy = busy_with_known_shares(home.path());
    let pid = busy.id().to_string();
    let captured = TestBed::new()
        .args(["flame", "capture", "--pid", &pid, "-d", "4s", "--hz", "199"])
        .args(["-o", "out/shares.pb.gz"])
        .run();
    // It ends with its input.
    drop(busy.stdin.take());
    assert!(busy.wait().unwrap().success());
    let stored = captured.expect(0, &["samples in "]);
    let path = stored.dir().join("shares.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", path.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert!(top["samples"].as_u64().unwrap() >= 30, "{top}");
    let functions = top["functions"].as_array().unwrap();
    for (name, truth) in [("three_tenths", 0.3), ("seven_tenths", 0.7)] {
        let found = functions.iter().find(|of| of["function"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}: {top}"));
        let [share, low, high] = ["total_share", "total_share_low", "total_share_high"]
            .map(|key| found[key].as_f64().unwrap());
        // An interval of 95 % misses once in twenty; at two and a half times its width, five standard errors, once in two million.
        let (low, high) = (share - 2.55 * (share - low), share + 2.55 * (high - share));
        assert!((low..high).contains(&truth), "{found}");
    }
}

/// Needs `perf`, which scripts/test installs, and a kernel that lets this user sample.
#[test]
fn instances_without_an_endpoint_are_profiled_under_load_by_perf() {
    let more = "[profile]\ncpu = \"perf\"\nhz = 199\nduration = \"3s\"\n";
    let scenario = gateway_scenario("300ms", &(device_request("cars") + more)).replace(
        "auth = \"singleflight\", bcrypt_cost = 4",
        "auth = \"naive\", bcrypt_cost = 8",
    );
    let scenario = scenario.replace("[target]\n", "[target]\ninstances = 2\n");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let profile = &outcome.only_phase()["profile"];
    assert!(profile["samples"].as_u64().unwrap() >= 50, "{profile}");
    assert_eq!(profile["slices"], 3, "{profile}");
    let ratio = profile["capture_ratio"].as_f64().unwrap();
    assert!((0.7..1.3).contains(&ratio), "{profile}");
    assert!(profile["target_us_per_request"].as_f64().unwrap() > 0.0);
    let functions = profile["top"].as_array().unwrap();
    let bcrypt = functions.iter().find(|of| {
        let name = of["function"].as_str().unwrap();
        name.contains("bcrypt") || name.contains("blowfish")
    });
    let bcrypt = bcrypt.unwrap_or_else(|| panic!("no bcrypt: {profile}"));
    assert!(bcrypt["total_share"].as_f64().unwrap() > 0.5, "{bcrypt}");
    assert!(outcome.dir().join("default/load/flame.svg").exists());
    let stored = outcome.dir().join("default/load/profile.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", stored.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!(top["samples"], profile["samples"]);
}

#[test]
fn a_machine_that_cannot_sample_is_told_before_anything_is_started() {
    let server = Server::start(Behaviour::Canned(crate::hostile::OK));
    let more = "[profile]\ncpu = \"perf\"\n";
    let own = format!("]\npid = {}\n", std::process::id());
    let scenario = url_scenario(server.addr, "60s", more).replacen(
        "target]\n",
        &("target".to_owned() + &own),
        1,
    );
    let empty = tempfile::tempdir().unwrap();
    let said = "invalid: profile.cpu: there is no `perf` on PATH; install it";
    TestBed::new()
        .scenario(&scenario)
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(4, &[said]);
    // One that is there and does not work.
    std::os::unix::fs::symlink("/bin/false", empty.path().join("perf")).unwrap();
    TestBed::new()
        .scenario(&scenario)
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(
            4,
            &["invalid: profile.cpu: `perf record` failed: exit status: 1"],
        );
}
