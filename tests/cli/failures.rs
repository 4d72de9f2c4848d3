//! Each way in which a run can fail: its message names what failed and what to do, its exit code tells which kind it is.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::bed::{
    Outcome, TestBed, as_documented, command_scenario, descendant, device_request, echo, free_port,
    gateway_scenario, signal, url_scenario,
};
use crate::hostile::{self, Behaviour, Server};

/// A request of the gateway with these headers and this body, that it refuses.
fn refused(name: &str, headers: &str, body: &str) -> String {
    let request = format!(
        "[[request]]\nname = \"{name}\"\nfleet = \"cars\"\nmethod = \"POST\"\npath = \"/v1/telemetry\"\nheaders = {{ {headers} }}\nbody = '{body}'\n"
    );
    gateway_scenario("300ms", &request)
}

#[test]
fn answers_that_all_fail_are_counted_and_quoted() {
    let id = "X-Device-Id = \"{{device.id}}\"";
    let token = "X-Device-Token = \"{{device.secret}}\"";
    let large = "x".repeat(1_025);
    let table = [
        (
            "wrong secret",
            gateway_scenario("300ms", &device_request("thieves")),
            ["401", "credential"],
        ),
        (
            "unknown device",
            refused(
                "unknown",
                &format!("X-Device-Id = \"nobody\", {token}"),
                "{}",
            ),
            ["401", "credential"],
        ),
        (
            "missing token",
            refused("no-token", id, "{}"),
            ["401", "X-Device-Token"],
        ),
        (
            "body too large",
            refused("large", &format!("{id}, {token}"), &large),
            ["413", "body is larger than 1 KiB"],
        ),
    ];
    for (what, scenario, words) in table {
        let outcome = TestBed::new().scenario(&scenario).run();
        let says = [
            "invalid: ",
            "default, load",
            "no OK response at all",
            " × status",
        ];
        let outcome = outcome.expect(4, &[&says[..], &words[..]].concat());
        let phase = outcome.only_phase();
        let failed = phase["requests"]["failed"].as_u64().unwrap();
        assert!(failed > 0, "{what}");
        assert_eq!(phase["requests"]["ok"], 0, "{what}");
        assert_eq!(phase["status"][words[0]], failed, "{what}");
        assert_eq!(phase["errors"]["status"], failed, "{what}");
        assert_eq!(phase["throughput_rps"], 0.0, "{what}");
        // Every limit holds for 0: what was not measured is not 0.
        let each = phase["per_request"].as_object().unwrap().values();
        for of in each.chain([&phase]) {
            for times in ["latency_us", "service_time_us"] {
                for point in ["min", "mean", "p50", "p99", "max"] {
                    assert!(of[times][point].is_null(), "{what}: {times}.{point}");
                }
            }
        }
        let verdict = &outcome.result()["verdict"];
        assert_eq!(
            (&verdict["outcome"], &verdict["exit_code"]),
            (&json!("invalid"), &json!(4))
        );
        let reason = verdict["reasons"][0].as_str().unwrap();
        assert!(
            reason.starts_with("default, load: no OK response at all"),
            "{what}: {reason}"
        );
        let line = format!("{failed} × status");
        assert!(outcome.stderr.contains(&line), "{what}: {}", outcome.stderr);
    }
}

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";

/// Runs a URL whose server always answers so.
fn answered(answer: &'static [u8], code: i32) -> Outcome {
    let server = Server::start(Behaviour::Canned(answer));
    let scenario = url_scenario(server.addr, "300ms", "");
    TestBed::new().scenario(&scenario).run().expect(code, &[])
}

#[test]
fn runs_without_an_ok_response_are_compared_by_their_errors() {
    let (refused, good) = (answered(REFUSAL, 4), answered(hostile::OK, 0));
    let compared = |base: &Outcome, head: &Outcome, flags: &[&str]| {
        let sides = [base, head].map(Outcome::dir);
        let bed = TestBed::new().args(["compare"]).args(sides).args(flags);
        bed.run().expect(0, &[]).stdout
    };
    let text = compared(&refused, &refused, &[]);
    for words in [
        "had no OK response",
        "error rate",
        "100 % → 100 %",
        "no difference detected",
    ] {
        assert!(text.contains(words), "no {words:?}: {text}");
    }
    let text = compared(&good, &refused, &[]);
    for words in ["0 % → 100 %", "worse: +100 pp"] {
        assert!(text.contains(words), "no {words:?}: {text}");
    }
    let text = compared(&refused, &good, &["--markdown"]);
    assert!(
        text.contains("| error rate | 100 % | 0 % | better: -100 pp"),
        "{text}"
    );
    let json = as_documented("compare", &compared(&good, &refused, &["--json"]));
    let errors = &json["phases"][0]["errors"];
    assert_eq!(errors["finding"], "worse", "{errors}");
    assert_eq!(errors["head"]["error_rate"], 1.0, "{errors}");
}

#[test]
fn histograms_that_are_not_those_of_the_result_are_refused() {
    let (one, other) = (answered(hostile::OK, 0), answered(hostile::OK, 0));
    let compare = || {
        TestBed::new()
            .args(["compare"])
            .args([one.dir(), other.dir()])
            .run()
    };
    let file = one.dir().join("histograms.hlog");
    let own = fs::read_to_string(&file).unwrap();
    for (text, says) in [
        (own.clone() + "Tag=x,0,1,1,!\n", "it holds no histogram"),
        (
            own.replace("/latency,", "/other,"),
            "are not those of the result beside it",
        ),
    ] {
        fs::write(&file, text).unwrap();
        compare().expect(2, &["histograms.hlog", says]);
    }
    // Without them a run is what those of earlier versions are.
    fs::remove_file(&file).unwrap();
    compare().expect(0, &[]);
}

#[test]
fn a_percentile_of_too_few_requests_is_judged_by_its_value_alone_or_not_at_all() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = |top: &str, keys: &str, limit: &str| {
        let threshold = format!("[[threshold]]\nexpr = \"latency.p99 < {limit}\"\n{keys}\n");
        let text = url_scenario(server.addr, "60s", &threshold);
        let text = text.replace("duration = \"60s\"", "duration = \"60s\"\nrequests = 20");
        // What the machine does to trust is not what is tested here.
        TestBed::new().scenario(&format!("allow_untrusted = true\n{top}\n{text}"))
    };
    let outcome = scenario("", "", "1h").run();
    let outcome = outcome.expect(3, &["a threshold could not be judged"]);
    let judged = &outcome.result()["variants"][0]["thresholds"][0];
    assert_eq!(judged["verdict"], "inconclusive");
    let reason = judged["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("20 requests are too few to judge it: 368 or more tell"),
        "{reason}"
    );
    // Far beyond the limit they are all the same, and by value each is judged.
    scenario("", "", "1ns")
        .run()
        .expect(1, &["a threshold failed"]);
    scenario("", "judge = \"value\"", "1h").run().expect(0, &[]);
    scenario("judge = \"value\"", "", "1h").run().expect(0, &[]);
    let interval = "judge = \"interval\"";
    scenario("judge = \"value\"", interval, "1h")
        .run()
        .expect(3, &[]);
    let dry = scenario("judge = \"value\"", "", "1h").args(["--dry-run"]);
    let shown = dry.run().expect(0, &[]).stdout;
    assert!(shown.contains("(by the value alone)"), "{shown}");
}

#[test]
fn some_failures_fail_the_built_in_threshold() {
    let requests = device_request("cars") + &device_request("thieves");
    let outcome = TestBed::new()
        .scenario(&gateway_scenario("400ms", &requests))
        .run()
        .expect(1, &["a threshold failed"]);
    let result = outcome.result();
    let threshold = &result["variants"][0]["thresholds"][0];
    assert_eq!(threshold["expr"], "errors.rate < 1%");
    assert_eq!(threshold["verdict"], "fail");
    assert_eq!(result["verdict"]["exit_code"], 1);
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    assert_eq!(reasons, &[json!("default, load: errors.rate < 1%: fail")]);
    assert!(threshold["value"].as_f64().unwrap() > 0.2, "{threshold}");
    let phase = outcome.only_phase();
    assert!(phase["per_request"]["cars"]["requests"]["failed"] == 0);
    assert!(phase["per_request"]["thieves"]["requests"]["ok"] == 0);
    for words in ["errors.rate < 1%", "status", "401"] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn an_unreachable_url_is_named_with_the_remedy() {
    let address = format!("127.0.0.1:{}", free_port());
    TestBed::new()
        .scenario(&url_scenario(address.parse().unwrap(), "300ms", ""))
        .run()
        .expect(
            4,
            &[
                &format!("http://{address}"),
                "refused",
                "start it, or check host and port",
            ],
        );
}

#[test]
fn a_port_in_use_is_named() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let scenario = command_scenario("sh -c 'sleep 60'", &format!("port = {port}"));
    let says = format!(
        "port {port} on 127.0.0.1 is in use; stop what listens there or choose another port"
    );
    TestBed::new().scenario(&scenario).run().expect(4, &[&says]);
    TestBed::new()
        .args(["gateway", "--listen", &format!("127.0.0.1:{port}")])
        .run()
        .expect(5, &[&format!("cannot listen on 127.0.0.1:{port}: address already in use; choose another with --listen")]);
}

#[test]
fn a_target_that_does_not_start_says_why_in_its_own_words() {
    let dies = "sh -c 'echo cannot open the registry of {port} >&2; exit 3'";
    let hangs = "sh -c 'echo waiting for the database {port}; exec sleep 60'";
    let table = [
        (
            dies,
            "",
            vec!["`target` is not ready", "3", "cannot open the registry"],
        ),
        (
            hangs,
            "ready_within = \"500ms\"",
            vec![
                "within 500",
                "refused",
                "waiting for the database",
                "check the port and the `ready` path",
            ],
        ),
        (
            "./no-such-binary --port {port}",
            "",
            vec!["no-such-binary", "not found"],
        ),
    ];
    for (command, more, says) in table {
        let outcome = TestBed::new()
            .scenario(&command_scenario(command, more))
            .run();
        let outcome = outcome.expect(4, &says);
        assert_eq!(outcome.result()["interrupted"], true, "{command}");
        assert_eq!(
            outcome.result()["variants"].as_array().unwrap().len(),
            0,
            "{command}"
        );
    }
}

#[test]
fn a_gateway_that_is_killed_in_the_middle_leaves_partial_results() {
    let running = TestBed::new()
        .scenario(&gateway_scenario("60s", &device_request("cars")))
        .start();
    running.wait_for_rows(3);
    signal(descendant(running.pid(), "gateway --stdin"), Signal::KILL);
    let outcome = running.wait().expect(
        4,
        &["the target ended in the middle of the load", "target.log"],
    );
    let result = outcome.result();
    assert_eq!(result["interrupted"], true);
    assert!(
        result["failure"]
            .as_str()
            .unwrap()
            .contains("the target ended"),
        "{result}"
    );
    assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);
    assert!(outcome.series("default/load").len() >= 3);
}

#[test]
fn a_run_directory_that_cannot_be_one_is_refused_before_any_load() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "300ms", "");
    let bed = || TestBed::new().scenario(&scenario);
    bed()
        .file("out", "")
        .run()
        .expect(5, &["cannot write out", "--out"]);
    bed().file("out/result.json", "{}").run().expect(
        2,
        &[
            "error: --out out: the directory holds a result already",
            "name a directory that is new or has no result",
        ],
    );
    assert_eq!(server.request_count(), 0);
}

#[test]
fn a_silent_target_times_out_request_by_request() {
    let server = Server::start(Behaviour::Silent);
    let scenario = url_scenario(server.addr, "300ms", "").replace("\"5s\"", "\"100ms\"");
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect(4, &["no OK response at all", " × timeout"]);
    let requests = &outcome.only_phase()["requests"];
    assert!(requests["timed_out"].as_u64().unwrap() > 0, "{requests}");
}

#[test]
fn a_rate_that_cannot_be_sent_is_invalid() {
    let server = Server::start(Behaviour::Slow(hostile::OK, Duration::from_millis(5)));
    let scenario = url_scenario(server.addr, "500ms", "")
        .replace("model = \"closed\"", "model = \"open\"\nrate = \"2000/s\"");
    TestBed::new().scenario(&scenario).run().expect(
        4,
        &[
            "of the planned requests could be sent in time",
            "lower the rate, or allow more connections",
        ],
    );
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let table: [(&[&str], &str); 9] = [
        (&["run"], "SCENARIO.toml | URL"),
        (&["run", "x.toml", "--no-such-flag"], "--no-such-flag"),
        (&["run", "x.toml", "-d", "soon"], "it is not a duration"),
        (
            &["run", "http://127.0.0.1:1/", "-H", "novalue"],
            "Name: value",
        ),
        (
            &["run", "http://127.0.0.1:1/", "-R", "fast"],
            "it is not a rate",
        ),
        (
            &["run", "http://127.0.0.1:1/", "--variant", "x"],
            "--variant goes with a scenario",
        ),
        (
            &["run", "http://127.0.0.1:1/", "--body", "@none.json"],
            "--body: cannot read none.json",
        ),
        (&["run", "ftp://127.0.0.1:1/"], "use http:// or https://"),
        (&["frobnicate"], "frobnicate"),
    ];
    for (args, says) in table {
        let outcome = TestBed::new().args(args).run().expect(2, &[says]);
        assert_eq!(outcome.stdout, "", "{args:?}");
        assert!(!outcome.dir().exists());
    }
}

#[test]
fn a_profile_that_cannot_be_had_is_a_warning_however_late_that_turns_out() {
    let server = Server::start(Behaviour::Late(hostile::OK, Duration::from_millis(5)));
    // It answers once the profiled load is over.
    let late = echo("200 OK", |_| {
        thread::sleep(Duration::from_millis(3_000));
        "no profile".to_owned()
    });
    let refusing = echo("403 Forbidden", |_| "not from here".to_owned());
    for (address, says) in [(late, "no profile: "), (refusing, "403")] {
        let profile = format!(
            "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\nurl = \"http://{address}/profile\"\n"
        );
        let outcome = TestBed::new()
            .scenario(&url_scenario(server.addr, "300ms", &profile))
            .run()
            .expect(0, &["(profiled)"]);
        let warnings = outcome.only_phase()["warnings"].to_string();
        assert!(
            warnings.contains("no profile: ") && warnings.contains(says),
            "{warnings}"
        );
        assert!(
            outcome.stdout.contains("no profile: "),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn connections_that_take_long_to_be_opened_before_the_load_are_told() {
    // Its backlog holds some 128 connections; to all others it says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let args = ["run", &url, "-c", "200", "-T", "1200ms", "-d", "200ms"];
    let outcome = TestBed::new().args(args).run().expect(4, &[]);
    assert!(
        outcome.stdout.contains(" s after it was prepared"),
        "{}",
        outcome.stdout
    );
}
