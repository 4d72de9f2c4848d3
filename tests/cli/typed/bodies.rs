//! Bodies: as curl takes them, from standard input, as a form, in chunks.

use super::{URL, refused, sends};
use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

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
        (&["--data-urlencode", "q=a b&c"], b"q=a+b%26c", form),
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
