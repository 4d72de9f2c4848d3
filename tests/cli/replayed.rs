//! Recorded traffic is imported, sent again to a tap, and audited: what was sent is what was recorded.

use serde_json::Value;

use crate::bed::{Outcome, TestBed, until};

/// Requests that are sent of each.
const REQUESTS: &str = "60";

fn har() -> String {
    let entry = |n: u32| {
        let (method, path, more) = match n % 3 {
            0 => (
                "POST",
                "/orders",
                r#","postData":{"mimeType":"application/json","text":"{\"item\":4711}"}"#,
            ),
            _ => ("GET", "/items?page=1", ""),
        };
        let typed = match more {
            "" => "",
            _ => r#",{"name":"Content-Type","value":"application/json"}"#,
        };
        format!(
            r#"{{"startedDateTime":"2026-05-26T11:42:{:02}.{}00Z","time":5,"connection":"{}","request":{{"method":"{method}","url":"http://shop.example{path}","httpVersion":"HTTP/1.1","headers":[{{"name":"User-Agent","value":"shop/1"}},{{"name":"X-Shop","value":"a"}},{{"name":"Cookie","value":"lang=en"}}{typed}]{more}}},"response":{{"status":200,"content":{{"size":2}}}}}}"#,
            n / 5,
            n % 5 * 2,
            n % 2
        )
    };
    let entries: Vec<String> = (0..60).map(entry).collect();
    format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"shop","version":"1"}},"entries":[{}]}}}}"#,
        entries.join(",")
    )
}

fn curl() -> String {
    "curl 'http://shop.example/items?page=1' -H 'Accept: text/html' -H 'X-Shop: a' --compressed\ncurl http://shop.example/orders -H 'Content-Type: application/json' -d '{\"item\":4711}'\n".to_owned()
}

fn combined() -> String {
    let line = |n: u32| {
        let request = match n % 3 {
            0 => "POST /orders",
            _ => "GET /items?page=1",
        };
        format!(
            "192.0.2.7 - - [30/Nov/2026:10:00:{:02} +0000] \"{request} HTTP/1.1\" 200 12 \"http://shop.example/\" \"app/1\"\n",
            n / 5
        )
    };
    (0..60).map(line).collect()
}

/// As Caddy writes it: with all headers.
fn json() -> String {
    let line = |n: u32| {
        let (method, path) = match n % 3 {
            0 => ("POST", "/orders"),
            _ => ("GET", "/items?page=1"),
        };
        format!(
            r#"{{"ts":{}.{}, "request":{{"remote_ip":"192.0.2.7","remote_port":"{}","proto":"HTTP/1.1","method":"{method}","host":"shop.example","uri":"{path}","headers":{{"User-Agent":["app/1"],"X-Shop":["a"]}}}},"bytes_read":0,"duration":0.01,"size":2,"status":200}}"#,
            1_790_000_000 + n / 5,
            n % 5 * 2,
            4_000 + n % 2
        ) + "\n"
    };
    (0..60).map(line).collect()
}

/// What an audit finds that is neither alike nor left open, but for arrivals where these were others.
fn unlike(audit: &Outcome, are_timed: bool) -> Vec<String> {
    let found: Value = serde_json::from_str(&audit.stdout).unwrap();
    let findings = found["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|of| {
        let is_open = ["same", "not_judged"].contains(&of["verdict"].as_str().unwrap());
        !is_open && (are_timed || of["of"] != "arrivals")
    });
    findings.map(ToString::to_string).collect()
}

/// Imports a source, replays it, and audits the scenario against the source and against what arrived.
#[track_caller]
fn check(name: &str, text: &str, exit: i32) {
    let tap = TestBed::new()
        .args(["tap", "--listen", "0", "--direct", "-o", "sample.jsonl"])
        .args(["-n", REQUESTS])
        .start();
    let place = until("the address of the tap", || {
        let text = tap.read("stderr");
        let rest = text.split("taps http://").nth(1)?;
        Some(rest.split_once(';')?.0.to_owned())
    });
    let imported = TestBed::new()
        .file(name, text)
        .args(["import", name, "-o", "s.toml", "--timing"])
        .args(["--target", &format!("http://{place}")])
        .run()
        .expect(0, &[]);
    let scenario = imported.home().join("s.toml");
    let scenario = scenario.to_str().unwrap();
    TestBed::new()
        .args(["run", scenario, "--out", "out", "-n", REQUESTS, "-R", "300"])
        .run()
        .expect_one_of(&[0, 1, 3, 4]);
    let tapped = tap.wait().expect(0, &[]);
    assert!(
        tapped.stdout.contains("took 60 requests"),
        "{}",
        tapped.stdout
    );
    let audit = |sample: &str, code: i32| {
        let args = ["audit", scenario, sample, "--json"];
        TestBed::new().args(args).run().expect(code, &[])
    };
    let source = imported.home().join(name);
    let of_source = unlike(&audit(source.to_str().unwrap(), exit), true);
    assert!(of_source.is_empty(), "{name}: {of_source:#?}");
    let sample = tapped.home().join("sample.jsonl");
    let of_sample = unlike(&audit(sample.to_str().unwrap(), 0), false);
    assert!(of_sample.is_empty(), "{name}: {of_sample:#?}");
}

#[test]
fn an_archive_is_sent_as_it_was_recorded() {
    check("shop.har", &har(), 0);
}

#[test]
fn commands_are_sent_as_they_are_written() {
    check("shop.sh", &curl(), 0);
}

#[test]
fn an_access_log_is_sent_as_far_as_it_tells() {
    check("access.log", &combined(), 3);
}

#[test]
fn a_log_with_all_headers_is_sent_with_them() {
    check("access.jsonl", &json(), 0);
}
