//! Paths, hosts and zones: what of them is sent, and in which form.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use super::{refused, sends};
use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

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

/// As in browsers and curl, whatever the system knows of them.
#[test]
fn names_of_this_machine_are_at_both_of_its_addresses() {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (listener, host) in [(v6, "localhost"), (v4, "shop.localhost")] {
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            // One is knocked with.
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                if stream.read(&mut [0; 1024]).unwrap() > 0 {
                    stream.write_all(hostile::OK).unwrap();
                }
            }
        });
        let url = format!("http://{host}:{port}/");
        let args = ["run", "--out", "out", "-n", "1", "-c", "1", &url];
        TestBed::new().args(args).run().expect(0, &[]);
        served.join().unwrap();
    }
}
