//! Answers that come compressed: they are looked into as if they had not been.

use std::io::Read;

use flate2::Compression;
use flate2::read::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use telemload::metrics::ErrorKind::{Body, Status};

use crate::drive::run;
use crate::scripted::Scripted;
use crate::{closed, errors};

fn all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    all(GzEncoder::new(bytes, Compression::best()))
}

fn answer(status: &str, encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Extracts a token from the first request and sends it in the second.
const SESSION: &str = r#"
[[request]]
name = "login"
fleet = "cars"
weight = 0
path = "/login"
expect = { body = { contains = "\"ok\"", matches = "^\\{", json = { "/n" = 3 } } }
extract = { token = "json:/token" }
[[request]]
name = "use"
fleet = "cars"
path = "/use/{{token}}"
"#;

const LOGIN: &[u8] = br#"{"ok":true,"n":3,"token":"t-4711"}"#;

#[test]
fn what_is_expected_and_extracted_is_found_in_every_encoding() {
    let zlib = all(ZlibEncoder::new(LOGIN, Compression::default()));
    for (encoding, body) in [
        ("gzip", gzip(LOGIN)),
        ("deflate", zlib),
        ("zstd", compress_to_vec(LOGIN, CompressionLevel::Fastest)),
        ("identity", LOGIN.to_vec()),
    ] {
        let login = answer("200 OK", encoding, &body);
        let server = Scripted::start(move |asked| match asked.path.as_str() {
            "/login" => login.clone(),
            _ => answer("200 OK", "identity", b""),
        });
        let report = run(server.addr, &closed(3, 1, 1), SESSION);
        assert_eq!(report.total.failed, 0, "{encoding}: {report:?}");
        assert!(
            server.count("/use/t-4711") > 0,
            "{encoding}: {:?}",
            server.asked()
        );
    }
}

#[test]
fn what_cannot_be_looked_into_is_an_error_with_words() {
    let bomb = gzip(&vec![0; 8 << 20]);
    assert!(bomb.len() < 16 << 10, "{}", bomb.len());
    for (encoding, body, says) in [
        (
            "compress",
            LOGIN.to_vec(),
            "encoded as `compress`, and telemload decodes gzip",
        ),
        (
            "gzip",
            LOGIN.to_vec(),
            "is not the `gzip` that its Content-Encoding says",
        ),
        ("gzip", gzip(LOGIN)[..20].to_vec(), "ends too early"),
        ("gzip", bomb.clone(), "has more than 1048576 bytes decoded"),
        (
            "gzip",
            gzip(b"").repeat(1_000),
            "in more than 16 members or frames",
        ),
        (
            "gzip, gzip",
            gzip(&bomb),
            "has more than 1048576 bytes decoded",
        ),
    ] {
        let said = answer("200 OK", encoding, &body);
        let server = Scripted::start(move |_| said.clone());
        let request = "[[request]]\nname = \"r\"\npath = \"/\"\nexpect.body.contains = \"never\"\n";
        let report = run(server.addr, &closed(3, 1, 1), request);
        assert_eq!(
            errors(&report),
            [(Body, 3)].into(),
            "{encoding}: {report:?}"
        );
        let words = &report.exemplars[&Body];
        assert!(words.contains(says), "{encoding}: {words}");
        // Where nothing of it is expected it is as good as any other.
        let plain = run(
            server.addr,
            &closed(3, 1, 1),
            "[[request]]\nname = \"r\"\npath = \"/\"\n",
        );
        assert_eq!(plain.total.failed, 0, "{encoding}: {plain:?}");
    }
}

#[test]
fn failures_are_shown_as_text_and_without_their_secrets() {
    let text = format!(
        "{{\"error\":\"no seats left\",\"token\":\"hush-hush-hush\",\"more\":\"{}\"}}",
        "x".repeat(9_000)
    );
    for (encoding, body, says) in [
        (
            "gzip",
            gzip(text.as_bytes()),
            "status 500: {\"error\":\"no seats left\",\"token\":\"[redacted]\"",
        ),
        ("lzma", text.clone().into_bytes(), "bytes encoded as lzma"),
    ] {
        let said = answer("500 No", encoding, &body);
        let server = Scripted::start(move |_| said.clone());
        let report = run(
            server.addr,
            &closed(3, 1, 1),
            "[[request]]\nname = \"r\"\npath = \"/\"\n",
        );
        let words = &report.exemplars[&Status];
        assert!(
            words.contains(says) && !words.contains("hush-hush"),
            "{words}"
        );
        assert!(words.len() < 400, "{words}");
    }
}
