//! Servers that break off, refuse, talk nonsense or answer early: each failure has its kind and its words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use telemload::engine::{Rendered, Source};
use telemload::metrics::ErrorKind;
use telemload::traffic::template::Secrets;

use crate::drive::{GET, TELEMETRY, drive as plan, run};
use crate::hostile::{self, Behaviour, OK, Point, Server};
use crate::{MS, deaf};

#[test]
fn a_connection_that_the_server_gives_up_is_opened_again() {
    const CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let closed = "model = \"closed\"\nrequests = 60\nconnections = 2\nworkers = 1";
    let open =
        "model = \"open\"\nrate = \"300/s\"\nconnections = 2\nworkers = 1\nduration = \"200ms\"";
    for load in [closed, open] {
        for (behaviour, most) in [
            (Behaviour::CloseAfter(3, OK), 3),
            (Behaviour::CloseAfter(1, OK), 1),
            (Behaviour::CloseAfter(1, CLOSE), 1),
            (Behaviour::CloseAfter(1, b"HTTP/1.1 200 OK\r\n\r\nhello"), 1),
        ] {
            let case = format!("{behaviour:?}, {load}");
            let server = Server::start(behaviour);
            // A server that closes as the next request comes has perhaps read it: only a safe one is sent again.
            let get = TELEMETRY.replace("path =", "method = \"GET\"\npath =");
            let report = run(server.addr, load, &get);
            assert_eq!(
                (report.total.due, report.total.ok),
                (60, 60),
                "{case}: {report:?}"
            );
            assert_eq!(server.request_count(), 60, "{case}");
            let opened = report.end().opening.count() as usize;
            assert_eq!(server.connections(), opened, "{case}");
            assert!(
                (60 / most..=60 / most + 2).contains(&opened),
                "{case}: {opened}"
            );
        }
    }
}

#[test]
fn a_request_that_is_sent_again_is_said_to_be() {
    // Reads the second request of each connection, does not answer it, and closes.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let served = std::thread::spawn(move || {
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).expect("a request comes") > 0);
            stream.write_all(OK).expect("the answer is small");
            let _ = stream.read(&mut request);
        }
    });
    let load = "model = \"closed\"\nrequests = 20\nconnections = 1";
    let report = run(address, load, GET);
    assert_eq!((report.total.due, report.total.ok), (20, 20));
    assert_eq!(
        (report.total.resent, report.end().opening.count()),
        (19, 20)
    );
    served.join().expect("the server ends well");
}

#[test]
fn a_server_that_ends_an_upload_is_told_from_one_that_crashed() {
    let server = Server::start(Behaviour::Reset(Point::RequestHead));
    let load = "model = \"closed\"\nrequests = 2\nconnections = 1\nworkers = 1";
    let upload = "[[request]]\nname = \"r\"\nmethod = \"POST\"\npath = \"/\"\nbody = \"0123456789\"\nbody_chunks = { size = \"1B\", pause = \"500ms\" }\n";
    let report = run(server.addr, load, upload);
    assert_eq!(report.errors(), [(ErrorKind::Reset, 2)], "{report:?}");
    let words = &report.exemplars[&ErrorKind::Reset];
    assert!(
        words.contains("bytes of the request were sent: look for its limits"),
        "{words}"
    );
}

#[test]
fn each_misbehaviour_has_its_kind_of_error() {
    use ErrorKind::{ClosedEarly, Malformed, Reset, Status, Timeout};
    let slow = Behaviour::Slow(OK, Duration::from_millis(50));
    let cases = [
        (Behaviour::Reset(Point::Accepted), Reset),
        (Behaviour::Reset(Point::RequestHead), Reset),
        (Behaviour::Reset(Point::Request), Reset),
        (Behaviour::Reset(Point::StatusLine), Reset),
        (Behaviour::Reset(Point::Headers), Reset),
        (Behaviour::Reset(Point::Body), Reset),
        (Behaviour::CloseAfter(1, b""), ClosedEarly),
        (Behaviour::CloseAfter(1, b"HTTP/1.1 2"), ClosedEarly),
        (
            Behaviour::CloseAfter(1, hostile::LENGTH_TOO_LARGE),
            ClosedEarly,
        ),
        (Behaviour::Canned(hostile::CONFLICTING_LENGTHS), Malformed),
        (Behaviour::Canned(hostile::BAD_CHUNK_SIZE), Malformed),
        (
            Behaviour::Canned(hostile::OVERFLOWING_CHUNK_SIZE),
            Malformed,
        ),
        (Behaviour::Canned(hostile::GARBAGE), Malformed),
        (Behaviour::EndlessHeaders, Malformed),
        (Behaviour::EndlessBody, Timeout),
        (Behaviour::Silent, Timeout),
        (slow, Timeout),
        (
            Behaviour::Canned(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
            Status,
        ),
    ];
    for (behaviour, kind) in cases {
        let case = format!("{behaviour:?}");
        let server = Server::start(behaviour);
        let load =
            "model = \"closed\"\nrequests = 6\nconnections = 2\nworkers = 1\ntimeout = \"150ms\"";
        let report = run(server.addr, load, TELEMETRY);
        assert_eq!(
            report.errors(),
            [(kind, 6)],
            "{case}: {:?}",
            report.exemplars
        );
        assert_eq!(
            (report.total.due, report.total.completed_ok),
            (6, 0),
            "{case}"
        );
        let timed_out = if kind == Timeout { 6 } else { 0 };
        assert_eq!(report.total.timed_out, timed_out, "{case}");
        assert_eq!(report.total.censored.len(), timed_out, "{case}");
        assert_eq!(report.total.failed_latency.len(), 6 - timed_out, "{case}");
        if kind == Timeout {
            assert!(report.total.censored.min() >= 149 * MS, "{case}");
        }
    }
}

#[test]
fn a_target_that_refuses_fails_every_due_request() {
    let (_socket, address) = deaf();
    for workers in [1, 2] {
        let load = format!(
            "model = \"open\"\nrate = \"400/s\"\nconnections = 4\nworkers = {workers}\nduration = \"300ms\""
        );
        let report = run(address, &load, GET);
        assert_eq!(report.total.due, 120);
        assert_eq!(
            report.errors(),
            [(ErrorKind::ConnectRefused, 120)],
            "{report:?}"
        );
        assert_eq!(report.end().opening.count(), 0);
    }
    let load = "model = \"closed\"\nconnections = 2\nworkers = 1\nduration = \"300ms\"";
    let report = run(address, load, GET);
    let failed = report.total.failed;
    assert_eq!(report.errors(), [(ErrorKind::ConnectRefused, failed)]);
    // Each pauses for 10 ms.
    assert!((1..=62).contains(&failed), "{failed} attempts are a storm");
    assert!(report.exemplars[&ErrorKind::ConnectRefused].contains(&address.to_string()));
}

#[test]
fn a_target_that_does_not_accept_times_out() {
    use rustix::net::listen;
    let (socket, address) = deaf();
    listen(&socket, 0).expect("a bound socket can listen");
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queued.push(stream);
    }
    let closed =
        "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1\ntimeout = \"50ms\"";
    let report = run(address, closed, GET);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, 4)],
        "{report:?}"
    );
    let open = "model = \"open\"\nrate = \"40/s\"\nconnections = 8\nworkers = 1\ntimeout = \"100ms\"\nduration = \"200ms\"";
    let report = run(address, open, GET);
    let failed = report.total.failed;
    assert_eq!(report.total.due, 8);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, failed)],
        "{report:?}"
    );
    assert_eq!(report.total.not_sent + failed, 8);
}

#[test]
fn an_answer_that_comes_before_the_body_was_sent_counts() {
    const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let body = "x".repeat(8 << 20);
    let post = format!("[[request]]\nname = \"p\"\npath = \"/\"\nbody = \"{body}\"\n");
    let load = "model = \"closed\"\nrequests = 6\nconnections = 1";
    let server = Server::start(Behaviour::Early(TOO_LARGE));
    let report = run(server.addr, load, &post);
    assert_eq!(
        report.errors(),
        [(ErrorKind::Status, 6)],
        "{:?}",
        report.exemplars
    );
    assert_eq!(report.total.status.get(&413), Some(&6));
    drop(server);

    // Closed with the body unread, which resets the connection behind the answer.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let served = std::thread::spawn(move || {
        for _ in 0..6 {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            let mut head = [0; 1024];
            let read = stream.read(&mut head).expect("a request comes");
            assert!(read > 0);
            stream.write_all(TOO_LARGE).expect("the answer is small");
        }
    });
    let report = run(address, load, &post);
    assert_eq!(
        report.errors(),
        [(ErrorKind::Status, 6)],
        "{:?}",
        report.exemplars
    );
    served.join().expect("the server ends well");
}

#[test]
fn an_unexpected_status_is_shown_with_its_body_and_without_the_secret() {
    let drive = plan(
        "127.0.0.1:1".parse().expect("an address"),
        "model = \"closed\"\nrequests = 1\nconnections = 1",
        TELEMETRY,
    );
    let mut source = Source::new(
        drive.requests,
        drive.rosters,
        &drive.authority,
        drive.seed,
        Secrets::Sent,
    );
    let mut sent = Rendered::default();
    source.render(0, 0, &mut sent);
    let sent = String::from_utf8(sent.bytes().to_vec()).expect("the request is text");
    let (_, rest) = sent
        .split_once("X-Device-Token: ")
        .expect("a token is sent");
    let secret = rest.lines().next().expect("the token has a line");
    assert!(secret.len() >= 16);
    for padding in [0, 100, 230, 250] {
        let body = format!("no such token {}{secret} as was sent", "-".repeat(padding));
        let answer = format!(
            "HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let server = Server::start(Behaviour::Canned(answer.leak().as_bytes()));
        let load = "model = \"closed\"\nrequests = 3\nconnections = 1";
        let report = run(server.addr, load, TELEMETRY);
        let words = &report.exemplars[&ErrorKind::Status];
        assert!(words.starts_with("status 403: no such token"), "{words}");
        let pieces = secret.as_bytes().windows(8);
        for piece in pieces {
            let piece = std::str::from_utf8(piece).expect("the secret is ASCII");
            assert!(!format!("{report:?}").contains(piece), "{words}");
        }
        assert_eq!(report.total.status.get(&403), Some(&3));
    }
}

#[test]
fn all_kinds_of_answer_are_understood() {
    let get =
        |method: &str| format!("[[request]]\nname = \"r\"\nmethod = \"{method}\"\npath = \"/\"\n");
    let cases: [(&str, &'static [u8], u16); 6] = [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200),
        ("PUT", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", 201),
        ("DELETE", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200),
    ];
    for (method, answer, status) in cases {
        for behaviour in [
            Behaviour::Canned(answer),
            Behaviour::Slow(answer, Duration::from_micros(50)),
        ] {
            let server = Server::start(behaviour);
            let load = "model = \"closed\"\nrequests = 8\nconnections = 2\nworkers = 1";
            let report = run(server.addr, load, &get(method));
            assert_eq!(
                report.total.ok, 8,
                "{method} {status}: {:?}",
                report.exemplars
            );
            assert_eq!(report.total.status.get(&status), Some(&8));
            assert_eq!(server.connections(), 2);
        }
    }
}
