//! Loads over TLS, unix sockets and other addresses, as a user asks for them; and what a user is told who asks for them wrongly.

mod refused;
mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use crate::bed::{Outcome, TestBed, url_scenario};
use crate::hostile::{self, Behaviour, OK};
use crate::secure::{Act, Authority, Server};

/// An authority, a certificate of it for 127.0.0.1, and a server that shows that.
fn secure() -> (Authority, Server) {
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    let server = Server::start(&pair, Act::Serve(OK));
    (authority, server)
}

fn run(url: &str, args: &[&str]) -> TestBed {
    TestBed::new()
        .args(["run", "--out", "out", "-n", "20", "-c", "2", url])
        .args(args)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn all_ok(outcome: &Outcome) {
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["ok"], 20, "{phase:#}");
    let opened = &phase["connections"];
    assert!(opened["open_us"]["p50"].as_f64().unwrap() > 0.0, "{opened}");
}

#[test]
fn connections_go_elsewhere_and_the_url_keeps_its_name() {
    let authority = Authority::generate();
    let pair = authority.issue(&["shop.test"]);
    let server = Server::start(&pair, Act::Serve(OK));
    let to = server.addr.to_string();
    let ca = authority.file();
    let args = ["--cacert", text(&ca), "--connect-to", &to];
    let outcome = run("https://shop.test/", &args).run().expect(0, &[]);
    all_ok(&outcome);
    let seen = server.seen();
    assert_eq!(seen.names[0].as_deref(), Some("shop.test"));
    assert!(
        seen.heads[0].contains("Host: shop.test\r\n"),
        "{}",
        seen.heads[0]
    );
    let target = outcome.result()["variants"][0]["target"].to_string();
    assert!(
        target.contains(&format!("https://shop.test through {to}")),
        "{target}"
    );
}

#[test]
fn a_name_with_several_addresses_is_loaded_at_the_one_that_answers() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://localhost:{}/", server.addr.port());
    let outcome = run(&url, &[]).run().expect(0, &[]);
    all_ok(&outcome);
    let target = outcome.result()["variants"][0]["target"].to_string();
    assert!(target.contains(&format!(" at {}", server.addr)), "{target}");
}

#[test]
fn a_name_that_is_none_is_found_before_the_load() {
    run("http://no-such-host.invalid/", &[]).run().expect(
        4,
        &[
            "the name no-such-host.invalid cannot be resolved",
            "check the host",
            "--connect-to",
        ],
    );
}

#[test]
fn an_ipv6_address_is_loaded() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    all_ok(&run(&url, &[]).run().expect(0, &[]));
}

#[test]
fn a_unix_socket_is_loaded() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("app.sock");
    run("http://app.test/", &["--unix-socket", text(&path)])
        .run()
        .expect(4, &["app.sock", "start the target, or check the path"]);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    let outcome = run("http://app.test/", &["--unix-socket", text(&path)]).run();
    all_ok(&outcome.expect(0, &[]));
    let scenario = url_scenario("127.0.0.1:1".parse().unwrap(), "300ms", "").replace(
        "[load]",
        &format!("unix_socket = \"{}\"\n[load]", text(&path)),
    );
    TestBed::new().scenario(&scenario).run().expect(0, &[]);
}

fn answer(mut stream: impl Read + Write) {
    let mut request = [0; 1024];
    while stream.read(&mut request).is_ok_and(|n| n > 0) {
        stream.write_all(OK).unwrap();
    }
}

#[test]
fn every_request_gets_a_connection_of_its_own() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    let outcome = run(&url, &["--no-keepalive"]).run().expect(0, &[]);
    all_ok(&outcome);
    let phase = outcome.only_phase();
    assert_eq!(phase["connections"]["opened"], 20);
    assert_eq!(phase["load"]["keep_alive"], false);
    assert!(phase["queue_wait_us"]["min"].as_f64().unwrap() > 0.0);
    assert!(
        outcome.stdout.contains("20 opened, each in p50"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        server.connections(),
        20 + 1,
        "one more looked whether it is there"
    );

    let dry = ["--no-keepalive", "--dry-run"];
    let outcome = run(&url, &dry).run().expect(0, &[]);
    for words in ["Connection: close", "a new one for each request"] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    let scenario = url_scenario(server.addr, "300ms", "")
        .replace("duration = ", "keep_alive = false\nduration = ");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    assert_eq!(phase["connections"]["opened"], phase["requests"]["due"]);
}

#[test]
fn more_connections_than_ports_are_refused_before_the_load() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    // No range of ports is as large.
    TestBed::new()
        .args(["run", "-c", "100000", &url])
        .run()
        .expect(
            2,
            &[
                "local ports",
                "sysctl -w net.ipv4.ip_local_port_range",
                "fewer connections",
            ],
        );
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_rate_that_may_use_up_the_ports_is_said_before_the_load() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    // More in a second than there can be ports, so that it does not matter how soon the system frees them.
    let flags = ["--no-keepalive", "-R", "100000/s"];
    let outcome = run(&url, &flags).run();
    let says = "note: a connection for each request may hold 100000 local ports";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    let (said, begun) = (
        outcome.stderr.find(says),
        outcome.stderr.find("default · load"),
    );
    assert!(said < begun, "{}", outcome.stderr);
    let warnings = outcome.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("ip_local_port_range") && warnings.contains("tcp_tw_reuse"),
        "{warnings}"
    );
    let kept = run(&url, &flags[1..]).run();
    assert!(!kept.stderr.contains("local ports"), "{}", kept.stderr);
}
