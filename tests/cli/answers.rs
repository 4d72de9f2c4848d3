//! Answers as servers really give them: what is told of them, and what it exits with.

use std::time::Duration;

use crate::bed::{Outcome, TestBed, url_scenario};
use crate::hostile::{Behaviour, OK, Server};

/// Answers one request of each connection and drops the next one after 5 ms.
fn dropping() -> Server {
    Server::start(Behaviour::DropAfter(1, OK, Duration::from_millis(5)))
}

/// The summary has these words.
#[track_caller]
fn tells(outcome: &Outcome, says: &[&str]) {
    for words in says {
        let summary = &outcome.stdout;
        assert!(summary.contains(words), "no {words:?} in {summary}");
    }
}

#[test]
fn what_is_sent_again_is_told_and_can_be_a_threshold() {
    let server = dropping();
    let threshold = "[[threshold]]\nexpr = \"resent == 0\"\n";
    let scenario = url_scenario(server.addr, "300ms", threshold);
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect(1, &["a threshold failed"]);
    let resent = outcome.only_phase()["connections"]["resent"].clone();
    tells(
        &outcome,
        &[
            &format!("{resent} sent again because the target dropped"),
            &format!("fail resent == 0 · found {resent}"),
        ],
    );
    assert!(resent.as_u64().unwrap() > 0);
    assert_eq!(outcome.only_phase()["requests"]["failed"], 0);
    let threshold = "[[threshold]]\nexpr = \"resent <= 100%\"\n";
    let scenario = url_scenario(server.addr, "300ms", threshold);
    TestBed::new().scenario(&scenario).run().expect(0, &[]);
}

#[test]
fn a_post_that_a_server_drops_fails_and_says_why() {
    let server = dropping();
    let scenario = url_scenario(server.addr, "300ms", "method = \"POST\"\nbody = \"x\"\n");
    let outcome = TestBed::new().scenario(&scenario).run();
    let says = [
        "closed_early",
        "closed a kept connection without an answer to a POST, which is not sent again",
        "idle timeout that is shorter",
    ];
    let outcome = outcome.expect(1, &[]);
    tells(&outcome, &says);
    assert_eq!(outcome.only_phase()["connections"]["resent"], 0);
}

#[test]
fn odd_answers_count_and_are_told_with_the_bytes_of_one() {
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\nX-Kind : a\x1b[31m\r\nContent-Length: 5\r\n\r\nhello!";
    let server = Server::start(Behaviour::Canned(answer));
    let scenario = url_scenario(server.addr, "300ms", "");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    tells(
        &outcome,
        &[
            "answers have space before the colon of a header; such as `X-Kind : a\\x1b[31m`",
            "answers have control characters in the value of a header",
            "answers are followed by bytes that belong to no answer",
            "such as `!`",
        ],
    );
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["failed"], 0);
    assert!(phase["oddities"]["surplus"]["answers"].as_u64().unwrap() > 0);
}

#[test]
fn a_line_that_says_how_the_body_ends_is_not_guessed_at() {
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello";
    let server = Server::start(Behaviour::Canned(answer));
    let scenario = url_scenario(server.addr, "300ms", "");
    let outcome = TestBed::new().scenario(&scenario).run();
    let says = ["a content-length or transfer-encoding line is malformed"];
    tells(&outcome.expect(4, &[]), &says);
}

#[test]
fn the_first_byte_and_the_bytes_are_told() {
    let server = Server::start(Behaviour::Canned(OK));
    let more = "[[threshold]]\nexpr = \"first_byte.p99 < 1us\"\n";
    let scenario = url_scenario(server.addr, "300ms", more);
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[1, 3]);
    let says = [
        "time went to",
        "first byte ",
        "rest of the answer",
        "/s received (",
        "first_byte.p99 < 1us · found",
    ];
    tells(&outcome, &says);
    let phase = outcome.only_phase();
    assert!(phase["first_byte_us"]["p50"].as_f64().unwrap() > 0.0);
    let bytes = |key: &str| phase["bytes"][key].as_u64().unwrap();
    assert_eq!(
        bytes("received") / OK.len() as u64 * 5,
        bytes("received_body")
    );
    assert_eq!(bytes("sent_body"), 0);
    let row = &outcome.series("default/load")[0];
    assert!(row["first_byte_p99_us"] > 0.0);
}

#[test]
fn a_window_in_which_no_answer_fits_is_told_and_judges_no_throughput() {
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(Behaviour::Slow(answer, Duration::from_millis(20)));
    let more = "[[threshold]]\nexpr = \"throughput > 1/s\"\n";
    let scenario = url_scenario(server.addr, "200ms", more);
    let outcome = TestBed::new().scenario(&scenario).run().expect(3, &[]);
    let short = outcome.read("result.json");
    tells(
        &outcome,
        &[
            " OK answers came within the window of 200ms, for one takes ",
            "let the load last ",
            "for one answer of each connection is under way at the end of a window",
        ],
    );
    let quick = Server::start(Behaviour::Canned(answer));
    let scenario = url_scenario(quick.addr, "200ms", "");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let long = outcome.read("result.json");
    let bed = TestBed::new()
        .file("base/result.json", short)
        .file("head/result.json", long)
        .args(["compare", "base", "head"]);
    let outcome = bed.run().expect(0, &[]);
    tells(
        &outcome,
        &["has no throughput to compare: none of its OK answers came within the window"],
    );
}
