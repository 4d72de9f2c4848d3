//! Flags of other tools, and values that need a word.

use super::{URL, head, refused, sends};
use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

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
                "--basic",
                "--fail-with-body",
                "--no-buffer",
                "--no-summary",
            ],
            format!("{get}\r\n"),
        ),
        (
            &["-L", "--show-error", "--globoff", "--insecure"],
            format!("{get}\r\n"),
        ),
    ] {
        assert_eq!(head(args), expected, "{args:?}");
    }
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let url = format!("http://{}/x", server.addr);
    let args = [
        "run",
        "--out",
        "out",
        "-n",
        "1",
        "-c",
        "1",
        "--request",
        "PUT",
        "--url",
        &url,
    ];
    TestBed::new().args(args).run().expect(0, &[]);
    assert!(server.requests()[0].head.starts_with("PUT /x HTTP/1.1"));
    let (_, told) = sends(TestBed::new(), &["--location"], "/");
    assert!(
        told.stderr.contains("redirects are not followed"),
        "{}",
        told.stderr
    );
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
        (&["-s", "5"], "-s is not taken: it is a script in wrk"),
        (&["-sS"], "-s is not taken"),
        (&["-A", "x"], "-H 'User-Agent: …'"),
        (
            &["-b", "a=1"],
            "-b is not taken: it is a cookie in curl (--cookie)",
        ),
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
        // It names a file, and `--body x` would send an x.
        (&["-body", "x"], "the file of a body is --body @FILE"),
        (&["-connections", "4"], "--connections"),
        // Letters with a value otherwise: a method `ore`, and the help with exit code 0.
        (
            &["-more"],
            "-more is not taken: the summary has the percentiles",
        ),
        (
            &["-h2"],
            "-h2 is not taken: telemload speaks HTTP/1.1 alone",
        ),
        (
            &["-cpus", "1"],
            "-cpus is not taken: the generator's threads are --workers N",
        ),
        (
            &["-keepalive=false"],
            "unless --no-keepalive says otherwise",
        ),
        (&["-qps", "9"], "-qps is not taken: a rate is -R"),
        // Of threads here, and of connections in vegeta.
        (&["-workers=9"], "connections there are at most is -c N"),
        (&["--digest"], "telemload answers no challenge"),
        (&["--url", "http://127.0.0.1:2/"], "leave one of them out"),
        (&["--burst-rate", "4"], "bursts are `arrivals` of a load"),
        (&["--range", "0-9"], "-H 'Range: bytes=FIRST-LAST'"),
        (&["-Z"], "under way at once is -c N"),
        (
            &["-a"],
            "a connection for each request, which is -a in bombardier, is --no-keepalive",
        ),
        (
            &["-x"],
            "behind a flag that has a value it is taken for that",
        ),
        (&["-X", "localhost:3128"], "is --proxy http://HOST:PORT"),
        (&["-X"], "-M is the method, and the URL stands by itself"),
        (&["-n"], "and the URL stands by itself"),
        (&["-D", "10"], "how long h2load loads (-d)"),
        (&["-p", "10"], "more connections: -c N"),
        (&["-r", "5"], "repetitions in siege (-n)"),
        (&["--socks5", "a:1"], "HTTP proxies alone: --proxy"),
        (
            &["--pipelining", "4"],
            "more at once are more connections: -c N",
        ),
        (&["--rps", "4"], "a rate is -R N"),
        (&["--dump-header", "-"], "what an answer holds is not kept"),
        (&["--disableKeepAlives"], "is --no-keepalive"),
        (&["-prometheus-addr=:1"], "--live [HOST:]PORT"),
        (&["http://127.0.0.1:2/"], "there is one scenario or URL"),
    ] {
        refused(&[args, &[URL]].concat(), &[says]);
    }
    refused(&[], &["name a scenario file or a URL"]);
    for args in [
        &["script.js"][..],
        &["-n", "-t", "script.js", "-l", "out.jtl"],
        &["--vus", "10", "script.js"],
        &["-s", "script.js", URL],
        &["-f", "script.js", "--headless", "-u", "9"],
    ] {
        refused(args, &["script.js is of another tool; a scenario is TOML"]);
    }
}

#[test]
fn a_url_may_end_like_a_script() {
    for path in ["/app.js", "/v1/openapi.yaml", "/plan.jmx"] {
        let (sent, _) = sends(TestBed::new(), &[], path);
        assert!(sent.head.starts_with(&format!("GET {path} ")), "{path}");
    }
}

#[test]
fn what_is_taken_as_it_is_written_is_told_where_it_may_be_meant_otherwise() {
    let bed = || TestBed::new().file("body.json", "{}");
    let dry = |args: &[&str]| {
        let bed = bed().args(["run", "--dry-run"]).args(args).args([URL]);
        bed.run().expect(0, &[]).stdout
    };
    for (args, says) in [
        (
            &["-X", "post"][..],
            "the method `post` is sent as it is written",
        ),
        (&["-M", "100"], "the method `100` is sent as it is written"),
        (
            &["-X", "POST", "-d", "123"],
            "-d is how long the load lasts, and the requests have no body",
        ),
        (
            &["--body", "body.json"],
            "to send the file of that name write --body @body.json",
        ),
    ] {
        let told = dry(args);
        assert!(told.contains(says), "{args:?}: {told}");
    }
    for args in [
        &["-X", "PURGE"][..],
        &["-X", "VERSION-CONTROL"],
        &["-X", "POST", "-d", "9", "--data", "x"],
        &["--body", "other.json"],
        &["--body", "@body.json"],
    ] {
        let told = dry(args);
        assert!(!told.contains("note:"), "{args:?}: {told}");
    }
    let told = dry(&["--rate", "50/500ms"]);
    assert!(told.contains("open loop at 100/s"), "{told}");
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
        &[
            "-T 8 is 8 ms, and ",
            " requests took longer; for 8 seconds write -T 8s",
        ],
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
