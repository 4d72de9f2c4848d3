//! What each factor costs: trials of a service that needs two headers to do costly work, through the binary.

use std::fs;

use crate::bed::{TestBed, as_documented};
use crate::hostile::{self, Behaviour, Server};

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
request.get.headers = { X-Id = "4711", X-Token = "hush", X-Note = "1" }
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
    let args = ["--window", "600ms", "--blocks", "1", "--json"];
    let once = ["--most-blocks", "1"];
    let outcome = bed().args(args).args(once).run().expect_one_of(&[0, 3]);
    let found = as_documented("ablation", &outcome.stdout);
    assert_eq!(found["local"], "laptop");
    assert_eq!(found["production"], "production");
    let us = |of: &str| found["whole"][of].as_f64().unwrap();
    assert!(us("with_us") > us("without_us") + 1_500.0, "{found:#}");
    let factor = |name: &str| {
        let mut factors = found["factors"].as_array().unwrap().iter();
        factors.find(|of| of["name"] == name).unwrap()
    };
    assert_eq!(factor("X-Token")["dropped"]["answers_changed"], "200 → 401");
    assert_eq!(factor("X-Id")["added"]["answers_changed"], "200 → 401");
    assert_eq!(factor("X-Token")["added"]["answers"], "same");
    // Dropping the identifier saves the work, and nobody would answer otherwise.
    assert_eq!(factor("X-Id")["dropped"]["answers"], "same");
    assert_eq!(factor("X-Note")["added"]["launches"], 1);
    // That one is answered with nothing but 401 is no end: the pair is tried.
    let pair = &found["pairs"][0];
    assert_eq!(pair["factors"].to_string(), r#"["X-Id","X-Token"]"#);
    assert_eq!(pair["direction"], "added");
    let judged = &found["judged"];
    assert_eq!(
        (&judged["looks"], &judged["trials"]),
        (&1.into(), &6.into())
    );
    assert!(!outcome.stdout.contains("hush"), "{}", outcome.stdout);
    for file in [
        "together/result.json",
        "one-by-one/result.json",
        "pairs/result.json",
        "report.html",
        "ablation.md",
    ] {
        assert!(outcome.dir().join(file).exists(), "{file}");
    }
    assert_eq!(
        fs::read_to_string(outcome.dir().join("ablation.json")).unwrap(),
        outcome.stdout
    );
}

/// The scenario of the story in short turns, with a smaller object and costlier hashes: without optimisation the gateway's own work is a larger part
/// than it is in production. Where the machine is so busy that one launch tells nothing, others follow, and profiles are long enough for a
/// target that hardly gets a CPU.
#[test]
fn the_shipped_scenario_names_both_headers_and_the_function_that_they_cost() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/local-vs-production-headers.toml"
    );
    let shipped = fs::read_to_string(path).unwrap();
    let scenario = shipped
        .replacen("duration = \"10s\"", "duration = \"1s\"", 1)
        .replace("bcrypt_cost = 7", "bcrypt_cost = 8")
        .replace("user_kib = 64", "user_kib = 1")
        // That of the profile.
        .replace("duration = \"10s\"", "duration = \"4s\"")
        .replace("[target]", "allow_untrusted = true\n[target]");
    let outcome = TestBed::new()
        .file("story.toml", scenario)
        .args(["ablate", "story.toml", "--out", "out", "--json"])
        .args(["--window", "500ms", "--blocks", "1", "--most-blocks", "4"])
        .run()
        .expect(0, &[]);
    let found = as_documented("ablation", &outcome.stdout);
    assert!(
        found["share_of_production"].as_f64().unwrap() > 0.3,
        "{found:#}"
    );
    let together = found["only_together"][0].as_array().unwrap();
    for name in ["X-Device-Id", "X-Device-Token"] {
        assert!(together.iter().any(|of| of == name), "{found:#}");
    }
    let functions = found["functions"].as_array().unwrap().iter();
    let mut functions = functions.map(|name| name.as_str().unwrap());
    // bcrypt, or the cipher that it is made of.
    let is_bcrypt = |name: &str| name.contains("bcrypt") || name.contains("blowfish");
    assert!(functions.any(is_bcrypt), "{found:#}");
}

#[test]
fn what_cannot_be_ablated_is_refused_before_anything_starts() {
    for (args, says) in [
        (
            ["--factor", "X-No"],
            "shop.toml: there is no factor `X-No` of variant `production`; it has X-Id, X-Token, X-Note",
        ),
        (["--local", "night"], "there is no variant `night`"),
        (["--window", "100ms"], "--window: turns need 0.4 s or more"),
        (
            ["--most-blocks", "1"],
            "--most-blocks: the first look has 2 already (--blocks)",
        ),
    ] {
        let outcome = bed().args(args).run().expect(2, &[says]);
        assert!(!outcome.dir().exists());
    }
}

#[test]
fn what_runs_already_is_loaded_by_one_side_after_the_other_and_its_costs_are_advisory() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = r#"
name = "u"
target.url = "http://127.0.0.1:1"
[load]
model = "closed"
connections = 1
duration = "1s"
[[request]]
name = "r"
method = "POST"
path = "/<script>?page=1"
headers = { X-A = "hush", Cookie = "sid=hush; theme=hush" }
body = '{"speed":1}'
"#;
    let outcome = TestBed::new()
        .file("url.toml", scenario)
        .args(["ablate", "url.toml", "--out", "out", "--markdown"])
        .args(["--window", "400ms", "--blocks", "1", "--most-blocks", "1"])
        .args(["--url", &format!("http://{}", server.addr)])
        .run()
        .expect_one_of(&[0, 3]);
    for says in [
        "X-A",
        "cookie:sid",
        "cookie:theme",
        "query:page",
        "field:speed",
        "advisory: ",
    ] {
        assert!(outcome.stdout.contains(says), "{says}: {}", outcome.stdout);
    }
    let page = fs::read_to_string(outcome.dir().join("report.html")).unwrap();
    assert!(
        page.contains("cookie:sid") && page.contains("one target"),
        "{page}"
    );
    assert!(!page.contains("hush") && !outcome.stdout.contains("hush"));
    TestBed::new()
        .file("url.toml", scenario)
        .file("out/ablation.json", "{}")
        .args(["ablate", "url.toml", "--out", "out"])
        .run()
        .expect(2, &["--out out: the directory holds a result already"]);
}
