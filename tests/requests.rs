//! What requests of a scenario mean on the wire: expectations, values that devices are given, feeds, and bytes that do not
//! depend on who sends them.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

#[path = "support/drive.rs"]
pub mod drive;
#[path = "support/scripted.rs"]
pub mod scripted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use drive::{Report, collect, drive as plan, run};
use scripted::{Asked, Scripted, say};
use telemload::engine::Engine;
use telemload::metrics::ErrorKind::{
    self, Body, ClosedEarly, ConnectRefused, Prerequisite, Status, Timeout,
};

/// A handshake that is sent when it is needed, and what needs it; four devices.
const SESSION: &str = r#"
[[request]]
name = "login"
fleet = "vans"
weight = 0
method = "POST"
path = "/login"
headers = { X-Device-Id = "{{device.id}}" }
extract = { token = "json:/token" }
[[request]]
name = "telemetry"
fleet = "vans"
path = "/telemetry"
headers = { X-Device-Id = "{{device.id}}", Authorization = "Bearer {{token}}" }
[fleet.vans]
devices = 4
"#;

fn closed(requests: usize, connections: usize, workers: usize) -> String {
    format!(
        "model = \"closed\"\nrequests = {requests}\nconnections = {connections}\nworkers = {workers}\ntimeout = \"10s\""
    )
}

fn token(id: &str) -> Vec<u8> {
    say("200 OK", "", format!("{{\"token\":\"secret-of-{id}\"}}"))
}

/// Gives each device its token, and lets nobody in without it.
fn gatekeeper(asked: &Asked) -> Vec<u8> {
    let id = asked.header("X-Device-Id");
    if asked.path == "/login" {
        token(id)
    } else if asked.path == "/free"
        || asked.header("Authorization") == format!("Bearer secret-of-{id}")
    {
        say("200 OK", "", "ok")
    } else {
        say("401 No", "", format!("who is {id}?"))
    }
}

fn errors(report: &Report) -> BTreeMap<ErrorKind, u64> {
    report.errors().into_iter().collect()
}

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

#[test]
fn a_handshake_that_fails_fails_what_needs_it_and_is_tried_again() {
    let answers: [(fn(usize) -> Vec<u8>, ErrorKind, &str); 3] = [
        (|_| say("503 Busy", "", "later"), Status, "status 503: {}"),
        (
            |_| say("200 OK", "", "{\"toke\":1}"),
            Body,
            "there is no json:/token: {",
        ),
        (
            |_| Vec::new(),
            ClosedEarly,
            "the connection was closed without a response",
        ),
    ];
    for (answer, kind, says) in answers {
        for connections in [1, 4] {
            let server = Scripted::start(move |asked| {
                if asked.path == "/login" {
                    answer(0)
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
        if asked.path == "/login" && count.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
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
fn values_that_would_change_a_request_are_not_sent() {
    let body_use = "path = \"/telemetry\"\nbody = '{\"t\":\"{{token}}\"}'";
    let path_use = "path = \"/telemetry?t={{token}}\"";
    let header_use = "path = \"/telemetry\"\nheaders = { X-T = \"{{token}}\" }";
    let long = format!("\"{}\"", "x".repeat(8_193));
    let quoted = r#""a\"b""#;
    let injected = r#""a\r\nX-Admin: 1""#;
    let cases = [
        (header_use, injected, Some("control characters")),
        (body_use, injected, Some("control characters")),
        (path_use, injected, Some("control characters")),
        (body_use, quoted, Some("which would end the text")),
        (body_use, r#""a\\b""#, Some("which would end the text")),
        (path_use, "\"a b\"", Some("which would end the text")),
        (header_use, &long, Some("longer than 8192 bytes")),
        (header_use, "\"\"", Some("empty")),
        (
            header_use,
            "{}",
            Some("neither a text, a number nor true or false"),
        ),
        (header_use, "null", Some("neither a text")),
        (header_use, quoted, None),
        (header_use, "\"a b\"", None),
        (body_use, "\"a b\"", None),
        (path_use, "12.5", None),
        (path_use, "true", None),
    ];
    for (usage, value, says) in cases {
        let requests = format!(
            "[[request]]\nname = \"login\"\nfleet = \"cars\"\nweight = 0\npath = \"/login\"\nextract = {{ token = \"json:/token\" }}\n[[request]]\nname = \"telemetry\"\nfleet = \"cars\"\n{usage}\n"
        );
        let body = format!("{{\"token\":{value}}}");
        let server = Scripted::start(move |_| say("200 OK", "", &body));
        let report = run(server.addr, &closed(3, 1, 1), &requests);
        let case = format!("{usage} {value}: {report:?}");
        match says {
            Some(says) => {
                assert_eq!(
                    errors(&report),
                    [(Body, 3), (Prerequisite, 3)].into(),
                    "{case}"
                );
                assert!(report.exemplars[&Body].contains(says), "{case}");
                assert!(server.asked().iter().all(|asked| asked.path == "/login"));
            }
            None => assert_eq!((report.total.ok, report.total.failed), (4, 0), "{case}"),
        }
    }
}

#[test]
fn an_answer_is_held_against_what_is_expected() {
    let json = "{\"ok\":true,\"n\":3.0,\"list\":[1,{\"a\":\"b\"}],\"none\":null}";
    let cases: [(&str, &str, &str, &str, Option<(ErrorKind, &str)>); 18] = [
        ("status = 201", "201 Made", "", "", None),
        ("status = [200, 404]", "404 No", "", "", None),
        (
            "status = [200, 404]",
            "201 Made",
            "",
            "x",
            Some((Status, "status 201 instead of 200 or 404: x")),
        ),
        (
            "status = 404",
            "200 OK",
            "",
            "x",
            Some((Status, "status 200 instead of 404: x")),
        ),
        (
            "headers = { content-type = \"text/plain\" }",
            "200 OK",
            "Content-Type: text/plain\r\n",
            "",
            None,
        ),
        (
            "headers = { Content-Type = \"text/plain\" }",
            "200 OK",
            "Content-Type: text/html\r\n",
            "",
            Some((
                Body,
                "header Content-Type is `text/html` instead of `text/plain`",
            )),
        ),
        (
            "headers = { X-A = { matches = \"^v[0-9]+$\" } }",
            "200 OK",
            "X-A: v12\r\n",
            "",
            None,
        ),
        (
            "headers = { X-A = { matches = \"^v[0-9]+$\" } }",
            "200 OK",
            "",
            "",
            Some((
                Body,
                "there is no header X-A, which should be a match of `^v[0-9]+$`",
            )),
        ),
        (
            "headers = { X-Token = \"a\" }",
            "200 OK",
            "X-Token: hush\r\n",
            "",
            Some((Body, "header X-Token is [redacted] instead of `a`")),
        ),
        ("body.contains = \"ok\"", "200 OK", "", "it is ok", None),
        (
            "body.contains = \"ok\"",
            "200 OK",
            "",
            "it is not",
            Some((Body, "the body does not hold `ok`: it is not")),
        ),
        (
            "body.matches = \"^[0-9]+$\"",
            "200 OK",
            "",
            "12a",
            Some((Body, "the body has no match of `^[0-9]+$`: 12a")),
        ),
        (
            "body = { json = { \"/ok\" = true, \"/n\" = 3, \"/list/1/a\" = \"b\", \"/list\" = [1, { a = \"b\" }] } }",
            "200 OK",
            "",
            json,
            None,
        ),
        (
            "body.json.\"/ok\" = false",
            "200 OK",
            "",
            json,
            Some((Body, "/ok is true instead of false")),
        ),
        (
            "body.json.\"/n\" = 4",
            "200 OK",
            "",
            json,
            Some((Body, "/n is 3.0 instead of 4")),
        ),
        (
            "body.json.\"/nope\" = 4",
            "200 OK",
            "",
            "{}",
            Some((Body, "/nope is missing and should be 4: {}")),
        ),
        (
            "body.json.\"/ok\" = true",
            "200 OK",
            "",
            "<html>",
            Some((Body, "the body is not JSON: <html>")),
        ),
        (
            "body.contains = \"ok\"",
            "200 OK",
            "",
            "HUGE",
            Some((
                Body,
                "the body has 1048577 bytes, and at most 1048576 are looked at",
            )),
        ),
    ];
    for (expect, status, headers, body, unmet) in cases {
        let body = if body == "HUGE" {
            "x".repeat((1 << 20) + 1)
        } else {
            body.to_owned()
        };
        let answer = say(status, headers, body);
        let server = Scripted::start(move |_| answer.clone());
        let requests = format!("[[request]]\nname = \"r\"\npath = \"/\"\nexpect.{expect}\n");
        let report = run(server.addr, &closed(4, 2, 1), &requests);
        let case = format!("{expect}: {report:?}");
        match unmet {
            None => assert_eq!(report.total.ok, 4, "{case}"),
            Some((kind, words)) => {
                assert_eq!(report.errors(), [(kind, 4)], "{case}");
                assert_eq!(report.exemplars[&kind], words, "{case}");
                assert_eq!(report.total.status.values().sum::<u64>(), 4, "{case}");
            }
        }
    }
}

#[test]
fn what_was_extracted_is_in_no_words() {
    let echo = |asked: &Asked| say("500 No", "", &asked.head);
    let wrong = |body: &'static str| move |_: &Asked| say("202 Taken", "", body);
    let login = SESSION.replace("extract", "expect = { status = 200 }\nextract");
    let answers: [(&str, Box<dyn Fn(&Asked) -> Vec<u8> + Send + Sync>); 6] = [
        (
            "echoed",
            Box::new(move |asked| {
                if asked.path == "/login" {
                    gatekeeper(asked)
                } else {
                    echo(asked)
                }
            }),
        ),
        (
            "unexpected",
            Box::new(wrong("{\"token\":\"secret-of-nobody\",\"why\":\"x\"}")),
        ),
        (
            "escaped",
            Box::new(wrong("{\"token\":\"secret-of\\u002dnobody\"}")),
        ),
        (
            "broken",
            Box::new(wrong("{\"token\":\"secret-of-nobody\"]")),
        ),
        (
            "surplus",
            Box::new(|_| {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{\"token\":\"secret-of-nobody\"}"
                    .to_vec()
            }),
        ),
        (
            "control",
            Box::new(wrong("{\"token\":\"secret-of-nobody\\n\"}")),
        ),
    ];
    for (case, answer) in answers {
        let server = Scripted::start(answer);
        let report = run(server.addr, &closed(8, 2, 1), &login);
        assert!(report.total.failed >= 8, "{case}: {report:?}");
        for (kind, words) in &report.exemplars {
            assert!(
                !words.contains("secret-of") && !words.contains("nobody"),
                "{case} {kind}: {words}"
            );
        }
    }
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
fn request_n_has_the_same_bytes_whoever_sends_it_and_whatever_was_sent_before() {
    // Patched, of fixed length but not patched, of no fixed length, and without any value.
    let mix = r#"
[[request]]
name = "patched"
fleet = "vans"
weight = 3
path = "/p/{{uuid}}"
headers = { Host = "target", X-Device-Id = "{{device.id}}", Authorization = 'Basic {{base64 device.id ":" device.secret}}' }
body = '{"a":{{int 100 999}},"b":"{{choice on of}}"}'
[[request]]
name = "seq"
weight = 2
path = "/s/{{seq}}"
headers = { Host = "target" }
body = '{{uuid}}'
[[request]]
name = "free"
weight = 2
path = "/f"
headers = { Host = "target" }
body = '{{int 0 100000}}'
[[request]]
name = "fixed"
path = "/x"
headers = { Host = "target" }
[fleet.vans]
devices = 5
"#;
    let mut first: Option<BTreeSet<Asked>> = None;
    for (connections, workers) in [(1, 1), (8, 1), (6, 3)] {
        let server = Scripted::start(|_| say("200 OK", "", ""));
        let report = run(server.addr, &closed(300, connections, workers), mix);
        assert_eq!(report.total.ok, 300, "{report:?}");
        let mut asked = server.asked();
        asked.retain(|asked| asked.path != "/x");
        let asked: BTreeSet<Asked> = asked.into_iter().collect();
        assert!(asked.len() > 240);
        let first = first.get_or_insert_with(|| asked.clone());
        assert!(
            *first == asked,
            "{connections} connections, {workers} workers"
        );
    }
}

#[test]
fn a_feed_gives_each_request_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trips.csv");
    std::fs::write(
        &file,
        "vin,note\nA1,\"first, of three\"\nB22,\nC333,\"\"\"q\"\"\"\n",
    )
    .unwrap();
    for order in ["round-robin", "random"] {
        let requests = format!(
            "[[request]]\nname = \"r\"\npath = \"/{{{{trips.vin}}}}\"\nbody = '{{{{seq}}}} {{{{trips.note}}}}'\n[feed.trips]\nfile = \"{}\"\norder = \"{order}\"\n",
            file.display()
        );
        let mut first: Option<BTreeSet<Asked>> = None;
        for (connections, workers) in [(1, 1), (4, 2)] {
            let server = Scripted::start(|_| say("200 OK", "", ""));
            let report = run(server.addr, &closed(60, connections, workers), &requests);
            assert_eq!(report.total.ok, 60, "{report:?}");
            let mut asked: BTreeSet<Asked> = BTreeSet::new();
            for mut one in server.asked() {
                // The target's port differs between runs.
                one.head.clear();
                let body = String::from_utf8(one.body.clone()).unwrap();
                let (seq, note) = body.split_once(' ').unwrap();
                let row = ["/A1 first, of three", "/B22 ", "/C333 \"q\""];
                let found = row
                    .iter()
                    .position(|row| *row == format!("{} {note}", one.path));
                let found = found.unwrap_or_else(|| panic!("{one:?} is no row"));
                let seq: usize = seq.parse().unwrap();
                assert!(order == "random" || found == seq % 3, "{one:?}");
                asked.insert(one);
            }
            assert_eq!(asked.len(), 60);
            let first = first.get_or_insert_with(|| asked.clone());
            assert!(
                *first == asked,
                "{order}: {connections} connections, {workers} workers"
            );
        }
    }
}
