//! Command lines as users of other tools type them: what is sent, what is said, and what is refused with the right flag.

use std::fs;

use crate::bed::{Outcome, TestBed, echo, url_scenario};
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
fn curls_bodies() {
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (args, body, typed) in [
        (
            &["--data", "a=1", "--data", "b=2"][..],
            &b"a=1&b=2"[..],
            form,
        ),
        (&["--data", "@f"], b"onetwo", form),
        (&["--data-raw", "@f"], b"@f", form),
        (&["--data-binary", "@f"], b"one\r\ntwo\n", form),
        (&["--data-urlencode", "q=a b&c"], b"q=a%20b%26c", form),
        (
            &["--data", "{}", "-H", "Content-Type: application/json"],
            b"{}",
            "Content-Type: application/json\r\n",
        ),
        (&["--data", "{}", "-H", "Content-Type:"], b"{}", ""),
        (&["--body", "@f"], b"one\r\ntwo\n", ""),
        (
            &["--body", "{{ x }} {{seq}} {{now()}} {{{"],
            b"{{ x }} 0 {{now()}} {{{",
            "",
        ),
        (&["--body", "@bin"], b"\xff\0{{seq}}", ""),
    ] {
        let bed = TestBed::new()
            .file("f", "one\r\ntwo\n")
            .file("bin", b"\xff\0{{seq}}");
        let (sent, _) = sends(bed, args, "/");
        assert_eq!(sent.body, body, "{args:?}");
        let length = body.len();
        assert_eq!(
            sent.head,
            format!("POST / HTTP/1.1\r\nHost: HOST\r\n{typed}Content-Length: {length}\r\n\r\n"),
            "{args:?}"
        );
    }
    for (args, says) in [
        (
            &["--data", "a", "--body", "b"][..],
            "--body and --data both give a body; use one of them",
        ),
        (&["--body", "@nowhere"], "--body: cannot read nowhere: "),
        (
            &["--data", "@-", "--data", "@-"],
            "cannot read standard input: it was read already",
        ),
        (
            &["-d", "{\"a\":1}"],
            "-d is how long the load lasts; a body is --body, or --data as in curl",
        ),
        (
            &["-d", "@body.json"],
            "-d is how long the load lasts; a body is --body",
        ),
        (&["-d", "1e3"], "\"1e3\" is not a duration"),
        (
            &["--json", "{\"a\":1}"],
            "--json prints the result as JSON; a body is --body TEXT with -H",
        ),
        (
            &["--form", "x"],
            "--form: a field is written NAME=TEXT or NAME=@FILE",
        ),
        (&["-F", "x=y;headers=@f"], "no `headers`; leave it out"),
        (
            &["-F", "x=1", "-H", "Content-Type: text/plain"],
            "-H Content-Type: a form is sent as multipart/form-data",
        ),
    ] {
        refused(&[args, &[URL]].concat(), &[says]);
    }
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

#[test]
fn a_body_comes_from_standard_input() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let bed = TestBed::new()
        .shell("exec < in.json")
        .file("in.json", b"{\"n\":1}\n");
    bed.args([
        "run",
        "-n",
        "1",
        "-c",
        "1",
        "--body",
        "@-",
        &format!("http://{}/", server.addr),
    ])
    .run()
    .expect(0, &[]);
    assert_eq!(server.requests()[0].body, b"{\"n\":1}\n");
}

#[test]
fn a_form_is_what_curl_sends() {
    let bed = || TestBed::new().file("p.png", b"\x89PNG\r\n\x1a\n{{x}}");
    let args = [
        "-F",
        "a=b {{seq}}",
        "--form",
        "m={\"x\":1};type=application/json",
        "-F",
        "f=@p.png",
        "-F",
        "g=@p.png;type=x/y;filename=q\"r",
    ];
    let (sent, _) = sends(bed(), &args, "/");
    let body = sent
        .body
        .iter()
        .map(|&byte| char::from(byte))
        .collect::<String>();
    let boundary = sent
        .head
        .split("boundary=")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .unwrap();
    let expected = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb 0\r\n\
        --B\r\nContent-Disposition: form-data; name=\"m\"\r\nContent-Type: application/json\r\n\r\n{\"x\":1}\r\n\
        --B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n\u{89}PNG\r\n\u{1a}\n{{x}}\r\n\
        --B\r\nContent-Disposition: form-data; name=\"g\"; filename=\"q%22r\"\r\nContent-Type: x/y\r\n\r\n\u{89}PNG\r\n\u{1a}\n{{x}}\r\n--B--\r\n";
    assert_eq!(
        body,
        expected
            .replace("B\r\n", &format!("{boundary}\r\n"))
            .replace("B--", &format!("{boundary}--"))
    );

    // The same of a scenario.
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let form = "form = { a = \"b {{seq}}\", m = { value = '{\"x\":1}', type = \"application/json\" }, f = { file = \"p.png\" }, g = { file = \"p.png\", type = \"x/y\", filename = 'q\"r' } }\n";
    let scenario =
        url_scenario(server.addr, "1s", form).replace("duration = \"1s\"", "requests = 1");
    bed()
        .scenario(&scenario)
        .args(["-c", "1"])
        .run()
        .expect(0, &[]);
    assert_eq!(server.requests()[0].body, sent.body);
    let tags = scenario.replace(form, "form = { t = [\"1\", { value = \"2\" }] }\n");
    bed().scenario(&tags).args(["-c", "1"]).run().expect(0, &[]);
    let body = String::from_utf8(server.requests().remove(1).body).unwrap();
    assert_eq!(body.matches("name=\"t\"").count(), 2, "{body}");
    for (form, says) in [
        (
            "form = {}\n",
            "request.get.form: a form has at least one field",
        ),
        (
            "form = { a = { file = \"none\" } }\n",
            "request.get.form.a: cannot read",
        ),
        (
            "form = { a = { type = \"x/y\" } }\n",
            "a field of a form has a `value` or a `file`; give one",
        ),
        (
            "form = { a = { value = \"1\", file = \"p.png\" } }\n",
            "give one",
        ),
        ("form = { a = 1 }\n", "expected a text, or { file ="),
        (
            "form = { a = \"{{nope}}\" }\n",
            "request.get.form.a: unknown placeholder",
        ),
        (
            "form = { a = \"1\" }\nbody = \"x\"\n",
            "a request has one of",
        ),
    ] {
        let text = url_scenario(server.addr, "1s", form);
        bed().scenario(&text).run().expect(2, &[says]);
    }
}

/// A server that answers a request whose body came in chunks, and tells its bytes.
fn chunked_server() -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let mut all = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part = [0; 4096];
            while !all.ends_with(b"\r\n0\r\n\r\n") {
                match std::io::Read::read(&mut stream, &mut part) {
                    Ok(n) if n > 0 => all.extend_from_slice(&part[..n]),
                    // Opened to see whether it is there.
                    _ => break,
                }
            }
            if !all.is_empty() {
                let _ = std::io::Write::write_all(&mut stream, hostile::OK);
                break;
            }
        }
        String::from_utf8(all).unwrap()
    });
    (address, served)
}

#[test]
fn a_body_in_chunks() {
    let (address, served) = chunked_server();
    let body = "x".repeat((16 << 10) + 1);
    TestBed::new()
        .file("b", &body)
        .args([
            "run",
            "-n",
            "1",
            "-c",
            "1",
            "-H",
            "Transfer-Encoding: Chunked",
            "--body",
            "@b",
        ])
        .args([format!("http://{address}/")])
        .run()
        .expect(0, &[]);
    let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let expected = format!("{head}4000\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", &body[1..]);
    assert!(served.join().unwrap() == expected);

    let (address, served) = chunked_server();
    let chunks = "body = 'n={{seq}},{{int 10 99}}'\nbody_chunks = { size = \"2B\" }\n";
    let scenario = url_scenario(address.parse().unwrap(), "1s", chunks)
        .replace("duration = \"1s\"", "requests = 1");
    TestBed::new()
        .scenario(&scenario)
        .args(["-c", "1"])
        .run()
        .expect(0, &[]);
    let sent = served.join().unwrap();
    let body = sent.split("\r\n\r\n").nth(1).unwrap();
    assert!(
        body.starts_with("2\r\nn=\r\n2\r\n0,\r\n2\r\n") && body.ends_with("\r\n0"),
        "{sent}"
    );
    for (chunks, says) in [
        (
            "body_chunks = { size = \"1KiB\" }\n",
            "request.get.body_chunks: there is no body to send in chunks",
        ),
        (
            "body = \"x\"\nbody_chunks = { size = \"0B\" }\n",
            "a chunk has 1B to 16MiB",
        ),
        ("body = \"x\"\nbody_chunks = { size = 5 }\n", "body_chunks"),
        (
            "body = \"x\"\nbody_chunks = { pause = \"11m\" }\n",
            "a pause between chunks is at most 10m",
        ),
        (
            "body = \"x\"\nbody_chunks = { pause = 5 }\n",
            "expected a duration",
        ),
    ] {
        let text = url_scenario(address.parse().unwrap(), "1s", chunks);
        TestBed::new().scenario(&text).run().expect(2, &[says]);
    }
}

#[test]
fn a_slow_client_pauses_between_its_chunks() {
    let (address, served) = chunked_server();
    let chunks = "body = \"123456789\"\nbody_chunks = { size = \"2B\", pause = \"30ms\" }\n";
    let scenario = url_scenario(address.parse().unwrap(), "1s", chunks)
        .replace("duration = \"1s\"", "requests = 1");
    let outcome = TestBed::new()
        .scenario(&scenario)
        .args(["-c", "1"])
        .run()
        .expect(0, &[]);
    let sent = served.join().unwrap();
    assert!(
        sent.ends_with("2\r\n12\r\n2\r\n34\r\n2\r\n56\r\n2\r\n78\r\n1\r\n9\r\n0\r\n\r\n"),
        "{sent}"
    );
    // Four pauses: no machine is so fast that they are shorter.
    let service = outcome.only_phase()["service_time_us"]["min"]
        .as_f64()
        .unwrap();
    assert!(service >= 119_000.0, "{service}");
    // The time-out goes on in them.
    let (address, _served) = chunked_server();
    let scenario = scenario
        .replace("30ms", "5s")
        .replace("timeout = \"5s\"", "timeout = \"100ms\"");
    let scenario = scenario.lines().map(|line| match line.starts_with("url") {
        true => format!("url = \"http://{address}\"\n"),
        false => format!("{line}\n"),
    });
    let outcome = TestBed::new()
        .scenario(&scenario.collect::<String>())
        .args(["-c", "1"])
        .run();
    outcome.expect(4, &["1 × timeout"]);
}

#[test]
fn flags_of_other_tools_of_one_meaning() {
    let get = "GET / HTTP/1.1\r\nHost: HOST\r\n";
    for (args, expected) in [
        (
            &["-X", "DELETE"][..],
            "DELETE / HTTP/1.1\r\nHost: HOST\r\n\r\n".to_owned(),
        ),
        (
            &["--request", "PURGE"],
            "PURGE / HTTP/1.1\r\nHost: HOST\r\n\r\n".to_owned(),
        ),
        (
            &["-m", "OPTIONS"],
            "OPTIONS / HTTP/1.1\r\nHost: HOST\r\n\r\n".to_owned(),
        ),
        (
            &["-u", "ann:p:w"],
            format!("{get}Authorization: Basic YW5uOnA6dw==\r\n\r\n"),
        ),
        (
            &["-a", "ann:pw", "-H", "Authorization: own"],
            format!("{get}Authorization: own\r\n\r\n"),
        ),
        (&["--cookie", "a=1"], format!("{get}Cookie: a=1\r\n\r\n")),
        (
            &["--user-agent", "x"],
            format!("{get}User-Agent: x\r\n\r\n"),
        ),
        (
            &["--compressed"],
            format!("{get}Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n"),
        ),
        (
            &[
                "-k",
                "--latency",
                "-l",
                "--no-tui",
                "--http1.1",
                "-z",
                "9s",
                "--threads",
                "1",
            ],
            format!("{get}\r\n"),
        ),
    ] {
        assert_eq!(head(args), expected, "{args:?}");
    }
    let (sent, outcome) = sends(TestBed::new(), &["-z", "7s", "--disable-keepalive"], "/");
    assert!(sent.head.contains("Connection: close"), "{}", sent.head);
    assert_eq!(outcome.only_phase()["load"]["duration_s"], 7.0);
    let help = TestBed::new()
        .args(["run", "--help"])
        .run()
        .expect(0, &[])
        .stdout;
    for hidden in [
        "--data",
        "--threads",
        "-z",
        "--cookie",
        "--latency",
        "[REST]",
        "--vus",
    ] {
        assert!(!help.contains(hidden), "{hidden}: {help}");
    }
}

#[test]
fn flags_of_more_than_one_meaning_name_the_right_one() {
    for (args, says) in [
        (
            &["-t", "4"][..],
            "-t is not taken: it is the threads of wrk (here --workers)",
        ),
        (&["-t4"], "-t is not taken"),
        (&["-s", "a.lua"], "-s is not taken: it is a script in wrk"),
        (&["-sS"], "-s is not taken"),
        (&["-A", "x"], "-H 'User-Agent: …'"),
        (
            &["-b", "a=1"],
            "-b is not taken: it is a cookie in curl (--cookie)",
        ),
        (&["-L"], "redirects are not followed"),
        (
            &["--http2"],
            "--http2 is not taken: telemload speaks HTTP/1.1 alone",
        ),
        (&["--vus", "10"], "virtual users are connections here: -c N"),
        (&["-r", "10"], "a rate is -R"),
        (&["-o", "/dev/null"], "--out DIR"),
        (&["-q", "100"], "-q is --quiet; a rate is -R 100"),
        (&["-m", "5"], "-T 5s"),
        (
            &["-u", "10"],
            "credentials are USER:PASSWORD; virtual users",
        ),
        (
            &["-T", "application/json"],
            "the media type is -H 'Content-Type: TYPE'",
        ),
        (&["-4"], "one is chosen with --connect-to ADDRESS:PORT"),
        (&["-0"], "a connection for each request is --no-keepalive"),
        (&["-e", "a"], "-H 'Referer: …'"),
        (&["-E", "a.pem"], "a client certificate is --cert FILE"),
        (&["-B", "127.0.0.2"], "the source address is --bind ADDRESS"),
        (
            &["--interface", "lo"],
            "the source address is --bind ADDRESS",
        ),
        (&["-P", "a:b"], "--proxy http://USER:PASSWORD@HOST:PORT"),
        (&["-N"], "nothing of an answer waits in a buffer"),
        (
            &["--noproxy", "*"],
            "no proxy is taken from the environment",
        ),
        (&["--retry", "3"], "nothing is tried again because of it"),
        (&["--limit-rate", "1k"], "`body_chunks` of a request"),
        (&["--cookie-jar", "a"], "kept with `extract` of a request"),
        (&["--stage", "5s:10"], "`stages` of a load in a scenario"),
        (&["--body-file", "a"], "the file of a body is --body @FILE"),
        (&["-disable-redirects"], "--disable-redirects"),
        (&["-rate=100"], "-rate begins with two dashes here: --rate"),
        (&["-body", "x"], "-body begins with two dashes here: --body"),
        (&["-connections", "4"], "--connections"),
        (&["http://127.0.0.1:2/"], "there is one scenario or URL"),
    ] {
        refused(&[args, &[URL]].concat(), &[says]);
    }
    refused(&[], &["name a scenario file or a URL"]);
    refused(
        &["script.js"],
        &["script.js is of another tool; a scenario is TOML"],
    );
}

#[test]
fn numbers_flags_and_hosts_are_refused_with_what_was_meant() {
    for (args, says) in [
        (
            &["-n", "1k", URL][..],
            "invalid value '1k' for '--requests <N>': it is a whole number in digits: 1000",
        ),
        (&["-c", "1_000", URL], "in digits: 1000"),
        (&["-n", "1e6", URL], "in digits: 1000000"),
        (&["--workers", "x", URL], "in digits: such as 1000"),
        (&["-c", "5000000000", URL], "5000000000 is out of range"),
        (
            &["-w", "2", URL],
            "-w is not taken: the generator's threads are --workers N",
        ),
        (
            &["localhost"],
            "a URL begins with http://, as in http://localhost",
        ),
        (
            &["example.com/path"],
            "a URL begins with http://, as in http://example.com/path",
        ),
    ] {
        refused(args, &[says]);
    }
    let outcome = TestBed::new().args(["http://ann:hushhush@h/"]).run();
    let outcome = outcome.expect(2, &["to load a URL write `telemload run URL`"]);
    assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
}

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
fn a_number_of_requests_that_is_not_reached_is_told() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let url = format!("http://{}/", server.addr);
    let args = ["run", "-n", "2000000000", "-d", "0.3", "-c", "1", &url];
    let outcome = TestBed::new().args(args).run().expect(0, &[]);
    let says = "of the 2000000000 requests that end the load were due before its window of ";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    let args = ["run", "-n", "5", "-c", "1", &url];
    let outcome = TestBed::new().args(args).run().expect(0, &[]);
    assert!(
        !outcome.stdout.contains("that end the load"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_bare_timeout_that_nothing_meets_is_told_with_its_unit() {
    let server = Server::start(Behaviour::Silent);
    let url = format!("http://{}/", server.addr);
    let outcome = TestBed::new()
        .args(["run", "--timeout", "8", "-d", "0.2", "-c", "1", &url])
        .run();
    outcome.expect(
        4,
        &["-T 8 is 8 ms, and most requests took longer; for 8 seconds write -T 8s"],
    );
}

#[test]
fn a_run_has_a_seed_of_its_own_and_its_result_names_it() {
    let path = |args: &[&str]| {
        let (sent, outcome) = sends(TestBed::new(), args, "/{{uuid}}");
        let seed = outcome.result()["scenario"]["seed"].as_u64().unwrap();
        assert!(
            outcome.stderr.contains(&format!("(seed {seed})")),
            "{}",
            outcome.stderr
        );
        let line = sent.head.lines().next().unwrap().to_owned();
        (line, seed)
    };
    let ((one, seed), (two, other)) = (path(&[]), path(&[]));
    assert!(one != two && seed != other);
    assert_eq!(path(&["--seed", &seed.to_string()]), (one, seed));
    // That of a scenario holds; the flag goes before it, and devices keep their secrets.
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let more =
        "fleet = \"cars\"\nheaders = { X = \"{{device.secret}}\" }\n[fleet.cars]\ndevices = 1\n";
    let scenario = "seed = 3\n".to_owned() + &url_scenario(server.addr, "1s", more);
    let dry = |scenario: &str, args: &[&str]| {
        let bed = TestBed::new()
            .scenario(scenario)
            .args(["--dry-run", "--show-secrets"]);
        bed.args(args).run().expect(0, &[]).stdout
    };
    let given = dry(&scenario, &[]);
    assert!(given.contains("seed 3\n"), "{given}");
    let over = dry(&scenario, &["--seed", "4"]);
    assert!(over.contains("round(s), seed 4\n"), "{over}");
    let secret = |text: &str| {
        text.split("X: ")
            .nth(1)
            .map(|rest| rest[..32].to_owned())
            .unwrap()
    };
    assert_eq!(secret(&given), secret(&over));
    // A device that is known by its secret must not change from run to run.
    let without = scenario.replace("seed = 3\n", "");
    assert_eq!(secret(&dry(&without, &[])), secret(&dry(&without, &[])));
}

#[test]
fn paths_and_hosts_are_fit_for_a_request_line() {
    for (path, line) in [
        (
            "/ä/%C3%A4?q=ö b#frag",
            "GET /%C3%A4/%C3%A4?q=%C3%B6%20b HTTP/1.1",
        ),
        ("/a%20b", "GET /a%20b HTTP/1.1"),
        ("?q=1", "GET /?q=1 HTTP/1.1"),
        ("/{{ x }}/{{seq}}/{{", "GET /{{%20x%20}}/0/{{ HTTP/1.1"),
        ("/{{choice ä ä}}", "GET /%C3%A4 HTTP/1.1"),
    ] {
        let (sent, _) = sends(TestBed::new(), &[], path);
        assert_eq!(sent.head.lines().next(), Some(line), "{path}");
    }
    for path in ["/a\tb", "/a\nb", "/a\u{7f}"] {
        let url = format!("http://127.0.0.1:1{path}");
        refused(
            &[&url],
            &["the URL holds a tab, a line break or another control character"],
        );
    }
    let dry = |args: &[&str]| {
        TestBed::new()
            .args(["run", "--dry-run"])
            .args(args)
            .run()
            .expect(0, &[])
            .stdout
    };
    let shown = dry(&[
        "http://bücher.example/",
        "--connect-to",
        "bücher.example:81",
    ]);
    assert!(
        shown.contains("http://xn--bcher-kva.example through xn--bcher-kva.example:81"),
        "{shown}"
    );
    assert!(shown.contains("Host: xn--bcher-kva.example\n"), "{shown}");
    let shown = dry(&[
        "http://[fe80::1%25eth0]:81/",
        "--connect-to",
        "[fe80::2%lo]:82",
    ]);
    assert!(shown.contains("Host: [fe80::1]:81\n"), "{shown}");
    assert!(shown.contains("through fe80::2%lo:82"), "{shown}");

    let scenario = |path: &str| {
        url_scenario("127.0.0.1:1".parse().unwrap(), "1s", "").replace("path = \"/\"", path)
    };
    for (path, says) in [
        ("path = \"/a\\tb\"", "neither spaces nor control characters"),
        ("path = \"/a#b\"", "what follows a `#` is never sent"),
    ] {
        TestBed::new()
            .scenario(&scenario(path))
            .run()
            .expect(2, &[says]);
    }
    let literal = scenario("path = '/{{\"{{\"}}x}}'\nbody = \"{{'{{'}}seq}}\"");
    let shown = TestBed::new()
        .scenario(&literal)
        .args(["--dry-run"])
        .run()
        .expect(0, &[])
        .stdout;
    assert!(
        shown.contains("POST /{{x}} HTTP/1.1") && shown.contains("    {{seq}}\n"),
        "{shown}"
    );
}

#[test]
fn a_feed_and_an_answer_are_encoded_in_a_path() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let more = "[feed.f]\nfile = \"f.csv\"\n";
    let scenario = url_scenario(server.addr, "1s", more)
        .replace("path = \"/\"", "path = \"/{{f.city}}\"")
        .replace("duration = \"1s\"", "requests = 1");
    TestBed::new()
        .file("f.csv", "city\nKöln#1\n")
        .scenario(&scenario)
        .args(["-c", "1"])
        .run()
        .expect(0, &[]);
    let sent = server.requests().remove(0).head;
    assert!(
        sent.starts_with("GET /K%C3%B6ln%231 HTTP/1.1\r\n"),
        "{sent}"
    );
}

#[test]
fn a_zone_leads_to_the_target_and_is_not_sent() {
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let mut heads = Vec::new();
        // The first one is opened to see whether it is there.
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let n = std::io::Read::read(&mut stream, &mut head).unwrap();
            heads.push(String::from_utf8_lossy(&head[..n]).into_owned());
            let _ = std::io::Write::write_all(&mut stream, hostile::OK);
        }
        heads.concat()
    });
    let url = format!("http://[::1%251]:{port}/");
    TestBed::new()
        .args(["run", "-n", "1", "-c", "1", &url])
        .run()
        .expect(0, &[]);
    let heads = served.join().unwrap();
    assert!(
        heads.contains(&format!("Host: [::1]:{port}\r\n")),
        "{heads}"
    );
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
