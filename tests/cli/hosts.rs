//! Loads of several hosts: a token that one gives is sent to another, each has its own connections, TLS and figures, and nothing
//! that belongs to one reaches the other.

use std::net::SocketAddr;

use crate::bed::{Outcome, TestBed, free_port};
use crate::rejected::rejected;
use crate::scripted::{Asked, Scripted, say};
use crate::secure::{Act, Authority, Server};

const TOKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"token\":\"t123\"}";

/// Who is admitted shows the token.
fn api(asked: &Asked) -> Vec<u8> {
    match asked.header("Authorization") {
        "Bearer t123" => say("200 OK", "", "ok"),
        _ => say("401 No", "", "who is it?"),
    }
}

/// A provider of tokens under TLS, with its authority in `ca.pem` of the bed.
fn provider() -> (TestBed, Server) {
    let authority = Authority::generate();
    let server = Server::start(&authority.issue(&["127.0.0.1"]), Act::Serve(TOKEN));
    let ca = std::fs::read(authority.file()).unwrap();
    (TestBed::new().file("ca.pem", ca), server)
}

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nrequests = 40\nworkers = 1";
// That a busy machine sends some of it late is no matter here.
const OPEN: &str = "model = \"open\"\nrate = \"200/s\"\nconnections = 4\nduration = \"200ms\"\nworkers = 1\noverload = true";

fn scenario(target: &str, provider: SocketAddr, load: &str) -> String {
    format!(
        r#"name = "hosts"
target.url = "{target}"
[[host]]
url = "https://{provider}"
tls = {{ ca = "ca.pem" }}
[fleet.cars]
devices = 4
[load]
{load}
[[request]]
name = "login"
fleet = "cars"
weight = 0
method = "POST"
url = "https://{provider}/token?for={{{{device.id}}}}"
extract = {{ token = "json:/token" }}
[[request]]
name = "telemetry"
fleet = "cars"
path = "/t"
headers = {{ Authorization = "Bearer {{{{token}}}}" }}
"#
    )
}

fn host(phase: &serde_json::Value, at: usize) -> &serde_json::Value {
    &phase["hosts"][at]
}

#[test]
fn a_token_of_one_host_is_sent_to_another_in_both_load_models() {
    for load in [CLOSED, OPEN] {
        let ((bed, idp), api) = (provider(), Scripted::start(api));
        let target = format!("http://{}", api.addr);
        let outcome = bed.scenario(&scenario(&target, idp.addr, load)).run();
        let outcome = outcome.expect(0, &[]);
        let phase = outcome.only_phase();
        assert_eq!(api.count("/t"), 40, "{load}");
        assert_eq!(phase["per_request"]["telemetry"]["requests"]["ok"], 40);
        let seen = idp.ended();
        assert_eq!(seen.requests, 4, "{load}");
        assert!(seen.connections <= 5, "{seen:?}");
        let authority = format!("Host: {}\r\n", idp.addr);
        assert!(
            seen.heads.iter().all(|head| head.contains(&authority)),
            "{seen:?}"
        );
        assert!(
            seen.heads[0].starts_with("POST /token?for=cars-"),
            "{seen:?}"
        );
        check_hosts(&outcome, &phase, &target, idp.addr, seen.handshakes);
    }
}

fn check_hosts(
    outcome: &Outcome,
    phase: &serde_json::Value,
    target: &str,
    idp: SocketAddr,
    handshakes: u64,
) {
    let (first, other) = (host(phase, 0), host(phase, 1));
    assert_eq!(first["host"], target);
    assert_eq!(
        (&first["is_target"], &other["is_target"]),
        (&true.into(), &false.into())
    );
    assert_eq!(other["host"], format!("https://{idp}"));
    assert_eq!(other["request_names"], serde_json::json!(["login"]));
    assert_eq!(first["counts"]["requests"]["ok"], 40);
    assert_eq!(other["counts"]["requests"]["ok"], 4);
    assert!(other["counts"]["latency_us"]["p50"].as_f64().unwrap() > 0.0);
    assert!(other["counts"]["bytes"]["received"].as_u64().unwrap() > 0);
    // One that opened its connection as the load ended may have shaken hands with nobody.
    let opened = other["connections"]["opened"].as_u64().unwrap();
    assert_eq!(
        opened,
        handshakes - 1,
        "the first handshake was before the load"
    );
    assert!(first["connections"].get("tls").is_none(), "{first}");
    assert_eq!(other["connections"]["tls"][0]["version"], "TLS 1.3");
    let all = phase["connections"]["opened"].as_u64().unwrap();
    assert_eq!(
        all,
        opened + first["connections"]["opened"].as_u64().unwrap()
    );
    assert!(
        outcome
            .stdout
            .contains(&format!("host          https://{idp} ")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_dry_run_says_which_host_each_request_goes_to_and_sends_nothing() {
    let (bed, idp) = provider();
    let text = scenario("http://127.0.0.1:9", idp.addr, CLOSED);
    let bed = bed
        .file("s.toml", text)
        .args(["run", "s.toml", "--dry-run"]);
    let outcome = bed.run().expect(0, &[]);
    let named = format!("host https://{}: login", idp.addr);
    let sent = format!(
        "POST /token?for=cars-0000 HTTP/1.1\n    Host: {}\n",
        idp.addr
    );
    for words in [named, sent] {
        assert!(
            outcome.stdout.contains(&words),
            "no {words:?} in {}",
            outcome.stdout
        );
    }
    assert_eq!(idp.seen().connections, 0);
}

#[test]
fn who_asks_one_host_is_not_told_to_another() {
    let (target, other) = (
        Scripted::start(|_| say("200 OK", "", "")),
        Scripted::start(|_| say("200 OK", "", "")),
    );
    let text = format!(
        r#"name = "hosts"
target.url = "http://ann:hush-4711-a@{}"
[load]
{CLOSED}
[[request]]
name = "own"
path = "/own"
[[request]]
name = "other"
url = "http://{}/other"
[[request]]
name = "known"
url = "http://bob:hush-4711-b@{}/known"
"#,
        target.addr, other.addr, other.addr
    );
    let outcome = TestBed::new().scenario(&text).run().expect(0, &[]);
    let (ann, bob) = ("Basic YW5uOmh1c2gtNDcxMS1h", "Basic Ym9iOmh1c2gtNDcxMS1i");
    assert!(
        target
            .asked()
            .iter()
            .all(|asked| asked.header("Authorization") == ann)
    );
    let asked = other.asked();
    for (path, shows) in [("/other", ""), ("/known", bob)] {
        let mut of = asked.iter().filter(|asked| asked.path == path).peekable();
        assert!(of.peek().is_some(), "{path}");
        assert!(
            of.all(|asked| asked.header("Authorization") == shows),
            "{path}"
        );
    }
    // One connection to each host for each user of a closed loop, and one before the load.
    let phase = outcome.only_phase();
    assert_eq!(phase["hosts"].as_array().map(Vec::len), Some(2));
    assert_eq!(host(&phase, 1)["connections"]["opened"], 2);
    for file in outcome.files() {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hush-4711"), "{}", file.display());
    }
}

#[test]
fn a_host_has_its_own_way_and_its_own_proxy() {
    let (target, other) = (
        Scripted::start(|_| say("200 OK", "", "")),
        Scripted::start(|_| say("200 OK", "", "")),
    );
    let text = |way: &str| {
        format!(
            "name = \"hosts\"\ntarget.url = \"http://{}\"\n[[host]]\nurl = \"http://idp.test\"\n{way} = \"{}\"\n[load]\n{CLOSED}\n[[request]]\nname = \"own\"\npath = \"/own\"\n[[request]]\nname = \"other\"\nurl = \"http://idp.test/token\"\n",
            target.addr, other.addr
        )
    };
    for (way, path) in [("connect_to", "/token"), ("proxy", "http://idp.test/token")] {
        TestBed::new()
            .scenario(&text(way))
            .args(["--bind", "127.0.0.0/29"])
            .run()
            .expect(0, &[]);
        let asked = other.asked();
        let last = asked.last().unwrap();
        assert_eq!(
            (last.path.as_str(), last.header("Host")),
            (path, "idp.test"),
            "{way}"
        );
    }
    assert!(target.asked().iter().all(|asked| asked.path == "/own"));
}

#[test]
fn a_host_that_cannot_be_reached_ends_the_run_before_its_load() {
    let target = Scripted::start(|_| say("200 OK", "", ""));
    let text = format!(
        "name = \"hosts\"\ntarget.url = \"http://{}\"\n[load]\n{CLOSED}\n[[request]]\nname = \"own\"\npath = \"/own\"\n[[request]]\nname = \"other\"\nurl = \"http://127.0.0.1:{}/x\"\n",
        target.addr,
        free_port()
    );
    let says = [
        "the host http://127.0.0.1:",
        "cannot be reached",
        "nothing listens there",
    ];
    TestBed::new().scenario(&text).run().expect(4, &says);
    assert_eq!(target.asked().len(), 0);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let check = |more: &str, place: &str, says: &str| {
        let text = format!(
            "name = \"t\"\ntarget.url = \"http://a.test\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n{more}\n"
        );
        rejected(text, place, &[says]);
    };
    let request = |keys: &str| format!("[[request]]\nname = \"r\"\n{keys}");
    let host = |keys: &str| {
        format!(
            "{}\n[[host]]\n{keys}",
            request("url = \"https://b.test/x\"")
        )
    };
    for (more, place, says) in [
        (
            request(""),
            "8:8",
            "request.r.path: a request has a `path`, or the `url`",
        ),
        (
            request("path = \"/\"\nurl = \"http://b.test/\""),
            "10:7",
            "request.r.url: a request has the `path`",
        ),
        (
            request("url = \"http://{{env.HOST}}/x\""),
            "9:7",
            "request.r.url: the host of a request is a fixed one",
        ),
        (request("url = \"b.test/x\""), "9:7", "it is not a URL"),
        (
            request("url = \"ftp://b.test/x\""),
            "9:7",
            "use http:// or https://",
        ),
        (
            request("url = \"http://b.test/x y\""),
            "9:7",
            "neither spaces nor control characters",
        ),
        (request("url = \"http://b.test/#x\""), "9:7", "never sent"),
        (
            host("url = \"https://c.test\""),
            "11:7",
            "no request goes to this host",
        ),
        (
            host("url = \"http://b.test\""),
            "11:7",
            "no request goes to this host",
        ),
        (
            host("url = \"https://b.test/x\""),
            "11:7",
            "the path belongs to the request",
        ),
        (
            host("url = \"https://ann:x@b.test\""),
            "11:7",
            "leave user and password out",
        ),
        (
            host("url = \"http://a.test\""),
            "11:7",
            "this is the target",
        ),
        (
            host("url = \"https://b.test\"\n[[host]]\nurl = \"https://b.test:443\""),
            "13:7",
            "two tables are of this host",
        ),
        (
            host("url = \"https://b.test\"\ntls = { ca = \"none.pem\" }"),
            "12:14",
            "host.tls.ca",
        ),
        (
            host("url = \"https://b.test\"\nconnect_to = \"x\""),
            "12:14",
            "host.connect_to",
        ),
    ] {
        check(&more, place, says);
    }
}
