//! Command lines as users of other tools type them: what is sent, what is said, and what is refused with the right flag.

mod addresses;
mod bodies;
mod credentials;
mod flags;
mod headers;

use crate::bed::{Outcome, TestBed};
use crate::hostile::{self, Behaviour, Received, Server};

/// One request of a command line behind `http://HOST:PORT`, and how the run ended.
#[track_caller]
fn sends(bed: TestBed, args: &[&str], path: &str) -> (Received, Outcome) {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let outcome = bed
        .args(["run", "--out", "out", "-n", "1", "-c", "1"])
        .args(args)
        .args([format!("http://{}{path}", server.addr)])
        .run()
        .expect(0, &[]);
    let mut sent = server.requests().remove(0);
    sent.head = sent.head.replace(&server.addr.to_string(), "HOST");
    (sent, outcome)
}

#[track_caller]
fn head(args: &[&str]) -> String {
    sends(TestBed::new(), args, "/").0.head
}

/// A command line that is refused before anything is sent.
#[track_caller]
fn refused(args: &[&str], says: &[&str]) {
    let outcome = TestBed::new()
        .args(["run"])
        .args(args)
        .run()
        .expect(2, says);
    assert_eq!(outcome.stdout, "", "{args:?}");
    assert!(!outcome.home().join("runs").exists(), "{args:?}");
}

const URL: &str = "http://127.0.0.1:1/";
