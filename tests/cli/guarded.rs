//! A gateway in the foreground: its debug and administrative endpoints are for who has its key.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;

use crate::bed::{TestBed, free_port, until};

fn status(address: &str, authorization: Option<&str>) -> String {
    let mut stream = until("the gateway", || TcpStream::connect(address).ok());
    let authorization = authorization.map_or_else(String::new, |key| {
        let pair = STANDARD.encode(format!("admin:{key}"));
        format!("Authorization: Basic {pair}\r\n")
    });
    let request = format!(
        "POST /admin/revoke/nobody HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply[9..12].to_owned()
}

#[test]
fn the_key_is_in_a_file_of_its_own_and_nowhere_else() {
    let address = format!("127.0.0.1:{}", free_port());
    let bed = TestBed::new().args(["gateway", "--listen", &address, "--key-file", "key"]);
    let path = bed.path("key");
    let running = bed.start();
    assert_eq!(status(&address, None), "401");
    let key = fs::read_to_string(&path).unwrap();
    let key = key.trim();
    assert_eq!(key.len(), 64);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        status(&address, Some(key)),
        "404",
        "there is no such device"
    );
    assert_eq!(status(&address, Some(&"0".repeat(64))), "401");
    running.signal(Signal::TERM);
    let outcome = running.wait().expect(0, &[]);
    assert!(!(outcome.stdout + &outcome.stderr).contains(key));
}

#[test]
fn without_a_file_for_the_key_nobody_is_let_in() {
    let address = format!("127.0.0.1:{}", free_port());
    let running = TestBed::new()
        .args(["gateway", "--listen", &address])
        .start();
    assert_eq!(status(&address, None), "401");
    assert_eq!(status(&address, Some("")), "401");
    running.signal(Signal::TERM);
    running.wait().expect(0, &[]);
}

#[test]
fn a_key_file_that_exists_is_left_alone() {
    let bed = TestBed::new().file("key", "mine").args([
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--key-file",
        "key",
    ]);
    let path = bed.path("key");
    let outcome = bed
        .run()
        .expect(2, &["--key-file key: File exists", "name a new file"]);
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    drop(outcome);
}

#[test]
fn a_digest_that_lets_in_who_writes_to_the_store_is_told_at_the_start() {
    let words = "who can write to the store can log in as any device";
    for (digest, is_told) in [("digest = \"sha256\"", true), ("", false)] {
        let gateway = format!(
            "[target.gateway]\nauth = \"cached\"\nstore = \"redis://127.0.0.1:9\"\n{digest}\n"
        );
        let request = "[[request]]\nname = \"get\"\npath = \"/\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n";
        let outcome = TestBed::new()
            .file("s.toml", format!("name = \"test\"\n{gateway}{request}"))
            .args(["gateway", "s.toml", "--listen", "127.0.0.1:0"])
            .run()
            .expect(5, &["cannot use the store"]);
        assert_eq!(
            outcome.stderr.contains(words),
            is_told,
            "{}",
            outcome.stderr
        );
    }
}
