//! Credentials on a command line: they are sent, and neither said nor kept.

use std::fs;

use super::URL;
use crate::bed::{Outcome, TestBed, echo, url_scenario};
use crate::hostile::{self, Behaviour, Server};

#[test]
fn no_value_that_may_be_a_credential_is_echoed() {
    for args in [
        &["--cookie", "hushhush"][..],
        &["--cookie=hushhush"],
        &["--cokie=hushhush"],
        &["--cokie", "hushhush"],
        &["-H", "Authorization Bearer hushhush"],
        &["-H", "hushhush\tquoted\"x"],
        &["-H", "@hushhush"],
        &["-u", "hushhush"],
        &["-d", "user=ann&password=hushhush"],
        &["-T", "hushhush/x"],
        &["-T", "hushhush"],
        &["-R", "hushhush"],
        &["-n", "hushhush"],
        &["-F", "hushhush"],
        &["--insecure=hushhush"],
        &["Authorization: Bearer", "hushhush"],
        &["-H", "Authorization:", "Bearer", "hushhush"],
        &["http://ann:hushhush@h/"],
        &["-x", "http://ann:hushhush@[h"],
        &["-m", "1hushhush"],
    ] {
        let outcome = TestBed::new().args(["run"]).args(args).args([URL]).run();
        let outcome = outcome.expect(2, &["error: "]);
        let said = format!("{}{}", outcome.stderr, outcome.stdout);
        assert!(!said.contains("hush"), "{args:?}: {said}");
    }
    for args in [
        &["compare", "a", "b", "hushhush"][..],
        &["selftest", "hushhush"],
    ] {
        let outcome = TestBed::new().args(args).run();
        let outcome = outcome.expect(2, &["there is a word too many"]);
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    }
}

#[test]
fn credentials_in_a_url_are_sent_and_kept_nowhere() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let url = format!("http://ann:hush%2Fhush@{}/", server.addr);
    // ann:hush/hush
    let code = "YW5uOmh1c2gvaHVzaA==";
    let keeps = |outcome: &Outcome| {
        let files = outcome
            .files()
            .into_iter()
            .map(|file| fs::read(file).unwrap());
        let files = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        for text in [outcome.stdout.clone(), outcome.stderr.clone()]
            .into_iter()
            .chain(files)
        {
            assert!(
                !text.contains("hush") && !text.contains(&code[..12]),
                "{text}"
            );
        }
    };
    let run = || TestBed::new().args(["run", "--out", "out", "-n", "1", "-c", "1", &url]);
    let outcome = run().run().expect(0, &[]);
    keeps(&outcome);
    assert!(
        outcome.read("scenario.toml").contains("[redacted]@"),
        "{}",
        outcome.read("scenario.toml")
    );
    keeps(&run().args(["--dry-run"]).run().expect(0, &[]));
    let scenario = url_scenario(server.addr, "1s", "")
        .replace("http://", "http://ann:hush%2Fhush@")
        .replace("duration = \"1s\"", "requests = 1");
    keeps(
        &TestBed::new()
            .scenario(&scenario)
            .args(["-c", "1"])
            .run()
            .expect(0, &[]),
    );
    for sent in server.requests() {
        assert!(
            sent.head
                .contains(&format!("Authorization: Basic {code}\r\n")),
            "{}",
            sent.head
        );
        assert!(!sent.head.contains("ann"), "{}", sent.head);
    }
    // A target that says what it was told.
    let address = echo("400 Bad Request", str::to_owned);
    let url = format!("http://ann:hush%2Fhush@{address}/");
    keeps(
        &TestBed::new()
            .args(["run", "--out", "out", "-n", "2", "-c", "1", &url])
            .run()
            .expect(4, &["status 400"]),
    );
}
