//! What a gate leaves behind: a table, gate.json, and what CI systems show.

use std::fs;
use std::time::Duration;

use crate::bed::{Outcome, TestBed, as_documented};
use crate::hostile::{self, Behaviour, Server};
use crate::junit::Report;

/// A gate of two servers that run already, in which nothing can be told: too short, and without their CPU.
fn gate(
    answer: &'static [u8],
    flags: &[&str],
    prepared: impl FnOnce(TestBed) -> TestBed,
) -> Outcome {
    gate_with("", answer, flags, prepared)
}

/// The same with more of a scenario.
fn gate_with(
    more: &str,
    answer: &'static [u8],
    flags: &[&str],
    prepared: impl FnOnce(TestBed) -> TestBed,
) -> Outcome {
    // A little late, so that a gate of many seconds leaves the CPU to other tests.
    let late = Duration::from_millis(2);
    let servers = [hostile::OK, answer].map(|of| Server::start(Behaviour::Late(of, late)));
    let urls = servers.each_ref().map(|of| format!("http://{}", of.addr));
    let bed = TestBed::new().file(
        "s.toml",
        format!(
            r#"name = "gated"
[target]
url = "{}"
[load]
model = "closed"
connections = 2
duration = "1s"
[[request]]
name = "get"
path = "/"
[gate]
budget = "20s"
[[gate.metric]]
name = "latency.p50"
{more}"#,
            urls[0]
        ),
    );
    let bed = bed.args(["gate", "s.toml", "--out", "out"]);
    let bed = bed.args(["--base-url", &urls[0], "--head-url", &urls[1]]);
    prepared(bed.args(flags)).run()
}

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";

#[test]
fn a_head_that_errs_is_shown_everywhere() {
    let flags = ["--junit", "junit.xml", "--code-quality", "q.json"];
    let outcome = gate(REFUSAL, &flags, |bed| {
        bed.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", "summary.md")
    });
    // Arms that run already are judged, and their failure does not count.
    let outcome = outcome.expect(
        3,
        &["::warning file=s.toml,line=11,title=gate · errors::0 of "],
    );
    for words in ["✗ FAIL (exit code 3)", "errors: 0 of ", "✗ FAIL: "] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    let document = as_documented("gate", &outcome.read("gate.json"));
    assert_eq!(document["verdict"]["outcome"], "fail");
    assert_eq!(document["errors"]["verdict"], "fail");
    assert!(document["blocks"][0]["head"]["busy"]["failed"].as_u64() > Some(0));
    let read = |name: &str| fs::read_to_string(outcome.home().join(name)).unwrap();
    let report = Report::read(&read("junit.xml"));
    let found: Vec<_> = report.cases.iter().map(|of| of.in_short()).collect();
    assert_eq!(found[0], ("gate", "gate", "pass"));
    assert_eq!(found[1], ("gate", "latency.p50", "skipped"));
    assert_eq!(found[found.len() - 1], ("gate", "errors", "skipped"));
    let why = &report.cases[found.len() - 1].message;
    assert!(why.contains("; advisory: "), "{why}");
    let summary = read("summary.md");
    assert!(
        summary.contains("| **inconclusive** | gate | errors | 0 of "),
        "{summary}"
    );
    assert!(summary.contains("| `latency.p50` |"), "{summary}");
    let issues: serde_json::Value = serde_json::from_str(&read("q.json")).unwrap();
    let begins = |at: usize| issues[at]["location"]["lines"]["begin"].as_u64();
    assert_eq!([begins(0), begins(1)], [Some(14), Some(11)], "{issues:#}");
}

#[test]
fn functions_of_what_cannot_be_profiled_are_inconclusive_and_json_is_the_document() {
    let more = "[[gate.metric]]
name = 'cost(\"^f$\")'
catch = \"20%\"
[profile]
cpu = \"pprof\"
url = \"http://127.0.0.1:{port}/debug/pprof/profile\"
";
    let flags = ["--junit", "j.xml", "--json"];
    let run = gate_with(more, hostile::OK, &flags, |bed| bed);
    let opening = ", and then functions are profiled; catch / tolerate: ";
    let run = run.expect(3, &[opening, "cost(\"^f$\") 20 % / 12 %"]);
    assert_eq!(run.stdout, run.read("gate.json"));
    let document = as_documented("gate", &run.stdout);
    // Of arms that run already.
    assert!(document["verdict"]["advisory"].is_string());
    let metrics = document["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|of| of["metric"] == "cost(\"^f$\")");
    let found = found.unwrap();
    assert_eq!(found["verdict"], "inconclusive");
    let why = found["reason"].as_str().unwrap();
    assert!(why.starts_with("the base could not be profiled: "), "{why}");
    assert!(found["base"].is_null() && found["unit"] == "us", "{found}");
    let report = fs::read_to_string(run.home().join("j.xml")).unwrap();
    let report = Report::read(&report);
    let mut cases = report.cases.iter().map(|of| of.in_short());
    assert!(cases.any(|of| of == ("gate", "cost(\"^f$\")", "skipped")));
}

/// CPU time of one process is not that of one arm: the gate would never fail.
#[test]
fn arms_that_one_process_serves_have_no_cpu_time_of_their_own() {
    let pid = std::process::id().to_string();
    let more = "[[gate.metric]]\nname = \"cpu_per_request\"\n";
    let pids = ["--base-pid", &pid, "--head-pid", &pid];
    let run = gate_with(more, hostile::OK, &pids, |bed| bed);
    let says = "note: both arms are served by one process, whose CPU time and memory are not those of one arm: they are not judged; name a process for each";
    let run = run.expect(3, &[says]);
    let document = as_documented("gate", &run.read("gate.json"));
    let metrics = document["metrics"].as_array().unwrap();
    let mut metrics = metrics.iter();
    let cpu = metrics
        .find(|of| of["metric"] == "cpu_per_request")
        .unwrap();
    assert!(cpu["base"].is_null() && cpu["head"].is_null(), "{cpu}");
    assert_eq!(cpu["verdict"], "inconclusive");
    // Nor has one that telemload itself descends from.
    let own = ["--base-pid", &pid];
    let run = gate_with(more, hostile::OK, &own, |bed| bed);
    run.expect(3, &["note: base: telemload itself runs below the process"]);
}

#[test]
fn reports_are_refused_where_there_is_none() {
    for (flags, says) in [
        (&["--prove", "--junit", "j.xml"][..], "--junit"),
        (&["--junit", "-"], "--junit needs a file"),
    ] {
        TestBed::new()
            .file("s.toml", "")
            .args(["gate", "s.toml"])
            .args(flags)
            .run()
            .expect(2, &[says]);
    }
}
