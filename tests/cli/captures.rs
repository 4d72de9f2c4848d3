//! Captures whose length depends on what the target does: a number of samples, and what is captured beside the CPU.

use std::time::Duration;

use pprof_format as proto;
use prost::Message as _;
use serde_json::Value;

use crate::bed::{TestBed, data, url_scenario};
use crate::scripted::{Asked, Scripted, say};

/// Samples of the profile that [`service`] answers with.
const SAMPLES: u64 = 370;

/// A service that answers each request for a CPU profile with the same one: at once, or after the time that was asked for.
fn service(takes_its_time: bool) -> Scripted {
    let profile = std::fs::read(data("go.pb.gz")).unwrap();
    Scripted::start(move |asked: &Asked| {
        let Some(query) = asked.path.strip_prefix("/debug/pprof/profile?") else {
            return fine();
        };
        let seconds = query.split('&').find_map(|of| of.strip_prefix("seconds="));
        if takes_its_time {
            std::thread::sleep(Duration::from_secs(seconds.unwrap().parse().unwrap()));
        }
        say("200 OK", "", &profile)
    })
}

/// An answer to the load, which leaves the CPU to other tests.
fn fine() -> Vec<u8> {
    std::thread::sleep(Duration::from_millis(2));
    say("200 OK", "", "fine")
}

fn slices(service: &Scripted) -> Vec<String> {
    let asked = service.asked().into_iter().map(|asked| asked.path);
    asked.filter(|path| path.contains("seconds=")).collect()
}

#[test]
fn samples_end_a_capture_and_how_long_they_take_is_said() {
    let service = service(false);
    let url = format!("http://{}/debug/pprof/profile", service.addr);
    let outcome = TestBed::new()
        .args(["flame", "capture", "--url", &url, "--samples", "1000"])
        .args(["-o", "out/some.pb.gz"])
        .run()
        .expect(
            0,
            &[
                "capturing 1,000 samples (within 2m) of http://",
                "1,000 samples take about 3 s at the CPU use that was measured (370 samples/s)",
                "1,110 samples in 3 slices",
            ],
        );
    assert!(outcome.dir().join("some.pb.gz").exists());
    assert_eq!(slices(&service).len(), 3, "{:?}", slices(&service));
}

#[test]
fn the_time_that_is_allowed_ends_a_capture_without_its_samples() {
    let service = service(false);
    let url = format!("http://{}/debug/pprof/profile", service.addr);
    TestBed::new()
        .args(["flame", "capture", "--url", &url, "--samples", "100000"])
        .args(["-d", "2s", "-o", "out/some.pb.gz"])
        .run()
        .expect(
            0,
            &[
                "which is more than the 2 s allowed: about 740 come in those",
                "740 samples in 2 slices",
            ],
        );
    TestBed::new()
        .args(["flame", "capture", "--url", &url, "--samples", "0"])
        .run()
        .expect(2, &["--samples"]);
}

#[test]
fn a_scenario_asks_for_samples() {
    let service = service(true);
    let profile = |keys: &str| {
        format!(
            "[profile]\ncpu = \"pprof\"\nurl = \"http://{}/debug/pprof/profile\"\n{keys}\n",
            service.addr
        )
    };
    let run = |keys: &str| {
        let scenario = url_scenario(service.addr, "200ms", &profile(keys));
        TestBed::new().scenario(&scenario).run()
    };
    let outcome = run("samples = 500").expect(
        0,
        &["500 samples take a time that is not known yet, 120 s at most"],
    );
    let phase = outcome.only_phase();
    assert_eq!(phase["profile"]["samples"], 2 * SAMPLES);
    assert_eq!(phase["profile"]["slices"], 2);
    let notes = |phase: &Value| phase["notes"].to_string();
    assert!(!notes(&phase).contains("fewer_samples"), "{phase}");
    let outcome = run("samples = 10000\nduration = \"1s\"").expect(0, &[]);
    let phase = outcome.only_phase();
    assert!(
        notes(&phase).contains("the profile has 370 of the 10000 samples that were asked for"),
        "{phase}"
    );
    run("samples = 0").expect(2, &["profile.samples: a profile ends after 1 to 1000000"]);
    run("samples = 5\nduration = \"2h\"").expect(
        2,
        &["profile.duration: a profile of a number of samples takes 1s to 3600s"],
    );
    run("duration = \"301s\"").expect(2, &["a profile takes 1s to 300s"]);
}

/// Text of a profile, each once.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn of(&mut self, text: &str) -> i64 {
        if self.0.is_empty() {
            self.0.push(String::new());
        }
        let found = self.0.iter().position(|of| of == text);
        found.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        }) as i64
    }
}

/// A stack of one function below `main`, its values, and the value of its label `endpoint`.
type Stack<'a> = (&'a str, &'a [i64], Option<&'a str>);

/// A profile as Go writes it: types with their units, the period with its type, a duration if it is of a time.
fn go_profile(
    types: &[(&str, &str)],
    (period_type, period): ((&str, &str), i64),
    duration_nanos: i64,
    stacks: &[Stack<'_>],
) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut value_type = |(name, unit): (&str, &str)| proto::ValueType {
        r#type: texts.of(name),
        unit: texts.of(unit),
    };
    let mut profile = proto::Profile {
        sample_type: types.iter().map(|of| value_type(*of)).collect(),
        period_type: Some(value_type(period_type)),
        period,
        duration_nanos,
        ..Default::default()
    };
    let functions = ["main"].into_iter().chain(stacks.iter().map(|of| of.0));
    for (id, name) in (1..).zip(functions) {
        profile.function.push(proto::Function {
            id,
            name: texts.of(name),
            ..Default::default()
        });
        profile.location.push(proto::Location {
            id,
            line: vec![proto::Line {
                function_id: id,
                ..Default::default()
            }],
            ..Default::default()
        });
    }
    for (id, (_, values, label)) in (2..).zip(stacks) {
        let label = label.map(|value| proto::Label {
            key: texts.of("endpoint"),
            str: texts.of(value),
            ..Default::default()
        });
        profile.sample.push(proto::Sample {
            location_id: vec![id, 1],
            value: values.to_vec(),
            label: label.into_iter().collect(),
        });
    }
    profile.string_table = texts.0;
    profile.encode_to_vec()
}

const SECOND: i64 = 1_000_000_000;
const CPU: [(&str, &str); 2] = [("samples", "count"), ("cpu", "nanoseconds")];
const DELAY: [(&str, &str); 2] = [("contentions", "count"), ("delay", "nanoseconds")];
const HEAP: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// Profiles of a Go service that waits, allocates and serves `/slow` and `/fast`. After its release each wait is ten times as long.
pub(crate) fn go_answer(asked: &Asked) -> Vec<u8> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let slower = if path.starts_with("/after") { 10 } else { 1 };
    let Some((_, kind)) = path.split_once("/debug/pprof/") else {
        return fine();
    };
    let of_a_second = query.contains("seconds=1");
    let duration = if of_a_second { SECOND } else { 0 };
    let profile = match kind {
        "profile" => {
            std::thread::sleep(Duration::from_secs(1));
            let cpu = |samples: i64| [samples, samples * 10_000_000];
            go_profile(
                &CPU,
                (CPU[1], 10_000_000),
                SECOND,
                &[
                    ("render", &cpu(600), Some("/slow")),
                    ("lookup", &cpu(300), Some("fast-one")),
                    ("runtime.gcBgMarkWorker", &cpu(100), None),
                ],
            )
        }
        "block" => go_profile(
            &DELAY,
            (DELAY[0], 1),
            duration,
            &[
                ("lockTable", &[20_000, slower * SECOND], None),
                ("runtime.selectgo", &[20_000, SECOND], None),
            ],
        ),
        // Cumulative, whatever is asked for.
        "mutex" => go_profile(&DELAY, (DELAY[0], 1), 0, &[("unlock", &[5, 500], None)]),
        "heap" => go_profile(
            &HEAP,
            (("space", "bytes"), 524_288),
            duration,
            &[(
                "newBuffer",
                &[20_000, 2_000 * 1_048_576, -5, -5_242_880],
                None,
            )],
        ),
        "goroutine" => go_profile(
            &[("goroutine", "count")],
            (("goroutine", "count"), 1),
            0,
            &[("worker", &[8], None)],
        ),
        _ => return say("404 Not Found", "X-Go-Pprof: 1\r\n", "Unknown profile"),
    };
    say("200 OK", "", profile)
}

pub(crate) fn go_scenario(service: &Scripted, keys: &str) -> String {
    let address = service.addr;
    format!(
        r#"name = "go"
interval = "100ms"
[target]
url = "http://{address}"
[load]
model = "closed"
connections = 2
duration = "300ms"
timeout = "5s"
[[request]]
name = "slow-one"
path = "/slow"
[[request]]
name = "fast-one"
path = "/fast"
weight = 3
[profile]
cpu = "pprof"
url = "http://{address}/debug/pprof/profile"
duration = "1s"
{keys}
[[variant]]
name = "before"
[[variant]]
name = "after"
profile.url = "http://{address}/after/debug/pprof/profile"
"#
    )
}

#[test]
fn what_is_captured_beside_the_cpu_is_shown_and_compared_per_request() {
    let service = Scripted::start(go_answer);
    let also = "also = [\"block\", \"mutex\", \"heap\", \"goroutine\"]";
    let outcome = TestBed::new()
        .scenario(&go_scenario(&service, also))
        .args(["--verbose"])
        .run()
        .expect(0, &[]);
    for words in [
        "waited at channels, selects and locks per request",
        "allocated per request (how well that is known is not judged: one slice shows no spread",
        "of goroutines per request",
        "no mutex profile: http://",
        "does not honour `seconds`",
        "block: time waited at channels, selects and locks per request by function",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
    let phase = outcome.phase("before", "load");
    let also = phase["profile"]["also"].as_array().unwrap();
    let kinds: Vec<_> = also.iter().map(|of| of["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["block", "heap", "goroutine"]);
    let rate = phase["profile"]["throughput_rps"].as_f64().unwrap();
    // Two seconds of waiting, 2,000 MiB and eight goroutines in each second.
    for (at, amount) in [(0, 2e9), (1, 2_000.0 * 1_048_576.0), (2, 8e9)] {
        let per_request = also[at]["per_request"].as_f64().unwrap();
        assert!((per_request * rate / amount - 1.0).abs() < 1e-6, "{also:?}");
    }
    let asked = |kind: &str| service.count(&format!("/debug/pprof/{kind}"));
    assert_eq!((asked("heap?seconds=1"), asked("goroutine")), (1, 1));
    // What is stored is read again, and compared alike.
    let directory = outcome.dir();
    let side = |variant: &str| format!("{}:{variant}", directory.display());
    let stored = TestBed::new()
        .args(["compare", &side("before"), &side("after"), "--json"])
        .run()
        .expect(0, &[]);
    let stored: Value = serde_json::from_str(&stored.stdout).unwrap();
    let also = stored["phases"][0]["also"].as_array().unwrap();
    assert_eq!(also[0]["kind"], "block");
    let changed: Vec<_> = also[0]["profile"]["functions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|of| of["self_finding"] == "changed")
        .map(|of| of["function"].as_str().unwrap())
        .collect();
    assert!(changed.contains(&"lockTable"), "{also:?}");
    let heap = directory.join("before/load/heap.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", heap.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    assert!(top.stdout.contains("\"alloc_space\""), "{}", top.stdout);
}

#[test]
fn a_label_tells_what_each_kind_of_request_costs() {
    let service = Scripted::start(go_answer);
    let pid = format!(
        "url = \"http://{}\"\npid = {}",
        service.addr,
        std::process::id()
    );
    let scenario = |label: &str| {
        let keys = format!("request_label = \"{label}\"");
        let text = go_scenario(&service, &keys);
        text.replace(
            &format!("url = \"http://{}\"\n[load]", service.addr),
            &(pid.clone() + "\n[load]"),
        )
    };
    let outcome = TestBed::new()
        .scenario(&scenario("endpoint"))
        .args(["--variant", "before"])
        .run()
        .expect(0, &[]);
    for words in [
        "slow-one: ",
        "fast-one: ",
        "of no request (runtime, other work): ",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
    let phase = outcome.phase("before", "load");
    let profile = &phase["profile"];
    let all = profile["by_request"].as_array().unwrap();
    let of: Vec<_> = all
        .iter()
        .map(|of| (of["request"].as_str(), of["samples"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        of,
        [
            (Some("slow-one"), 600),
            (Some("fast-one"), 300),
            (None, 100)
        ]
    );
    // A slow-one is one of four, and has twice the samples: it costs about six times as much as a fast-one.
    let us = |at: usize| all[at]["us_per_request"].as_f64().unwrap();
    assert!((4.0..8.0).contains(&(us(0) / us(1))), "{all:?}");
    let whole = profile["target_us_per_request"].as_f64().unwrap();
    assert!((us(2) / whole - 0.1).abs() < 1e-6, "{profile}");
    assert!(us(0) > whole, "{profile}");
    let outcome = TestBed::new()
        .scenario(&scenario("tenant"))
        .args(["--variant", "before"])
        .run()
        .expect(0, &[]);
    let phase = outcome.phase("before", "load");
    assert_eq!(phase["profile"]["by_request"], Value::Null);
    assert!(
        phase["notes"]
            .to_string()
            .contains("by the label tenant: no sample has it"),
        "{phase}"
    );
}

#[test]
fn labels_of_many_values_are_shown_in_part_and_said() {
    let names: Vec<String> = (0..70).map(|n| format!("/users/{n}")).collect();
    // Each value has so many samples, or one more.
    let profile = |least: i64| {
        let counts = (0..70).map(|n| least + n % 2);
        let values: Vec<[i64; 2]> = counts.map(|count| [count, count * 10_000_000]).collect();
        let stacks = names.iter().zip(&values);
        let stacks: Vec<Stack<'_>> = stacks
            .map(|(name, values)| ("f", &values[..], Some(name.as_str())))
            .collect();
        go_profile(&CPU, (CPU[1], 10_000_000), SECOND, &stacks)
    };
    let (many, unique) = (profile(5), profile(1));
    for (file, flag, says) in [
        (
            &many,
            "--by=endpoint",
            "the 64 values of endpoint with the most in them, and 6 more are not",
        ),
        (
            &many,
            "--labels",
            "  6 more values of endpoint (70 in all), each with 5 samples or less; --where",
        ),
        (
            &unique,
            "--by=endpoint",
            "the 5 values of endpoint with the most in them, and 65 more are not",
        ),
        (
            &unique,
            "--labels",
            "  65 more values of endpoint (70 in all), each with 2 samples or less; --where",
        ),
    ] {
        let bed = TestBed::new().file("many", file);
        let outcome = bed.args(["flame", "top", "many", flag]).run();
        let outcome = outcome.expect(0, &[]);
        let said = outcome.stdout + &outcome.stderr;
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn what_no_endpoint_gives_is_refused_before_the_load() {
    let service = Scripted::start(go_answer);
    let refused = |from: &str, to: &str, says: &str| {
        let scenario = go_scenario(&service, "").replace(from, to);
        TestBed::new().scenario(&scenario).run().expect(2, &[says]);
    };
    let one = "duration = \"1s\"\n\n";
    refused(
        one,
        "also = [\"threads\"]\n",
        "profile.also: `threads` is none of block, mutex, heap, goroutine",
    );
    refused(
        one,
        "also = [\"off-cpu\"]\n",
        "profile.also: perf tells where threads of local processes wait; name the target's with `pid`",
    );
    refused(
        "/debug/pprof/profile\"\nduration = \"1s\"\n",
        "/cpu\"\nalso = [\"heap\"]\n",
        "whose path ends in /profile",
    );
    refused(
        one,
        "request_label = \"\"\n",
        "profile.request_label: name the label",
    );
    let perf = go_scenario(&service, "request_label = \"endpoint\"")
        .replace("cpu = \"pprof\"", "cpu = \"perf\"")
        .replace(
            &format!("url = \"http://{}/debug/pprof/profile\"\n", service.addr),
            "",
        );
    let perf = perf.split("[[variant]]").next().unwrap().replacen(
        "[load]",
        &format!("pid = {}\n[load]", std::process::id()),
        1,
    );
    TestBed::new()
        .scenario(&perf)
        .run()
        .expect(2, &["perf's samples have no labels of requests"]);
    TestBed::new()
        .scenario(&perf.replace("request_label = \"endpoint\"", "also = [\"heap\"]"))
        .run()
        .expect(2, &["it is read from pprof endpoints"]);
}
