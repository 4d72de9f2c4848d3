//! Loads through a forward proxy and from several addresses, as a user asks for them; and what a user is told whose proxy
//! refuses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::bed::{Outcome, TestBed, free_port, url_scenario};
use crate::hostile::{self, Behaviour, OK};
use crate::secure::{Act, Authority, Server};

const PASSWORD: &str = "p@ss-0f3a91c27b";

/// A forward proxy; a thread per connection and direction, which end with their connections.
struct Proxy {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that answers with `refusal` if that is not empty.
    fn start(refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = seen.clone();
                thread::spawn(move || relay(stream, refusal, &seen));
            }
        });
        Self { addr, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn relay(mut client: TcpStream, refusal: &str, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut target: Option<TcpStream> = None;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        heads.lock().unwrap().push(head.clone());
        if !refusal.is_empty() {
            client.write_all(refusal.as_bytes()).ok()?;
            continue;
        }
        let mut words = head.split(' ');
        let (method, url) = (words.next()?, words.next()?);
        if method == "CONNECT" {
            let upstream = TcpStream::connect(url).ok()?;
            client
                .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                .ok()?;
            let (mut from, mut to) = (upstream.try_clone().ok()?, client);
            thread::spawn(move || io::copy(&mut from, &mut to));
            io::copy(&mut reader, &mut &upstream).ok()?;
            return None;
        }
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let upstream = target.get_or_insert_with(|| TcpStream::connect(authority).unwrap());
        upstream
            .write_all(head.replacen(url, path, 1).as_bytes())
            .ok()?;
        let mut answer = [0; 4096];
        let n = upstream.read(&mut answer).ok()?;
        client.write_all(&answer[..n]).ok()?;
    }
}

fn run(url: &str, args: &[&str]) -> TestBed {
    TestBed::new()
        .args(["run", "--out", "out", "-n", "20", "-c", "2", url])
        .args(args)
}

#[track_caller]
fn all_ok(outcome: &Outcome) {
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["ok"], 20, "{phase:#}");
}

#[track_caller]
fn keeps_password(outcome: &Outcome) {
    let basic = "YW5uOnBAc3M";
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(
            !text.contains("0f3a91c27b") && !text.contains(basic),
            "{text}"
        );
    }
    for file in outcome.files() {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(
            !text.contains("0f3a91c27b") && !text.contains(basic),
            "{text}"
        );
    }
}

#[test]
fn plain_requests_name_the_whole_url_to_the_proxy() {
    let target = hostile::Server::start(Behaviour::Canned(OK));
    let proxy = Proxy::start("");
    let url = format!("http://{}/x?y=1", target.addr);
    let encoded = PASSWORD.replace('@', "%40");
    let flag = format!("http://ann:{encoded}@{}", proxy.addr);
    for name in ["--proxy", "-x"] {
        let outcome = run(&url, &[name, &flag]).run().expect(0, &[]);
        all_ok(&outcome);
        keeps_password(&outcome);
        let found = outcome.result()["variants"][0]["target"].to_string();
        assert!(
            found.contains(&format!("through the proxy {}", proxy.addr)),
            "{found}"
        );
        let stored = outcome.read("scenario.toml");
        assert!(
            stored.contains("# overridden by --proxy: http://[redacted]@"),
            "{stored}"
        );
    }
    let head = &proxy.heads()[0];
    assert!(
        head.starts_with(&format!("GET {url} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(
        head.contains(&format!("Host: {}\r\n", target.addr)),
        "{head}"
    );
    assert!(
        head.contains("Proxy-Authorization: Basic YW5uOnBAc3MtMGYzYTkxYzI3Yg==\r\n"),
        "{head}"
    );
    let dry = run(&url, &["--proxy", &flag, "--dry-run"])
        .run()
        .expect(0, &[]);
    assert!(
        dry.stdout.contains(&format!("GET {url} HTTP/1.1")),
        "{}",
        dry.stdout
    );
    assert!(
        dry.stdout.contains("Proxy-Authorization: [redacted]"),
        "{}",
        dry.stdout
    );
}

#[test]
fn connections_over_tls_are_tunnelled_and_opening_them_is_measured_whole() {
    let authority = Authority::generate();
    let server = Server::start(&authority.issue(&["127.0.0.1"]), Act::Serve(OK));
    let proxy = Proxy::start("");
    let ca = authority.file();
    let scenario = url_scenario(server.addr, "1h", "")
        .replace("http://", "https://")
        .replace(
            "[load]",
            &format!(
                "tls = {{ ca = \"{}\" }}\nproxy = \"http://ann:{{{{env.TL_PROXY}}}}@{}\"\n[load]",
                ca.display(),
                proxy.addr
            ),
        );
    let outcome = TestBed::new()
        .env("TL_PROXY", PASSWORD)
        .scenario(&scenario)
        .args(["-n", "20"])
        .run()
        .expect(0, &[]);
    all_ok(&outcome);
    keeps_password(&outcome);
    assert!(
        outcome
            .read("scenario.toml")
            .contains("ann:{{env.TL_PROXY}}@")
    );
    let heads = proxy.heads();
    // One looked whether the target is there.
    assert_eq!(heads.len(), 2 + 1, "{heads:?}");
    assert!(
        heads[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.addr)),
        "{}",
        heads[0]
    );
    assert!(heads[0].contains("Proxy-Authorization: Basic YW5uOnBAc3MtMGYzYTkxYzI3Yg==\r\n"));
    let seen = server.seen();
    assert!(
        seen.heads.iter().all(|head| !head.contains("Proxy-")),
        "{:?}",
        seen.heads
    );
    let opened = &outcome.only_phase()["connections"];
    assert_eq!(opened["opened"], 2, "{opened}");
    assert!(opened["open_us"]["p50"].as_f64().unwrap() > 0.0, "{opened}");
}

#[test]
fn a_proxy_that_refuses_is_named_with_the_remedy() {
    let secure = "https://shop.test/";
    for (refusal, says) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "wants credentials (407)",
        ),
        (
            "HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n",
            "lets nobody through to shop.test:443 (403)",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            "cannot reach shop.test:443 (502)",
        ),
        ("220 mail.test ESMTP\r\n", "is no HTTP proxy"),
    ] {
        let proxy = Proxy::start(refusal);
        let flag = format!("http://{}", proxy.addr);
        let outcome = run(secure, &["--insecure", "--proxy", &flag]).run();
        outcome.expect(
            4,
            &["no connection to shop.test:443 through the proxy", says],
        );
    }
    let proxy =
        Proxy::start("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let flag = format!("http://ann:{}@{}", PASSWORD.replace('@', "%40"), proxy.addr);
    let outcome = run(secure, &["--insecure", "--proxy", &flag]).run();
    keeps_password(&outcome.expect(4, &["refused the credentials (407)"]));
    // Without TLS it is asked in each request.
    let outcome = run("http://shop.test/", &["--proxy", &flag]).run();
    let outcome = outcome.expect(4, &[]);
    keeps_password(&outcome);
    assert!(
        outcome.stdout.contains("the proxy wants other credentials"),
        "{}",
        outcome.stdout
    );

    let nobody = format!("http://127.0.0.1:{}", free_port());
    run(secure, &["--insecure", "--proxy", &nobody])
        .run()
        .expect(
            4,
            &[
                "cannot connect to the proxy 127.0.0.1",
                "through which shop.test:443 is reached",
                "nothing listens there",
            ],
        );
}

#[test]
fn a_proxy_that_refuses_in_the_middle_is_an_error_kind_of_its_own() {
    let authority = Authority::generate();
    let server = Server::start(&authority.issue(&["127.0.0.1"]), Act::Serve(OK));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (at, stream) in listener.incoming().flatten().enumerate() {
            let refusal = if at == 0 {
                ""
            } else {
                "HTTP/1.1 503 Too busy\r\nContent-Length: 0\r\n\r\n"
            };
            thread::spawn(move || relay(stream, refusal, &Mutex::default()));
        }
    });
    let url = format!("https://{}/", server.addr);
    let outcome = run(&url, &["--insecure", "--proxy", &addr.to_string()]).run();
    let outcome = outcome.expect(4, &[" × proxy", "(503)"]);
    let phase = outcome.only_phase();
    assert_eq!(phase["errors"]["proxy"], 20, "{}", phase["errors"]);
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    let target = hostile::Server::start(Behaviour::Canned(OK));
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let names = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "all_proxy",
        "ALL_PROXY",
    ];
    let bed = run(&format!("http://{}/", target.addr), &[]);
    let bed = names.iter().fold(bed, |bed, name| bed.env(name, &nobody));
    all_ok(&bed.run().expect(0, &[]));
}

#[test]
fn connections_come_from_the_addresses_that_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sources = Arc::new(Mutex::new(Vec::<IpAddr>::new()));
    let seen = sources.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            seen.lock().unwrap().push(stream.peer_addr().unwrap().ip());
            thread::spawn(move || {
                let mut request = [0; 1024];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    stream.write_all(OK).unwrap();
                }
            });
        }
    });
    let args = ["--no-keepalive", "--bind", "127.1.0.0/29,127.2.0.1"];
    all_ok(&run(&url, &args).run().expect(0, &[]));
    let mut found = std::mem::take(&mut *sources.lock().unwrap());
    found.sort_unstable();
    found.dedup();
    let found: Vec<String> = found.iter().map(IpAddr::to_string).collect();
    let network = (1..=6).map(|host| format!("127.1.0.{host}"));
    // One from anywhere looked whether the target is there.
    let expected: Vec<String> = ["127.0.0.1".to_owned()]
        .into_iter()
        .chain(network)
        .chain(["127.2.0.1".to_owned()])
        .collect();
    assert_eq!(found, expected);
    for (bind, says) in [
        (
            "192.0.2.77",
            "no connection can come from 192.0.2.77 of --bind",
        ),
        (
            "::1",
            "no address of --bind (`target.bind`) is of the family of 127.0.0.1",
        ),
    ] {
        run(&url, &["--bind", bind]).run().expect(4, &[says]);
    }
}

#[test]
fn wrong_proxies_and_addresses_are_named() {
    let plain = "http://127.0.0.1:1/";
    for (args, says) in [
        (
            &["--proxy", "socks5://ann:hush@h:1"][..],
            "--proxy: a proxy of the kind `socks5` is not supported",
        ),
        (
            &["--proxy", "http://ann:hush@h"],
            "--proxy: a proxy is named as http://HOST:PORT",
        ),
        (
            &["--proxy", "h:1", "--unix-socket", "s"],
            "not to both; remove one",
        ),
        (
            &["--proxy", "h:1", "--connect-to", "a:1"],
            "remove `connect_to` (--connect-to)",
        ),
        (
            &["--bind", "nowhere"],
            "--bind: `nowhere` is no source address",
        ),
    ] {
        let outcome = TestBed::new().args(["run", plain]).args(args).run();
        let outcome = outcome.expect(2, &[says]);
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    }
    for (keys, place, says) in [
        (
            "proxy = \"ftp://ann:hush@h:1\"",
            "4:9: target.proxy: ",
            "not supported",
        ),
        (
            "bind = \"10.0.0.0/40\"",
            "4:8: target.bind: ",
            "is no source address",
        ),
    ] {
        let scenario = url_scenario("127.0.0.1:1".parse().unwrap(), "1s", "")
            .replace("interval = \"100ms\"\n", "")
            .replace("[load]", &format!("{keys}\n[load]"));
        let outcome = TestBed::new()
            .scenario(&scenario)
            .run()
            .expect(2, &[place, says]);
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    }
}
