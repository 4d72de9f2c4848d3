//! What the engine counts over TLS, unix sockets, IPv6 and connections that carry one request each, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod addresses;
mod certificates;
mod connections;

#[path = "../support/drive.rs"]
pub mod drive;
#[path = "../support/hostile.rs"]
pub mod hostile;
#[path = "../support/secure.rs"]
pub mod secure;

use std::net::SocketAddr;

use drive::{GET, Report, collect, drive_to, run};
use hostile::Behaviour;
use secure::{Authority, Pair};
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
fn a_redirect_is_named_and_not_followed() {
    let cases: [(&'static [u8], &[&str]); 7] = [
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://shop.test/\xe2\x80\xaex\r\nContent-Length: 0\r\n\r\n",
            &[
                "status 302: redirected to https://shop.test/\\u{202e}x, which telemload does not follow",
            ],
        ),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /login\r\nSet-Cookie: id=hush\r\nContent-Length: 2\r\n\r\nno",
            &["redirected to /login, which", "with the cookie that this answer sets"],
        ),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", &["status 304"]),
        (
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"hush\"\r\nContent-Length: 0\r\n\r\n",
            &["status 401, which asks for Digest credentials; telemload sends what -u"],
        ),
        (
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: \x1b[31m\r\nContent-Length: 2\r\n\r\nno",
            &["status 401: no"],
        ),
        (
            b"HTTP/1.1 429 No\r\nRetry-After: 120\r\nContent-Length: 2\r\n\r\nno",
            &["status 429, with Retry-After: 120, which telemload does not wait for: no"],
        ),
        (
            b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy",
            &["status 503: busy"],
        ),
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
        assert!(!words.contains("hush") && !words.ends_with(": "), "{words}");
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
        Behaviour::Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
        ErrorKind::Timeout,
        &[
            "but status 200 and 5 bytes of a body without its end",
            "raise the timeout",
        ],
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
        &["write the url with https://", "\\x15\\x03"],
    );
}
