//! What is told of a run while it goes on: lines of a log, and the endpoint of `--live`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use regex::Regex;
use rustix::process::Signal;

use crate::bed::{Running, TestBed, until, url_scenario};
use crate::hostile::{self, Behaviour, Server};

/// Two phases of an open loop.
fn two_phases(server: &Server) -> String {
    url_scenario(server.addr, "400ms", "").replace(
        "[load]\nmodel = \"closed\"\nconnections = 2\nduration = \"400ms\"\ntimeout = \"5s\"",
        "[[phase]]\nname = \"calm\"\nload = { model = \"open\", rate = \"100/s\", connections = 2, duration = \"400ms\" }\n[[phase]]\nname = \"busy\"\nload = { model = \"closed\", connections = 2, duration = \"300ms\" }",
    )
}

#[test]
fn a_log_has_a_line_for_the_beginning_and_one_for_the_end_of_each_phase() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let outcome = TestBed::new().scenario(&two_phases(&server)).run();
    let outcome = outcome.expect(0, &["default · calm: 1 s (phase 1 of 2, 0:01 left)\n"]);
    let lines = [
        r"(?m)^default · calm: over, window of 0\.4 s · achieved [0-9.]+/s · planned 100/s · p50 .+ · p99 .+ · target – cores · generator [0-9.]+ cores · left 0:01 · 0 failed$",
        r"(?m)^default · busy: over, window of 0\.3 s · achieved [0-9,]+/s · planned – · p50 .+ · left 0:00 · 0 failed$",
    ];
    for line in lines {
        let found = Regex::new(line).unwrap().is_match(&outcome.stderr);
        assert!(found, "no {line} in {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("::"), "{}", outcome.stderr);
    // Nothing moves a cursor where there is no terminal.
    assert!(
        !outcome.stderr.contains(['\r', '\u{1b}']),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_runner_of_github_folds_each_phase() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let bed = || TestBed::new().env("GITHUB_ACTIONS", "true");
    // What a busy machine could not send in time is not what this is about.
    let outcome = bed().scenario(&two_phases(&server)).run();
    let orders: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_eq!(
        orders,
        [
            "::group::default · calm: 1 s (phase 1 of 2, 0:01 left)",
            "::endgroup::",
            "::group::default · busy: 1 s (phase 2 of 2, 0:01 left)",
            "::endgroup::",
        ]
    );
    // The end of a phase stands where it is not folded.
    let behind = outcome.stderr.split("::endgroup::\n").nth(1).unwrap();
    assert!(behind.starts_with("default · calm: over"), "{behind}");
    let quiet = bed().scenario(&two_phases(&server)).args(["-q"]).run();
    assert_eq!(quiet.stderr, "");
}

/// Where a run says that its figures are.
fn endpoint(running: &Running) -> String {
    until("the address of the live figures", || {
        let text = running.read("stderr");
        let found = text.split("live figures: http://").nth(1)?;
        found
            .split_once("/metrics\n")
            .map(|(place, _)| place.to_owned())
    })
}

fn ask(place: &str, head: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(place)?;
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn figures_are_served_while_the_run_lasts() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "60s", "");
    let running = TestBed::new()
        .scenario(&scenario)
        .args(["--live", "0"])
        .start();
    let place = endpoint(&running);
    assert!(place.starts_with("127.0.0.1:"), "{place}");
    let counted = until("answers in the live figures", || {
        let text = ask(&place, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        text.contains("telemload_ok_responses_total{")
            .then_some(text)
    });
    for words in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
        "telemload_phase_info{variant=\"default\",phase=\"load\",profiled=\"false\",round=\"1\"} 1\n",
        "telemload_run_remaining_seconds 5",
    ] {
        assert!(counted.contains(words), "no {words:?} in {counted}");
    }
    // Whoever holds a connection and says nothing keeps nobody else from the figures.
    let _silent: Vec<TcpStream> = (0..8)
        .map(|_| TcpStream::connect(&place).unwrap())
        .collect();
    let other = ask(&place, "GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    running.signal(Signal::INT);
    running.wait().expect(130, &["interrupted"]);
    assert!(TcpStream::connect(&place).is_err());
}

#[test]
fn a_phase_that_is_over_has_all_of_its_answers_told() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    // Metrics that never answer hold up the last row until the load is over.
    let silent = Server::start(Behaviour::Silent);
    let metrics = format!("[target]\nmetrics = \"http://{}/metrics\"\n", silent.addr);
    let scenario = two_phases(&server).replace("\"300ms\"", "\"60s\"");
    let scenario = scenario.replacen("[target]\n", &metrics, 1);
    let running = TestBed::new()
        .scenario(&scenario)
        .args(["--live", "0"])
        .start();
    let place = endpoint(&running);
    let told = until("figures of the second phase", || {
        let text = ask(&place, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
        let total = |phase: &str| {
            let of = format!(
                "telemload_ok_responses_total{{variant=\"default\",phase=\"{phase}\",profiled=\"false\"}} "
            );
            let rest = text.split(&of).nth(1)?;
            rest.lines().next()?.parse::<u64>().ok()
        };
        total("busy").and(total("calm"))
    });
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted"]);
    let round = &outcome.phase("default", "calm")["rounds"][0];
    let of = |key: &str| round[key].as_f64().unwrap();
    let completed = (of("throughput_rps") * of("window_s")).round() as u64;
    assert_eq!(told, completed, "{round:#}");
}

#[test]
fn the_final_figures_can_be_read_by_whoever_asked_before() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let running = TestBed::new()
        .scenario(&url_scenario(server.addr, "500ms", ""))
        .args(["--live", "0"])
        .start();
    let place = endpoint(&running);
    let question = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut last = String::new();
    while let Ok(text) = ask(&place, question) {
        last = text;
    }
    let outcome = running.wait().expect(0, &["live figures: http://"]);
    let requests = &outcome.result()["variants"][0]["phases"][0]["requests"];
    let labels = "{variant=\"default\",phase=\"load\",profiled=\"false\"}";
    let counted = format!(
        "telemload_latency_seconds_count{labels} {}\n",
        requests["ok"]
    );
    assert!(requests["ok"].as_u64() > Some(0), "{requests}");
    assert!(last.contains(&counted), "no {counted} in {last}");
    // The load is over in them.
    assert!(!last.contains("telemload_phase_info"), "{last}");
}

#[test]
fn a_port_that_is_taken_is_refused_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (
        taken.local_addr().unwrap().to_string(),
        Server::start(Behaviour::Canned(hostile::OK)),
    );
    let words = format!(
        "error: --live {address}: something else listens there; choose another port, or 0 for a free one"
    );
    let outcome = TestBed::new()
        .scenario(&url_scenario(server.addr, "60s", ""))
        .args(["--live", &address])
        .run()
        .expect(2, &[&words]);
    assert!(!outcome.dir().exists());
}
