//! Loads over TLS: whom to trust, certificates of clients, sessions that are resumed.

use std::path::Path;

use super::{all_ok, run, secure, text};
use crate::bed::{Outcome, TestBed, command_scenario, descendant, free_port, url_scenario};
use crate::hostile::OK;
use crate::secure::{Act, Authority, Pair, Server, Spec};

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
        .expect(4, &["write the url with https://"]);
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
