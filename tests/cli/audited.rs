//! Production's traffic beside a scenario: what a tap takes, what an audit says of it, and its exit codes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{
    Outcome, Running, TestBed, as_documented, device_request, free_port, gateway_scenario, until,
};

const HUSH: &str = "hush-4711-hush-0815";

/// The scenario of the story: variant `local` lacks two headers that `production` has.
const SHIPPED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/local-vs-production-headers.toml"
);

/// A tap, and where it listens.
fn tap(args: &[&str]) -> (Running, String) {
    let running = TestBed::new()
        .args(["tap", "--listen", "0", "-o", "sample.jsonl"])
        .args(args)
        .start();
    let place = until("the address of the tap", || {
        let text = running.read("stderr");
        let rest = text.split("taps http://").nth(1)?;
        Some(rest.split_once(';')?.0.to_owned())
    });
    (running, place)
}

/// Sends bytes and reads what comes until the other end closes.
fn exchange(place: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(place).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Devices with their headers, as production has them, to a tap that takes 200 requests.
fn sample_of_production() -> Outcome {
    let (running, place) = tap(&["--direct", "-n", "200"]);
    let scenario = format!(
        r#"
name = "production"
target.url = "http://{place}"
[fleet.vehicles]
devices = 32
[load]
model = "closed"
connections = 2
duration = "60s"
requests = 200
[[request]]
name = "telemetry"
fleet = "vehicles"
method = "POST"
path = "/v1/telemetry"
headers = {{ Content-Type = "application/json", X-Device-Id = "{{{{device.id}}}}", X-Device-Token = "{{{{device.secret}}}}" }}
body = '{{"device":"{{{{device.id}}}}","seq":{{{{seq}}}},"speed":{{{{int 0 180}}}}}}'
"#
    );
    TestBed::new().scenario(&scenario).run();
    running.wait().expect(0, &[])
}

fn audit(sample: &Path, args: &[&str]) -> Outcome {
    TestBed::new()
        .args(["audit", SHIPPED])
        .args([sample])
        .args(args)
        .run()
}

#[test]
fn the_headers_that_a_local_test_lacks_are_named_first() {
    let tapped = sample_of_production();
    let sample = tapped.home().join("sample.jsonl");
    assert!(
        tapped.stdout.starts_with("took 200 requests on "),
        "{}",
        tapped.stdout
    );
    let local = audit(&sample, &["--variant", "local"]).expect(1, &[]);
    let first: Vec<&str> = local.stdout.lines().take(3).collect();
    assert_eq!(
        first,
        [
            "missing header X-Device-Id: all of production, none here",
            "missing header X-Device-Token: all of production, none here",
            "fail 2 headers of production are missing here",
        ]
    );
    let production = audit(&sample, &["--variant", "production"]).expect(0, &[]);
    assert!(
        production.stdout.starts_with("no header is missing"),
        "{}",
        production.stdout
    );
    let allowed = ["--variant", "local", "--allow", "X-Device-*", "--json"];
    let allowed = audit(&sample, &allowed).expect(0, &[]);
    let document = as_documented("audit", &allowed.stdout);
    assert_eq!(document["verdict"], "pass");
    assert_eq!(document["findings"][0]["verdict"], "missing");
    assert_eq!(document["findings"][0]["production"]["share"], 1.0);
    let markdown = ["--variant", "local", "--markdown", "--out", "out"];
    let markdown = audit(&sample, &markdown).expect(1, &[]);
    let page = fs::read_to_string(markdown.dir().join("report.html")).unwrap();
    for words in [
        "<h1 class=\"bad\">2 headers of production are missing</h1>",
        "<li>X-Device-Id: all of production, none here</li>",
        "exit code 1",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let kept = fs::read_to_string(markdown.dir().join("audit.md")).unwrap();
    assert_eq!(kept, markdown.stdout);
    as_documented("audit", &markdown.read("audit.json"));
    assert!(
        markdown
            .stdout
            .contains("| **missing** | header | X-Device-Id |"),
        "{}",
        markdown.stdout
    );
}

/// Production's traffic, as the gateway that gets it records it.
#[test]
fn the_gateway_records_what_it_gets_and_that_names_the_missing_headers_too() {
    let shipped = fs::read_to_string(SHIPPED).unwrap();
    let scenario = shipped
        .replace("duration = \"10s\"", "duration = \"30s\"\nrequests = 60")
        .replace("bcrypt_cost = 7", "bcrypt_cost = 4, sample = true");
    let (before, behind) = scenario.split_once("[profile]").unwrap();
    let variants = behind.split_once("[[variant]]").unwrap().1;
    let run = TestBed::new()
        .file("story.toml", format!("{before}[[variant]]{variants}"))
        .args([
            "run",
            "story.toml",
            "--variant",
            "production",
            "--out",
            "out",
        ])
        .run()
        .expect_one_of(&[0, 3]);
    let sample = run.dir().join("production/sample.jsonl");
    let log = run.read("production/target.log");
    let recorded: usize = log
        .lines()
        .find_map(|line| {
            line.split("recorded ")
                .nth(1)?
                .split_once(' ')?
                .0
                .parse()
                .ok()
        })
        .unwrap_or_else(|| panic!("{log}"));
    // Those of the warm-up are in it, and those of telemload itself are not.
    assert!(recorded >= 60, "{log}");
    let text = fs::read_to_string(&sample).unwrap();
    assert_eq!(text.lines().count(), recorded + 1);
    assert!(
        !text.contains("/metrics") && !text.contains("healthz"),
        "{text}"
    );
    let local = audit(&sample, &["--variant", "local"]).expect(1, &[]);
    let first: Vec<&str> = local.stdout.lines().take(3).collect();
    assert_eq!(
        first,
        [
            "missing header x-device-id: all of production, none here",
            "missing header x-device-token: all of production, none here",
            "fail 2 headers of production are missing here",
        ]
    );
    // The audit is a part of the run's page, and stays one.
    let dir = run.dir();
    let dir = dir.to_str().unwrap();
    audit(&sample, &["--variant", "local", "--run", dir]).expect(1, &["wrote "]);
    as_documented("audit", &run.read("audit/audit.json"));
    for _ in 0..2 {
        let page = run.read("report.html");
        assert!(
            page.contains("2 headers of production are missing"),
            "{page}"
        );
        fs::remove_file(run.dir().join("report.html")).unwrap();
        TestBed::new().args(["report", dir]).run().expect(0, &[]);
    }
    audit(&sample, &["--run", "nowhere"]).expect(2, &["--run: nowhere is no run directory"]);
    // Its page would tell of requests that the run did not send.
    let stored = fs::read_to_string(run.dir().join("result.json")).unwrap();
    let other = stored.replacen("\"name\": \"", "\"name\": \"other-", 1);
    fs::write(run.dir().join("result.json"), other).unwrap();
    let says = "it is a run of the scenario `other-";
    audit(&sample, &["--run", dir]).expect(2, &[says]);
    let production = audit(&sample, &["--variant", "production", "--json"]).expect(0, &[]);
    let found = as_documented("audit", &production.stdout);
    let findings = found["findings"].as_array().unwrap().iter();
    // It holds who sends, over which connections, in which order, and how long bodies are.
    let unknown = findings.filter(|of| of["verdict"] == "not_judged");
    let unknown: Vec<&Value> = unknown.collect();
    let is_known = |of: &str| !unknown.iter().any(|finding| finding["of"] == of);
    assert!(
        is_known("connections") && is_known("clients"),
        "{unknown:#?}"
    );
}

#[test]
fn a_gateway_in_the_foreground_records_in_a_file_of_its_own() {
    let address = format!("127.0.0.1:{}", free_port());
    let args = ["gateway", "--listen", &address, "--sample", "sample.jsonl"];
    let running = TestBed::new().args(args).start();
    let ok = until("the gateway", || {
        let mut stream = TcpStream::connect(&address).ok()?;
        let request = format!(
            "GET /v1/telemetry?key={HUSH} HTTP/1.1\r\nHost: {HUSH}.example\r\nX-Note: {HUSH}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    });
    assert!(ok.starts_with("HTTP/1.1 200 "), "{ok}");
    running.signal(Signal::TERM);
    let outcome = running
        .wait()
        .expect(0, &["recorded 1 requests in sample.jsonl"]);
    let sample = fs::read_to_string(outcome.home().join("sample.jsonl")).unwrap();
    assert!(!sample.contains("hush"), "{sample}");
    assert!(sample.contains(r#""route":"/v1/telemetry""#), "{sample}");
    // A start that fails leaves no file, and takes no pipe away.
    let taken = TcpListener::bind(&address).unwrap();
    let in_use = ["address already in use"];
    let failed = TestBed::new().args(args).run().expect(5, &in_use);
    assert!(!failed.home().join("sample.jsonl").exists());
    let pipe = failed.home().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let _reader = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let on_pipe = [
        "gateway",
        "--listen",
        &address,
        "--sample",
        pipe.to_str().unwrap(),
    ];
    TestBed::new().args(on_pipe).run().expect(5, &in_use);
    assert!(pipe.exists());
    drop(taken);
    TestBed::new()
        .file("sample.jsonl", "kept")
        .args(args)
        .run()
        .expect(2, &["the sample sample.jsonl exists; name a new file"]);
    let scenario = gateway_scenario("1s", &device_request("cars"));
    let scenario = scenario.replace("gateway = {", "gateway = { sample = true,");
    TestBed::new()
        .file("scenario.toml", scenario)
        .args(["gateway", "scenario.toml"])
        .run()
        .expect(2, &["name a file with --sample"]);
}

#[test]
fn a_tap_keeps_no_value_and_takes_what_the_mirror_says_of_connections() {
    let (running, place) = tap(&["-n", "2"]);
    let request = format!(
        "POST /v1/items/4711?key={HUSH} HTTP/1.1\r\nHost: {HUSH}.example\r\nAuthorization: Bearer {HUSH}\r\nCookie: sid={HUSH}\r\nX-Telemload-Connection: 17\r\nX-Telemload-Client: 192.0.2.7\r\nContent-Length: 19\r\n\r\n{HUSH}"
    );
    let last = request.replace("Host:", "Connection: close\r\nHost:");
    let answers = exchange(&place, (request + &last).as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 204 ").count(), 2, "{answers}");
    let outcome = running.wait().expect(0, &[]);
    assert!(!outcome.stdout.contains("unknown"), "{}", outcome.stdout);
    let sample = fs::read_to_string(outcome.home().join("sample.jsonl")).unwrap();
    assert!(
        !sample.contains("hush") && !sample.contains("192.0.2.7"),
        "{sample}"
    );
    let lines: Vec<Value> = sample
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["schema"], "telemload.sample/1");
    assert_eq!(lines[1]["route"], "/v1/items/*");
    assert_eq!(lines[1]["connection"], lines[2]["connection"]);
    assert!(lines[1]["client"]["h"].is_string());
    let names = lines[1]["headers"].as_array().unwrap().iter();
    let names: Vec<&Value> = names.map(|header| &header[0]).collect();
    assert_eq!(names, ["Host", "Authorization", "Cookie", "Content-Length"]);
    assert_eq!(lines[1]["body"]["n"], 19);
}

#[test]
fn what_a_tap_did_not_take_is_said() {
    let (running, place) = tap(&["--max-size", "0"]);
    assert!(exchange(&place, b"\x16\x03\x01").starts_with("HTTP/1.1 400 "));
    let one = exchange(&place, b"GET / HTTP/1.0\r\n\r\n");
    assert!(one.starts_with("HTTP/1.1 204 "), "{one}");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(0, &[]);
    for words in [
        "took 1 requests on 2 connections; 0 are recorded\n",
        "1 connections sent something else than HTTP/1\n",
        "the others are not: the sample has 0 MB; --max-size takes more\n",
        "connections and clients are unknown",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
}

#[test]
fn a_sample_that_exists_is_not_lost() {
    let bed = TestBed::new().file("sample.jsonl", "kept");
    let outcome = bed
        .args(["tap", "--listen", "0", "-o", "sample.jsonl"])
        .run()
        .expect(2, &["sample.jsonl exists", "--force"]);
    let kept = fs::read_to_string(outcome.home().join("sample.jsonl")).unwrap();
    assert_eq!(kept, "kept");
    TestBed::new()
        .args(["tap", "--listen", "nowhere.invalid:1", "-o", "s"])
        .run()
        .expect(2, &["--listen nowhere.invalid:1"]);
}

#[test]
fn a_sample_is_no_traffic_to_import() {
    let opening = "{\"schema\":\"telemload.sample/1\",\"telemload\":\"0\",\"direct\":true}\n";
    TestBed::new()
        .file("sample.jsonl", opening)
        .args(["import", "sample.jsonl"])
        .run()
        .expect(
            2,
            &[
                "sample.jsonl: it is a sample of `telemload tap`",
                "telemload audit",
            ],
        );
}

#[test]
fn an_access_log_cannot_tell_which_headers_there_are() {
    let line = |n: u32| {
        format!(
            "192.0.2.7 - - [30/Nov/2026:10:00:{:02} +0000] \"POST /v1/telemetry HTTP/1.1\" 200 12 \"-\" \"app/1\"\n",
            n % 60
        )
    };
    let log: String = (0..50).map(line).collect();
    let bed = TestBed::new().file("access.log", log);
    let outcome = bed
        .args(["audit", SHIPPED, "access.log", "--variant", "local"])
        .args(["--allow", "User-Agent"])
        .run()
        .expect(3, &[]);
    for words in [
        "inconclusive this source cannot tell which headers production carries",
        "cannot be judged",
        "log_format",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
}

/// A sample whose requests have one header, and whose last line is cut off.
fn cut_off() -> String {
    let request = r#"{"at_us":1,"method":"POST","route":"/v1/telemetry","headers":[["X-Id",{"h":"0123456789abcdef","n":3,"a":"digits"}]]}"#;
    let opening = r#"{"schema":"telemload.sample/1","telemload":"0","direct":true}"#;
    format!("{opening}\n{request}\n{}", &request[..40])
}

#[test]
fn a_sample_is_read_packed_too_and_what_is_cut_off_is_said() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(cut_off().as_bytes()).unwrap();
    let bed = TestBed::new().file("s.jsonl.gz", packed.finish().unwrap());
    let outcome = bed
        .args(["audit", SHIPPED, "s.jsonl.gz", "--variant", "local"])
        .run()
        .expect(1, &[]);
    for words in [
        "missing header X-Id: all of production, none here\n",
        "s.jsonl.gz: its last line is cut off and left out\n",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
}

/// Equal values of two samples have different prints.
#[test]
fn samples_of_two_taps_are_not_joined() {
    TestBed::new()
        .file("a.jsonl", cut_off())
        .file("b.jsonl", cut_off())
        .args(["audit", SHIPPED, "a.jsonl", "b.jsonl"])
        .run()
        .expect(2, &["a sample of `telemload tap` is audited by itself"]);
}

#[test]
fn what_cannot_be_audited_is_refused_with_its_name() {
    for (file, text, args, says) in [
        (
            "sample.jsonl",
            "{\"schema\":\"telemload.sample/1\",\"telemload\":\"0\",\"direct\":true}\n",
            &[][..],
            "sample.jsonl holds no request",
        ),
        (
            "sample.jsonl",
            "{\"schema\":\"telemload.sample/1\",\"telemload\":\"0\",\"direct\":true}\n{\"x\":1}\n\n",
            &[],
            "sample.jsonl: line 2: ",
        ),
        ("sample.jsonl", "", &[], "sample.jsonl: it is empty"),
        (
            "sample.jsonl",
            "curl http://shop.example/\n",
            &["--phase", "night"],
            "--phase night: variant local has load",
        ),
        (
            "sample.jsonl",
            "curl http://shop.example/\n",
            &["--variant", "other"],
            "other",
        ),
        (
            "sample.jsonl",
            "curl http://shop.example/\n",
            &["--origin", "http://else.example"],
            "--origin http://else.example: no request went there",
        ),
    ] {
        TestBed::new()
            .file(file, text)
            .args(["audit", SHIPPED, "sample.jsonl"])
            .args(args)
            .run()
            .expect(2, &[says]);
    }
}
