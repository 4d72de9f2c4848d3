//! Whom the engine trusts, how it identifies itself, and what it says of a handshake that fails.

use telemload::metrics::ErrorKind;
use telemload::transport::tls::Tls;

use crate::drive::{GET, TELEMETRY};
use crate::hostile::OK;
use crate::secure::{Act, Authority, Pair, Server, Spec};
use crate::{CLOSED, OPEN, authority, run_tls, trusting};

#[test]
fn requests_go_over_tls_and_keep_their_connections() {
    let (authority, pair) = authority();
    for load in [CLOSED, OPEN] {
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = trusting(&authority);
        let report = run_tls(server.addr, &tls, "127.0.0.1", load, TELEMETRY);
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{report:?}");
        let seen = server.seen();
        assert_eq!(seen.requests, 60);
        assert!(seen.connections <= 3, "{seen:?}");
        assert_eq!(report.end().opening.count(), seen.handshakes);
        assert!(seen.heads[0].contains(&format!("Host: {}\r\n", server.addr)));
        assert_eq!(seen.names[0], None, "an address is no server name");
    }
}

#[test]
fn the_certificate_is_checked_for_the_urls_host_or_for_another_name() {
    let authority = Authority::generate();
    let pair = authority.issue(&["shop.test"]);
    let tls = trusting(&authority);
    let named = tls.clone().named("shop.test").unwrap();
    for (tls, host) in [(&tls, "shop.test"), (&named, "127.0.0.1")] {
        let server = Server::start(&pair, Act::Serve(OK));
        let report = run_tls(server.addr, tls, host, CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{host}: {report:?}");
        let seen = server.seen();
        assert_eq!(seen.names[0].as_deref(), Some("shop.test"), "{host}");
        assert!(seen.heads[0].contains(&format!("Host: {host}:")));
    }
}

#[test]
fn a_handshake_that_fails_says_what_to_do() {
    let (authority, pair) = authority();
    let other = Authority::generate();
    let elsewhere = authority.issue(&["shop.test", "www.shop.test"]);
    let expired = authority.issue_expired(&["127.0.0.1"]);
    let stranger = other.issue(&["a client"]);
    let tls = trusting(&authority);
    let known_by_none = tls
        .clone()
        .identified(&stranger.cert, &stranger.key, None)
        .unwrap();
    let of_clients = authority.file();
    let serve = Act::Serve(OK);
    type Case<'a> = (&'a str, &'a Tls, &'a Pair, bool, Act, &'a [&'a str]);
    let cases: [Case<'_>; 8] = [
        (
            "unknown authority",
            &trusting(&other),
            &pair,
            false,
            serve,
            &["tls.ca", "--cacert", "--insecure"],
        ),
        (
            "another name",
            &tls,
            &elsewhere,
            false,
            serve,
            &["is for", "shop.test", "not for 127.0.0.1", "--server-name"],
        ),
        (
            "expired",
            &tls,
            &expired,
            false,
            serve,
            &["has expired", "clock"],
        ),
        (
            "no client certificate",
            &tls,
            &pair,
            true,
            serve,
            &["wants a client certificate", "--cert", "--key"],
        ),
        (
            "a stranger's certificate",
            &known_by_none,
            &pair,
            true,
            serve,
            &["refused the client certificate", "--cert"],
        ),
        (
            "no TLS",
            &tls,
            &pair,
            false,
            Act::Plain,
            &["does not speak TLS", "http://"],
        ),
        (
            "closed",
            &tls,
            &pair,
            false,
            Act::Vanish,
            &["closed the connection in the handshake"],
        ),
        (
            "stranger to the system",
            &Tls::system(),
            &pair,
            false,
            serve,
            &["--cacert"],
        ),
    ];
    let load = "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1";
    for (case, tls, pair, asks, act, says) in cases {
        let clients = asks.then_some(of_clients.as_path());
        let server = Server::with(&Spec {
            address: "127.0.0.1:0",
            pair,
            clients,
            act,
        });
        let report = run_tls(server.addr, tls, "127.0.0.1", load, GET);
        assert_eq!(report.errors(), [(ErrorKind::Tls, 4)], "{case}: {report:?}");
        let words = &report.exemplars[&ErrorKind::Tls];
        for part in says {
            assert!(words.contains(part), "{case}: no {part:?} in {words}");
        }
        assert_eq!(server.seen().requests, 0, "{case}");
        assert_eq!(report.total.sent, 0, "{case}");
    }
}

#[test]
fn a_handshake_that_stalls_runs_into_the_timeout() {
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::Stall);
    let load =
        "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1\ntimeout = \"100ms\"";
    let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, 4)],
        "{report:?}"
    );
    let words = &report.exemplars[&ErrorKind::ConnectTimeout];
    assert!(
        words.contains("TLS handshake") && words.contains("100ms"),
        "{words}"
    );
}

#[test]
fn a_server_that_waits_for_another_handshake_is_told_from_a_slow_one() {
    let (authority, pair) = authority();
    let server = Server::start(&pair, Act::AskAnew);
    let load =
        "model = \"closed\"\nrequests = 2\nconnections = 1\nworkers = 1\ntimeout = \"500ms\"";
    let report = run_tls(server.addr, &trusting(&authority), "127.0.0.1", load, GET);
    assert_eq!(report.errors(), [(ErrorKind::Timeout, 2)], "{report:?}");
    let words = &report.exemplars[&ErrorKind::Timeout];
    assert!(
        words.contains("within 500ms: the server asks to negotiate TLS anew")
            && !words.contains("raise the timeout"),
        "{words}"
    );
}

#[test]
fn a_client_certificate_opens_a_server_that_asks_for_one() {
    let (authority, pair) = authority();
    let client = authority.issue(&["a client"]);
    let both = client.cert.with_extension("pem");
    let text = [&client.cert, &client.key].map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(&both, text.concat()).unwrap();
    for (cert, key) in [(&client.cert, &client.key), (&both, &both)] {
        let clients = authority.file();
        let server = Server::with(&Spec {
            address: "127.0.0.1:0",
            pair: &pair,
            clients: Some(&clients),
            act: Act::Serve(OK),
        });
        let tls = trusting(&authority).identified(cert, key, None).unwrap();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{report:?}");
    }
}

#[test]
fn a_certificate_that_is_named_may_be_the_targets_own() {
    let (authority, _) = authority();
    let own = authority.issue_own(&["127.0.0.1"]);
    let server = Server::start(&own, Act::Serve(OK));
    let trusting = |cert: &std::path::Path| Tls::system().trusting(cert).unwrap();
    let report = run_tls(server.addr, &trusting(&own.cert), "127.0.0.1", CLOSED, GET);
    assert_eq!(report.total.ok, 60, "{report:?}");
    // Another name, and another authority's word.
    let other = authority.issue_own(&["127.0.0.1"]);
    for (tls, name, says) in [
        (trusting(&own.cert), "shop.test", "not for shop.test"),
        (trusting(&other.cert), "127.0.0.1", "that very certificate"),
        (
            trusting(&authority.file()),
            "127.0.0.1",
            "that very certificate",
        ),
    ] {
        let report = run_tls(server.addr, &tls, name, CLOSED, GET);
        let words = &report.exemplars[&ErrorKind::Tls];
        assert!(report.total.ok == 0 && words.contains(says), "{words}");
    }
}

#[test]
fn any_certificate_will_do_if_that_is_wanted() {
    let (_authority, pair) = authority();
    let server = Server::start(&pair, Act::Serve(OK));
    let tls = Tls::system().unchecked();
    assert!(!tls.is_checked());
    let report = run_tls(server.addr, &tls, "shop.test", CLOSED, GET);
    assert_eq!(report.total.ok, 60, "{report:?}");
}

#[test]
fn a_certificate_that_no_library_reads_will_do_if_any_will() {
    let home = tempfile::tempdir().unwrap();
    let garbage = home.path().join("garbage.cert");
    std::fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZSBhbmQgbm90IERFUg==\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    for cert in [data("version-1.cert"), data("no-names.cert"), garbage] {
        let pair = Pair {
            cert,
            key: data("version-1.key"),
        };
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = Tls::system().unchecked();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        assert_eq!(report.total.ok, 60, "{pair:?}: {report:?}");
    }
}

#[test]
fn a_certificate_of_version_1_is_the_servers_business() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    let tls = Tls::system()
        .unchecked()
        .identified(&data("version-1.cert"), &data("version-1.key"), None)
        .unwrap();
    let (authority, pair) = authority();
    let ca = authority.file();
    let server = Server::with(&Spec {
        address: "127.0.0.1:0",
        pair: &pair,
        clients: Some(&ca),
        act: Act::Serve(OK),
    });
    // This one takes none of version 1, and that it says so shows that it came.
    let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
    let words = report.exemplars.values().next().unwrap();
    assert!(words.contains("refused the client certificate"), "{words}");
    let other = authority.issue(&["a client"]);
    let mismatch = Tls::system().identified(&data("version-1.cert"), &other.key, None);
    let words = mismatch.unwrap_err().to_string();
    assert!(words.contains("is not that of the certificate"), "{words}");
}

#[test]
fn a_certificate_without_names_is_refused_without_sending_anyone_in_a_circle() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    for (cert, says) in [
        (
            "no-names.cert",
            &[
                "no alternative names",
                "subjectAltName=IP:127.0.0.1",
                "--insecure",
            ][..],
        ),
        (
            "version-1.cert",
            &["X.509 version 1", "version 3", "--insecure"],
        ),
    ] {
        let pair = Pair {
            cert: data(cert),
            key: data("version-1.key"),
        };
        let server = Server::start(&pair, Act::Serve(OK));
        let tls = Tls::system().trusting(&pair.cert).unwrap();
        let report = run_tls(server.addr, &tls, "127.0.0.1", CLOSED, GET);
        let words = report.exemplars.values().next().unwrap();
        for part in says {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
        assert!(!words.contains("server_name"), "{words}");
    }
}

#[test]
fn an_encrypted_key_is_opened_by_its_passphrase_alone() {
    let data = |name: &str| std::path::Path::new("tests/data/tls").join(name);
    let open = |key: &str, passphrase: Option<&str>| {
        let passphrase = passphrase.map(str::as_bytes);
        let tls = Tls::system().identified(&data("version-1.cert"), &data(key), passphrase);
        tls.map(drop).map_err(|error| error.to_string())
    };
    for key in ["encrypted.key", "encrypted-scrypt.key"] {
        // That it is the key of the certificate was looked at.
        assert_eq!(open(key, Some("correct-horse-17")), Ok(()));
        let wrong = open(key, Some("hush-4711")).unwrap_err();
        assert!(
            wrong.contains("does not open the key in tests/data/tls/encrypted"),
            "{wrong}"
        );
        assert!(!wrong.contains("hush"), "{wrong}");
        let wanted = open(key, None).unwrap_err();
        assert!(
            wanted.contains("`tls.passphrase = \"{{env.NAME}}\"`"),
            "{wanted}"
        );
    }
    assert_eq!(open("version-1.key", Some("not needed")), Ok(()));
}
