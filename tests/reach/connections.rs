//! Connections over TLS as they idle, close and end, and connections that carry one request each.

use std::time::Duration;

use telemload::metrics::ErrorKind;

use crate::drive::{GET, TELEMETRY, run};
use crate::hostile::{self, Behaviour, OK};
use crate::secure::{Act, Server};
use crate::{CLOSED, OPEN, authority, run_tls, trusting};

#[test]
fn what_is_no_plain_text_is_no_end_of_an_idle_connection() {
    // Connections idle between requests, with tickets after the handshake and new keys after each answer.
    let slow =
        "model = \"open\"\nrate = \"50/s\"\nconnections = 1\nworkers = 1\nduration = \"400ms\"";
    let (authority, pair) = authority();
    for load in [slow, "model = \"closed\"\nrequests = 40\nconnections = 1"] {
        for act in [Act::Serve(OK), Act::ServeAndRekey(OK)] {
            let server = Server::start(&pair, act);
            let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
            let due = report.total.due;
            assert_eq!(report.total.ok, due, "{act:?}: {report:?}");
            assert_eq!(report.total.resent, 0, "{act:?}");
            assert_eq!(
                (server.seen().connections, server.seen().requests),
                (1, due),
                "{act:?}"
            );
        }
    }
}

#[test]
fn an_idle_connection_that_the_server_closes_is_opened_again_and_resumed() {
    let (authority, pair) = authority();
    for load in [CLOSED, OPEN] {
        for act in [Act::Close(OK), Act::Abandon(OK)] {
            let server = Server::start(&pair, act);
            let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
            assert_eq!(
                (report.total.due, report.total.ok),
                (60, 60),
                "{act:?}: {report:?}"
            );
            let seen = server.seen();
            assert_eq!(seen.requests, 60, "{act:?}");
            assert!(seen.resumed >= 50, "{act:?}: {seen:?}");
        }
    }
}

#[test]
fn what_may_have_been_carried_out_is_not_sent_again_over_tls() {
    let (authority, pair) = authority();
    for load in [CLOSED, OPEN] {
        for ms in [2, 30] {
            let server = Server::start(&pair, Act::Work(OK, Duration::from_millis(ms)));
            let tls = trusting(&authority);
            let report = run_tls(server.addr, &tls, "127.0.0.1", load, TELEMETRY);
            let total = &report.total;
            assert_eq!((total.due, total.resent), (60, 0), "{report:?}");
            assert!(total.ok > 0 && total.failed > 0, "{report:?}");
            assert_eq!(server.seen().requests, 60, "{report:?}");
            let words = &report.exemplars[&ErrorKind::ClosedEarly];
            assert!(words.contains("is not sent again"), "{words}");
        }
    }
}

#[test]
fn bodies_of_any_size_come_over_tls() {
    const SIZE: usize = 3 << 20;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
    let answer: &'static [u8] = [head.into_bytes(), vec![b'x'; SIZE]].concat().leak();
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::Serve(answer));
    let body = "y".repeat(1 << 20);
    let post = format!("[[request]]\nname = \"p\"\npath = \"/\"\nbody = \"{body}\"\n");
    let load = "model = \"closed\"\nrequests = 8\nconnections = 2\nworkers = 1";
    let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, &post);
    assert_eq!(report.total.ok, 8, "{report:?}");
    assert_eq!(server.seen().connections, 2);
}

#[test]
fn an_answer_that_comes_before_the_body_was_sent_counts_over_tls() {
    const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::Early(TOO_LARGE));
    let body = "x".repeat(8 << 20);
    let post = format!("[[request]]\nname = \"p\"\npath = \"/\"\nbody = \"{body}\"\n");
    let load = "model = \"closed\"\nrequests = 4\nconnections = 1";
    let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, &post);
    assert_eq!(report.errors(), [(ErrorKind::Status, 4)], "{report:?}");
    assert_eq!(report.total.status.get(&413), Some(&4));
}

#[test]
fn a_body_that_ends_with_the_connection_counts_and_is_named_if_tls_does_not_say_so() {
    const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello";
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let (authority, pair) = authority();
    let load = "model = \"closed\"\nrequests = 6\nconnections = 2\nworkers = 1";
    for (act, ok, odd) in [
        (Act::Close(UNTIL_CLOSE), 6, 0),
        (Act::Abandon(UNTIL_CLOSE), 6, 6),
        (Act::Abandon(CUT), 0, 0),
    ] {
        let server = Server::start(&pair, act);
        let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
        assert_eq!(
            (report.total.ok, report.total.failed),
            (ok, 6 - ok),
            "{report:?}"
        );
        let named: u64 = report.oddities.iter().map(|(_, answers, _)| answers).sum();
        assert_eq!(named, odd, "{report:?}");
        if ok == 0 {
            assert_eq!(report.errors(), [(ErrorKind::ClosedEarly, 6)]);
            let words = &report.exemplars[&ErrorKind::ClosedEarly];
            assert!(words.contains("close_notify"), "{words}");
        }
    }
}

#[test]
fn each_request_can_have_its_own_connection() {
    let (authority, pair) = authority();
    for load in [CLOSED, OPEN] {
        let load = format!("{load}\nkeep_alive = false");
        let plain = hostile::Server::start(Behaviour::Canned(OK));
        let report = run(plain.addr, &load, TELEMETRY);
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{report:?}");
        assert_eq!(report.end().opening.count(), 60, "{report:?}");
        assert_eq!(plain.connections(), 60);
        assert!(
            plain
                .requests()
                .iter()
                .all(|request| request.head.contains("\r\nConnection: close\r\n"))
        );

        let server = Server::start(&pair, Act::Serve(OK));
        let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", &load, GET);
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{report:?}");
        assert_eq!(
            (report.end().opening.count(), server.seen().connections),
            (60, 60)
        );
        // What a request waits for its connection is part of its latency.
        let total = &report.total;
        assert!(total.queue_wait.min() > 0, "{report:?}");
        assert!(total.latency.max() >= total.queue_wait.min() + total.service_time.min());
    }
}

#[test]
fn a_connection_that_is_opened_for_a_request_serves_that_request() {
    // The next request is due so much later that a wait for it could not be overlooked.
    let load = "model = \"open\"\nrate = \"1/s\"\nconnections = 4\nworkers = 1\nduration = \"1500ms\"\nkeep_alive = false";
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.due, report.total.ok), (2, 2), "{report:?}");
    assert!(report.total.queue_wait.max() < 900_000_000, "{report:?}");
}

#[test]
fn connections_over_tls_end_with_a_farewell() {
    let (authority, pair) = authority();
    for (load, farewells) in [
        (CLOSED.to_owned(), 3),
        (format!("{CLOSED}\nkeep_alive = false"), 60),
    ] {
        let server = Server::start(&pair, Act::Serve(OK));
        let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", &load, GET);
        assert_eq!(report.total.ok, 60, "{report:?}");
        assert_eq!(server.ended().farewells, farewells, "{load}");
    }
}
