//! The measured path allocates nothing per request once it is warm: twice the requests, the same number of allocations.
//! A test binary of its own, because counting replaces the global allocator.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/drive.rs"]
pub mod drive;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use telemload::engine::{Engine, Rendered, Source};
use telemload::scenario::{Overrides, parse};
use telemload::traffic::fleet::Roster;
use telemload::traffic::template::Secrets;

const FIELDS: &str = r#"
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/telemetry?n={{seq}}&at={{now unix_ms}}"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}", X-Trace = "{{uuid}}" }
body = '{"seq":{{seq}},"speed":{{int 0 180}},"load":{{float 0 1}},"gear":"{{choice park drive reverse}}","at":"{{now rfc3339}}"}'
"#;

const RENDERED: &str = r#"
name = "t"
target.url = "http://127.0.0.1:1"
load = { model = "closed", connections = 1, duration = "1s" }
[fleet.cars]
devices = 100
[feed.trips]
file = "FEED"
[[request]]
name = "login"
fleet = "cars"
weight = 0
path = "/login"
extract = { token = "json:/token" }
[[request]]
name = "patched"
fleet = "cars"
weight = 5
path = "/v1/{{uuid}}?at={{now}}&s={{now unix}}&ms={{now unix_ms}}&ns={{now unix_ns}}"
headers = { X-Id = "{{device.id}}", Authorization = 'Basic {{base64 device.id ":" device.secret}}' }
body = '{"a":{{int 100 999}},"f":{{float 10 99 3}},"c":"{{choice ab cd}}"}'
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/{{seq}}/{{trips.vin}}"
headers = { X-Token = "{{token}}" }
body = '{"a":{{int 0 100000}},"f":{{float -1 1}},"v":"{{trips.vin}}","b":"{{base64 trips.note seq}}","n":"{{now}}"}'
"#;

/// A server on a thread of its own that answers every request at once with `body`, for as long as the test lasts.
fn answers(body: &str) -> SocketAddr {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Session: abc-123\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer: &'static [u8] = answer.leak().as_bytes();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                // A request comes whole: it is one small write on loopback.
                while stream.read(&mut buffer).is_ok_and(|n| n > 0) {
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Allocations of a run of this many requests, all of them answered.
fn allocations(address: SocketAddr, load: &str, requests: &str, count: u64) -> u64 {
    let mut plan = drive::drive(address, &format!("{load}\nrequests = {count}"), requests);
    // No interval ends before the run does: its hand-over is not per request.
    plan.interval = std::time::Duration::from_secs(60);
    let mut ok = 0;
    let counted = allocation_counter::measure(|| {
        let (intervals, end) = Engine::drive_here(&plan);
        assert_eq!(end.failure, None);
        ok = intervals
            .iter()
            .flat_map(|interval| &interval.tallies)
            .map(|tally| tally.ok)
            .sum();
    });
    assert_eq!(ok, count, "every request is answered");
    counted.count_total
}

const NOTED: &str = r#"
[[request]]
name = "payloads"
path = "/"
body = '{"payloads":[{"id":"{{seq}}-a"},{"id":"{{seq}}-b"}]}'
acknowledged = ["{{seq}}-a", "{{seq}}-b"]
"#;

const CLOSED: &str = "model = \"closed\"\nconnections = 4\nduration = \"30s\"";

fn allocates_as_often_for_more_requests(address: SocketAddr, load: &str, requests: &str) {
    // What is set up once in a process is set up here.
    allocations(address, load, requests, 10);
    let few = allocations(address, load, requests, 2_000);
    let many = allocations(address, load, requests, 8_000);
    // An open loop opens a connection when all are busy, and so may need one fewer or more, at a few each.
    assert!(
        many.abs_diff(few) < 30,
        "{few} allocations for 2,000 requests, {many} for 8,000: {load} {requests}"
    );
}

#[test]
fn no_request_allocates_once_warm() {
    let open = "model = \"open\"\nrate = \"20000/s\"\nconnections = 4\nduration = \"30s\"";
    for (load, requests) in [
        (CLOSED, drive::GET),
        (CLOSED, FIELDS),
        (open, drive::GET),
        (open, FIELDS),
        (CLOSED, NOTED),
    ] {
        allocates_as_often_for_more_requests(answers("ok"), load, requests);
    }
}

/// With escapes in keys and values, members that nobody looks at, and numbers that are not as they are sent on.
const JSON: &str = r#"{"t\u006fken":"s3cr\u00e9t","plain":"text","id":17,"ratio":1.50,"big":12e3,"ok":true,"none":null,
"items":[{"n":1},{"n":2.0,"name":"a\/b","tags":[]}],"more":{"deep":[[1,{"x":{}}]],"unused":"\ud83d\ude00 é"}}"#;

#[test]
fn no_answer_that_is_looked_at_allocates_once_warm() {
    let address = answers(JSON);
    for looks in [
        "expect.status = [409, 200]",
        "expect.headers = { X-Session = \"abc-123\", Content-Type = { matches = \"^application/\" } }",
        "expect.body.contains = \"unused\"",
        "expect.body.matches = '\"id\": *1[0-9]\\b'",
        "expect.body.json = { \"/token\" = \"s3cr\u{e9}t\", \"/ratio\" = 1.5, \"/ok\" = true, \"/items/1/name\" = \"a/b\" }",
        "expect.body.json.\"/items\" = [{ n = 1.0 }, { n = 2, name = \"a/b\", tags = [] }]",
        "extract = { a = \"json:/token\", b = \"json:/plain\", c = \"json:/ratio\", d = \"json:/big\", e = \"json:/ok\" }",
        "extract = { a = \"header:X-Session\", b = \"json:/id\" }",
    ] {
        let request =
            format!("[[request]]\nname = \"looks\"\nfleet = \"cars\"\npath = \"/\"\n{looks}\n");
        allocates_as_often_for_more_requests(address, CLOSED, &request);
    }
}

#[test]
fn a_request_is_rendered_without_allocation_once_warm() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f.csv"), "vin,note\nA1,x\nB22,yyy\n").unwrap();
    let text = RENDERED.replace("FEED", "f.csv");
    let plan = parse("t.toml", &text, directory.path(), &Overrides::default()).unwrap();
    let variant = &plan.variants[0];
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let mut source = Source::new(
        variant.requests.clone().into(),
        rosters.into(),
        "127.0.0.1:1",
        7,
        Secrets::Sent,
    );
    let mut out = Rendered::default();
    let mut render = |numbers: std::ops::Range<u64>| {
        let mut kinds = [0; 3];
        for n in numbers {
            let kind = source.kind(n);
            source.render(kind, n, &mut out);
            kinds[kind] += 1;
        }
        kinds
    };
    // Both kinds, and numbers as long as those that are measured.
    render(10_000..11_000);
    let mut kinds = [0; 3];
    let measured = allocation_counter::measure(|| kinds = render(11_000..21_000));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    assert!(kinds[1] > 1_000 && kinds[2] > 1_000, "{kinds:?}");
}
