//! Handshakes: who sends them, who waits for them, and what becomes of both when they fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use telemload::engine::Engine;
use telemload::metrics::ErrorKind::{
    self, Body, ClosedEarly, ConnectRefused, Prerequisite, Status, Timeout,
};

use crate::drive::{collect, drive as plan, run};
use crate::scripted::{Scripted, say};
use crate::{SESSION, closed, errors, gatekeeper};

#[test]
fn each_device_shakes_hands_once_and_then_sends_its_token() {
    for (connections, workers, logins) in [(1, 1, 4), (3, 1, 4), (8, 1, 4), (4, 2, 4), (6, 3, 12)] {
        let server = Scripted::start(gatekeeper);
        let report = run(server.addr, &closed(240, connections, workers), SESSION);
        let case = format!("{connections} {workers} {report:?}");
        // Four devices over two workers are two for each; three workers meet all of them.
        assert_eq!(server.count("/login"), logins, "{case}");
        assert_eq!(server.count("/telemetry"), 240, "{case}");
        assert_eq!(report.due_by_request, [logins as u64, 240], "{case}");
        assert_eq!(
            (report.total.ok, report.total.needed),
            (report.total.due, logins as u64)
        );
        assert_eq!(report.total.needed_sent_in_window, logins as u64, "{case}");
        assert_eq!(report.total.scheduled_share(), Some(1.0));
        // The handshake is what the request waited for.
        assert!(report.total.queue_wait.max() > 0, "{case}");
    }
}

#[test]
fn no_herd_shakes_hands_for_one_device() {
    const CONNECTIONS: usize = 8;
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let opened = Arc::clone(&gate);
    let server = Scripted::start(move |asked| {
        if asked.path == "/login" {
            let open = opened.0.lock().unwrap();
            drop(opened.1.wait_while(open, |open| !*open).unwrap());
        }
        gatekeeper(asked)
    });
    let one = SESSION.replace("devices = 4", "devices = 1");
    let load = closed(64, CONNECTIONS, 1);
    // Requests without a need go on meanwhile: once many came, all the others wait.
    let free = "[[request]]\nname = \"free\"\npath = \"/free\"\n";
    let engine = Engine::start(&plan(server.addr, &load, &(free.to_owned() + &one))).unwrap();
    server.wait_for(8);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let report = collect(engine);
    assert_eq!(server.count("/login"), 1, "{report:?}");
    assert_eq!(server.count("/free") + server.count("/telemetry"), 64);
    assert_eq!(report.total.ok, 65, "{report:?}");
}

#[test]
fn a_token_that_is_no_longer_good_is_fetched_again() {
    // Each token is good for five requests.
    let (given, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Scripted::start(move |asked| {
        if asked.path == "/login" {
            used.store(0, Ordering::SeqCst);
            let number = given.fetch_add(1, Ordering::SeqCst);
            return say("200 OK", "", format!("{{\"token\":{number}}}"));
        }
        let current = given.load(Ordering::SeqCst).wrapping_sub(1);
        let good = asked.header("Authorization") == format!("Bearer {current}");
        if good && used.fetch_add(1, Ordering::SeqCst) < 5 {
            say("200 OK", "", "")
        } else {
            say("401 No", "", "expired")
        }
    });
    let one = SESSION.replace("devices = 4", "devices = 1");
    let report = run(server.addr, &closed(30, 1, 1), &one);
    assert_eq!(errors(&report), [(Status, 5)].into(), "{report:?}");
    assert_eq!(report.due_by_request, [5, 30], "{report:?}");
}

#[test]
fn what_is_given_in_its_own_right_is_used_without_a_handshake() {
    let server = Scripted::start(gatekeeper);
    let both = SESSION
        .replace("weight = 0", "weight = 1")
        .replace("devices = 4", "devices = 1");
    let report = run(server.addr, &closed(100, 1, 1), &both);
    assert_eq!(report.total.ok, report.total.due, "{report:?}");
    assert!(report.total.needed <= 1, "{report:?}");
    assert_eq!(report.total.due, 100 + report.total.needed);
    assert!(report.due_by_request[0] > 25, "{report:?}");
}

/// What a login is answered with.
type Login = fn() -> Vec<u8>;

#[test]
fn a_handshake_that_fails_fails_what_needs_it_and_is_tried_again() {
    let answers: [(Login, ErrorKind, &str); 3] = [
        (|| say("503 Busy", "", "later"), Status, "status 503: {}"),
        (
            || say("200 OK", "", "{\"toke\":1}"),
            Body,
            "there is no json:/token: {",
        ),
        (
            Vec::new,
            ClosedEarly,
            "the connection was closed without a response",
        ),
    ];
    for (answer, kind, says) in answers {
        for connections in [1, 4] {
            let server = Scripted::start(move |asked| {
                if asked.path == "/login" {
                    answer()
                } else {
                    gatekeeper(asked)
                }
            });
            let report = run(server.addr, &closed(24, connections, 1), SESSION);
            let case = format!("{report:?}");
            assert_eq!(
                errors(&report),
                [(kind, 24), (Prerequisite, 24)].into(),
                "{case}"
            );
            assert_eq!(
                (server.count("/login"), server.count("/telemetry")),
                (24, 0),
                "{case}"
            );
            assert_eq!((report.total.sent, report.total.needed), (24, 24), "{case}");
            assert_eq!(report.total.scheduled_share(), Some(0.0));
            let says = says.replace("{}", "later");
            // The words of a status come from a body that is no JSON.
            let words = &report.exemplars[&kind];
            assert!(words.starts_with(&says), "{words}");
            let words = &report.exemplars[&Prerequisite];
            let begin = format!("`login`, which `telemetry` needs, failed: {kind}: {says}");
            assert!(words.starts_with(&begin), "{words}");
        }
    }
    // Every second one succeeds.
    let count = AtomicUsize::new(0);
    let server = Scripted::start(move |asked| {
        if asked.path == "/login" && count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return say("500 No", "", "");
        }
        gatekeeper(asked)
    });
    let one = SESSION.replace("devices = 4", "devices = 1");
    let report = run(server.addr, &closed(20, 1, 1), &one);
    assert_eq!(errors(&report), [(Status, 1), (Prerequisite, 1)].into());
    assert_eq!(report.due_by_request, [2, 20]);
}

#[test]
fn a_handshake_without_an_answer_times_out_and_nobody_waits_for_ever() {
    let server = Scripted::start(|asked| {
        if asked.path == "/login" {
            // Longer than the test's timeout; the connection is given up before.
            std::thread::park_timeout(Duration::from_secs(30));
        }
        gatekeeper(asked)
    });
    let one = SESSION.replace("devices = 4", "devices = 1");
    let load = closed(6, 3, 1).replace("10s", "60ms");
    let report = run(server.addr, &load, &one);
    assert_eq!(
        errors(&report),
        [(Timeout, 6), (Prerequisite, 6)].into(),
        "{report:?}"
    );
    assert_eq!((report.due_by_request[0], report.total.timed_out), (6, 6));
}

#[test]
fn stopping_ends_handshakes_and_those_who_wait_for_them() {
    for model in ["model = \"closed\"", "model = \"open\"\nrate = \"200/s\""] {
        let server = Scripted::start(|asked| {
            if asked.path == "/login" {
                std::thread::park_timeout(Duration::from_secs(30));
            }
            gatekeeper(asked)
        });
        let one = SESSION.replace("devices = 4", "devices = 1");
        let load = format!("{model}\nconnections = 4\nworkers = 1\nduration = \"60s\"");
        let engine = Engine::start(&plan(server.addr, &load, &one)).unwrap();
        server.wait_for(1);
        engine.stop();
        let report = collect(engine);
        assert_eq!(report.total.in_flight_at_end, 1, "{report:?}");
        assert_eq!(report.due_by_request[0], 1, "{report:?}");
        assert_eq!(report.total.not_sent, report.total.due - 1, "{report:?}");
        assert_eq!((report.total.ok, report.total.failed), (0, 0), "{report:?}");
    }
}

#[test]
fn a_handshake_whose_connection_is_closed_goes_on_with_another() {
    let server = Scripted::start(|asked| {
        let answer = String::from_utf8(gatekeeper(asked)).unwrap();
        answer
            .replace("OK\r\n", "OK\r\nConnection: close\r\n")
            .into_bytes()
    });
    for load in [
        closed(24, 3, 1),
        "model = \"open\"\nrate = \"200/s\"\nconnections = 3\nworkers = 1\nrequests = 24"
            .to_owned(),
    ] {
        let before = server.count("/login");
        let report = run(server.addr, &load, SESSION);
        assert_eq!(report.due_by_request, [4, 24], "{report:?}");
        assert_eq!((report.total.ok, server.count("/login") - before), (28, 4));
    }
}

#[test]
fn a_target_that_vanishes_after_the_handshake_fails_what_waits() {
    let (_socket, address) = {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        bind(&socket, &any).unwrap();
        let address = std::net::SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
        (socket, address)
    };
    let load = "model = \"open\"\nrate = \"200/s\"\nconnections = 2\nworkers = 1\nrequests = 20";
    let report = run(address, load, SESSION);
    assert_eq!(errors(&report), [(ConnectRefused, 20)].into(), "{report:?}");
}

#[test]
fn handshakes_can_need_each_other() {
    let chain = r#"
[[request]]
name = "telemetry"
fleet = "vans"
path = "/telemetry/{{session}}"
headers = { X-Device-Id = "{{device.id}}" }
body = '{"session":"{{session}}"}'
[[request]]
name = "session"
fleet = "vans"
weight = 0
path = "/session"
headers = { X-Ticket = "{{ticket}}", X-Device-Id = "{{device.id}}" }
extract = { session = "header:X-Session" }
[[request]]
name = "ticket"
fleet = "vans"
weight = 0
path = "/ticket"
headers = { X-Device-Id = "{{device.id}}" }
extract = { ticket = "json:/a~1b/0" }
[fleet.vans]
devices = 3
"#;
    let server = Scripted::start(|asked| {
        let id = asked.header("X-Device-Id");
        match asked.path.as_str() {
            "/ticket" => say("200 OK", "", format!("{{\"a/b\":[\"t-{id}\"]}}")),
            "/session" if asked.header("X-Ticket") == format!("t-{id}") => {
                say("200 OK", &format!("x-SESSION: s-{id}\r\n"), "")
            }
            path if path == format!("/telemetry/s-{id}") => {
                assert_eq!(asked.body, format!("{{\"session\":\"s-{id}\"}}").as_bytes());
                say("200 OK", "", "")
            }
            _ => say("400 No", "", ""),
        }
    });
    let report = run(server.addr, &closed(30, 2, 1), chain);
    assert_eq!(report.due_by_request, [30, 3, 3], "{report:?}");
    assert_eq!(report.total.ok, 36);
}

#[test]
fn an_open_loop_is_measured_by_what_was_scheduled() {
    let server = Scripted::start(gatekeeper);
    let load =
        "model = \"open\"\nrate = \"200/s\"\nconnections = 4\nworkers = 1\nduration = \"400ms\"";
    let many = SESSION.replace("devices = 4", "devices = 1000");
    let report = run(server.addr, load, &many);
    let total = &report.total;
    assert_eq!(server.count("/login"), 80, "{report:?}");
    assert_eq!(report.due_by_request, [total.needed, 80], "{report:?}");
    assert_eq!(total.ok, total.due, "{report:?}");
    let late = 80 - (total.sent_in_window - total.needed_sent_in_window);
    assert_eq!(total.scheduled_share(), Some((80 - late) as f64 / 80.0));
}

#[test]
fn a_handshake_on_a_connection_that_was_taken_for_idle_is_sent_again() {
    let attempts = Mutex::new(std::collections::BTreeMap::<String, usize>::new());
    let server = Scripted::start(move |asked| {
        let id = asked.header("X-Device-Id").to_owned();
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(id.clone()).or_default();
        // All but the first device shake hands on a connection that has served before.
        if asked.path == "/login" && id != "vans-0000" {
            *attempt += 1;
            if *attempt == 1 {
                return Vec::new();
            }
        }
        gatekeeper(asked)
    });
    let report = run(
        server.addr,
        &closed(20, 1, 1),
        &SESSION.replace("POST", "GET"),
    );
    assert_eq!(report.due_by_request, [4, 20], "{report:?}");
    assert_eq!(
        (report.total.ok, report.total.resent),
        (24, 3),
        "{report:?}"
    );
    assert_eq!(server.count("/login"), 7);
}
