//! What is said of flags, files and keys that cannot be, before the load.

use super::text;
use crate::bed::TestBed;
use crate::rejected::rejected;
use crate::secure::Authority;

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
