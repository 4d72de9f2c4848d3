//! Headers of the command line and of a scenario.

use super::{URL, head, refused, sends};
use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

#[test]
fn headers_that_say_what_telemload_does_itself() {
    let plain = "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let (sent, outcome) = sends(TestBed::new(), &["-H", "Connection: keep-alive"], "/");
    assert_eq!(sent.head, plain);
    let said = "note: `Connection: keep-alive` is left out";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);

    let (sent, outcome) = sends(TestBed::new(), &["-H", "connection: Close"], "/");
    assert_eq!(
        sent.head,
        "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(outcome.only_phase()["load"]["keep_alive"], false);

    let body = ["--body", "12345", "-H", "Content-Length: 5"];
    let (sent, outcome) = sends(TestBed::new(), &body, "/");
    assert_eq!(
        sent.head.matches("Content-Length").count(),
        1,
        "{}",
        sent.head
    );
    let said = "note: `Content-Length: 5` is left out: it is right";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);

    for (args, says) in [
        (
            &["--body", "12345", "-H", "Content-Length: 6"][..],
            "-H Content-Length: `Content-Length: 6` is wrong: the body has 5 bytes; leave it out",
        ),
        (&["-H", "Content-Length: x"], "the body has 0 bytes"),
        (
            &["-H", "Content-Length: 0", "-H", "Content-Length: 0"],
            "given twice",
        ),
        (
            &["-H", "Connection: Upgrade"],
            "-H Connection: `Connection` is written by telemload itself",
        ),
        (
            &["--body", "x", "-H", "Transfer-Encoding: gzip"],
            "-H Transfer-Encoding: telemload sends a body with its length, or `chunked`",
        ),
        (
            &["-H", "Transfer-Encoding: chunked"],
            "there is no body to send in chunks",
        ),
        (
            &["-H", "Expect: 100-continue"],
            "-H Expect: there is no body that could wait",
        ),
        (&["-H", "Host;"], "a request of HTTP/1.1 names its host"),
        (&["-H", ":authority: x"], "`:authority` is of HTTP/2 alone"),
        (&["-H", "a b: x"], "`a b` is not a header name"),
        (&["-H", "nothing"], "a header is written `Name: value`"),
        (&["-H", "@file"], "headers are not read from files"),
        (
            &["-H", "http://h/"],
            "-H is a header, and the URL stands by itself",
        ),
    ] {
        refused(&[args, &[URL]].concat(), &[says]);
    }
}

#[test]
fn headers_that_are_given_twice_empty_or_taken_away() {
    let twice = [
        "-H", "X-A: 1", "-H", "x-a:2", "-H", "X-B:", "-H", "X-C;", "-H", "Expect:",
    ];
    let expected = "GET / HTTP/1.1\r\nHost: HOST\r\nX-A: 1\r\nx-a: 2\r\nX-C: \r\n\r\n";
    assert_eq!(head(&twice), expected);
    for (one, two, says) in [
        (
            "Host: a",
            "host: b",
            "-H host: `host` is given twice and a request has one",
        ),
        (
            "Content-Type: a/b",
            "Content-Type: c/d",
            "`Content-Type` is given twice",
        ),
        (
            "Authorization: a",
            "Authorization: b",
            "`Authorization` is given twice",
        ),
        (
            "Cookie: a=1",
            "Cookie: b=2",
            "write all of them in it, such as `Cookie: a=1; b=2`",
        ),
    ] {
        refused(&["-H", one, "-H", two, URL], &[says]);
    }
}

#[test]
fn headers_of_a_scenario_mean_the_same() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = |headers: &str| {
        url_scenario(
            server.addr,
            "1s",
            &format!("body = \"12345\"\nheaders = {{ {headers} }}\n"),
        )
        .replace("duration = \"1s\"", "requests = 1")
        .replace("connections = 2", "connections = 1")
    };
    let headers = r#"Connection = "close", Content-Length = "5", X-A = ["1", "2"], X-B = """#;
    let outcome = TestBed::new()
        .scenario(&scenario(headers))
        .args(["-H", "X-B:"])
        .run();
    let outcome = outcome.expect(0, &["note: `Content-Length: 5` is left out"]);
    assert_eq!(outcome.only_phase()["load"]["keep_alive"], false);
    let sent = server.requests().remove(0).head;
    assert!(
        sent.ends_with("X-A: 1\r\nX-A: 2\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"),
        "{sent}"
    );
    for (headers, says) in [
        (
            r#"Content-Length = "7""#,
            "scenario.toml:14:13: request.get.headers.Content-Length: `Content-Length: 7` is wrong",
        ),
        (
            r#"Expect = "x""#,
            "request.get.headers.Expect: telemload knows one expectation, `100-continue`",
        ),
        (r#"Host = ["a", "b"]"#, "`Host` is given twice"),
        (r#"X-A = ["1", 2]"#, "expected a string"),
    ] {
        TestBed::new()
            .scenario(&scenario(headers))
            .run()
            .expect(2, &[says]);
    }
    // A request that closes beside one that does not.
    let other = scenario("Connection = \"close\"") + "[[request]]\nname = \"b\"\npath = \"/b\"\n";
    let says = "`Connection: close` holds for all requests of a load or for none; leave it out, and give the load `keep_alive = false`";
    TestBed::new().scenario(&other).run().expect(2, &[says]);
}

#[test]
fn what_looks_like_a_placeholder_and_is_none_is_told_once() {
    let args = ["-H", "X: {{sek}}", "--body", "{{device_id}}"];
    let (sent, outcome) = sends(TestBed::new(), &args, "/");
    assert!(sent.head.contains("X: {{sek}}\r\n"), "{}", sent.head);
    let said = "is no placeholder, and is sent as it is";
    assert_eq!(
        outcome.stderr.matches(said).count(),
        1,
        "{}",
        outcome.stderr
    );
    let (_, outcome) = sends(TestBed::new(), &[], "/{{sek}}");
    assert!(
        outcome.stderr.contains("note: `{{sek}}` is no placeholder"),
        "{}",
        outcome.stderr
    );
    refused(
        &["-H", "X: {{int 5}}", URL],
        &["-H X: unknown placeholder `{{int 5}}`"],
    );
    refused(
        &["-H", "X: {{env.TL_NOT_SET}}", URL],
        &["TL_NOT_SET is not set"],
    );
}
