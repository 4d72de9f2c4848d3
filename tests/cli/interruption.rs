//! Ctrl-C, SIGTERM and SIGKILL: what was measured is kept, and no process is left.

use std::thread;

use rustix::process::Signal;

use crate::bed::{
    Outcome, TestBed, all_end, device_request, gateway_scenario, processes, rows, url_scenario,
};
use crate::hostile::{Behaviour, Server};

#[test]
fn a_run_that_is_asked_to_end_keeps_what_it_measured() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let running = TestBed::new()
            .scenario(&gateway_scenario("60s", &device_request("cars")))
            .start();
        running.wait_for_rows(4);
        let below = processes(running.pid(), 2);
        let before = rows(&running.read("out/default/load/series.csv"));
        running.signal(signal);
        let outcome = running.wait().expect(
            130,
            &["interrupted: what was measured until then is kept and marked"],
        );
        all_end(&below);
        assert_eq!(outcome.result()["interrupted"], true);
        let series = outcome.series("default/load");
        assert_eq!(series[..before.len()], before[..], "{signal:?}");
        let phase = outcome.only_phase();
        let window = phase["rounds"][0]["window_s"].as_f64().unwrap();
        assert!((0.4..60.0).contains(&window), "{window}");
        assert!(phase["requests"]["ok"].as_u64().unwrap() > 0);
        assert_eq!(phase["requests"]["failed"], 0, "{phase:#}");
    }
}

#[test]
fn the_variants_that_were_not_reached_are_left_out() {
    let variants = "[[variant]]\nname = \"default\"\n[[variant]]\nname = \"never\"\n";
    let one_by_one = "order = \"one-by-one\"\n".to_owned();
    let running = TestBed::new()
        .scenario(&(one_by_one + &gateway_scenario("60s", &(device_request("cars") + variants))))
        .start();
    running.wait_for_rows(1);
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &[]);
    assert_eq!(outcome.result()["variants"].as_array().unwrap().len(), 1);
    assert_eq!(outcome.result()["comparisons"].as_array().unwrap().len(), 0);
}

#[test]
fn a_target_that_never_answers_does_not_hold_up_ctrl_c() {
    let server = Server::start(Behaviour::Silent);
    let scenario = url_scenario(server.addr, "60s", "").replace("\"5s\"", "\"1h\"");
    let running = TestBed::new().scenario(&scenario).start();
    server.wait_for_requests(2);
    running.signal(Signal::INT);
    running.wait().expect(130, &[]);
}

#[test]
fn ctrl_c_ends_the_hashing_of_secrets() {
    let scenario = gateway_scenario("60s", &device_request("cars"))
        .replace("bcrypt_cost = 4", "bcrypt_cost = 13")
        .replace("devices = 4\nseed = 7", "devices = 4000\nseed = 7");
    let running = TestBed::new().scenario(&scenario).start();
    running.wait_for_stderr("hashing 4004 secrets");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted"]);
    assert_eq!(outcome.result()["interrupted"], true);
}

#[test]
fn ctrl_c_ends_the_wait_for_a_target() {
    let scenario =
        crate::bed::command_scenario("sh -c 'exec sleep 600 {port}'", "ready_within = \"600s\"");
    let running = TestBed::new().scenario(&scenario).start();
    let below = processes(running.pid(), 2);
    running.signal(Signal::INT);
    running.wait().expect(130, &["interrupted"]);
    all_end(&below);
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    let running = TestBed::new()
        .scenario(&gateway_scenario("60s", &device_request("cars")))
        .start();
    running.wait_for_rows(1);
    let below = processes(running.pid(), 2);
    running.signal(Signal::KILL);
    let outcome = running.wait();
    assert_eq!(outcome.code, None);
    all_end(&below);
    assert!(!outcome.series("default/load").is_empty());
}

#[test]
fn grandchildren_of_a_command_are_gone_too() {
    // Each takes as long as the wait for one that does not listen.
    thread::scope(|scope| {
        for (signal, code) in [
            (None, Some(0)),
            (Some(Signal::INT), Some(130)),
            (Some(Signal::KILL), None),
        ] {
            scope.spawn(move || no_grandchild_is_left(signal, code));
        }
    });
}

/// A run that is ended by a signal or by itself, with this exit code: its target is a gateway behind a shell, with a child and a grandchild
/// that ignores polite requests.
fn no_grandchild_is_left(signal: Option<Signal>, code: Option<i32>) {
    let script = format!(
        "sh -c \"trap '' TERM; sleep 611 & wait\" & setsid sleep 612 & exec {} gateway --listen 127.0.0.1:{{port}}",
        crate::bed::TELEMLOAD
    );
    let command = format!("sh -c \"{}\"", script.replace('"', "\\\""));
    let duration = if signal.is_some() { "60s" } else { "400ms" };
    let scenario = crate::bed::command_scenario(&command, "ready = \"/healthz\"")
        .replace("\"400ms\"", &format!("\"{duration}\""));
    let running = TestBed::new().scenario(&scenario).start();
    // Supervisor, gateway, two shells and sleeps.
    let below = processes(running.pid(), 5);
    if let Some(signal) = signal {
        running.wait_for_rows(1);
        running.signal(signal);
    }
    let outcome = running.wait();
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    all_end(&below);
}

#[test]
fn ctrl_c_while_profiling_keeps_the_measured_phase() {
    let profile = "[profile]\ncpu = \"pprof\"\nduration = \"60s\"\n";
    let running = TestBed::new()
        .scenario(&gateway_scenario(
            "300ms",
            &(device_request("cars") + profile),
        ))
        .start();
    running.wait_for_stderr("load (profiled)");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted"]);
    let phase = outcome.only_phase();
    assert!(phase["requests"]["ok"].as_u64().unwrap() > 0);
    assert!(phase["profile"].is_null());
    assert_eq!(outcome.series("default/load").len(), 3);
}

/// An endpoint that gives one slice, of 370 samples, and then one that never comes.
fn one_slice() -> Server {
    let profile = std::fs::read(crate::bed::data("go.pb.gz")).unwrap();
    let length = profile.len();
    // The client is told of the close: else its next request may meet it.
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let answer = Box::leak([head.as_bytes(), &profile].concat().into_boxed_slice());
    Server::start(Behaviour::PerConnection(vec![
        Behaviour::CloseAfter(1, answer),
        Behaviour::Silent,
    ]))
}

#[test]
fn ctrl_c_while_profiling_keeps_the_slices_that_there_are() {
    let server = one_slice();
    let profile = format!(
        "[profile]\ncpu = \"pprof\"\nduration = \"10s\"\nurl = \"http://{}/\"\n",
        server.addr
    );
    let running = TestBed::new()
        .scenario(&gateway_scenario(
            "300ms",
            &(device_request("cars") + &profile),
        ))
        .start();
    server.wait_for_requests(2);
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted"]);
    let phase = outcome.only_phase();
    assert_eq!(phase["profile"]["samples"], 370, "{phase:#}");
    let warnings = phase["warnings"].to_string();
    assert!(warnings.contains("the run was interrupted"), "{warnings}");
    assert!(outcome.dir().join("default/load/profile.pb.gz").exists());
}

/// A capture of a minute that ends with a signal after so many requests.
fn interrupted_capture(server: &Server, requests: usize, signal: Signal, says: &str) -> Outcome {
    let url = format!("http://{}/debug/pprof/profile", server.addr);
    let running = TestBed::new()
        .args(["flame", "capture", "--url", &url, "-d", "60s"])
        .args(["-o", "out/kept.pb.gz"])
        .start();
    server.wait_for_requests(requests);
    running.signal(signal);
    running.wait().expect(130, &[says])
}

#[test]
fn a_capture_that_is_asked_to_end_keeps_its_slices() {
    let says = "interrupted: 370 samples in 1 slice, stored in";
    let outcome = interrupted_capture(&one_slice(), 2, Signal::INT, says);
    assert!(outcome.dir().join("kept.pb.gz").exists());
}

#[test]
fn a_capture_that_is_asked_to_end_before_it_has_anything_says_so() {
    let server = Server::start(Behaviour::Silent);
    let says = "interrupted: nothing is stored";
    let outcome = interrupted_capture(&server, 1, Signal::TERM, says);
    assert!(!outcome.dir().join("kept.pb.gz").exists());
}
