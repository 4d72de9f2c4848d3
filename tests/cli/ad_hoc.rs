//! `telemload run URL` with the short flags, and `telemload gateway` in the foreground.

use std::fs;
use std::net::TcpStream;

use rustix::process::Signal;

use crate::bed::{Running, TestBed, echo, free_port, until};
use crate::hostile::{self, Behaviour, Server};

/// A gateway in the foreground that answers at this port, and the key to what is for the tool alone.
fn gateway() -> (Running, u16, String) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let bed = TestBed::new().args(["gateway", "--listen", &address, "--key-file", "key"]);
    let key = bed.path("key");
    let running = bed.start();
    until("the gateway", || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let key = fs::read_to_string(key).unwrap();
    (running, port, key.trim().to_owned())
}

fn run(args: &[&str], url: &str) -> TestBed {
    TestBed::new()
        .args(["run", "--out", "out"])
        .args(args)
        .args([url])
}

#[test]
fn the_headers_of_a_device_make_the_difference() {
    let (gateway, port, key) = gateway();
    let url = format!("http://127.0.0.1:{port}/v1/telemetry");
    let short = ["-d", "0.3", "-c", "4"];
    let outcome = run(&short, &url).args(["-H", "X-Device-Id: d1"]).run();
    let outcome = outcome.expect(4, &["no OK response at all", "status 401"]);
    let phase = outcome.phase("default", "load");
    assert_eq!(phase["load"]["connections"], 4);
    assert_eq!(phase["load"]["duration_s"], 0.3);
    let outcome = run(&short, &url)
        .args(["-M", "POST", "--body", "{}"])
        .run()
        .expect(0, &[]);
    assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);

    let pid = gateway.pid().to_string();
    let pprof = format!("http://admin:{key}@127.0.0.1:{port}/debug/pprof/profile");
    let outcome = run(
        &[
            "-d", "1", "-R", "300/s", "-c", "8", "-H", "X-Any: 1", "--pid", &pid, "--pprof", &pprof,
        ],
        &url,
    );
    let outcome = outcome.args(["--body", "{}"]).run().expect_one_of(&[0, 3]);
    assert!(outcome.stderr.contains("(profiled)"), "{}", outcome.stderr);
    let phase = outcome.only_phase();
    assert!(
        phase["cpu"]["target_cores"].as_f64().unwrap() > 0.0,
        "{:#}",
        phase["cpu"]
    );
    assert!(phase["cpu"]["target_us_per_request"].as_f64().unwrap() > 0.0);
    assert!(
        phase["profile"]["samples"].as_u64().unwrap() > 0,
        "{:#}",
        phase["warnings"]
    );

    gateway.signal(Signal::INT);
    gateway
        .wait()
        .expect(0, &["gateway without devices on http://127.0.0.1"]);
}

#[test]
fn a_gateway_with_a_scenario_knows_its_devices() {
    let port = free_port();
    let scenario = crate::bed::gateway_scenario("300ms", &crate::bed::device_request("cars"));
    let gateway = TestBed::new()
        .file("s.toml", &scenario)
        .args([
            "gateway",
            "s.toml",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ])
        .start();
    until("the gateway", || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let target = "gateway = { auth = \"singleflight\", bcrypt_cost = 4, cpus = 1, body_limit_kib = 1, user_kib = 1 }";
    assert!(scenario.contains(target));
    let elsewhere = scenario.replace(target, &format!("url = \"http://127.0.0.1:{port}\""));
    let outcome = TestBed::new().scenario(&elsewhere).run().expect(0, &[]);
    assert_eq!(outcome.only_phase()["requests"]["failed"], 0);
    gateway.signal(Signal::TERM);
    gateway.wait().expect(0, &["with 8 devices"]);
}

#[test]
fn exactly_so_many_requests_are_sent() {
    for (n, flags) in [
        (1, vec![]),
        (57, vec!["-c", "4"]),
        (40, vec!["-R", "400/s"]),
    ] {
        let server = Server::start(Behaviour::Canned(hostile::OK));
        let count = n.to_string();
        let outcome = run(&["-n", &count], &format!("http://{}/", server.addr))
            .args(flags)
            .run();
        let outcome = outcome.expect(0, &[]);
        assert_eq!(server.request_count(), n);
        assert_eq!(outcome.only_phase()["requests"]["ok"], n);
    }
}

#[test]
fn flags_shape_the_request() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let url = format!("http://{}/a/b?c=d%20e#fragment", server.addr);
    let bed = run(
        &[
            "-n",
            "1",
            "-H",
            "X-One: 1",
            "-H",
            "Host: example.test",
            "-H",
            "Content-Type:text/plain",
        ],
        &url,
    );
    bed.file("body.txt", "line {{seq}}\n")
        .args(["--body", "@body.txt"])
        .run()
        .expect(0, &[]);
    let sent = &server.requests()[0];
    assert_eq!(
        sent.head,
        "POST /a/b?c=d%20e HTTP/1.1\r\nX-One: 1\r\nHost: example.test\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n"
    );
    assert_eq!(sent.body, b"line 0\n");
    for (flags, line) in [
        (&["-M", "DELETE"][..], "DELETE / HTTP/1.1"),
        (&[], "GET / HTTP/1.1"),
        (&["--body", "x"], "POST / HTTP/1.1"),
        (&["-M", "PUT", "--body", "x"], "PUT / HTTP/1.1"),
    ] {
        let server = Server::start(Behaviour::Canned(hostile::OK));
        run(&["-n", "1"], &format!("http://{}", server.addr))
            .args(flags)
            .run()
            .expect(0, &[]);
        assert!(
            server.requests()[0].head.starts_with(line),
            "{:?}",
            server.requests()
        );
    }
}

#[test]
fn a_rate_makes_it_an_open_loop() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let outcome = run(
        &["-R", "200", "-d", "500ms", "-c", "8"],
        &format!("http://{}/", server.addr),
    )
    .run();
    let phase = outcome.only_phase();
    assert_eq!(phase["load"]["model"], "open");
    assert_eq!(phase["load"]["rate"], 200.0);
    assert_eq!(phase["requests"]["due"], 100);
}

#[test]
fn a_bare_timeout_is_milliseconds() {
    let server = Server::start(Behaviour::Silent);
    let url = format!("http://{}/", server.addr);
    let outcome = run(&["-T", "50", "-d", "0.2", "-c", "1"], &url).run();
    let outcome = outcome.expect(4, &[" × timeout"]);
    assert_eq!(outcome.only_phase()["load"]["timeout_s"], 0.05);
}

/// This test is the process that started telemload, as a shell is.
#[test]
fn a_pid_that_holds_telemload_is_noted() {
    let address = echo("200 OK", str::to_owned);
    let pid = std::process::id().to_string();
    let url = format!("http://{address}/");
    let outcome = run(&["--pid", &pid, "-d", "0.2", "-R", "50/s"], &url).run();
    let outcome = outcome.expect_one_of(&[0, 3]);
    let says = "telemload itself runs below the process that was named as the target's";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
}

#[test]
fn a_pid_that_is_none_is_named() {
    let address = echo("200 OK", str::to_owned);
    // Larger than any process id of the system.
    run(
        &["--pid", "999999999", "-d", "0.2"],
        &format!("http://{address}/"),
    )
    .run()
    .expect(4, &["--pid 999999999"]);
}
