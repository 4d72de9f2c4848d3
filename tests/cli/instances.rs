//! A target of several processes: all are loaded, measured apart and together, and profiled as one.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{
    Outcome, TELEMLOAD, TestBed, command_scenario, descendant, descendants, device_request,
    gateway_scenario, signal,
};
use crate::rejected::rejected;

/// The gateway's scenario with two instances; `more` are further keys of the gateway.
fn two(duration: &str, more: &str, tables: &str) -> String {
    gateway_scenario(duration, tables)
        .replace("[target]", "[target]\ninstances = 2")
        .replace("cpus = 1,", &format!("cpus = 1, {more}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value:#}"))
}

/// The two instances of the only phase.
#[track_caller]
fn instances(outcome: &Outcome) -> [Value; 2] {
    let phase = outcome.only_phase();
    let instances = phase["instances"].as_array().unwrap().clone();
    instances
        .try_into()
        .unwrap_or_else(|found| panic!("{found:#?}"))
}

#[test]
fn an_open_loop_sends_every_device_to_every_instance() {
    let scenario = two("1500ms", "cache_ttl = \"200ms\",", &device_request("cars"))
        .replace("model = \"closed\"", "model = \"open\"\nrate = \"400/s\"")
        .replace("connections = 2", "connections = 8");
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[0, 3, 4]);
    let phase = outcome.only_phase();
    let both = instances(&outcome);
    // What waited for a CPU came in few of these lives, and at one of them alone for a while.
    let is_trusted = phase["trust"]["level"] == "trusted";
    let least = if is_trusted { 16.0 } else { 4.0 };
    // Of 600 at even odds: five standard deviations are 61.
    for of in &both {
        let ok = number(&of["requests"]["ok"]);
        assert!((230.0..=370.0).contains(&ok), "{of:#}");
        // Each has a cache of its own, and so each checks all four devices itself, in each of seven lives.
        assert!(number(&of["gateway"]["bcrypt"]) >= least, "{of:#}");
    }
    // At each of them a device reports every 0.02 s on average, and does so that much after a life's end.
    assert!((number(&phase["expected_bcrypt_rps"]) - 8.0 / 0.22).abs() < 1e-9);
    assert!(phase["expected_bcrypt_rps_most"].is_null());
    let is_unequal = phase["warnings"].to_string().contains("unequal");
    assert!(!is_trusted || !is_unequal, "{phase:#}");
}

#[test]
fn a_session_holds_at_every_instance() {
    let requests = r#"
[[request]]
name = "login"
fleet = "cars"
weight = 0
method = "POST"
path = "/v1/session"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}" }
extract = { token = "json:/token" }
[[request]]
name = "telemetry"
fleet = "cars"
method = "POST"
path = "/v1/telemetry"
headers = { Authorization = "Bearer {{token}}" }
body = '{"seq":{{seq}}}'
"#;
    let scenario = two("500ms", "", requests).replace("singleflight", "token");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    // One handshake for each device, wherever it went.
    assert_eq!(
        phase["per_request"]["login"]["requests"]["ok"], 4,
        "{phase:#}"
    );
    assert_eq!(phase["requests"]["failed"], 0, "{phase:#}");
}

#[test]
fn a_command_is_started_as_often_as_asked() {
    let command = format!("{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}");
    let scenario = command_scenario(&command, "ready = \"/healthz\"\ninstances = 3")
        .replace("connections = 2", "connections = 6");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    let all = phase["instances"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    for of in all {
        assert!(number(&of["requests"]["ok"]) > 0.0, "{of:#}");
        assert_eq!(of["gateway"], serde_json::json!({}));
    }
}

#[test]
fn instances_are_profiled_at_once_as_one_service() {
    let tables =
        device_request("cars") + "[profile]\ncpu = \"pprof\"\nhz = 250\nduration = \"2s\"\n";
    let scenario = two("300ms", "", &tables)
        .replace("singleflight", "naive")
        .replace("bcrypt_cost = 4", "bcrypt_cost = 8")
        .replace("model = \"closed\"", "model = \"open\"\nrate = \"40/s\"")
        .replace("connections = 2", "connections = 8");
    let run = || {
        let outcome = TestBed::new().scenario(&scenario).run();
        outcome.only_phase()
    };
    // A profile of two seconds has ten more to come, which a busy machine may not give it.
    let is_late = |phase: &Value| {
        phase["warnings"]
            .to_string()
            .contains("no complete profile")
    };
    let mut runs = (0..3).map(|_| run());
    let phase = runs.find(|phase| !is_late(phase)).unwrap();
    let profile = &phase["profile"];
    assert!(profile.is_object(), "{:#}", phase["warnings"]);
    assert!(number(&profile["samples"]) > 0.0, "{profile:#}");
    assert_eq!(profile["slices"], 2, "{profile:#}");
}

#[test]
fn each_instance_has_cpus_of_its_own() {
    let running = TestBed::new()
        .scenario(&two("60s", "", &device_request("cars")))
        .start();
    running.wait_for_rows(1);
    let allowed: BTreeSet<String> = descendants(running.pid())
        .iter()
        .filter(|of| of.cmdline.contains("gateway --stdin") && !of.cmdline.contains("-with-"))
        .map(|of| fs::read_to_string(format!("/proc/{}/status", of.pid)).unwrap())
        .map(|status| {
            let line = status
                .lines()
                .find(|line| line.starts_with("Cpus_allowed_list"));
            line.unwrap().to_owned()
        })
        .collect();
    running.signal(Signal::INT);
    running.wait().expect(130, &[]);
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert_eq!(allowed.len(), cpus.min(2), "{allowed:?}");
}

#[test]
fn an_instance_that_dies_ends_the_run() {
    let running = TestBed::new()
        .scenario(&two("60s", "", &device_request("cars")))
        .start();
    running.wait_for_rows(3);
    signal(descendant(running.pid(), "gateway --stdin"), Signal::KILL);
    let outcome = running.wait().expect(
        4,
        &[
            "the target ended in the middle of the load",
            "default/target-",
        ],
    );
    assert_eq!(outcome.result()["interrupted"], true);
}

#[test]
fn instances_that_cannot_be_are_refused() {
    let gateway = gateway_scenario("300ms", &device_request("cars"));
    let with = |keys: &str| gateway.replace("[target]", &format!("[target]\n{keys}"));
    let url = "name = \"t\"\n[target]\nurl = \"http://127.0.0.1:1\"\ninstances = 2\n[load]\nmodel = \"closed\"\nconnections = 2\nduration = \"1s\"\n[[request]]\nname = \"r\"\npath = \"/\"\n";
    let few = with("instances = 3");
    let table: [(&str, &str, &[&str]); 5] = [
        (
            url,
            "4:13: target.instances: ",
            &[
                "telemload does not start what a `url` names",
                "load the balancer",
            ],
        ),
        (
            &with("instances = 0"),
            "4:13: target.instances: ",
            &["use 1 to 64 instances"],
        ),
        (
            &with("instances = 2\nport = 4000"),
            "4:13: target.instances: ",
            &["each instance listens on a port of its own; leave `port` out"],
        ),
        (
            &with("instances = \"two\""),
            "4:13: target.instances: ",
            &["expected a whole number"],
        ),
        (
            &few,
            "15:15: load.connections: ",
            &["each of the 3 instances needs a connection of each worker; use 3 or more"],
        ),
    ];
    for (scenario, place, says) in table {
        rejected(scenario, place, says);
    }
    TestBed::new()
        .file("s.toml", &few)
        .args(["run", "s.toml", "-c", "2"])
        .run()
        .expect(2, &["-c: each of the 3 instances"]);
}
