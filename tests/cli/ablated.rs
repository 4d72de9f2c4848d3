//! What each header costs: trials of a service that needs two headers to do costly work, through the binary.

use serde_json::Value;

use crate::bed::TestBed;

/// Answers 401 to one header without the other one, and works for two milliseconds for both.
const SERVICE: &str = r#"
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        ident, token = self.headers.get("X-Id"), self.headers.get("X-Token")
        status = 200
        if ident and token:
            end = time.thread_time() + 0.002
            while time.thread_time() < end: pass
        elif ident:
            status = 401
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

const SCENARIO: &str = r#"
name = "shop"
[target]
command = "python3 service.py {port}"
ready = "/"
[load]
model = "open"
rate = "50/s"
connections = 2
duration = "10s"
[[request]]
name = "get"
path = "/"
[[variant]]
name = "laptop"
[[variant]]
name = "production"
request.get.headers = { X-Id = "4711", X-Token = "hush" }
[[compare]]
base = "laptop"
head = "production"
"#;

fn bed() -> TestBed {
    TestBed::new()
        .file("service.py", SERVICE)
        .file("shop.toml", SCENARIO)
        .args(["ablate", "shop.toml", "--out", "out"])
}

#[test]
fn headers_that_cost_only_together_are_told_from_those_that_cost_alone() {
    let args = ["--window", "600ms", "--json"];
    let outcome = bed().args(args).run().expect_one_of(&[0, 3]);
    let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(found["local"], "laptop");
    assert_eq!(found["production"], "production");
    let us = |of: &str| found["whole"][of].as_f64().unwrap();
    assert!(us("with_us") > us("without_us") + 1_500.0, "{found:#}");
    let factor = |name: &str| {
        let mut factors = found["factors"].as_array().unwrap().iter();
        factors.find(|of| of["header"] == name).unwrap()
    };
    assert_eq!(factor("X-Token")["dropped"]["answers_changed"], "200 → 401");
    assert_eq!(factor("X-Id")["added"]["answers_changed"], "200 → 401");
    assert_eq!(factor("X-Token")["added"]["answers"], "same");
    // Dropping the identifier saves the work, and nobody would answer otherwise.
    assert_eq!(factor("X-Id")["dropped"]["answers"], "same");
    assert!(!outcome.stdout.contains("hush"), "{}", outcome.stdout);
    for run in ["together", "one-by-one"] {
        let result = outcome.dir().join(run).join("result.json");
        assert!(result.exists(), "{run}");
    }
}

#[test]
fn what_cannot_be_ablated_is_refused_before_anything_starts() {
    for (args, says) in [
        (
            ["--factor", "X-No"],
            "shop.toml: `X-No` is no header of variant `production`; it has X-Id, X-Token",
        ),
        (["--local", "night"], "there is no variant `night`"),
        (["--window", "100ms"], "--window: turns need 0.4 s or more"),
    ] {
        let outcome = bed().args(args).run().expect(2, &[says]);
        assert!(!outcome.dir().exists());
    }
    let url = r#"
name = "u"
target.url = "http://127.0.0.1:1"
[load]
model = "closed"
connections = 1
duration = "1s"
[[request]]
name = "r"
path = "/"
headers = { X-A = "1" }
"#;
    TestBed::new()
        .file("url.toml", url)
        .args(["ablate", "url.toml"])
        .run()
        .expect(
            2,
            &["two launches of the target cannot be up at once: both are one target"],
        );
}
