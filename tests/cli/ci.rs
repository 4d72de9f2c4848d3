//! What CI systems get: JUnit reports, code quality reports, annotations and summaries of jobs.

use std::fs;

use serde_json::Value;

use crate::bed::{Outcome, TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};
use crate::junit::Report;

const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\n\r\n\n::error::a\n##[error]b\n";

/// One threshold that fails, one that holds, and one that cannot be judged.
const THRESHOLDS: &str = r#"
[[threshold]]
expr = "latency.max < 1ns"
judge = "value"
[[threshold]]
expr = "latency.p99 < 1h"
request = "get"
"#;

/// A run of 20 requests of a server that always answers so.
fn run(
    answer: &'static [u8],
    thresholds: &str,
    flags: &[&str],
    prepared: impl FnOnce(TestBed) -> TestBed,
) -> Outcome {
    let server = Server::start(Behaviour::Canned(answer));
    let text = url_scenario(server.addr, "60s", thresholds);
    let text = text.replace("duration = \"60s\"", "duration = \"60s\"\nrequests = 20");
    let text = format!("allow_untrusted = true\n{text}");
    prepared(TestBed::new().scenario(&text).args(flags)).run()
}

fn as_it_is(bed: TestBed) -> TestBed {
    bed
}

fn on_github(bed: TestBed) -> TestBed {
    bed.env("GITHUB_ACTIONS", "true")
}

fn report(outcome: &Outcome, name: &str) -> Report {
    let text = fs::read_to_string(outcome.home().join(name)).unwrap();
    Report::read(&text)
}

/// The line of the scenario that holds these words, from 1.
fn line_of(outcome: &Outcome, words: &str) -> usize {
    let text = fs::read_to_string(outcome.home().join("scenario.toml")).unwrap();
    let mut lines = text.lines();
    lines.position(|line| line.contains(words)).unwrap() + 1
}

#[test]
fn a_run_is_a_junit_report() {
    let flags = ["--junit", "reports/junit.xml"];
    let outcome = run(hostile::OK, THRESHOLDS, &flags, as_it_is).expect(1, &["a threshold failed"]);
    let report = report(&outcome, "reports/junit.xml");
    let found: Vec<_> = report.cases.iter().map(|of| of.in_short()).collect();
    assert_eq!(
        found,
        [
            ("test", "run", "pass"),
            ("default · load", "latency.max < 1ns", "failure"),
            ("default · load", "latency.p99 < 1h for get", "skipped"),
            ("default · load", "errors.rate < 1%", "pass"),
        ]
    );
    assert_eq!(report.counts, ["4", "1", "0", "1"]);
    assert!(report.cases[1].words.starts_with("found "), "{report:?}");
    let says = "20 requests are too few to judge it: 368 or more tell";
    assert!(report.cases[2].words.contains(says), "{report:?}");
    assert!(report.cases[2].message.contains(says), "{report:?}");
}

#[test]
fn a_run_that_says_nothing_is_an_error_of_its_report() {
    let outcome = run(REFUSAL, "", &["--junit", "junit.xml"], on_github).expect(4, &["invalid: "]);
    let report = report(&outcome, "junit.xml");
    assert_eq!(report.cases[0].in_short(), ("test", "run", "error"));
    let says = "no OK response at all";
    assert!(report.cases[0].message.contains(says), "{report:?}");
    assert_eq!(report.counts[2], "1");
    // What the target says is no command.
    let mut lines = outcome.stderr.lines().chain(outcome.stdout.lines());
    let commands: Vec<_> = lines
        .by_ref()
        .filter(|line| line.trim_start().starts_with("::"))
        .filter(|line| !["::group::default · load", "::endgroup::"].contains(line))
        .collect();
    assert_eq!(commands.len(), 2, "{commands:#?}");
    for command in commands {
        assert!(
            command.starts_with("::error file=scenario.toml,"),
            "{command}"
        );
    }
}

#[test]
fn what_does_not_pass_is_annotated_at_its_line() {
    let outcome = run(hostile::OK, THRESHOLDS, &["--quiet"], on_github).expect(1, &[]);
    let (fails, unsure) = (
        line_of(&outcome, "latency.max"),
        line_of(&outcome, "latency.p99"),
    );
    for says in [
        format!(
            "::error file=scenario.toml,line={fails},title=default · load · latency.max < 1ns::found "
        ),
        format!(
            "::warning file=scenario.toml,line={unsure},title=default · load · latency.p99 < 1h for get::found "
        ),
    ] {
        assert!(
            outcome.stderr.contains(&says),
            "no {says} in {}",
            outcome.stderr
        );
    }
    // A job that runs below the top of its repository names the file from there.
    for variable in ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"] {
        let below = |bed: TestBed| {
            let top = bed.path("").parent().unwrap().display().to_string();
            on_github(bed).env(variable, &top)
        };
        let outcome = run(hostile::OK, THRESHOLDS, &[], below).expect(1, &[]);
        let name = outcome.home().file_name().unwrap().to_str().unwrap();
        let says = format!("::error file={name}/scenario.toml,line={fails},");
        assert!(outcome.stderr.contains(&says), "{}", outcome.stderr);
    }
    // Elsewhere nobody reads them.
    for value in ["", "false"] {
        let elsewhere = |bed: TestBed| bed.env("GITHUB_ACTIONS", value);
        let outcome = run(hostile::OK, THRESHOLDS, &[], elsewhere).expect(1, &[]);
        assert!(!outcome.stderr.contains("::error"), "{}", outcome.stderr);
    }
}

#[test]
fn a_summary_is_appended_to_that_of_the_job() {
    let with = |before: &str| {
        let summary = |bed: TestBed| {
            bed.file("summary.md", before)
                .env("GITHUB_STEP_SUMMARY", "summary.md")
        };
        run(hostile::OK, THRESHOLDS, &[], summary).expect(1, &[])
    };
    let before = "# Before\n";
    let outcome = with(before);
    let text = fs::read_to_string(outcome.home().join("summary.md")).unwrap();
    let text = text.strip_prefix(before).unwrap();
    for says in [
        "## test: fail\n",
        "| **fail** | default · load | latency.max \\< 1ns | found ",
        "| pass | default · load | errors.rate \\< 1% | found 0 % |",
    ] {
        assert!(text.contains(says), "no {says} in {text}");
    }
    // A heading within another step's line would be no heading.
    let outcome = with("no line end");
    let text = fs::read_to_string(outcome.home().join("summary.md")).unwrap();
    assert!(text.starts_with("no line end\n\n## test: fail\n"), "{text}");
    // Where there is no room nothing is lost that stood there.
    let full = "x".repeat(1_023_950) + "\n";
    let outcome = with(&full);
    let text = fs::read_to_string(outcome.home().join("summary.md")).unwrap();
    assert!(
        text.len() <= 1_024_000 && text.starts_with(&full),
        "{}",
        text.len()
    );
    // One that cannot be written changes no exit code.
    let nowhere = |bed: TestBed| bed.env("GITHUB_STEP_SUMMARY", "no/such/folder");
    let says = "warning: cannot append to no/such/folder, which GITHUB_STEP_SUMMARY names";
    run(hostile::OK, "", &[], nowhere).expect(0, &[says]);
}

#[test]
fn gitlab_gets_an_issue_for_each_check_that_does_not_pass() {
    let flags = ["--code-quality", "quality.json"];
    let quality = |outcome: &Outcome| -> Vec<Value> {
        let text = fs::read_to_string(outcome.home().join("quality.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let outcome = run(hostile::OK, THRESHOLDS, &flags, as_it_is).expect(1, &[]);
    let issues = quality(&outcome);
    let of = |at: usize| -> (&str, &str, u64) {
        let issue = &issues[at];
        let location = &issue["location"];
        (
            issue["severity"].as_str().unwrap(),
            location["path"].as_str().unwrap(),
            location["lines"]["begin"].as_u64().unwrap(),
        )
    };
    let lines = ["latency.max", "latency.p99"].map(|of| line_of(&outcome, of) as u64);
    assert_eq!(issues.len(), 2);
    assert_eq!(of(0), ("major", "scenario.toml", lines[0]));
    assert_eq!(of(1), ("info", "scenario.toml", lines[1]));
    let description = issues[0]["description"].as_str().unwrap();
    let says = "fail: default · load · latency.max < 1ns: found ";
    assert!(description.starts_with(says), "{description}");
    // The same issue in the next run, and another one than its neighbour.
    let again = quality(&run(hostile::OK, THRESHOLDS, &flags, as_it_is));
    let prints = |issues: &[Value]| -> Vec<Value> {
        issues.iter().map(|of| of["fingerprint"].clone()).collect()
    };
    assert_eq!(prints(&issues), prints(&again));
    assert_ne!(prints(&issues)[0], prints(&issues)[1]);
    let none = run(hostile::OK, "", &flags, as_it_is).expect(0, &[]);
    assert_eq!(quality(&none), Vec::<Value>::new());
}

#[test]
fn reports_that_cannot_be_written_are_refused_before_the_load() {
    for (flags, says) in [
        (["--junit", "-"], "--junit needs a file"),
        (["--junit", "."], "--junit: . is a directory"),
        (["--code-quality", "-"], "--code-quality needs a file"),
    ] {
        let outcome = run(hostile::OK, "", &flags, as_it_is).expect(2, &[says]);
        assert!(!outcome.dir().exists());
    }
    // What would take the place of another file.
    for (flags, says) in [
        (
            &["--junit", "./scenario.toml"][..],
            "--junit names the scenario file",
        ),
        (
            &["--code-quality", "scenario.toml"],
            "--code-quality names the scenario file",
        ),
        (
            &["--junit", "r", "--code-quality", "./r"],
            "--junit and --code-quality name one file",
        ),
    ] {
        let outcome = run(hostile::OK, "", flags, as_it_is).expect(2, &[says]);
        assert!(!outcome.dir().exists());
    }
    TestBed::new()
        .args(["run", "http://127.0.0.1:1/", "--code-quality", "q.json"])
        .run()
        .expect(2, &["--code-quality goes with a scenario file"]);
    // A full disk costs the file and not the figures.
    let flags = ["--junit", "/dev/full/junit.xml"];
    let outcome = run(hostile::OK, "", &flags, as_it_is).expect(5, &["cannot write /dev/full"]);
    assert!(outcome.stdout.contains("latency"), "{}", outcome.stdout);
}

#[test]
fn a_comparison_is_a_junit_report_of_what_was_asked_for() {
    let bed = |flags: &[&str]| {
        TestBed::new()
            .file("a", "main;a 3000\nmain;b 7000\n")
            .file("b", "main;a 6000\nmain;b 7000\n")
            .args([
                "compare",
                "a",
                "b",
                "--base-cost",
                "100us",
                "--head-cost",
                "200us",
            ])
            .args(["--junit", "junit.xml"])
            .args(flags)
    };
    let outcome = bed(&["--fail-on", "worse"]).run().expect(1, &[]);
    let found = report(&outcome, "junit.xml");
    let found: Vec<_> = found.cases.iter().map(|of| of.in_short()).collect();
    assert_eq!(
        found,
        [
            ("profile", "CPU per request", "failure"),
            ("profile", "functions", "skipped"),
        ]
    );
    // Nobody asked what fails, so that nothing was judged.
    let outcome = bed(&[]).run().expect(0, &[]);
    assert_eq!(report(&outcome, "junit.xml").counts, ["2", "0", "0", "2"]);
}
