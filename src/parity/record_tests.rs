//! What is kept of a request, and what is not.

use super::*;
use crate::transport::http1::Requests;

fn record(text: &str) -> Record {
    let mut requests = Requests::default();
    requests.take(text.replace('\n', "\r\n").as_bytes());
    let request = requests.next_whole().unwrap().unwrap();
    Record::of(&request, &Key::of([7; 32]))
}

const REQUEST: &str = "POST /v1/devices/4711/telemetry?seq=12&sid=hush-query&eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N HTTP/1.1
Host: api.hush.example
X-Device-Id: hush-device
Accept-Encoding: gzip, br
Content-Type: multipart/form-data; boundary=hush-boundary
Cookie: theme=hush-theme; sid=hush-cookie
Authorization: Bearer hush-token
Content-Length: 9

hush-body";

#[test]
fn names_order_and_sizes_are_kept_and_no_value_is() {
    let record = record(REQUEST);
    assert_eq!(record.route, "/v1/devices/*/telemetry");
    let names =
        |fields: &[Field]| -> Vec<String> { fields.iter().map(|field| field.0.clone()).collect() };
    assert_eq!(names(&record.query), ["seq", "sid", "*"]);
    assert_eq!(names(&record.cookies), ["theme", "sid"]);
    assert_eq!(
        names(&record.headers),
        [
            "Host",
            "X-Device-Id",
            "Accept-Encoding",
            "Content-Type",
            "Cookie",
            "Authorization",
            "Content-Length"
        ]
    );
    assert_eq!(record.body.unwrap().bytes, 9);
    let word = |name: &str| record.header(name).cloned();
    assert_eq!(
        word("accept-encoding"),
        Some(Value::Word("gzip, br".to_owned()))
    );
    assert_eq!(
        word("content-type"),
        Some(Value::Word("multipart/form-data".to_owned()))
    );
    let line = serde_json::to_string(&record).unwrap();
    assert!(!line.contains("hush") && !line.contains("eyJ"), "{line}");
    assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
}

#[test]
fn credentials_in_places_of_names_are_not_kept() {
    let record = record(
        "GET http://hush.example/bot/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N/ghp_0123456789abcdefghijABCDEFGHIJ012345 HTTP/1.1\nAccept: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N\n\n",
    );
    assert_eq!(record.route, "/bot/*/*");
    assert!(matches!(record.header("accept"), Some(Value::Print(_))));
}

#[test]
fn addresses_and_tokens_in_places_of_words_are_not_kept() {
    let record = record(
        "GET /reset/ada.hush@example.com/mail?ada.hush@example.com=1 HTTP/1.1
Accept: */*;key=\"hush1234567890abcdef\"
Accept-Encoding: hush1234567890abcdef
Cache-Control: no-cache, hush1234567890abcdef=1
Content-Type: application/x-www-form-urlencoded;charset=utf-8
Cookie: ada.hush@example.com=1

",
    );
    assert_eq!(record.route, "/reset/*/mail");
    let line = serde_json::to_string(&record).unwrap();
    assert!(!line.contains("hush"), "{line}");
    let word = "application/x-www-form-urlencoded;charset=utf-8".to_owned();
    assert_eq!(record.header("content-type"), Some(&Value::Word(word)));
}

/// Of letters alone, so that nothing but the segment before it tells what it is.
#[test]
fn a_credential_behind_such_a_segment_is_not_kept() {
    for (target, route) in [
        ("/reset/HushhushQwertzUiop/mail", "/reset/*/mail"),
        ("/api/v1/token/HushhushQwertzUiop", "/api/v1/token/*"),
        ("/a/reset%2FHushhushQwertzUiop", "/a/*"),
        ("/invite/hQ9kushLmWerTy?a=1", "/invite/*"),
        ("/reset/HushhushQwertzUiop==/mail", "/reset/*/mail"),
        ("/token/HushhushQwertzUiop,1", "/token/*"),
    ] {
        let record = record(&format!("GET {target} HTTP/1.1\nHost: a.example\n\n"));
        assert_eq!(record.route, route, "{target}");
    }
}

#[test]
fn names_with_numbers_are_names() {
    let record = record(
        "GET /?hush1234567890abcdef=1 HTTP/1.1\nX-Hub-Signature-256: a\nX-Amz-Content-Sha256: b\nX-Hush-12345-67890-abc: c\n\n",
    );
    let names: Vec<&str> = record.headers.iter().map(|of| of.0.as_str()).collect();
    assert_eq!(names, ["X-Hub-Signature-256", "X-Amz-Content-Sha256", "*"]);
    assert_eq!(record.query[0].0, "*");
}
