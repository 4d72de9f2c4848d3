//! What runs beside a target: started before it, named by its port, measured apart, and never left behind.

use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;

use crate::bed::{
    REDIS, TELEMLOAD, TestBed, command_scenario, descendant, device_request, gateway_scenario,
    paced, service, signal, until, url_scenario,
};
use crate::hostile::{self, Behaviour, Server};
use crate::rejected::rejected;

/// A service that answers HTTP.
fn http_service(name: &str, more: &str) -> String {
    format!(
        "[[service]]\nname = \"{name}\"\ncommand = \"{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}\"\nready = \"/healthz\"\n{more}"
    )
}

/// Nothing listens there any more.
#[track_caller]
fn is_gone(port: &str) {
    let address: SocketAddr = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
    until(&format!("the end of what listens on {address}"), || {
        TcpStream::connect(address).is_err().then_some(())
    });
}

#[test]
fn each_launch_has_services_of_its_own() {
    let more = device_request("cars") + &http_service("side", "");
    let scenario = gateway_scenario("300ms", &more).replace("interval", "rounds = 2\ninterval");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let ports: Vec<String> = ["round-1", "round-2"]
        .iter()
        .map(|round| outcome.read(&format!("default/{round}/service-side.log")))
        .map(|log| {
            let at = log.find("127.0.0.1:").unwrap_or_else(|| panic!("{log}")) + 10;
            log[at..].chars().take_while(char::is_ascii_digit).collect()
        })
        .collect();
    ports.iter().for_each(|port| is_gone(port));
    let phase = outcome.only_phase();
    assert_eq!(phase["services"].as_array().unwrap().len(), 1);
    assert!(phase["services"][0]["cores"].is_number(), "{phase:#}");
}

#[test]
fn services_start_in_their_order_and_know_those_before_them() {
    let target = format!(
        "sh -c 'echo target {{port}} a {{a.port}} b {{b.port}}; exec {TELEMLOAD} gateway --listen 127.0.0.1:{{port}}'"
    );
    let b = format!(
        "sh -c 'echo b {{port}} a {{a.port}}; exec {TELEMLOAD} gateway --listen 127.0.0.1:{{port}}'"
    );
    let scenario = command_scenario(&target, "ready = \"/healthz\"")
        + &http_service("a", "")
        + &service("b", &b);
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let words = |log: &str| {
        let text = outcome.read(log);
        let line = text.lines().next().unwrap_or_default().to_owned();
        line.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let (target, b) = (words("default/target.log"), words("default/service-b.log"));
    assert_eq!((&target[3], &target[5]), (&b[3], &b[1]), "{target:?} {b:?}");
    for port in [&target[1], &b[1], &b[3]] {
        is_gone(port);
    }
    assert_eq!(
        outcome.only_phase()["services"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_url_target_has_services_too() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "300ms", &http_service("side", ""));
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    assert_eq!(phase["services"][0]["name"], "side");
    assert!(phase["cpu"]["target_cores"].is_null(), "{phase:#}");
    assert!(phase["cpu"]["service_cores"].is_number(), "{phase:#}");
}

#[test]
fn a_service_that_does_not_start_ends_the_run_and_leaves_nothing_behind() {
    let first = http_service("first", "");
    let table = [
        (
            "sh -c 'echo {first.port}; echo no space for the database >&2; exit 3 # {port}'",
            "",
            vec![
                "`service second` is not ready: it ended with status 3 before 127.0.0.1:",
                "no space for the database",
            ],
        ),
        (
            "./no-such-binary {port}",
            "",
            vec!["`service second` is not ready", "command not found"],
        ),
        (
            "sh -c 'echo {first.port}; exec sleep 60 # {port}'",
            "ready_within = \"300ms\"",
            vec![
                "`service second` is not ready",
                "accepted no connection within 300",
                "refused",
                "check that it listens on this port",
            ],
        ),
    ];
    for (command, more, says) in table {
        let second = service("second", command) + more;
        let scenario = gateway_scenario("300ms", &device_request("cars")) + &first + &second;
        let outcome = TestBed::new().scenario(&scenario).run().expect(4, &says);
        assert_eq!(outcome.result()["interrupted"], true, "{command}");
        let log = outcome.read("default/service-second.log");
        let port = log.lines().next().unwrap_or_default();
        if port.parse::<u16>().is_ok() {
            is_gone(port);
        }
    }
}

#[test]
fn a_target_that_does_not_start_takes_its_services_with_it() {
    let command = "sh -c 'echo {side.port}; exit 3 # {port}'";
    let scenario = command_scenario(command, "") + &http_service("side", "");
    let outcome = TestBed::new()
        .scenario(&scenario)
        .run()
        .expect(4, &["`target` is not ready"]);
    is_gone(outcome.read("default/target.log").lines().next().unwrap());
}

#[test]
fn a_service_that_ends_in_the_middle_is_said_and_the_load_goes_on() {
    let more = device_request("cars") + &http_service("side", "");
    let text = paced(&gateway_scenario("4s", &more));
    let running = TestBed::new().scenario(&text).start();
    running.wait_for_rows(3);
    signal(descendant(running.pid(), "gateway --listen"), Signal::KILL);
    let outcome = running.wait().expect(0, &[]);
    let phase = outcome.only_phase();
    let warnings = phase["warnings"].to_string();
    for words in [
        "`side` ended in the middle of it: it was killed by SIGKILL",
        "service-side.log",
        "without one of its services",
    ] {
        assert!(warnings.contains(words), "{warnings}");
    }
    assert!(outcome.stdout.contains("without one of its services"));
    assert!(phase["services"][0]["cores"].is_null(), "{phase:#}");
    assert!(phase["cpu"]["service_cores"].is_null(), "{phase:#}");
    assert!(outcome.series("default/load").len() >= 35);
}

#[test]
fn a_dry_run_shows_services_and_starts_none() {
    let scenario = gateway_scenario("300ms", &device_request("cars"))
        + &service("redis", REDIS)
        + &http_service("side", "ready_within = \"3s\"");
    let outcome = TestBed::new()
        .file("s.toml", scenario)
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    for words in [
        "service redis: `redis-server --port {port}",
        "ready when its port accepts, within 10s",
        "service side: ",
        "ready when /healthz answers 2xx, within 3s",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    assert!(!outcome.home().join("runs").exists());
}

#[test]
fn a_variant_overrides_a_service_by_its_name() {
    let scenario = command_scenario(
        &format!("sh -c 'exec {TELEMLOAD} gateway --listen 127.0.0.1:{{port}}'"),
        "",
    ) + &http_service("side", "")
        + "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nservice.side.ready_within = \"7s\"\n";
    let outcome = TestBed::new()
        .file("s.toml", scenario)
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    assert_eq!(
        outcome.stdout.matches("within 10s").count(),
        1,
        "{}",
        outcome.stdout
    );
    assert_eq!(
        outcome.stdout.matches("within 7s").count(),
        1,
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_gateway_in_the_foreground_starts_no_services() {
    let scenario = gateway_scenario("300ms", &device_request("cars")).replace(
        "cpus = 1,",
        "cpus = 1, store = \"redis://127.0.0.1:{redis.port}\",",
    ) + &service("redis", REDIS);
    TestBed::new()
        .file("s.toml", scenario)
        .args(["gateway", "s.toml"])
        .run()
        .expect(
            2,
            &["needs its services", "give its store and sink fixed ports"],
        );
}

#[test]
fn services_that_cannot_be_are_refused() {
    let gateway = gateway_scenario("300ms", &device_request("cars"));
    let lines = gateway.lines().count();
    let table: [(&str, &str, &[&str]); 11] = [
        (
            "name = \"a b\"\ncommand = \"x {port}\"",
            "2:8: service.name: ",
            &["`a b` is not a name"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port}\"\n[[service]]\nname = \"a\"\ncommand = \"x {port}\"",
            "5:8: service.name: ",
            &["two services are named `a`"],
        ),
        (
            "name = \"a\"\ncommand = \"x\"",
            "3:11: service.a.command: ",
            &["no `{port}`"],
        ),
        (
            "name = \"a\"\ncommand = \"x 'y {port}\"",
            "3:11: service.a.command: ",
            &["a quote is not closed"],
        ),
        (
            "name = \"a\"\ncommand = \"\"",
            "3:11: service.a.command: ",
            &["the command is empty"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port} {b.port}\"",
            "3:11: service.a.command: ",
            &["there is no service `b`", "there is none"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port} {b.port}\"\n[[service]]\nname = \"b\"\ncommand = \"x {port}\"",
            "3:11: service.a.command: ",
            &[
                "the service `b` is not started yet",
                "put its [[service]] above",
            ],
        ),
        (
            "name = \"a\"\ncommand = \"x {port} {a.port}\"",
            "3:11: service.a.command: ",
            &["this service's own port; write `{port}`"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port}\"\nready = \"x\"",
            "4:9: service.a.ready: ",
            &["it is a path, which starts with `/`"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port}\"\nready_within = 5",
            "4:16: service.a.ready_within: ",
            &["write a number with a unit"],
        ),
        (
            "name = \"a\"\ncommand = \"x {port}\"\nport = 5",
            "4:1: service.a.port: ",
            &["unknown key `port`", "`ready_within`"],
        ),
    ];
    for (tables, place, says) in table {
        let (line, rest) = place.split_once(':').unwrap();
        let line: usize = line.parse::<usize>().unwrap() + lines;
        let scenario = format!("{gateway}[[service]]\n{tables}\n");
        rejected(&scenario, &format!("{line}:{rest}"), says);
    }
}

#[test]
fn ports_that_the_target_cannot_have_are_refused() {
    let gateway = gateway_scenario("300ms", &device_request("cars"));
    let with = |key: &str| gateway.replace("cpus = 1,", &format!("cpus = 1, {key},"));
    rejected(
        with("store = \"redis://127.0.0.1:{redis.port}\""),
        "4:71: target.gateway.store: ",
        &["there is no service `redis` whose port `{redis.port}` could be; there is none"],
    );
    rejected(
        with("sink = \"s3://{port}\""),
        "4:70: target.gateway.sink: ",
        &["braces that hold no port of a service"],
    );
    rejected(
        command_scenario("x {port} {redis}", "")
            .replace("[load]", &(service("redis", REDIS) + "[load]")),
        "4:11: target.command: ",
        &["`{redis}` is no port; write `{redis.port}`"],
    );
}
