//! What the engine counts over TLS, unix sockets, IPv6 and connections that carry one request each, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/drive.rs"]
pub mod drive;
#[path = "support/hostile.rs"]
pub mod hostile;
#[path = "support/secure.rs"]
pub mod secure;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use drive::{GET, Report, TELEMETRY, collect, drive_to, run};
use hostile::{Behaviour, OK};
use secure::{Act, Authority, Pair, Server, Spec};
use telemload::engine::Engine;
use telemload::metrics::ErrorKind;
use telemload::transport::stream::{Endpoint, Place};
use telemload::transport::tls::Tls;

const CLOSED: &str = "model = \"closed\"\nrequests = 60\nconnections = 3\nworkers = 1";
const OPEN: &str =
    "model = \"open\"\nrate = \"300/s\"\nconnections = 3\nworkers = 1\nduration = \"200ms\"";

/// An authority and a certificate that it issued for 127.0.0.1.
fn authority() -> (Authority, Pair) {
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    (authority, pair)
}

fn trusting(authority: &Authority) -> Tls {
    Tls::system().trusting(&authority.file()).unwrap()
}

/// Drives an address over TLS, under the host of the URL.
fn run_tls(address: SocketAddr, tls: &Tls, host: &str, load: &str, requests: &str) -> Report {
    let endpoint = Endpoint {
        place: Place::Tcp(address),
        tls: Some(tls.connector(host).unwrap()),
    };
    let authority = format!("{host}:{}", address.port());
    let authority = if host.contains(':') {
        address.to_string()
    } else {
        authority
    };
    collect(Engine::start(&drive_to(endpoint, &authority, load, requests)).unwrap())
}

#[test]
fn requests_go_over_tls_and_keep_their_connections() {
    let (authority, pair) = authority();
    for load in [CLOSED, OPEN] {
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = trusting(&authority);
        let report = run_tls(server.addr, &tls, "127.0.0.1", load, TELEMETRY);
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{report:?}");
        let seen = server.seen();
        assert_eq!(seen.requests, 60);
        assert!(seen.connections <= 3, "{seen:?}");
        assert_eq!(report.end().opening.count(), seen.handshakes);
        assert!(seen.heads[0].contains(&format!("Host: {}\r\n", server.addr)));
        assert_eq!(seen.names[0], None, "an address is no server name");
    }
}

#[test]
fn the_certificate_is_checked_for_the_urls_host_or_for_another_name() {
    let authority = Authority::generate();
    let pair = authority.issue(&["shop.test"]);
    let tls = trusting(&authority);
    let named = tls.clone().named("shop.test").unwrap();
    for (tls, host) in [(&tls, "shop.test"), (&named, "127.0.0.1")] {
        let server = Server::start(&pair, Act::Serve(OK));
        let report = run_tls(server.addr, tls, host, CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{host}: {report:?}");
        let seen = server.seen();
        assert_eq!(seen.names[0].as_deref(), Some("shop.test"), "{host}");
        assert!(seen.heads[0].contains(&format!("Host: {host}:")));
    }
}

#[test]
fn a_handshake_that_fails_says_what_to_do() {
    let (authority, pair) = authority();
    let other = Authority::generate();
    let elsewhere = authority.issue(&["shop.test", "www.shop.test"]);
    let expired = authority.issue_expired(&["127.0.0.1"]);
    let stranger = other.issue(&["a client"]);
    let tls = trusting(&authority);
    let known_by_none = tls
        .clone()
        .identified(&stranger.cert, &stranger.key, None)
        .unwrap();
    let of_clients = authority.file();
    let serve = Act::Serve(OK);
    type Case<'a> = (&'a str, &'a Tls, &'a Pair, bool, Act, &'a [&'a str]);
    let cases: [Case<'_>; 8] = [
        (
            "unknown authority",
            &trusting(&other),
            &pair,
            false,
            serve,
            &["tls.ca", "--cacert", "--insecure"],
        ),
        (
            "another name",
            &tls,
            &elsewhere,
            false,
            serve,
            &["is for", "shop.test", "not for 127.0.0.1", "--server-name"],
        ),
        (
            "expired",
            &tls,
            &expired,
            false,
            serve,
            &["has expired", "clock"],
        ),
        (
            "no client certificate",
            &tls,
            &pair,
            true,
            serve,
            &["wants a client certificate", "--cert", "--key"],
        ),
        (
            "a stranger's certificate",
            &known_by_none,
            &pair,
            true,
            serve,
            &["refused the client certificate", "--cert"],
        ),
        (
            "no TLS",
            &tls,
            &pair,
            false,
            Act::Plain,
            &["does not speak TLS", "http://"],
        ),
        (
            "closed",
            &tls,
            &pair,
            false,
            Act::Vanish,
            &["closed the connection in the handshake"],
        ),
        (
            "stranger to the system",
            &Tls::system(),
            &pair,
            false,
            serve,
            &["--cacert"],
        ),
    ];
    let load = "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1";
    for (case, tls, pair, asks, act, says) in cases {
        let clients = asks.then_some(of_clients.as_path());
        let server = Server::with(&Spec {
            address: "127.0.0.1:0",
            pair,
            clients,
            act,
        });
        let report = run_tls(server.addr, tls, "127.0.0.1", load, GET);
        assert_eq!(report.errors(), [(ErrorKind::Tls, 4)], "{case}: {report:?}");
        let words = &report.exemplars[&ErrorKind::Tls];
        for part in says {
            assert!(words.contains(part), "{case}: no {part:?} in {words}");
        }
        assert_eq!(server.seen().requests, 0, "{case}");
        assert_eq!(report.total.sent, 0, "{case}");
    }
}

#[test]
fn a_handshake_that_stalls_runs_into_the_timeout() {
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::Stall);
    let load =
        "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1\ntimeout = \"100ms\"";
    let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, 4)],
        "{report:?}"
    );
    let words = &report.exemplars[&ErrorKind::ConnectTimeout];
    assert!(
        words.contains("TLS handshake") && words.contains("100ms"),
        "{words}"
    );
}

#[test]
fn a_client_certificate_opens_a_server_that_asks_for_one() {
    let (authority, pair) = authority();
    let client = authority.issue(&["a client"]);
    let both = client.cert.with_extension("pem");
    let text = [&client.cert, &client.key].map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(&both, text.concat()).unwrap();
    for (cert, key) in [(&client.cert, &client.key), (&both, &both)] {
        let clients = authority.file();
        let server = Server::with(&Spec {
            address: "127.0.0.1:0",
            pair: &pair,
            clients: Some(&clients),
            act: Act::Serve(OK),
        });
        let tls = trusting(&authority).identified(cert, key, None).unwrap();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{report:?}");
    }
}

#[test]
fn any_certificate_will_do_if_that_is_wanted() {
    let (_authority, pair) = authority();
    let server = Server::start(&pair, Act::Serve(OK));
    let tls = Tls::system().unchecked();
    assert!(!tls.is_checked());
    let report = run_tls(server.addr, &tls, "shop.test", CLOSED, GET);
    assert_eq!(report.total.ok, 60, "{report:?}");
}

#[test]
fn a_certificate_that_no_library_reads_will_do_if_any_will() {
    let home = tempfile::tempdir().unwrap();
    let garbage = home.path().join("garbage.cert");
    std::fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZSBhbmQgbm90IERFUg==\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    for cert in [data("version-1.cert"), data("no-names.cert"), garbage] {
        let pair = Pair {
            cert,
            key: data("version-1.key"),
        };
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = Tls::system().unchecked();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{pair:?}: {report:?}");
    }
}

#[test]
fn a_certificate_of_version_1_is_the_servers_business() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    let tls = Tls::system()
        .unchecked()
        .identified(&data("version-1.cert"), &data("version-1.key"), None)
        .unwrap();
    let (authority, pair) = authority();
    let ca = authority.file();
    let server = Server::with(&Spec {
        address: "127.0.0.1:0",
        pair: &pair,
        clients: Some(&ca),
        act: Act::Serve(OK),
    });
    // This one takes none of version 1, and that it says so shows that it came.
    let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
    let words = report.exemplars.values().next().unwrap();
    assert!(words.contains("refused the client certificate"), "{words}");
    let other = authority.issue(&["a client"]);
    let mismatch = Tls::system().identified(&data("version-1.cert"), &other.key, None);
    let words = mismatch.unwrap_err().to_string();
    assert!(words.contains("is not that of the certificate"), "{words}");
}

#[test]
fn a_certificate_without_names_is_refused_without_sending_anyone_in_a_circle() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    for (cert, says) in [
        (
            "no-names.cert",
            &[
                "no alternative names",
                "subjectAltName=IP:127.0.0.1",
                "--insecure",
            ][..],
        ),
        (
            "version-1.cert",
            &["X.509 version 1", "version 3", "--insecure"],
        ),
    ] {
        let pair = Pair {
            cert: data(cert),
            key: data("version-1.key"),
        };
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = Tls::system().trusting(&pair.cert).unwrap();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        let words = report.exemplars.values().next().unwrap();
        for part in says {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
        assert!(!words.contains("server_name"), "{words}");
    }
}

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
fn a_body_that_ends_with_the_connection_is_whole_only_if_tls_says_so() {
    const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello";
    let (authority, pair) = authority();
    let load = "model = \"closed\"\nrequests = 6\nconnections = 2\nworkers = 1";
    for (act, failed) in [(Act::Close(UNTIL_CLOSE), 0), (Act::Abandon(UNTIL_CLOSE), 6)] {
        let server = Server::start(&pair, act);
        let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
        assert_eq!(
            (report.total.ok, report.total.failed),
            (6 - failed, failed),
            "{report:?}"
        );
        if failed > 0 {
            assert_eq!(report.errors(), [(ErrorKind::ClosedEarly, failed)]);
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

#[test]
fn requests_go_over_a_unix_socket() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a socket");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 1024];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    stream.write_all(OK).unwrap();
                }
            });
        }
    });
    let endpoint = |path: &std::path::Path| Endpoint {
        place: Place::Unix(path.into()),
        tls: None,
    };
    for load in [CLOSED, OPEN] {
        let drive = drive_to(endpoint(&path), "app.test", load, GET);
        let report = collect(Engine::start(&drive).unwrap());
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{report:?}");
    }
    // The file of a socket stays when its owner ends.
    let stale = home.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    let missing = home.path().join("missing");
    for (path, kind, says) in [
        (missing, ErrorKind::ConnectFailed, "check the path"),
        (
            stale,
            ErrorKind::ConnectRefused,
            "nothing listens at that socket",
        ),
    ] {
        let load = "model = \"closed\"\nrequests = 2\nconnections = 1";
        let drive = drive_to(endpoint(&path), "app.test", load, GET);
        let report = collect(Engine::start(&drive).unwrap());
        assert_eq!(report.errors(), [(kind, 2)]);
        let words = &report.exemplars[&kind];
        let path = path.to_str().unwrap();
        assert!(words.contains(says) && words.contains(path), "{words}");
    }
}

#[test]
fn requests_go_over_tls_and_a_unix_socket() {
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::Serve(OK));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("secure");
    let listener = UnixListener::bind(&path).unwrap();
    let address = server.addr;
    // What comes in at the socket goes on to the server.
    std::thread::spawn(move || {
        for mut here in listener.incoming().flatten() {
            let mut there = std::net::TcpStream::connect(address).unwrap();
            let (mut to_here, mut to_there) =
                (here.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut here, &mut to_there));
            std::thread::spawn(move || std::io::copy(&mut there, &mut to_here));
        }
    });
    let endpoint = Endpoint {
        place: Place::Unix(path.into()),
        tls: Some(trusting(&authority).connector("127.0.0.1").unwrap()),
    };
    let report =
        collect(Engine::start(&drive_to(endpoint, "app.test", CLOSED, TELEMETRY)).unwrap());
    assert_eq!(report.total.ok, 60, "{report:?}");
    assert_eq!(server.seen().requests, 60);
}

#[test]
fn requests_go_to_ipv6_addresses() {
    let plain = TcpListener::bind("[::1]:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 1024];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    stream.write_all(OK).unwrap();
                }
            });
        }
    });
    assert_eq!(run(address, CLOSED, GET).total.ok, 60);
    let authority = Authority::generate();
    let pair = authority.issue(&["::1"]);
    let server = Server::with(&Spec {
        address: "[::1]:0",
        pair: &pair,
        clients: None,
        act: Act::Serve(OK),
    });
    let report = run_tls(server.addr, &trusting(&authority), "::1", CLOSED, GET);
    assert_eq!(report.total.ok, 60, "{report:?}");
    assert!(server.seen().heads[0].contains(&format!("Host: {}\r\n", server.addr)));
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    let cases: [(&'static [u8], &[&str]); 3] = [
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://shop.test/\xe2\x80\xaex\r\nContent-Length: 0\r\n\r\n",
            &[
                "status 302: redirected to https://shop.test/\\u{202e}x, which telemload does not follow",
            ],
        ),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /login\r\nContent-Length: 2\r\n\r\nno",
            &["redirected to /login, which"],
        ),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", &["status 304: "]),
    ];
    for (answer, says) in cases {
        let server = hostile::Server::start(Behaviour::Canned(answer));
        let load = "model = \"closed\"\nrequests = 2\nconnections = 1";
        let report = run(server.addr, load, GET);
        let case = String::from_utf8_lossy(answer);
        let kind = report.errors()[0].0;
        let words = &report.exemplars[&kind];
        assert_eq!(kind, ErrorKind::Status, "{case}: {words}");
        for part in says {
            assert!(words.contains(part), "{case}: no {part:?} in {words}");
        }
    }
}

#[test]
fn failures_name_their_remedy() {
    let check = |behaviour: Behaviour, kind: ErrorKind, says: &[&str]| {
        let server = hostile::Server::start(behaviour);
        let load = "model = \"closed\"\nrequests = 2\nconnections = 1\ntimeout = \"100ms\"";
        let report = run(server.addr, load, GET);
        let words = &report.exemplars[&kind];
        for part in says {
            assert!(words.contains(part), "{kind}: no {part:?} in {words}");
        }
    };
    check(
        Behaviour::Silent,
        ErrorKind::Timeout,
        &["100ms", "raise the timeout"],
    );
    check(
        Behaviour::CloseAfter(1, b""),
        ErrorKind::ClosedEarly,
        &["without a response", "crash"],
    );
    check(
        Behaviour::CloseAfter(1, b"HTTP/1.1 2"),
        ErrorKind::ClosedEarly,
        &["crash", "HTTP/1.1 2"],
    );
    check(
        Behaviour::Reset(hostile::Point::Request),
        ErrorKind::Reset,
        &["crash", "backlog"],
    );
    check(
        Behaviour::Canned(hostile::GARBAGE),
        ErrorKind::Malformed,
        &["check the scheme and port", "\\x15\\x03"],
    );
}

#[test]
fn an_encrypted_key_is_opened_by_its_passphrase_alone() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    let open = |key: &str, passphrase: Option<&str>| {
        let passphrase = passphrase.map(str::as_bytes);
        let tls = Tls::system().identified(&data("version-1.cert"), &data(key), passphrase);
        tls.map(drop).map_err(|error| error.to_string())
    };
    for key in ["encrypted.key", "encrypted-scrypt.key"] {
        // That it is the key of the certificate was looked at.
        assert_eq!(open(key, Some("correct-horse-17")), Ok(()));
        let wrong = open(key, Some("hush-4711")).unwrap_err();
        assert!(
            wrong.contains("does not open the key in tests/data/tls/encrypted"),
            "{wrong}"
        );
        assert!(!wrong.contains("hush"), "{wrong}");
        let wanted = open(key, None).unwrap_err();
        assert!(
            wanted.contains("`tls.passphrase = \"{{env.NAME}}\"`"),
            "{wanted}"
        );
    }
    assert_eq!(open("version-1.key", Some("not needed")), Ok(()));
}
