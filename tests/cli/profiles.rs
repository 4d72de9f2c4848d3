//! Profiles on their own and comparisons of stored runs: what is printed and stored, and what is refused.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::{TELEMLOAD, TestBed, as_documented, data};
use crate::hostile::{Behaviour, Server};

const BEFORE: &str = "main;auth;bcrypt::hash;expand 900\nmain;parse 90\nmain;write 10\n";
const AFTER: &str = "main;parse 880\nmain;write 100\nmain;auth;lookup 20\n";

fn bed() -> TestBed {
    TestBed::new()
        .file("a.folded", BEFORE)
        .file("b.folded", AFTER)
        .file("faults", "web 33 100.6: page-faults:\n\t55 g (x)\n\n")
}

/// What `go tool pprof -top` says of the profile, by function: own and total time, ms.
fn of_go() -> Vec<(String, f64, f64)> {
    let text = fs::read_to_string(data("go.top.txt")).unwrap();
    let row = regex::Regex::new(r"^\s*([\d.]+)(?:ms)?\s+[\d.]+%\s+[\d.]+%\s+([\d.]+)(?:ms)?\s+[\d.]+%\s+(.+?)(?: \((?:partial-)?inline\))?$").unwrap();
    let rows = text.lines().filter_map(|line| row.captures(line));
    rows.map(|row| {
        (
            row[3].to_owned(),
            row[1].parse().unwrap(),
            row[2].parse().unwrap(),
        )
    })
    .collect()
}

#[test]
fn a_go_profile_gives_what_go_says_of_it() {
    let path = data("go.pb.gz");
    let outcome = TestBed::new()
        .args([
            "flame",
            "top",
            path.to_str().unwrap(),
            "--json",
            "-n",
            "100000",
        ])
        .run()
        .expect(0, &[]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&document["sample_type"], &document["unit"]),
        (&"cpu".into(), &"nanoseconds".into())
    );
    assert_eq!(document["slices"].as_array().unwrap().len(), 5);
    let per_sample =
        document["value"].as_f64().unwrap() / document["samples"].as_f64().unwrap() / 1e6;
    let functions = document["functions"].as_array().unwrap();
    let theirs = of_go();
    assert!(theirs.len() > 4);
    for (name, own, total) in theirs {
        let ours = functions.iter().find(|function| {
            function["function"] == name.as_str()
                || function["raw"]
                    .as_array()
                    .is_some_and(|raw| raw.contains(&name.as_str().into()))
        });
        let ours = ours.unwrap_or_else(|| panic!("no {name}"));
        let ms = |key: &str| ours[key].as_f64().unwrap() * per_sample;
        assert!((ms("self_samples") - own).abs() < 0.6, "{name}: {ours}");
        assert!((ms("total_samples") - total).abs() < 0.6, "{name}: {ours}");
    }
}

#[test]
fn every_format_is_read_and_written() {
    let perf = "web 1 [000] 1.5: 250 cycles:u: \n\t1 work (x)\n\t2 main (x)\n\nweb 1 [000] 1.6: 9 cycles:u: \n\t1 work (x)\n\t2 main (x)\n\n";
    let outcome = bed()
        .file("perf.txt", perf)
        .args(["flame", "top", "perf.txt", "--csv"])
        .run()
        .expect(0, &[]);
    assert!(
        outcome
            .stdout
            .starts_with("function,self_samples,total_samples,"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("\nwork,2,2,1,1,"),
        "{}",
        outcome.stdout
    );

    let outcome = bed()
        .args(["flame", "render", "a.folded", "-o", "out/a.pb.gz"])
        .run()
        .expect(0, &[]);
    let again = outcome.dir().join("a.pb.gz");
    let outcome = TestBed::new()
        .args([
            "flame",
            "render",
            again.to_str().unwrap(),
            "--format",
            "folded",
        ])
        .run()
        .expect(0, &[]);
    assert_eq!(outcome.stdout, BEFORE);
    let outcome = bed()
        .args(["flame", "render", "a.folded"])
        .run()
        .expect(0, &[]);
    assert!(outcome.stdout.contains("<svg") && outcome.stdout.contains("bcrypt::hash"));

    // Several files are slices of one capture.
    let outcome = bed()
        .args(["flame", "top", "a.folded", "a.folded", "b.folded", "--json"])
        .run()
        .expect(0, &[]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["slices"], serde_json::json!([1000, 1000, 1000]));
    let outcome = bed()
        .args(["flame", "top", "a.folded"])
        .run()
        .expect(0, &[]);
    for words in [
        "1,000 samples, not in slices",
        "90 %",
        "≤ 10.00x",
        "bcrypt::hash",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "no {words:?}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn standard_input_is_a_profile_too() {
    let mut child = Command::new(TELEMLOAD)
        .args(["flame", "top", "-", "--fold", "plumbing"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"main;tokio::run;tokio::poll 3\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("[tokio]") && !text.contains("tokio::run"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_name() {
    for (args, says) in [
        (
            &["flame", "top", "none.pb.gz"][..],
            "cannot read none.pb.gz: No such file",
        ),
        (
            &["flame", "top", "dir"],
            "cannot read dir: it is a directory; name the profile in it",
        ),
        (
            &["flame", "top", "junk"],
            "junk: not a profile but text of no known profiler; give profile.proto",
        ),
        (
            &["flame", "top", "page"],
            "page: not a profile but an HTML page; give the profile that it was drawn of",
        ),
        (
            &["flame", "top", "a.folded", "--sample-type", "cpu"],
            "a.folded: the profile has no sample type `cpu`; it has samples, as folded stacks do",
        ),
        (
            &["flame", "top", "a.folded", "--fold", "all"],
            "there is one preset: plumbing",
        ),
        (
            &["flame", "diff", "a.folded", "empty"],
            "empty: the input is empty",
        ),
        (
            &["flame", "diff", "-", "-"],
            "standard input (-) can be read once, and is named twice",
        ),
        (
            &[
                "compare",
                "faults",
                "faults",
                "--base-cost",
                "1ms",
                "--head-cost",
                "2ms",
            ],
            "faults: --base-cost and --head-cost are CPU time, and these are samples of page-faults",
        ),
        (
            &["compare", "a.folded", "faults"],
            "profiles of samples/count and of page-faults/",
        ),
        (
            &[
                "flame",
                "diff",
                "a.folded",
                "b.folded",
                "--base-cost",
                "1ms",
            ],
            "--head-cost",
        ),
        (
            &["flame", "render", "a.folded", "--format", "png"],
            "possible values: svg, folded, pprof",
        ),
        (&["flame", "capture"], "--url"),
        (
            &["flame", "capture", "--url", "ftp://h/p"],
            "its scheme is `ftp`",
        ),
        (
            &[
                "flame",
                "capture",
                "--url",
                "http://127.0.0.1:9/p",
                "-o",
                "a.folded",
            ],
            "a.folded exists; name another file",
        ),
        (
            &[
                "flame",
                "capture",
                "--url",
                "http://127.0.0.1:9/p",
                "-H",
                "a b: c",
            ],
            "`a b` is no header name",
        ),
        (
            &[
                "flame",
                "capture",
                "--url",
                "http://127.0.0.1:9/p",
                "-d",
                "90s",
                "--slice",
                "1s",
            ],
            "at most 64 slices",
        ),
        (
            &["flame", "capture", "--pid", "4194305"],
            "there is no process 4194305",
        ),
        (&["compare", "a.folded"], "required"),
        (&["compare", "a.folded", "dir"], "dir has no result.json"),
        (
            &["compare", "a.folded", "b.folded:x"],
            "b.folded is no run directory and has no variant x",
        ),
        (
            &["compare", "a.folded", "b.folded", "--json", "--csv"],
            "cannot be used with",
        ),
    ] {
        let bed = bed()
            .file("junk", "some words")
            .file("page", "<html>")
            .file("empty", "")
            .file("dir/other", "");
        // A perf that is there, whatever the machine has.
        let path = bed.path("bin");
        fs::create_dir_all(&path).unwrap();
        std::os::unix::fs::symlink("/bin/false", path.join("perf")).unwrap();
        let search = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        let outcome = bed.args(args).env("PATH", &search).run().expect(2, &[says]);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_target_that_gives_no_profile_is_named_without_secrets() {
    let outcome = TestBed::new()
        .args([
            "flame",
            "capture",
            "--url",
            "http://u:hunter2@127.0.0.1:9/p?token=hunter3",
            "-d",
            "1s",
        ])
        .args(["-H", "Authorization: hunter4"])
        .run()
        .expect(4, &["invalid: no profile from http://127.0.0.1:9/p: "]);
    assert!(!outcome.stderr.contains("hunter"));
    let server = Server::start(Behaviour::Canned(crate::hostile::OK));
    TestBed::new()
        .args([
            "flame",
            "capture",
            "-d",
            "1s",
            "--url",
            &format!("http://{}/", server.addr),
        ])
        .run()
        .expect(4, &["answers with", "instead of a profile"]);
}

#[test]
fn a_comparison_of_profiles_says_what_explains_the_change() {
    let costs = ["--base-cost", "8ms", "--head-cost", "400us"];
    let outcome = bed()
        .args(["compare", "a.folded", "b.folded"])
        .args(costs)
        .args(["--out", "out"])
        .run()
        .expect(0, &[]);
    for words in [
        "a.folded → b.folded",
        "CPU per request 8 ms → 400 µs as given: -7.6 ms (95 %: -8.07 ms to -7.13 ms)",
        "95 % of it below bcrypt::hash: -7.2 ms (95 %: ",
        "95 % of it expand itself: -7.2 ms (95 %: ",
        "no detectable change in 3 other functions: one of ±",
        "3 % assumed between launches",
        "if free",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "no {words:?}: {}",
            outcome.stdout
        );
    }
    for file in [
        "compare.json",
        "compare.md",
        "functions.csv",
        "profile/flame-diff.html",
        "profile/flame-diff.svg",
    ] {
        assert!(outcome.dir().join(file).exists(), "{file}");
    }
    let document = as_documented("compare", &outcome.read("compare.json"));
    let profile = &document["phases"][0]["profile"];
    assert_eq!(
        (&profile["unit"], &profile["below"]["function"]),
        (&"us_per_request".into(), &"bcrypt::hash".into())
    );
    let sum: f64 = profile["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["self_change"].as_f64().unwrap())
        .sum();
    assert!(
        (sum + 7_600.0).abs() < 1e-6,
        "own changes add up to that of the whole: {sum}"
    );

    // Without --out nothing is written.
    let outcome = bed()
        .args(["compare", "a.folded", "b.folded", "--markdown"])
        .run()
        .expect(0, &[]);
    assert!(!outcome.dir().exists());
    for words in [
        "## a.folded → b.folded",
        "| before | after |",
        "shares sum to 100 %",
        "`bcrypt::hash`",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "no {words:?}: {}",
            outcome.stdout
        );
    }
    let outcome = bed()
        .args(["compare", "a.folded", "b.folded", "--json"])
        .run()
        .expect(0, &[]);
    let document = as_documented("compare", &outcome.stdout);
    assert_eq!(document["phases"][0]["profile"]["unit"], "share");
    let outcome = bed()
        .args(["compare", "a.folded", "a.folded", "--csv"])
        .run()
        .expect(0, &[]);
    assert!(
        !outcome.stdout.contains(",changed,")
            && outcome.stdout.contains(",no difference detected,"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn profiles_of_different_things_are_refused_or_doubted() {
    let heap = telemload::profile::encode::encode(&{
        let mut heap = telemload::profile::Profile::new("alloc_space", "bytes", 0);
        heap.add(["main", "grow"], 10, 4096).unwrap();
        heap
    });
    bed()
        .file("heap.pb.gz", heap.unwrap())
        .args(["compare", "a.folded", "heap.pb.gz"])
        .run()
        .expect(
            2,
            &[
                "profiles of samples/count and of alloc_space/bytes cannot be compared",
                "--sample-type",
            ],
        );
    let other = "app.main;app.one 500\napp.main;app.two 500\n";
    let outcome = bed()
        .file("c.folded", other)
        .args(["compare", "a.folded", "c.folded"])
        .run()
        .expect(0, &[]);
    assert!(
        outcome.stdout.contains("names do not seem to match"),
        "{}",
        outcome.stdout
    );
}

/// A run directory with one phase, `load`, of each variant.
fn run_directory(root: &Path, schema: &str, sha256: &str, variants: &[(&str, &str, f64)]) {
    let phases = variants.iter().map(|(name, stacks, us)| {
        let directory = root.join(name).join("load");
        fs::create_dir_all(&directory).unwrap();
        let profile = telemload::profile::folded::read(stacks.as_bytes()).unwrap();
        fs::write(directory.join("profile.pb.gz"), telemload::profile::encode::encode(&profile).unwrap()).unwrap();
        let figures = serde_json::json!({"throughput_rps": 1e6 / us, "target_us_per_request": us, "latency_p50_us": us, "latency_p99_us": us * 2.0});
        let mut round = figures.clone();
        round["window_s"] = 10.into();
        serde_json::json!({"name": name, "target": "t", "thresholds": [], "phases": [{
            "name": "load", "rounds": [round.clone(), round.clone(), round],
            "load": {"model": "closed", "connections": 4, "duration_s": 10, "warmup_s": 1, "timeout_s": 10, "workers": 1},
            "profile": {"target_us_per_request": us, "samples": profile.samples()},
            "trust": {"level": "trusted", "reasons": []}}]})
    });
    let document = serde_json::json!({"schema": schema, "scenario": {"name": "s", "sha256": sha256},
        "started_at": "2026-01-01T00:00:00Z", "interrupted": false, "comparisons": [], "unknown key": {},
        "machine": {"hostname_hash": "ab", "cpu_model": "m", "logical_cpus": 2, "usable_cpus": 2, "kernel": "6",
            "memory_bytes": 1, "cgroup_cpus": null, "governor": null},
        "variants": phases.collect::<Vec<_>>()});
    fs::write(root.join("result.json"), document.to_string()).unwrap();
}

fn runs() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let of = |name: &str, schema, sha, variants: &[_]| {
        run_directory(&home.path().join(name), schema, sha, variants);
    };
    of(
        "one",
        "telemload.result/1",
        "aa",
        &[("default", BEFORE, 8_000.0)],
    );
    of(
        "two",
        "telemload.result/1",
        "bb",
        &[("before", BEFORE, 8_000.0), ("after", AFTER, 400.0)],
    );
    of(
        "new",
        "telemload.result/7",
        "aa",
        &[("default", BEFORE, 8_000.0)],
    );
    home
}

fn compare(home: &TempDir, args: &[&str]) -> std::process::Output {
    Command::new(TELEMLOAD)
        .arg("compare")
        .args(args)
        .current_dir(home.path())
        .output()
        .unwrap()
}

#[test]
fn stored_runs_are_compared() {
    let home = runs();
    let output = compare(&home, &["one", "two:after", "--out", "out"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for words in [
        "one → two:after",
        "the scenario s was changed between the runs",
        "CPU per request        8 ms → 400 µs",
        "better: ÷20",
        "while profiled 8 ms → 400 µs: -7.6 ms",
        "95 % of it below bcrypt::hash: -7.2 ms (95 %: ",
        "throughput",
    ] {
        assert!(text.contains(words), "no {words:?}: {text}");
    }
    assert!(home.path().join("out/load/flame-diff.html").exists());
    let output = compare(&home, &["two:before", "two:after", "--json"]);
    let document = as_documented("compare", &String::from_utf8(output.stdout).unwrap());
    assert_eq!(document["warnings"], serde_json::json!([]));
    assert_eq!(
        document["phases"][0]["metrics"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn a_profile_that_is_gone_is_said() {
    let home = runs();
    fs::remove_file(home.path().join("two/after/load/profile.pb.gz")).unwrap();
    let output = compare(&home, &["two:before", "two:after"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let says = "two:after · load was profiled, and its profile.pb.gz is gone";
    assert!(text.contains(says), "{text}");
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let home = runs();
    for (args, says) in [
        (
            &["one", "two"][..],
            "the run has the variants before, after; name one, like two:before",
        ),
        (
            &["one", "two:later"],
            "the run has no variant later; it has before, after",
        ),
        (
            &["one", "new"],
            "its schema is `telemload.result/7` and this version reads `telemload.result/1`",
        ),
        (
            &["one", "two/before/load/profile.pb.gz"],
            "a run and a profile cannot be compared",
        ),
        (
            &["one", "none"],
            "none: there is no such run directory or profile",
        ),
        (
            &[
                "one",
                "two:after",
                "--base-cost",
                "1ms",
                "--head-cost",
                "1ms",
            ],
            "runs have their own",
        ),
    ] {
        let output = compare(&home, args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "no {says:?}: {said}");
    }
}
