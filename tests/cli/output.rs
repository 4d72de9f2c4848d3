//! What a run prints and stores, and that one agrees with the other.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;
use telemload::profile::pprof;

use crate::bed::{TestBed, device_request, gateway_scenario, url_scenario};
use crate::hostile::{self, Behaviour, Server};

/// Two variants, each with a profile.
fn profiled() -> String {
    let more = "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\nhz = 250\n[[variant]]\nname = \"before\"\n[[variant]]\nname = \"after\"\ntarget.gateway.auth = \"singleflight\"\n";
    // A window of whole turns has no row that is cut.
    let order = "order = \"one-by-one\"\n".to_owned();
    order
        + &gateway_scenario("450ms", &(device_request("cars") + more)).replace(
            "auth = \"singleflight\", bcrypt_cost = 4",
            "auth = \"naive\", bcrypt_cost = 7",
        )
}

#[test]
fn a_run_directory_holds_every_file_and_they_agree() {
    let outcome = TestBed::new()
        .scenario(&profiled())
        .args(["--json"])
        .run()
        .expect(
            0,
            &[
                "hashing",
                "before · load",
                "after · load (profiled)",
                "stored in out",
            ],
        );
    let result = outcome.result();
    assert_eq!(outcome.stdout, outcome.read("result.json"));
    assert_eq!(outcome.read("scenario.toml"), profiled());
    assert_eq!(result["interrupted"], false);
    let metrics = result["comparisons"][0]["metrics"].as_array().unwrap();
    assert!(metrics.len() >= 3, "{metrics:#?}");

    for variant in ["before", "after"] {
        let phase = outcome.phase(variant, "load");
        let at = format!("{variant}/load");
        let window = phase["rounds"][0]["window_s"].as_f64().unwrap();
        let series = outcome.series(&at);
        assert_eq!(series.len(), 5, "{series:#?}");
        // Readings that came late have no cell.
        let sum = |column: &str| {
            let cells = series.iter().map(|row| row.get(column).copied());
            cells.sum::<Option<f64>>()
        };
        let ok: f64 = series
            .iter()
            .map(|row| row["throughput_rps"] * (window - row["t_ms"] / 1e3).min(0.1))
            .sum();
        let expected = phase["throughput_rps"].as_f64().unwrap() * window;
        assert!((ok - expected).abs() < 0.5, "{ok} against {expected}");
        let is_late = phase["warnings"].to_string().contains("late or missing");
        for counter in ["bcrypt", "cache_hits", "cache_misses", "shared", "rejected"] {
            let (whole, rows) = (phase["gateway"][counter].as_f64(), sum(counter));
            let agree = whole.is_some() && whole == rows;
            assert!(agree || is_late, "{counter}: {whole:?} and {rows:?}");
        }
        let log = outcome.read(&format!("{at}/latency.hlog"));
        let rows = log.lines().filter(|line| !line.starts_with(['#', '"']));
        assert_eq!(rows.count(), series.len(), "{log}");

        let bytes = fs::read(outcome.dir().join(format!("{at}/profile.pb.gz"))).unwrap();
        assert_eq!(bytes[..2], [0x1f, 0x8b]);
        let profile = pprof::decode(&bytes).unwrap();
        assert_eq!(phase["profile"]["samples"], profile.samples());
        let svg = outcome.read(&format!("{at}/flame.svg"));
        well_formed(&svg);
        let first = phase["profile"]["top"][0]["function"].as_str().unwrap();
        let name = first
            .rsplit("::")
            .next()
            .unwrap()
            .trim_end_matches(['>', '}']);
        assert!(svg.contains(name), "no {name} in {svg}");
    }
    assert!(outcome.read("before/load/flame.svg").contains("bcrypt::"));
    let graph = outcome.read("compare/before..after/load/flame-diff.html");
    assert!(graph.contains("default-src 'none'") && graph.contains("\"bcrypt::"));
    well_formed(&outcome.read("compare/before..after/load/flame-diff.svg"));
    assert!(!outcome.stdout.contains('\x1b') && !outcome.stderr.contains('\x1b'));
}

/// Every tag is closed in order.
#[track_caller]
fn well_formed(svg: &str) {
    let unparsed =
        Regex::new(r"(?s)<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|<!DOCTYPE.*?>").unwrap();
    let plain = unparsed.replace_all(svg, "");
    let tag = Regex::new(
        r#"<(/?)([A-Za-z:]+)(?:\s+[A-Za-z0-9:_-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(/?)>"#,
    )
    .unwrap();
    let mut open = Vec::new();
    for found in tag.captures_iter(&plain) {
        match (&found[1], &found[3]) {
            ("/", _) => assert_eq!(open.pop(), Some(found[2].to_owned())),
            (_, "") => open.push(found[2].to_owned()),
            _ => {}
        }
    }
    assert_eq!(open, Vec::<String>::new());
    assert!(
        !tag.replace_all(&plain, "").contains('<'),
        "something is no tag"
    );
}

#[test]
fn failures_are_in_the_series_too() {
    let requests = device_request("cars") + &device_request("thieves");
    let outcome = TestBed::new()
        .scenario(&gateway_scenario("400ms", &requests))
        .run();
    let outcome = outcome.expect(1, &[]);
    let phase = outcome.only_phase();
    let failed: f64 = outcome
        .series("default/load")
        .iter()
        .map(|row| row["failed"])
        .sum();
    // What was under way on the two connections at the end of the window is in no row.
    let after = phase["requests"]["failed"].as_f64().unwrap() - failed;
    assert!((0.0..=2.0).contains(&after), "{after}");
    let by_request = |kind: &str| -> u64 {
        let requests = phase["per_request"].as_object().unwrap().values();
        requests
            .map(|request| request["requests"][kind].as_u64().unwrap())
            .sum()
    };
    for kind in ["due", "sent", "ok", "failed"] {
        assert_eq!(phase["requests"][kind], by_request(kind), "{kind}");
    }
}

#[test]
fn quiet_says_nothing_but_results() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "200ms", "");
    let outcome = TestBed::new()
        .scenario(&scenario)
        .args(["--quiet"])
        .run()
        .expect(0, &[]);
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.contains("throughput"));
    let outcome = TestBed::new()
        .scenario(&scenario)
        .args(["-q", "--json"])
        .run()
        .expect(0, &[]);
    assert_eq!(outcome.stderr, "");
    assert_eq!(
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()["schema"],
        "telemload.result/1"
    );
}

#[test]
fn one_variant_alone_is_compared_with_nothing() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let variants = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n[[threshold]]\nexpr = \"throughput > 1/s\"\nvariant = \"a\"\n";
    let outcome = TestBed::new()
        .scenario(&url_scenario(server.addr, "200ms", variants))
        .args(["--variant", "b"])
        .run()
        .expect(0, &[]);
    let result = outcome.result();
    assert_eq!(result["variants"].as_array().unwrap().len(), 1);
    assert_eq!(result["variants"][0]["name"], "b");
    assert_eq!(result["comparisons"].as_array().unwrap().len(), 0);
    assert!(
        outcome
            .read("scenario.toml")
            .starts_with("# overridden by --variant: b\n")
    );
}

#[test]
fn a_dry_run_sends_nothing_and_shows_what_would_be_sent() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let more = r#"method = "PUT"
fleet = "cars"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}", X-Choice = "{{choice a b c}} {{uuid}}" }
body = '{"seq":{{seq}},"speed":{{int 0 180}},"lat":{{float 47 48 5}}}'
[fleet.cars]
devices = 3
seed = 11
"#;
    let scenario = url_scenario(server.addr, "10s", more)
        .replace("path = \"/\"", "path = \"/v1/{{device.id}}?n={{seq}}\"");
    let bed = || {
        TestBed::new()
            .scenario(&scenario)
            .args(["-c", "1", "-n", "2", "--seed", "5"])
    };
    let dry = bed()
        .args(["--dry-run", "--show-secrets"])
        .run()
        .expect(0, &[]);
    let redacted = bed().args(["--dry-run"]).run().expect(0, &[]);
    assert_eq!((server.request_count(), server.connections()), (0, 0));
    assert!(!dry.dir().exists() && !redacted.dir().exists());

    bed().run().expect(0, &[]);
    let sent = server.requests();
    assert_eq!(sent.len(), 2);
    let mut expected = String::new();
    let mut hidden = String::new();
    let secret = Regex::new("X-Device-Token: .*").unwrap();
    for (n, request) in sent.iter().enumerate() {
        let text = format!("{}{}", request.head, String::from_utf8_lossy(&request.body));
        expected += &format!("  request {n}, get:\n");
        for line in text.lines() {
            expected += &format!("    {line}\n");
        }
        hidden = secret
            .replace_all(&expected, "X-Device-Token: [redacted]")
            .into_owned();
    }
    assert!(
        dry.stdout.contains(&expected),
        "{}\nsent:\n{expected}",
        dry.stdout
    );
    assert!(
        redacted.stdout.contains(&hidden),
        "{}\nsent:\n{hidden}",
        redacted.stdout
    );
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "200ms", "");
    for more in [&["--dry-run"][..], &["--json"], &[], &["--help"]] {
        let bed = TestBed::new().scenario(&scenario).args(more);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = bed
            .command()
            .stdout(writer)
            .stderr(std::process::Stdio::null())
            .status();
        assert_eq!(status.unwrap().code(), Some(0), "{more:?}");
        let is_run = more.is_empty() || more == ["--json"];
        assert_eq!(bed.path("out/result.json").exists(), is_run, "{more:?}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let bed = TestBed::new().args(["completions", "bash"]);
    let status = bed.command().stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn without_out_each_run_has_a_directory_of_its_own() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "200ms", "");
    let outcome = TestBed::new()
        .file("s.toml", &scenario)
        .args(["run", "s.toml"])
        .run()
        .expect(0, &["stored in runs/test-"]);
    let runs: Vec<_> = fs::read_dir(outcome.home().join("runs")).unwrap().collect();
    assert_eq!(runs.len(), 1);
    let directory = runs[0].as_ref().unwrap().path();
    for file in [
        "result.json",
        "histograms.hlog",
        "scenario.toml",
        "default/load/series.csv",
        "default/load/latency.hlog",
    ] {
        assert!(directory.join(file).exists(), "{file}");
    }
}

#[test]
fn help_and_completions_name_every_verb() {
    for (args, words) in [
        (
            &["--help"][..],
            &[
                "run",
                "compare",
                "flame",
                "gateway",
                "init",
                "schema",
                "completions",
                "man",
            ][..],
        ),
        (&["flame", "--help"], &["top", "render", "diff", "capture"]),
        (
            &["run", "--help"],
            &["--dry-run", "Exit codes", "130 interrupted"],
        ),
        (&["completions", "bash"], &["complete", "telemload"]),
        (&["--version"], &[env!("CARGO_PKG_VERSION")]),
    ] {
        let outcome = TestBed::new()
            .args(args)
            .env("NO_COLOR", "1")
            .run()
            .expect(0, &[]);
        for word in words {
            assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
        }
        assert!(!outcome.stdout.contains('\x1b'));
    }
}

#[test]
fn the_documentation_names_every_key_of_the_schemas() {
    fn keys(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "properties" {
                        found.extend(value.as_object().unwrap().keys().cloned());
                    }
                    keys(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let reference = docs.join("reference");
    // What both formats have is told once.
    for (name, pages, fewest) in [
        ("result", &["result.md"][..], 100),
        ("compare", &["profiles.md", "result.md"], 45),
    ] {
        let schema = fs::read(docs.join(format!("{name}.schema.json"))).unwrap();
        let text: String = pages
            .iter()
            .map(|page| fs::read_to_string(reference.join(page)).unwrap())
            .collect();
        let mut found = Vec::new();
        keys(&serde_json::from_slice(&schema).unwrap(), &mut found);
        assert!(found.len() > fewest, "{name}: {}", found.len());
        for key in found {
            let is_named = text.match_indices(&key).any(|(at, _)| {
                let behind = &text[at + key.len()..];
                let behind = behind.strip_prefix("[]").unwrap_or(behind);
                text[..at].ends_with(['`', '.']) && behind.starts_with(['`', '.'])
            });
            assert!(is_named, "{pages:?} do not name {key}");
        }
    }
}

#[test]
fn stages_are_told_in_words_and_in_numbers() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = url_scenario(server.addr, "400ms", "").replace(
        "model = \"closed\"\nconnections = 2\nduration = \"400ms\"",
        "model = \"open\"\nconnections = 8\narrivals = { burst = 5 }\nstages = [{ to = \"1000/s\", over = \"200ms\" }, { hold = \"200ms\" }]",
    );
    let words = "0 → 1,000/s over 200ms, hold 200ms";
    let dry = TestBed::new()
        .scenario(&scenario)
        .args(["--dry-run"])
        .run()
        .expect(0, &[]);
    let plan =
        format!("open loop {words}, bursts of 5, 8 connections, 400ms, 300 requests planned");
    assert!(dry.stdout.contains(&plan), "{}", dry.stdout);
    // A busy machine may not send all of it in time; what was planned is said even then.
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[0, 4]);
    let said = format!("default · load ({words}): 1 s");
    assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["due"], 300);
    let load = &phase["load"];
    assert_eq!(load["rate"], Value::Null);
    assert_eq!(
        (&load["arrivals"], &load["burst"]),
        (&"burst".into(), &5.into())
    );
    let stages = serde_json::json!([
        { "from": 0.0, "to": 1000.0, "duration_s": 0.2 },
        { "from": 1000.0, "to": 1000.0, "duration_s": 0.2 },
    ]);
    assert_eq!(load["stages"], stages);

    let refused = TestBed::new().scenario(&scenario).args(["-d", "1s"]).run();
    refused.expect(2, &["scenario.toml: -d: ", "give -R too"]);
    let replaced = TestBed::new()
        .scenario(&scenario)
        .args(["-R", "200/s", "--dry-run"])
        .run()
        .expect(0, &[]);
    let plan = "open loop at 200/s, bursts of 5, 8 connections, 400ms, 80 requests planned";
    assert!(replaced.stdout.contains(plan), "{}", replaced.stdout);
}
