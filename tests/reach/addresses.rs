//! Unix sockets and IPv6, plain and under TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use telemload::engine::Engine;
use telemload::metrics::ErrorKind;
use telemload::transport::stream::{Endpoint, Place};

use crate::drive::{GET, TELEMETRY, collect, drive_to, run};
use crate::hostile::OK;
use crate::secure::{Act, Authority, Server, Spec};
use crate::{CLOSED, OPEN, authority, run_tls, trusting};

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
