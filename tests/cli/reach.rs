//! Loads over TLS, unix sockets and other addresses, as a user asks for them; and what a user is told who asks for them wrongly.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use crate::bed::{Outcome, TestBed, command_scenario, descendant, free_port, url_scenario};
use crate::hostile::{self, Behaviour, OK};
use crate::rejected::rejected;
use crate::secure::{Act, Authority, Pair, Server, Spec};

/// An authority, a certificate of it for 127.0.0.1, and a server that shows that.
fn secure() -> (Authority, Server) {
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    let server = Server::start(&pair, Act::Serve(OK));
    (authority, server)
}

fn run(url: &str, args: &[&str]) -> TestBed {
    TestBed::new()
        .args(["run", "--out", "out", "-n", "20", "-c", "2", url])
        .args(args)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn all_ok(outcome: &Outcome) {
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["ok"], 20, "{phase:#}");
    let opened = &phase["connections"];
    assert!(opened["open_us"]["p50"].as_f64().unwrap() > 0.0, "{opened}");
}

#[test]
fn a_url_is_loaded_over_tls() {
    let (authority, server) = secure();
    let url = format!("https://{}/x?y=1", server.addr);
    let outcome = run(&url, &["--cacert", text(&authority.file())]).run();
    all_ok(&outcome.expect(0, &[]));
    assert!(server.seen().heads[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));

    let outcome = run(&url, &["--insecure"]).run().expect(0, &[]);
    all_ok(&outcome);
    let warnings = outcome.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("certificate was not checked"),
        "{warnings}"
    );
    assert!(outcome.stdout.contains("certificate was not checked"));
    assert!(outcome.read("scenario.toml").contains("--insecure"));
}

#[test]
fn handshakes_are_counted_and_resumed_as_far_as_is_wanted() {
    let (authority, server) = secure();
    let url = format!("https://{}/", server.addr);
    let ca = authority.file();
    let args = ["--cacert", text(&ca), "--no-keepalive"];
    let counted = |outcome: &Outcome| {
        let tls = outcome.only_phase()["connections"]["tls"].clone();
        assert_eq!(tls.as_array().map(Vec::len), Some(1), "{tls}");
        assert_eq!(tls[0]["version"], "TLS 1.3");
        assert!(
            tls[0]["cipher"].as_str().unwrap().starts_with("TLS_"),
            "{tls}"
        );
        assert!(
            outcome.stdout.contains("TLS           TLS 1.3 with"),
            "{}",
            outcome.stdout
        );
        (
            tls[0]["full"].as_u64().unwrap(),
            tls[0]["resumed"].as_u64().unwrap(),
        )
    };
    let (full, resumed) = counted(&run(&url, &args).run().expect(0, &[]));
    assert!(full + resumed == 20 && resumed > 10, "{full} {resumed}");
    let flags = [&args[..], &["--no-resumption"]].concat();
    assert_eq!(counted(&run(&url, &flags).run().expect(0, &[])), (20, 0));
    let seen = server.ended();
    assert!(seen.resumed >= resumed, "{seen:?}");
    let scenario = url_scenario(server.addr, "1h", "")
        .replace("http://", "https://")
        .replace(
            "[load]",
            "tls = { insecure = true, resumption = \"25%\" }\n[load]",
        );
    let outcome = TestBed::new()
        .scenario(&scenario)
        .args(["--no-keepalive", "-n", "20"])
        .run();
    let (full, resumed) = counted(&outcome.expect(0, &[]));
    // Which of them take their turn is exact; the first has nothing to resume.
    assert!(
        full + resumed == 20 && (1..=6).contains(&resumed),
        "{full} {resumed}"
    );
}

#[test]
fn a_certificate_that_does_not_fit_is_found_before_the_load() {
    let (_authority, server) = secure();
    let url = format!("https://{}/", server.addr);
    let other = Authority::generate();
    run(&url, &["--cacert", text(&other.file())]).run().expect(
        4,
        &[
            &url[..url.len() - 1],
            "cannot be reached",
            "no TLS with",
            "--cacert",
            "--insecure",
        ],
    );
    let shop = other.issue(&["shop.test"]);
    let shop_server = Server::start(&shop, Act::Serve(OK));
    let url = format!("https://{}/", shop_server.addr);
    let ca = other.file();
    run(&url, &["--cacert", text(&ca)]).run().expect(
        4,
        &["is for", "shop.test", "not for 127.0.0.1", "--server-name"],
    );
    let named = ["--cacert", text(&ca), "--server-name", "shop.test"];
    all_ok(&run(&url, &named).run().expect(0, &[]));
    assert_eq!(server.seen().requests, 0);
}

#[test]
fn plain_and_secure_are_told_apart() {
    let authority = Authority::generate();
    let plain = Server::start(&authority.issue(&["127.0.0.1"]), Act::Plain);
    run(&format!("https://{}/", plain.addr), &["--insecure"])
        .run()
        .expect(4, &["does not speak TLS", "http://"]);
    let (_authority, server) = secure();
    run(&format!("http://{}/", server.addr), &[])
        .run()
        .expect(4, &["check the scheme and port of the url"]);
}

#[test]
fn a_target_that_asks_for_a_client_certificate_gets_it() {
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    let client = authority.issue(&["a client"]);
    let ca = authority.file();
    let server = Server::with(&Spec {
        address: "127.0.0.1:0",
        pair: &pair,
        clients: Some(&ca),
        act: Act::Serve(OK),
    });
    let url = format!("https://{}/", server.addr);
    run(&url, &["--cacert", text(&ca)]).run().expect(
        4,
        &[" × tls", "wants a client certificate", "--cert and --key"],
    );
    let files = scenario_files(&client, &ca);
    let scenario = url_scenario(server.addr, "300ms", "")
        .replace("http://", "https://")
        .replace(
            "[load]",
            "tls = { ca = \"pki/ca.pem\", cert = \"pki/c.pem\", key = \"pki/k.pem\" }\n[load]",
        );
    let bed = files
        .into_iter()
        .fold(TestBed::new(), |bed, (name, bytes)| bed.file(name, bytes));
    let outcome = bed.scenario(&scenario).run().expect(0, &[]);
    assert_eq!(outcome.only_phase()["requests"]["failed"], 0);
    let key = std::fs::read_to_string(&client.key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    for file in outcome.files() {
        let stored = std::fs::read(&file).unwrap();
        assert!(
            !String::from_utf8_lossy(&stored).contains(secret),
            "{}",
            file.display()
        );
    }
}

fn scenario_files(client: &Pair, ca: &Path) -> [(&'static str, Vec<u8>); 3] {
    [
        ("pki/ca.pem", ca),
        ("pki/c.pem", client.cert.as_path()),
        ("pki/k.pem", client.key.as_path()),
    ]
    .map(|(name, path)| (name, std::fs::read(path).unwrap()))
}

#[test]
fn a_command_that_serves_https_is_waited_for_and_loaded() {
    let authority = Authority::generate();
    let pair = authority.issue(&["shop.test"]);
    let port = free_port();
    let tls = format!("port = {port}\ntls = {{ ca = \"ca.pem\", server_name = \"shop.test\" }}");
    let running = TestBed::new()
        .file("ca.pem", std::fs::read(authority.file()).unwrap())
        .scenario(&command_scenario("sleep 1000", &tls))
        .start();
    // The command only holds the place: the server in here is what answers.
    descendant(running.pid(), "sleep 1000");
    let server = Server::with(&Spec {
        address: &format!("127.0.0.1:{port}"),
        pair: &pair,
        clients: None,
        act: Act::Serve(OK),
    });
    let outcome = running.wait().expect(0, &[]);
    assert_eq!(outcome.only_phase()["requests"]["failed"], 0);
    assert_eq!(server.seen().names[0].as_deref(), Some("shop.test"));
}

#[test]
fn metrics_and_profiles_are_fetched_with_the_targets_authorities() {
    const METRICS: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nprocess_cpu_seconds_total 1.5\n";
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    let client = authority.issue(&["a client"]);
    let ca = authority.file();
    let server = Server::with(&Spec {
        address: "127.0.0.1:0",
        pair: &pair,
        clients: Some(&ca),
        act: Act::Serve(METRICS),
    });
    let keys = format!(
        "metrics = \"https://{}/metrics\"\ntls = {{ ca = \"pki/ca.pem\", cert = \"pki/c.pem\", key = \"pki/k.pem\" }}\n[load]",
        server.addr
    );
    let profile = format!(
        "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\nurl = \"https://{}/profile\"\n",
        server.addr
    );
    let scenario = url_scenario(server.addr, "300ms", &profile)
        .replacen("http://", "https://", 1)
        .replacen("[load]", &keys, 1);
    let bed = scenario_files(&client, &ca)
        .into_iter()
        .fold(TestBed::new(), |bed, (name, bytes)| bed.file(name, bytes));
    let outcome = bed.scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    // It came, and stands still.
    let warnings = phase["warnings"].to_string();
    assert!(
        warnings.contains("process_cpu_seconds_total did not change"),
        "{warnings}"
    );
    assert!(phase["cpu"]["target_cores"].is_null());
    let heads = server.seen().heads;
    assert!(heads.iter().any(|head| head.starts_with("GET /metrics ")));
    // The text is no profile, and that is known because it came.
    assert!(warnings.contains("no profile: "), "{warnings}");
    assert!(!warnings.contains("ertificate"), "{warnings}");
}

#[test]
fn connections_go_elsewhere_and_the_url_keeps_its_name() {
    let authority = Authority::generate();
    let pair = authority.issue(&["shop.test"]);
    let server = Server::start(&pair, Act::Serve(OK));
    let to = server.addr.to_string();
    let ca = authority.file();
    let args = ["--cacert", text(&ca), "--connect-to", &to];
    let outcome = run("https://shop.test/", &args).run().expect(0, &[]);
    all_ok(&outcome);
    let seen = server.seen();
    assert_eq!(seen.names[0].as_deref(), Some("shop.test"));
    assert!(
        seen.heads[0].contains("Host: shop.test\r\n"),
        "{}",
        seen.heads[0]
    );
    let target = outcome.result()["variants"][0]["target"].to_string();
    assert!(
        target.contains(&format!("https://shop.test through {to}")),
        "{target}"
    );
}

#[test]
fn a_name_with_several_addresses_is_loaded_at_the_one_that_answers() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://localhost:{}/", server.addr.port());
    let outcome = run(&url, &[]).run().expect(0, &[]);
    all_ok(&outcome);
    let target = outcome.result()["variants"][0]["target"].to_string();
    assert!(target.contains(&format!(" at {}", server.addr)), "{target}");
}

#[test]
fn a_name_that_is_none_is_found_before_the_load() {
    run("http://no-such-host.invalid/", &[]).run().expect(
        4,
        &[
            "the name no-such-host.invalid cannot be resolved",
            "check the host",
            "--connect-to",
        ],
    );
}

#[test]
fn an_ipv6_address_is_loaded() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    all_ok(&run(&url, &[]).run().expect(0, &[]));
}

#[test]
fn a_unix_socket_is_loaded() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("app.sock");
    run("http://app.test/", &["--unix-socket", text(&path)])
        .run()
        .expect(4, &["app.sock", "start the target, or check the path"]);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    let outcome = run("http://app.test/", &["--unix-socket", text(&path)]).run();
    all_ok(&outcome.expect(0, &[]));
    let scenario = url_scenario("127.0.0.1:1".parse().unwrap(), "300ms", "").replace(
        "[load]",
        &format!("unix_socket = \"{}\"\n[load]", text(&path)),
    );
    TestBed::new().scenario(&scenario).run().expect(0, &[]);
}

fn answer(mut stream: impl Read + Write) {
    let mut request = [0; 1024];
    while stream.read(&mut request).is_ok_and(|n| n > 0) {
        stream.write_all(OK).unwrap();
    }
}

#[test]
fn every_request_gets_a_connection_of_its_own() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    let outcome = run(&url, &["--no-keepalive"]).run().expect(0, &[]);
    all_ok(&outcome);
    let phase = outcome.only_phase();
    assert_eq!(phase["connections"]["opened"], 20);
    assert_eq!(phase["load"]["keep_alive"], false);
    assert!(phase["queue_wait_us"]["min"].as_f64().unwrap() > 0.0);
    assert!(
        outcome.stdout.contains("20 opened, each in p50"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        server.connections(),
        20 + 1,
        "one more looked whether it is there"
    );

    let dry = ["--no-keepalive", "--dry-run"];
    let outcome = run(&url, &dry).run().expect(0, &[]);
    for words in ["Connection: close", "a new one for each request"] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    let scenario = url_scenario(server.addr, "300ms", "")
        .replace("duration = ", "keep_alive = false\nduration = ");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    assert_eq!(phase["connections"]["opened"], phase["requests"]["due"]);
}

#[test]
fn a_system_without_authorities_is_named() {
    let (_authority, server) = secure();
    run(&format!("https://{}/", server.addr), &[])
        .file("none.pem", "")
        .env("SSL_CERT_FILE", "none.pem")
        .env("SSL_CERT_DIR", "none")
        .run()
        .expect(
            5,
            &[
                "no certificate authorities",
                "install `ca-certificates`",
                "--cacert",
            ],
        );
}

#[test]
fn more_connections_than_ports_are_refused_before_the_load() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    // No range of ports is as large.
    TestBed::new()
        .args(["run", "-c", "100000", &url])
        .run()
        .expect(
            2,
            &[
                "local ports",
                "sysctl -w net.ipv4.ip_local_port_range",
                "fewer connections",
            ],
        );
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_rate_that_may_use_up_the_ports_is_said_before_the_load() {
    let server = hostile::Server::start(Behaviour::Canned(OK));
    let url = format!("http://{}/", server.addr);
    // More in a second than there can be ports, so that it does not matter how soon the system frees them.
    let flags = ["--no-keepalive", "-R", "100000/s"];
    let outcome = run(&url, &flags).run();
    let says = "note: a connection for each request may hold 100000 local ports";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    let (said, begun) = (
        outcome.stderr.find(says),
        outcome.stderr.find("default · load"),
    );
    assert!(said < begun, "{}", outcome.stderr);
    let warnings = outcome.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("ip_local_port_range") && warnings.contains("tcp_tw_reuse"),
        "{warnings}"
    );
    let kept = run(&url, &flags[1..]).run();
    assert!(!kept.stderr.contains("local ports"), "{}", kept.stderr);
}

#[test]
fn wrong_flags_are_named() {
    let authority = Authority::generate();
    let (pair, other) = (authority.issue(&["a"]), authority.issue(&["b"]));
    let (ca, cert, key) = (authority.file(), &pair.cert, &pair.key);
    let (ca, cert, key, other) = (text(&ca), text(cert), text(key), text(&other.key));
    let secure = "https://127.0.0.1:1/";
    let plain = "http://127.0.0.1:1/";
    let table: &[(&str, &[&str], &str)] = &[
        (
            plain,
            &["--cacert", ca],
            "--cacert: it goes only with an https:// URL",
        ),
        (
            plain,
            &["--insecure"],
            "--insecure: it goes only with an https:// URL",
        ),
        (
            plain,
            &["--server-name", "a"],
            "--server-name: it goes only with",
        ),
        (
            secure,
            &["--cert", cert],
            "--cert: a client certificate needs its private key",
        ),
        (
            secure,
            &["--key", key],
            "--key: a private key needs its certificate",
        ),
        (
            secure,
            &["--cert", cert, "--key", other],
            "is not that of the certificate",
        ),
        (secure, &["--cert", key, "--key", key], "--cert: "),
        (
            secure,
            &["--cert", cert, "--key", cert],
            "holds no private key",
        ),
        (
            secure,
            &["--cacert", "none.pem"],
            "--cacert: cannot read none.pem: No such file",
        ),
        (secure, &["--cacert", key], "holds no certificate"),
        (
            secure,
            &["--cacert", ca, "--insecure"],
            "--cacert: `ca` says whom to trust and `insecure` trusts anyone",
        ),
        (
            secure,
            &["--server-name", "not a name"],
            "--server-name: `not a name` is neither a host name nor an address",
        ),
        (
            secure,
            &["--connect-to", "nowhere"],
            "--connect-to: `nowhere` is not HOST:PORT",
        ),
        (
            secure,
            &["--connect-to", "h:1", "--unix-socket", "s"],
            "--unix-socket: connections go to `connect_to` (--connect-to) or to `unix_socket` (--unix-socket), not to both",
        ),
        (secure, &["--unix-socket", ""], "--unix-socket"),
    ];
    for (url, args, says) in table {
        let outcome = TestBed::new().args(["run", url]).args(*args).run();
        let outcome = outcome.expect(2, &[says]);
        assert_eq!(outcome.stdout, "", "{args:?}");
        assert!(!outcome.home().join("runs").exists(), "{args:?}");
    }
}

#[test]
fn wrong_files_are_named_with_their_place() {
    let authority = Authority::generate();
    let pair = authority.issue(&["a"]);
    let whole = std::fs::read_to_string(&pair.key).unwrap();
    let encrypted = whole.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cut = whole.split("-----END").next().unwrap().to_owned();
    let table = [
        ("ca = \"none.pem\"", "3:21: target.tls.ca: ", "cannot read"),
        (
            "ca = \"empty.pem\"",
            "3:21: target.tls.ca: ",
            "holds no certificate; it must be PEM",
        ),
        (
            "ca = \"odd.pem\"",
            "3:21: target.tls.ca: ",
            "cannot be used",
        ),
        (
            "cert = \"cert.pem\", key = \"encrypted.pem\"",
            "3:41: target.tls.key: ",
            "is encrypted; name what opens it with `tls.passphrase = \"{{env.NAME}}\"`",
        ),
        (
            "cert = \"cert.pem\", key = \"encrypted.pem\", passphrase = \"hush-4711\"",
            "3:71: target.tls.passphrase: ",
            "does not belong in a scenario; write \"{{env.NAME}}\"",
        ),
        (
            "cert = \"cert.pem\", key = \"encrypted.pem\", passphrase = \"{{env.TELEMLOAD_NOT_SET}}\"",
            "3:71: target.tls.passphrase: ",
            "TELEMLOAD_NOT_SET",
        ),
        (
            "cert = \"cert.pem\", key = \"encrypted.pem\", passphrase_file = \"empty.pem\"",
            "3:76: target.tls.passphrase_file: ",
            "its first line is empty",
        ),
        (
            "passphrase_file = \"cut.pem\"",
            "3:34: target.tls.passphrase_file: ",
            "there is no private key",
        ),
        (
            "cert = \"cert.pem\", key = \"encrypted.pem\", passphrase_file = \"cert.pem\"",
            "3:41: target.tls.key: ",
            "encrypted in a way that telemload does not read",
        ),
        (
            "cert = \"cert.pem\", key = \"empty.pem\"",
            "3:41: target.tls.key: ",
            "holds no private key",
        ),
        (
            "cert = \"cert.pem\", key = \"cut.pem\"",
            "3:41: target.tls.key: ",
            "broken PEM",
        ),
        (
            "cert = \"cert.pem\", key = \"none.pem\"",
            "3:41: target.tls.key: ",
            "cannot read",
        ),
        (
            "cert = \"none.pem\", key = \"cut.pem\"",
            "3:23: target.tls.cert: ",
            "cannot read",
        ),
        (
            "cert = \"cert.pem\"",
            "3:23: target.tls.cert: ",
            "add `key`",
        ),
        (
            "insecure = true, ca = \"cert.pem\"",
            "3:38: target.tls.ca: ",
            "remove one",
        ),
        (
            "server_name = \"a b\"",
            "3:30: target.tls.server_name: ",
            "neither a host name",
        ),
        (
            "resumption = \"often\"",
            "3:29: target.tls.resumption: ",
            "write",
        ),
        (
            "resumption = 1",
            "3:29: target.tls.resumption: ",
            "use true, false or a share",
        ),
        (
            "insecure = 1",
            "3:27: target.tls.insecure: ",
            "expected true or false",
        ),
        (
            "certificate = \"x\"",
            "3:16: target.tls.certificate: ",
            "unknown key",
        ),
    ];
    for (keys, place, says) in table {
        let scenario = format!(
            "name = \"t\"\ntarget.url = \"https://127.0.0.1:1\"\ntarget.tls = {{ {keys} }}\n[load]\nmodel = \"closed\"\nconnections = 1\nrequests = 1\n[[request]]\nname = \"r\"\npath = \"/\"\n"
        );
        let outcome = TestBed::new()
            .file("s.toml", &scenario)
            .file("empty.pem", "")
            .file(
                "odd.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            )
            .file("cert.pem", std::fs::read(&pair.cert).unwrap())
            .file("encrypted.pem", &encrypted)
            .file("cut.pem", &cut)
            .args(["run", "s.toml"])
            .run();
        let outcome = outcome.expect(2, &[says]);
        let expected = format!("s.toml:{place}");
        assert!(
            outcome.stderr.contains(&expected),
            "{expected} in {}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
        let body = whole.lines().nth(1).unwrap();
        assert!(!outcome.stderr.contains(body), "{}", outcome.stderr);
    }
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let table = [
        (
            "gateway = {}\ntls = {}",
            "4:7: target.tls: ",
            "goes only with `url` and `command`",
        ),
        (
            "gateway = {}\nconnect_to = \"h:1\"",
            "4:14: target.connect_to: ",
            "goes only with `url`",
        ),
        (
            "command = \"x {port}\"\nunix_socket = \"s\"",
            "4:15: target.unix_socket: ",
            "goes only with `url`",
        ),
        (
            "command = \"x {port}\"\nready = \"/a b\"",
            "4:9: target.ready: ",
            "neither spaces",
        ),
        (
            "url = \"http://h\"\ntls = {}",
            "4:7: target.tls: ",
            "goes only with an https:// URL",
        ),
        (
            "url = \"http://h\"\nconnect_to = \"h\"",
            "4:14: target.connect_to: ",
            "is not HOST:PORT",
        ),
        (
            "url = \"http://h\"\nconnect_to = \"h:1\"\nunix_socket = \"s\"",
            "5:15: target.unix_socket: ",
            "not to both; remove one",
        ),
    ];
    for (target, place, says) in table {
        let scenario = format!(
            "name = \"t\"\n[target]\n{target}\n[load]\nmodel = \"closed\"\nconnections = 1\nrequests = 1\n[[request]]\nname = \"r\"\npath = \"/\"\n"
        );
        rejected(&scenario, place, &[says]);
    }
    for flags in [
        &["--insecure"][..],
        &["--connect-to", "h:1"],
        &["--unix-socket", "s"],
    ] {
        for target in ["gateway = {}", "command = \"x {port}\""] {
            let scenario = format!(
                "name = \"t\"\n[target]\n{target}\n[load]\nmodel = \"closed\"\nconnections = 1\nrequests = 1\n[[request]]\nname = \"r\"\npath = \"/\"\n"
            );
            let outcome = TestBed::new()
                .file("s.toml", &scenario)
                .args(["run", "s.toml"])
                .args(flags)
                .run();
            outcome.expect(2, &[flags[0], "it goes only with"]);
        }
    }
}

#[test]
fn an_encrypted_key_takes_its_passphrase_from_the_environment_or_a_file() {
    let (authority, pair) = {
        let authority = Authority::generate();
        let pair = authority.issue(&["127.0.0.1"]);
        (authority, pair)
    };
    let server = Server::start(&pair, Act::Serve(OK));
    let data = |name: &str| std::fs::read(Path::new("tests/data/tls").join(name)).unwrap();
    for keys in [
        "passphrase = \"{{env.KEY_PASSPHRASE}}\"",
        "passphrase_file = \"pass\"",
    ] {
        let tls = format!(
            "tls = {{ ca = \"ca.pem\", cert = \"c.pem\", key = \"k.pem\", {keys} }}\n[load]"
        );
        let scenario = url_scenario(server.addr, "1h", "")
            .replace("http://", "https://")
            .replace("[load]", &tls);
        let outcome = TestBed::new()
            .file("ca.pem", std::fs::read(authority.file()).unwrap())
            .file("c.pem", data("version-1.cert"))
            .file("k.pem", data("encrypted.key"))
            .file("pass", "correct-horse-17\n")
            .env("KEY_PASSPHRASE", "correct-horse-17")
            .scenario(&scenario)
            .args(["-n", "20"])
            .run()
            .expect(0, &[]);
        for file in outcome.files() {
            let bytes = std::fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("correct-horse"), "{}", file.display());
        }
    }
}

#[test]
fn a_load_that_needs_more_descriptors_than_there_may_be_says_which_limit_to_raise() {
    let refused = |limits: &'static str| {
        let bed = TestBed::new().shell(limits);
        let args = [
            "run",
            "http://127.0.0.1:1/",
            "-c",
            "300",
            "-n",
            "300",
            "--workers",
            "1",
        ];
        bed.args(args).run()
    };
    let says = [
        "the load needs 372 file descriptors, and the hard limit is 350 (the soft one, 300, telemload raises by itself)",
        "`ulimit -n 372`",
        "`LimitNOFILE=372`",
    ];
    refused("ulimit -Sn 300; ulimit -Hn 350").expect(2, &says);
    // The soft limit is no obstacle: what is left is that nothing listens.
    refused("ulimit -Sn 300; ulimit -Hn 380").expect(4, &["nothing listens"]);
}
