//! Signals at every stage of a run: what is kept, what ends at once, and what a signal to a whole group means.

use std::fs;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::bed::processes;
use crate::bed::{
    Outcome, Running, TELEMLOAD, TestBed, all_end, command_scenario, descendant, descendants,
    device_request, ended, free_port, gateway_scenario, paced, signal, until, url_scenario,
};
use crate::hostile::{self, Behaviour, Server};

/// What telemload says while it waits for what does not stop.
const HINT: &str = "another signal ends it at once";

/// A gateway that holds payloads which it cannot store for a minute.
fn stuck_gateway(duration: &str) -> String {
    format!(
        r#"name = "stuck"
interval = "100ms"
[target]
gateway = {{ cpus = 1, user_kib = 1, ingest = "pool", sink_latency = "1m", drain_payloads = "10m" }}
[load]
model = "closed"
connections = 2
duration = "{duration}"
[[request]]
name = "payloads"
method = "POST"
path = "/v1/payloads"
body = '{{"payloads":[{{"id":"{{{{seq}}}}"}}]}}'
expect = {{ status = 202 }}
"#
    )
}

/// Sends one signal, and another one when the first does not end it.
#[track_caller]
fn twice(running: &Running, what: Signal) {
    running.signal(what);
    running.wait_for_stderr(HINT);
    running.signal(what);
}

#[track_caller]
fn none_is_left(pids: &[i32]) {
    let left: Vec<_> = pids.iter().filter(|pid| !ended(**pid)).collect();
    assert!(left.is_empty(), "{left:?} outlived the run");
}

#[test]
fn a_second_signal_kills_a_gateway_that_drains() {
    for what in [Signal::INT, Signal::HUP] {
        let running = TestBed::new().scenario(&stuck_gateway("60s")).start();
        running.wait_for_rows(2);
        let below = processes(running.pid(), 2);
        twice(&running, what);
        let outcome = running.wait().expect(
            130,
            &["interrupted: what was measured until then is kept and marked"],
        );
        none_is_left(&below);
        assert_eq!(outcome.result()["interrupted"], true);
        let phase = outcome.only_phase();
        assert!(phase["requests"]["ok"].as_u64().unwrap() > 0);
        let warnings = phase["warnings"].to_string();
        assert!(
            warnings.contains("it was killed by a second signal: what it had not stored is lost"),
            "{warnings}"
        );
    }
}

#[test]
fn a_terminal_and_a_parent_that_both_send_one_are_one_wish() {
    let scenario = stuck_gateway("60s").replace("\"1m\"", "\"1s\"");
    let running = TestBed::new().scenario(&scenario).start();
    running.wait_for_rows(1);
    let below = processes(running.pid(), 2);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    none_is_left(&below);
    let warnings = outcome.only_phase()["warnings"].to_string();
    assert!(
        !warnings.contains("did not end well"),
        "all that was acknowledged is stored: {warnings}"
    );
}

#[test]
fn a_first_signal_after_the_load_is_no_second_one() {
    // The load is over and the gateway drains: the first signal interrupts, the second one kills.
    let running = TestBed::new().scenario(&stuck_gateway("300ms")).start();
    running.wait_for_rows(3);
    let below = processes(running.pid(), 2);
    twice(&running, Signal::TERM);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    none_is_left(&below);
    assert_eq!(outcome.result()["interrupted"], true);
    assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);
}

/// A command that listens, and a child of it that no polite signal ends.
fn stubborn() -> String {
    format!(
        "sh -c \"trap '' TERM INT HUP; {TELEMLOAD} gateway --listen 127.0.0.1:{{port}} & sleep 621; sleep 622\""
    )
}

#[test]
fn a_second_signal_kills_the_group_of_a_command() {
    let scenario = command_scenario(&stubborn(), "ready = \"/healthz\"").replace("400ms", "60s");
    let running = TestBed::new().scenario(&scenario).start();
    running.wait_for_rows(1);
    let below = processes(running.pid(), 4);
    twice(&running, Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    none_is_left(&below);
    assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_that_ignores_hangups_from_its_start_outlives_one() {
    let running = TestBed::new()
        .shell("trap '' HUP")
        .scenario(&gateway_scenario("1500ms", &device_request("cars")))
        .start();
    running.wait_for_rows(1);
    running.signal(Signal::HUP);
    let outcome = running.wait().expect(0, &[]);
    assert_eq!(outcome.result()["interrupted"], false);
}

#[test]
fn nothing_that_was_being_started_outlives_a_signal() {
    let never = "sh -c \"trap '' TERM; sleep 631; sleep 632 # {port}\"";
    let service =
        format!("[[service]]\nname = \"db\"\ncommand = '''{never}'''\nready_within = \"600s\"\n");
    let table = [
        command_scenario(never, "ready_within = \"600s\""),
        gateway_scenario("60s", &(device_request("cars") + &service)),
    ];
    for scenario in table {
        for what in [Signal::INT, Signal::TERM, Signal::HUP] {
            let running = TestBed::new().scenario(&scenario).start();
            // Not the shell, which has the word too and may not yet have set its trap.
            until("the sleep of the shell", || {
                let below = descendants(running.pid());
                let mut found = below.iter().map(|one| one.cmdline.as_str());
                found
                    .any(|cmdline| cmdline.starts_with("sleep 631"))
                    .then_some(())
            });
            let below = processes(running.pid(), 2);
            twice(&running, what);
            let outcome = running.wait().expect(130, &["interrupted: "]);
            none_is_left(&below);
            assert_eq!(outcome.result()["interrupted"], true);
        }
    }
}

#[test]
fn a_signal_in_a_warm_up_leaves_a_phase_without_a_window() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario =
        url_scenario(server.addr, "60s", "").replace("timeout = \"5s\"", "warmup = \"600s\"");
    let running = TestBed::new().scenario(&scenario).start();
    server.wait_for_requests(10);
    running.signal(Signal::HUP);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    assert_eq!(outcome.only_phase()["requests"]["due"], 0);
}

#[test]
fn a_signal_in_a_drain_counts_what_is_in_flight() {
    // The first connection asks whether there is a server. Of those of the load one is answered, and one waits for up to an hour.
    let server = Server::start(Behaviour::PerConnection(vec![
        Behaviour::Canned(hostile::OK),
        Behaviour::Canned(hostile::OK),
        Behaviour::Silent,
    ]));
    let scenario = url_scenario(server.addr, "300ms", "").replace("\"5s\"", "\"1h\"");
    let running = TestBed::new().scenario(&scenario).start();
    // All of the window.
    running.wait_for_rows(3);
    running.signal(Signal::TERM);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    let requests = &outcome.only_phase()["requests"];
    assert!(requests["ok"].as_u64().unwrap() > 0, "{requests}");
    assert_eq!(requests["in_flight_at_end"], 1, "{requests}");
}

#[test]
fn ctrl_c_of_a_terminal_is_an_interruption() {
    let running = TestBed::new()
        .scenario(&gateway_scenario("60s", &device_request("cars")))
        .start();
    running.wait_for_rows(2);
    let below = processes(running.pid(), 2);
    kill_process_group(Pid::from_raw(running.pid()).unwrap(), Signal::INT).unwrap();
    let outcome = running.wait().expect(130, &["interrupted: "]);
    all_end(&below);
    assert_eq!(outcome.only_phase()["requests"]["failed"], 0);
}

#[test]
fn a_stop_of_all_processes_is_an_interruption_and_no_dead_target() {
    // As a service manager stops a unit: every process has the signal, the target first.
    for what in [Signal::TERM, Signal::INT] {
        let running = TestBed::new()
            .scenario(&gateway_scenario("60s", &device_request("cars")))
            .start();
        running.wait_for_rows(2);
        let below = processes(running.pid(), 2);
        signal(descendant(running.pid(), "gateway --stdin"), what);
        running.signal(what);
        let outcome = running.wait().expect(130, &["interrupted: "]);
        all_end(&below);
        let result = outcome.result();
        assert_eq!(result["interrupted"], true);
        assert!(result["failure"].is_null(), "{result}");
        assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);
    }
}

/// A profile of so many stacks that comparing two takes a while.
fn large_profile(shift: usize) -> String {
    let stack = |at: usize| {
        let frames: Vec<String> = (0..30)
            .map(|depth| format!("f{}", (at * 31 + depth * 7 + shift) % 20_011))
            .collect();
        format!("{} {}\n", frames.join(";"), 1 + at % 5)
    };
    (0..10_000).map(stack).collect()
}

/// Two variants that each are answered with a large profile.
fn large_comparison() -> (TestBed, Server) {
    let bed = TestBed::new().file("large.folded", large_profile(0));
    let stored = bed.path("large.pb.gz");
    let made = bed
        .command()
        .args(["flame", "render", "large.folded", "-o"])
        .arg(&stored)
        .status()
        .unwrap();
    assert!(made.success());
    let profile = fs::read(stored).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        profile.len()
    );
    let answer = Box::leak([head.as_bytes(), &profile].concat().into_boxed_slice());
    let server = Server::start(Behaviour::Canned(answer));
    let more = format!(
        "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\nurl = \"http://{}/profile\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n",
        server.addr
    );
    let scenario = gateway_scenario("300ms", &(device_request("cars") + &more));
    (bed.scenario(&paced(&scenario)), server)
}

#[test]
fn a_signal_ends_the_comparing_and_keeps_the_result() {
    let (bed, _server) = large_comparison();
    let running = bed.start();
    running.wait_for_stderr("comparing");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(
        130,
        &["interrupted: what was measured until then is kept and marked"],
    );
    let result = outcome.result();
    assert_eq!(result["interrupted"], true);
    for variant in ["a", "b"] {
        let phase = outcome.phase(variant, "load");
        assert!(phase["requests"]["ok"].as_u64().unwrap() > 0);
        assert!(phase["profile"]["samples"].as_u64().unwrap() > 0);
    }
    assert!(!outcome.dir().join("compare").exists(), "it was drawn");
    assert!(outcome.stdout.contains("requests"), "{}", outcome.stdout);
}

#[test]
fn a_signal_ends_the_drawing_of_a_phase_and_keeps_its_profile() {
    let (bed, _server) = large_comparison();
    let stored = bed.path("out/a/load/profile.pb.gz");
    let running = bed.start();
    until("the profile", || stored.exists().then_some(()));
    running.signal(Signal::HUP);
    let outcome = running.wait().expect(130, &["interrupted: "]);
    assert_eq!(outcome.result()["interrupted"], true);
    let phase = outcome.phase("a", "load");
    assert!(phase["profile"]["samples"].as_u64().unwrap() > 0);
    let warnings = phase["warnings"].to_string();
    // A fast machine may have drawn it by then: what is not there is told, and nothing else.
    let says = "flame.svg could not be drawn: the run was interrupted";
    let is_drawn = outcome.dir().join("a/load/flame.svg").exists();
    assert_eq!(warnings.contains(says), !is_drawn, "{warnings}");
}

/// The gateway in the foreground, with payloads that it cannot store.
fn foreground() -> (Running, u16) {
    let port = free_port();
    let running = TestBed::new()
        .file("scenario.toml", stuck_gateway("1s"))
        .args(["gateway", "scenario.toml", "--listen"])
        .args([format!("127.0.0.1:{port}")])
        .start();
    let url = format!("http://127.0.0.1:{port}/v1/payloads");
    until("the gateway", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let load = TestBed::new()
        .args(["run", &url, "-n", "3", "-c", "1", "--json", "--body"])
        .args([r#"{"payloads":[{"id":"{{seq}}"}]}"#])
        .run();
    assert!(load.stdout.contains("\"202\""), "{}", load.stdout);
    (running, port)
}

#[test]
fn a_second_signal_ends_a_gateway_at_once_and_it_says_what_is_lost() {
    for what in [Signal::INT, Signal::HUP] {
        let (running, port) = foreground();
        running.signal(what);
        until("the end of listening", || {
            std::net::TcpStream::connect(("127.0.0.1", port))
                .is_err()
                .then_some(())
        });
        running.signal(what);
        running.wait().expect(
            5,
            &["3 acknowledged payloads were not stored", "a second signal"],
        );
    }
}

#[test]
fn a_gateway_that_ignores_hangups_from_its_start_outlives_one() {
    let port = free_port();
    let running = TestBed::new()
        .shell("trap '' HUP")
        .args(["gateway", "--listen", &format!("127.0.0.1:{port}")])
        .start();
    let connect = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
    until("the gateway", connect);
    running.signal(Signal::HUP);
    let outcome = TestBed::new()
        .args([
            "run",
            &format!("http://127.0.0.1:{port}/healthz"),
            "-n",
            "50",
        ])
        .run();
    outcome.expect(0, &[]);
    running.signal(Signal::TERM);
    running.wait().expect(0, &[]);
}

#[test]
fn what_runs_is_not_disturbed_by_closed_descriptors() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    for closed in ["exec 2>&-", "exec >&-", "exec <&-", "exec <&- >&- 2>&-"] {
        let outcome: Outcome = TestBed::new()
            .shell(closed)
            .scenario(&url_scenario(server.addr, "200ms", ""))
            .run()
            .expect(0, &[]);
        assert_eq!(outcome.result()["interrupted"], false, "{closed}");
    }
}

#[test]
fn a_reader_that_leaves_changes_no_exit_code() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let failing = "[[threshold]]\nexpr = \"latency.p99 < 1ns\"\nallow_untrusted = true\n";
    for (more, code) in [("", 0), (failing, 1)] {
        for flags in [&["--json"][..], &[]] {
            let bed = TestBed::new()
                .scenario(&url_scenario(server.addr, "200ms", more))
                .args(flags);
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let status = bed
                .command()
                .stdout(writer)
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "{more} {flags:?}");
            assert!(bed.path("out/result.json").exists());
        }
    }
}

#[test]
fn no_process_is_left_when_the_first_signal_ends_it() {
    let running = TestBed::new()
        .scenario(&gateway_scenario("60s", &device_request("cars")))
        .start();
    running.wait_for_rows(1);
    let below = processes(running.pid(), 2);
    running.signal(Signal::HUP);
    running.wait().expect(130, &[]);
    none_is_left(&below);
    assert!(
        descendants(std::process::id().cast_signed())
            .iter()
            .all(|of| !below.contains(&of.pid))
    );
}

#[test]
fn a_third_signal_leaves_what_cannot_be_stopped_to_the_supervisor() {
    let running = TestBed::new()
        .scenario(&gateway_scenario("60s", &device_request("cars")))
        .start();
    running.wait_for_rows(1);
    let below = processes(running.pid(), 2);
    let supervisor = descendant(running.pid(), "supervise");
    // One that does not do what it is asked, as long as the test lasts.
    signal(supervisor, Signal::STOP);
    twice(&running, Signal::INT);
    until("its end", || {
        signal(running.pid(), Signal::INT);
        ended(running.pid()).then_some(())
    });
    let outcome = running.wait().expect(130, &["interrupted"]);
    assert!(!outcome.dir().join("result.json").exists());
    signal(supervisor, Signal::CONT);
    all_end(&below);
}

#[test]
fn a_gateway_that_waits_for_its_sink_can_be_stopped() {
    let server = Server::start(Behaviour::Silent);
    let sink = format!(
        "ingest = \"pool\", sink = \"s3://bucket/x\", s3_endpoint = \"http://{}\"",
        server.addr
    );
    let scenario = stuck_gateway("1s").replace("ingest = \"pool\", sink_latency = \"1m\"", &sink);
    let running = TestBed::new()
        .file("scenario.toml", scenario)
        .args(["gateway", "scenario.toml", "--listen"])
        .args([format!("127.0.0.1:{}", free_port())])
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .start();
    server.wait_for_requests(1);
    running.signal(Signal::INT);
    running.wait().expect(0, &["stopping"]);
}
