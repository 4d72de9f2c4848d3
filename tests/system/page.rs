//! The page of a run tries itself in a browser, on a desk and on a phone, with names that would like to be more than names.

use std::fs;
use std::path::Path;

use crate::bed::{Outcome, TestBed, device_request, gateway_scenario};
use crate::browser;
use crate::scripted::{Scripted, say};

/// Two variants, and two requests of which one fails.
fn compared() -> String {
    let more = "[[variant]]\nname = \"before\"\n[[variant]]\nname = \"after\"\ntarget.gateway.auth = \"singleflight\"\n";
    let requests = device_request("cars") + &device_request("thieves") + more;
    gateway_scenario("1500ms", &requests).replace(
        "auth = \"singleflight\", bcrypt_cost = 4",
        "auth = \"naive\", bcrypt_cost = 4",
    )
}

/// The page tries itself in windows of both sizes, and nothing is refused or complained about.
#[track_caller]
fn tries_itself(page: &Path) -> String {
    let page = fs::canonicalize(page).unwrap();
    let mut dom = String::new();
    for size in [(1280, 900), (390, 800)] {
        let seen = browser::open(&page, "selftest", size);
        let report = seen.dom.split("id=\"selftest\"").last().unwrap_or_default();
        assert!(report.contains("selftest: passed"), "{size:?} {report}");
        assert_eq!(seen.console, "", "{size:?}");
        dom = seen.dom;
    }
    dom
}

#[test]
fn the_page_of_a_comparison_works_in_a_browser() {
    let outcome = profiled(|_| (), "main;auth;hash");
    let dom = tries_itself(&outcome.dir().join("report.html"));
    for words in [
        "ok it is one cursor for all charts",
        "ok the flame graph runs in its frame",
        "ok a request filters the curves",
        "ok the theme changes",
        "ok a variant can be hidden",
        "ok a table is ordered",
        "ok nothing is wider than the window",
        "ok chart-0-2 is drawn",
    ] {
        let report = dom.split("id=\"selftest\"").last().unwrap_or_default();
        assert!(
            dom.contains(words),
            "no {words:?} in {report}{}",
            outcome.stdout
        );
    }
}

/// What a server, a scenario and a profile may call things.
const HOSTILE: &str = "</script><img src=x onerror='window.owned=1'>\"--><!--\u{202e}<b>";

fn hostile_run() -> Outcome {
    let body = format!("{{\"error\": {}}}", serde_json::json!(HOSTILE));
    let server = Scripted::start(move |asked| match asked.path.as_str() {
        "/bad" => say("500 <img src=x onerror=alert(1)>", "", &body),
        _ => say("200 OK", "", "ok"),
    });
    let text = serde_json::Value::from(HOSTILE);
    let scenario = format!(
        r#"name = "hostile"
description = {text}
interval = "100ms"
[target]
url = "http://{}"
[load]
model = "closed"
connections = 2
duration = "600ms"
[[request]]
name = "good"
path = "/"
[[request]]
name = "bad"
path = "/bad"
headers = {{ X-Name = "<script>alert(1)</script>" }}
"#,
        server.addr
    );
    TestBed::new().scenario(&scenario).run()
}

#[test]
fn names_of_others_stay_names() {
    let outcome = hostile_run();
    assert!(
        outcome.dir().join("report.html").exists(),
        "{}",
        outcome.stderr
    );
    let dom = tries_itself(&outcome.dir().join("report.html"));
    assert!(
        !dom.contains("<img") && !dom.contains("<b>\u{202e}"),
        "{dom}"
    );
    assert!(dom.contains("&lt;img src=x onerror="), "shown as text");
}

/// A run whose directory somebody has changed: its result, and a profile of each variant with these callers of what changed. Its page is made
/// again from that.
fn profiled(change: impl FnOnce(&mut serde_json::Value), callers: &str) -> Outcome {
    let outcome = TestBed::new().scenario(&compared()).run();
    // A busy machine decides which.
    let outcome = outcome.expect_one_of(&[1, 3, 4]);
    let dir = outcome.dir();
    let mut result: serde_json::Value = serde_json::from_str(&outcome.read("result.json")).unwrap();
    for (at, (variant, samples)) in [("before", 900), ("after", 90)].into_iter().enumerate() {
        let stacks = format!("{callers} {samples}\nmain;other 100\n");
        fs::write(dir.join(variant).join("load/profile.pb.gz"), stacks).unwrap();
        result["variants"][at]["phases"][0]["profile"] = serde_json::json!({
            "samples": samples + 100, "slices": 1, "hz": 99, "target_us_per_request": samples, "top": []
        });
    }
    change(&mut result);
    fs::write(dir.join("result.json"), result.to_string()).unwrap();
    fs::remove_file(dir.join("report.html")).unwrap();
    let again = TestBed::new().args(["report"]).args([&dir]);
    again.run().expect(0, &["wrote "]);
    outcome
}

#[test]
fn a_directory_that_somebody_else_wrote_stays_text() {
    let name = HOSTILE.replace('\u{202e}', "");
    let outcome = profiled(
        |result| {
            result["scenario"]["name"] = HOSTILE.into();
            result["machine"]["cpu_model"] = HOSTILE.into();
            let threshold = &mut result["variants"][0]["thresholds"][0];
            threshold["reason"] = HOSTILE.into();
            threshold["expr"] = format!("latency.p99 < 5ms {HOSTILE}").into();
            let phase = &mut result["variants"][0]["phases"][0];
            phase["exemplars"]["status"] = HOSTILE.into();
            phase["ended"] = HOSTILE.into();
            phase["notes"][0] = serde_json::json!({"code": HOSTILE, "severity": "warning", "subject": HOSTILE, "words": HOSTILE, "remedy": HOSTILE});
        },
        &format!("main;{name}"),
    );
    let dir = outcome.dir();
    // A request of such a name, in both files that have it.
    for file in ["result.json", "histograms.hlog"] {
        let text = outcome.read(file);
        let quoted = serde_json::Value::from(name.as_str()).to_string();
        let text = text.replace("\"cars\"", &quoted);
        let text = text.replace("before/load/cars/", &format!("before/load/{name}/"));
        let text = text.replace("after/load/cars/", &format!("after/load/{name}/"));
        fs::write(dir.join(file), text).unwrap();
    }
    fs::write(dir.join("scenario.toml"), HOSTILE).unwrap();
    let again = TestBed::new().args(["report"]).args([&dir]);
    again.run().expect(0, &["wrote "]);
    let dom = tries_itself(&dir.join("report.html"));
    assert!(!dom.contains("<img"), "{dom}");
    assert!(dom.contains("&lt;img src=x onerror="), "shown as text");
    assert!(dom.contains("ok a request filters the curves"));
}

/// Two profiles whose functions, and whose files, would like to be more than names.
#[test]
fn the_page_of_a_comparison_of_profiles_works_and_its_names_stay_names() {
    let name = HOSTILE.replace(['\u{202e}', '/'], "");
    let stacks = |hash: u32| format!("main;{name} {hash}\nmain;other 300\nmain;{name};inner 50\n");
    let compared = TestBed::new()
        .file("<img src=x onerror=alert(1)>.folded", stacks(900))
        .file("b.folded", stacks(90))
        .args(["compare", "<img src=x onerror=alert(1)>.folded", "b.folded"])
        .args(["--out", "out", "--fail-on", "changed"])
        .run();
    let outcome = compared.expect_one_of(&[1, 3]);
    let page = outcome.dir().join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("exit code ") && text.contains("changed</h1>"),
        "{text}"
    );
    let dom = tries_itself(&page);
    assert!(!dom.contains("<img"), "{dom}");
    assert!(dom.contains("&lt;img src=x onerror="), "shown as text");
    assert!(
        dom.contains("ok the flame graph runs in its frame"),
        "{dom}"
    );
}

/// A base that ends at once, with last words.
#[test]
fn the_page_of_a_gate_works_and_its_words_stay_words() {
    let scenario = "name = \"gated\"\n[target]\ncommand = \"true {port}\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\nworkers = 1\n[[request]]\nname = \"get\"\npath = \"/\"\n";
    let base = "sh -c 'echo \"</script><img src=x onerror=alert(1)>\" >&2; exit 1' {port}";
    let outcome = TestBed::new()
        .file("s.toml", scenario)
        .args([
            "gate",
            "s.toml",
            "--out",
            "out",
            "--base",
            base,
            "--head",
            "true {port}",
        ])
        .run()
        .expect(4, &["stored in out"]);
    let page = outcome.dir().join("report.html");
    let dom = tries_itself(&page);
    assert!(
        dom.contains("Invalid: the gate says nothing of the head"),
        "{dom}"
    );
    assert!(!dom.contains("<img"), "{dom}");
    assert!(dom.contains("&lt;img src=x onerror="), "shown as text");
}

/// A target with many kinds of requests, and series of an hour.
#[test]
fn an_hour_and_two_hundred_requests_stay_usable() {
    let server = Scripted::start(|_| say("200 OK", "", "ok"));
    let requests: String = (0..200)
        .map(|at| format!("[[request]]\nname = \"things-{at}\"\npath = \"/{at}\"\n"))
        .collect();
    let scenario = format!(
        "name = \"many\"\ninterval = \"100ms\"\n[target]\nurl = \"http://{}\"\n[load]\nmodel = \"closed\"\nconnections = 8\nduration = \"2s\"\n{requests}",
        server.addr
    );
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[0, 3, 4]);
    let mut series =
        "round,t_ms,throughput_rps,failed,latency_p50_us,latency_p99_us,latency_max_us\n"
            .to_owned();
    for at in 0..3_600 {
        series += &format!(
            "1,{},{},0,{},{},{}\n",
            at * 1_000,
            900 + at % 90,
            100 + at % 9,
            200 + at % 70,
            900 + at % 800
        );
    }
    fs::write(outcome.dir().join("default/load/series.csv"), series).unwrap();
    let again = TestBed::new().args(["report"]).args([outcome.dir()]);
    again.run().expect(0, &["wrote "]);
    let page = outcome.read("report.html");
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert!(page.contains("Each point stands for 6 intervals"));
    let dom = tries_itself(&outcome.dir().join("report.html"));
    for words in [
        "ok a request filters the curves",
        "ok a search hides rows",
        "Search 200 requests",
    ] {
        assert!(dom.contains(words), "no {words:?}");
    }
}
