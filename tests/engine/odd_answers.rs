//! Answers that are not as they should be, though browsers and curl read them: they count, and what is odd about them is told.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::drive::{Report, run};
use crate::hostile::{Behaviour, OK, Server};

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nworkers = 1\nrequests = 40";
const OPEN: &str =
    "model = \"open\"\nrate = \"200/s\"\nconnections = 4\nworkers = 1\nduration = \"200ms\"";

fn request(method: &str) -> String {
    format!("[[request]]\nname = \"r\"\nmethod = \"{method}\"\npath = \"/{{{{seq}}}}\"\n")
}

fn oddities(report: &Report) -> BTreeMap<&'static str, (u64, String)> {
    let found = report.oddities.iter();
    found
        .map(|(quirk, count, quote)| (quirk.name(), (count, quote.to_owned())))
        .collect()
}

#[test]
fn bytes_behind_an_answer_fail_neither_it_nor_the_next_one() {
    let no_content: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\nhello";
    let one_more: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\r\n";
    let slowly = Duration::from_micros(300);
    for load in [CLOSED, OPEN] {
        for (method, answer) in [("HEAD", OK), ("POST", no_content), ("GET", one_more)] {
            for behaviour in [Behaviour::Canned(answer), Behaviour::Slow(answer, slowly)] {
                let case = format!("{method} {behaviour:?} {load}");
                let server = Server::start(behaviour.clone());
                let report = run(server.addr, load, &request(method));
                assert_eq!(
                    (report.total.ok, report.total.failed),
                    (40, 0),
                    "{case}: {report:?}"
                );
                assert_eq!(server.request_count(), 40, "{case}: {report:?}");
                let odd = oddities(&report);
                assert!(odd.keys().all(|name| *name == "surplus"), "{case}: {odd:?}");
                // What comes in a packet of its own may be found behind the window.
                let is_slow = matches!(behaviour, Behaviour::Slow(..));
                assert!(is_slow || odd["surplus"].0 == 40, "{case}: {odd:?}");
            }
        }
    }
}

#[test]
fn each_odd_answer_is_counted_and_quoted_once() {
    let answer: &[u8] = b"HTTP/1.1 200\r\nX-Kind : a\r\nX-Long: b\r\n c\r\nSet-Cookie : id=s3cr3t\r\nno colon\x1b[31m\r\nX-Bad: \x07\r\nContent-Length: 2\n\r\nhi";
    for load in [CLOSED, OPEN] {
        let server = Server::start(Behaviour::Canned(answer));
        let report = run(server.addr, load, &request("POST"));
        assert_eq!(report.total.ok, 40, "{report:?}");
        let expected = [
            ("bare_line_feed", "Content-Length: 2"),
            ("control_character", "X-Bad: \\\\x07"),
            ("folded_header", "X-Long: b   c"),
            ("no_header", "no colon\\\\x1b[31m"),
            ("space_before_colon", "X-Kind : a"),
            ("status_line", "HTTP/1.1 200"),
        ];
        let expected = expected.map(|(name, quote)| (name, (40, quote.replace("\\\\", "\\"))));
        assert_eq!(oddities(&report), BTreeMap::from(expected));
        assert_eq!(server.connections(), report.end().opening.count() as usize);
    }
}

/// What curl and browsers read though it is none of their business: who sends it is a server and the proxy before it, or old.
#[test]
fn answers_that_are_framed_in_an_odd_way_count() {
    let many = "HTTP/1.1 102 Processing\r\n\r\n".repeat(100)
        + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (answer, odd) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            Some(("chunked_twice", "Transfer-Encoding: chunked, chunked")),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n",
            Some(("bare_line_feed", "")),
        ),
        (
            "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            Some(("status_line", "http/1.1 200 OK")),
        ),
        (many.as_str(), None),
    ] {
        let server = Server::start(Behaviour::Canned(answer.to_owned().leak().as_bytes()));
        let report = run(server.addr, CLOSED, &request("GET"));
        assert_eq!(
            (report.total.ok, report.total.failed),
            (40, 0),
            "{report:?}"
        );
        let expected = odd.map(|(name, quote)| (name, (40, quote.to_owned())));
        assert_eq!(
            oddities(&report),
            expected.into_iter().collect(),
            "{answer}"
        );
    }
}

/// What a service says that has lost what stands behind it.
#[test]
fn answers_that_lose_their_body_count_and_are_told() {
    let empty: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let none: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
    let load = CLOSED.replace("connections = 2", "connections = 1");
    for (first, then, lost) in [(OK, empty, 30), (OK, none, 0), (empty, OK, 0)] {
        let server = Server::start(Behaviour::PerConnection(vec![
            Behaviour::CloseAfter(10, first),
            Behaviour::Canned(then),
        ]));
        let report = run(server.addr, &load, &request("GET"));
        assert_eq!(report.total.ok, 40, "{report:?}");
        let odd = oddities(&report);
        let counted = odd.get("no_body").map_or(0, |(count, _)| *count);
        assert_eq!(
            (counted, odd.len()),
            (lost, usize::from(lost > 0)),
            "{odd:?}"
        );
    }
}

#[test]
fn a_credential_in_an_odd_line_is_not_quoted() {
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\nSet-Cookie : id=s3cr3t\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(Behaviour::Canned(answer));
    let report = run(server.addr, CLOSED, &request("GET"));
    let quote = "Set-Cookie: [redacted]".to_owned();
    let expected = BTreeMap::from([("space_before_colon", (40, quote))]);
    assert_eq!(oddities(&report), expected);
}

#[test]
fn a_header_block_as_long_as_browsers_take_is_an_answer() {
    let lines = "X-Header: value\r\n".repeat(15_500);
    let answer = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nhi");
    assert!(answer.len() >= 256 * 1024, "{}", answer.len());
    let server = Server::start(Behaviour::Canned(answer.leak().as_bytes()));
    let report = run(server.addr, CLOSED, &request("GET"));
    assert_eq!(
        (report.total.ok, report.total.failed),
        (40, 0),
        "{report:?}"
    );
    assert_eq!(oddities(&report), BTreeMap::new());
}
