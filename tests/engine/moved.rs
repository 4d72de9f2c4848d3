//! Bytes that were moved, and when the first one came.

use std::time::Duration;

use crate::MS;
use crate::drive::{GET, TELEMETRY, run};
use crate::hostile::{Behaviour, OK, Server};

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nworkers = 1\nrequests = 20";

#[test]
fn bytes_are_those_of_heads_and_bodies() {
    let chunked: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let chunked_head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".len();
    let not_found: &[u8] = b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello";
    for (answer, head) in [
        (OK, OK.len() - 5),
        (chunked, chunked_head),
        (not_found, not_found.len() - 5),
    ] {
        for requests in [GET, TELEMETRY] {
            let server = Server::start(Behaviour::Canned(answer));
            let report = run(server.addr, CLOSED, requests);
            let total = &report.total;
            let received = 20 * (head as u64 + 5);
            assert_eq!((total.received, total.received_body), (received, 100));
            let came = server.requests();
            let bodies: usize = came.iter().map(|came| came.body.len()).sum();
            let heads: usize = came.iter().map(|came| came.head.len()).sum();
            assert_eq!(total.sent_body, bodies as u64, "{report:?}");
            assert_eq!(total.sent_bytes, (heads + bodies) as u64, "{report:?}");
        }
    }
}

#[test]
fn the_first_byte_comes_before_the_last() {
    let server = Server::start(Behaviour::Slow(OK, Duration::from_millis(1)));
    let report = run(server.addr, CLOSED, GET);
    let total = &report.total;
    assert_eq!(total.first_byte.len(), 20, "{report:?}");
    assert!(total.service_time.min() > 40 * MS, "{report:?}");
    let rest = total.service_time.mean() - total.first_byte.mean();
    assert!(rest > 30.0 * MS as f64, "{report:?}");
    // One that comes in one piece is there with its first byte.
    let server = Server::start(Behaviour::Canned(OK));
    let report = run(server.addr, CLOSED, GET);
    let total = &report.total;
    assert!(total.first_byte == total.service_time, "{report:?}");
}
