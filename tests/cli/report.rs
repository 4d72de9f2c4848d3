//! `report.html`, and `telemload report`, which makes it again from a run directory, and other forms.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{TestBed, as_documented, device_request, gateway_scenario, url_scenario};
use crate::hostile::{self, Behaviour, Server};

/// Two variants without a profile, one request each.
fn two() -> String {
    let more = "[[variant]]\nname = \"before\"\n[[variant]]\nname = \"after\"\ntarget.gateway.auth = \"naive\"\n";
    gateway_scenario("500ms", &(device_request("cars") + more))
}

#[test]
fn a_page_is_in_the_run_directory_and_is_made_again_alike() {
    let run = TestBed::new().scenario(&two()).run().expect(0, &[]);
    let page = run.read("report.html");
    for words in [
        "<h1 class=\"good\">Passed: all 2 thresholds hold</h1>",
        "exit code 0",
        "before → after · load",
        "id=\"chart-0-0\"",
        "id=\"heat-0-1\"",
        "telemload run scenario.toml --seed",
    ] {
        assert!(page.contains(words), "no {words:?}");
    }
    // The same values, whether they were just measured or read again.
    let dir = run.dir();
    fs::remove_file(dir.join("report.html")).unwrap();
    let again = TestBed::new().args(["report"]).args([&dir]).run();
    let again = again.expect(0, &["wrote "]);
    assert_eq!(again.stdout, "");
    assert!(page == run.read("report.html"), "the pages differ");
}

#[test]
fn nothing_in_a_run_directory_leads_out_of_it() {
    let run = TestBed::new().scenario(&two()).run().expect(0, &[]);
    let (dir, outside) = (run.dir(), run.home().join("outside"));
    fs::write(&outside, "theirs").unwrap();
    fs::remove_file(dir.join("report.html")).unwrap();
    fs::remove_file(dir.join("scenario.toml")).unwrap();
    symlink(&outside, dir.join("report.html")).unwrap();
    symlink(&outside, dir.join("scenario.toml")).unwrap();
    symlink(run.home(), dir.join("charts")).unwrap();
    for flags in [&[][..], &["--format", "svg"]] {
        let bed = TestBed::new().args(["report"]).args([&dir]).args(flags);
        bed.run().expect(5, &["a link stands there"]);
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "theirs");
    let page = run.home().join("page.html");
    let bed = TestBed::new().args(["report", "--out"]).args([&page, &dir]);
    bed.run().expect(0, &["wrote "]);
    assert!(!fs::read_to_string(&page).unwrap().contains("theirs"));
}

#[test]
fn what_is_read_of_a_run_directory_lies_in_it() {
    let run = TestBed::new().scenario(&two()).run().expect(0, &[]);
    let (dir, outside) = (run.dir(), run.home().join("outside"));
    fs::create_dir(&outside).unwrap();
    let report = |flags: &[&str]| {
        let page = run.home().join("page.html");
        let bed = TestBed::new().args(["report", "--out"]).args([&page, &dir]);
        (bed.args(flags).run(), page)
    };
    let missing = "No series was stored";
    let pages = ["before", "after/load"].map(|below| {
        let theirs = outside.join(below.replace('/', "-"));
        fs::rename(dir.join(below), &theirs).unwrap();
        symlink(&theirs, dir.join(below)).unwrap();
        let (outcome, page) = report(&[]);
        outcome.expect(0, &["wrote "]);
        fs::read_to_string(page).unwrap()
    });
    // The first one leaves a variant with its own.
    assert_eq!(pages.map(|page| page.contains(missing)), [false, true]);
    for name in ["histograms.hlog", "result.json"] {
        let (own, theirs) = (dir.join(name), outside.join(name));
        fs::rename(&own, &theirs).unwrap();
        symlink(&theirs, &own).unwrap();
        let says = [name, "a link stands there", "put the file itself there"];
        report(&["--format", "hlog"]).0.expect(2, &says);
        fs::remove_file(&own).unwrap();
        // Nobody writes to it.
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &own, fifo, 0o600.into(), 0).unwrap();
        let bed = TestBed::new().args(["compare"]).args([&dir, &dir]);
        bed.run().expect(2, &[name, "is no regular file"]);
        fs::remove_file(&own).unwrap();
        fs::rename(&theirs, &own).unwrap();
    }
}

#[test]
fn other_forms_are_printed_or_written() {
    let run = TestBed::new().scenario(&two()).run().expect(0, &[]);
    let dir = run.dir();
    let made = |format: &str| {
        let made = TestBed::new().args(["report", "--format", format]);
        made.args([&dir]).run().expect(0, &[])
    };
    // All that it printed is what was stored: figures of a result survive being read.
    let json = made("json").stdout;
    let (again, stored): (Value, Value) = (as_documented("result", &json), run.result());
    assert_eq!(again["variants"], stored["variants"]);
    assert_eq!(again["verdict"], stored["verdict"]);
    assert_eq!(again["comparisons"], stored["comparisons"]);
    assert_eq!(made("hlog").stdout, run.read("histograms.hlog"));
    let csv = made("csv").stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines.len(),
        5,
        "a header, and all and one request of two variants"
    );
    let at = lines[0]
        .split(',')
        .position(|column| column == "latency_p99_us");
    let cells: Vec<&str> = lines[3].split(',').collect();
    assert_eq!(cells[..3], ["after", "load", ""]);
    let phase = run.phase("after", "load");
    assert_eq!(cells[at.unwrap()], phase["latency_us"]["p99"].to_string());
    let markdown = made("markdown").stdout;
    for words in ["## test: pass", "| after · load | ", "## before → after"] {
        assert!(markdown.contains(words), "no {words:?} in {markdown}");
    }
    let junit = made("junit").stdout;
    assert!(
        junit.contains("<testsuite name=\"test\" tests=\"") && junit.contains("errors.rate"),
        "{junit}"
    );
    made("svg");
    let drawn = fs::read_to_string(dir.join("charts/load-latency.svg")).unwrap();
    assert!(drawn.starts_with("<svg xmlns="), "{drawn}");
    // A variant that a busy machine kept from answering for its whole window has nothing to draw.
    let answered = |variant: &&str| {
        let series = run.series(&format!("{variant}/load"));
        series.iter().any(|row| row.contains_key("latency_p99_us"))
    };
    let answered: Vec<_> = ["before", "after"].into_iter().filter(answered).collect();
    assert!(!answered.is_empty());
    for variant in answered {
        assert!(drawn.contains(&format!(">{variant} p99<")), "{drawn}");
    }
    assert!(dir.join("charts/load-percentiles.svg").exists());
}

#[test]
fn a_run_without_figures_has_a_page_that_says_why() {
    let server = Server::start(Behaviour::Canned(hostile::GARBAGE));
    let run = TestBed::new()
        .scenario(&url_scenario(server.addr, "300ms", ""))
        .run();
    let run = run.expect_one_of(&[4]);
    let page = run.read("report.html");
    assert!(
        page.contains("<h1 class=\"bad\">Invalid: the run says nothing"),
        "{}",
        run.stderr
    );
    assert!(page.contains("exit code 4"));
}

#[test]
fn results_of_earlier_versions_have_pages_too() {
    for name in ["result-earlier.json", "result-suspect.json"] {
        let text = fs::read_to_string(format!("tests/data/{name}")).unwrap();
        let bed = TestBed::new().file("old/result.json", text);
        let page = bed.path("old/report.html");
        let made = bed.args(["report", "old"]).run();
        let _made = made.expect(0, &["wrote old/report.html"]);
        let page = fs::read_to_string(page).unwrap();
        for words in [
            "What is missing",
            "histograms.hlog",
            "No series was stored",
            "The scenario was not stored",
        ] {
            assert!(page.contains(words), "{name}: no {words:?}");
        }
    }
}

#[test]
fn what_is_no_run_directory_is_refused() {
    let refused = |args: &[&str], says: &[&str]| {
        let bed = TestBed::new()
            .file("empty/notes.txt", "")
            .file("gated/gate.json", "{}")
            .file("odd/result.json", "{}");
        bed.args(["report"]).args(args).run().expect(2, says);
    };
    refused(
        &["nowhere"],
        &["error: nowhere is no run directory; `telemload run` says where it stored one"],
    );
    refused(
        &["empty"],
        &["error: empty has no result.json: it is no run directory, or its run was killed"],
    );
    refused(
        &["gated"],
        &[
            "error: gated holds a gate (gate.json) and no run: its page is report.html in that directory",
        ],
    );
    refused(&["odd"], &["error: odd/result.json: it has no schema"]);
    refused(
        &["odd", "--format", "pdf"],
        &[
            "invalid value 'pdf'",
            "html, markdown, json, csv, hlog, junit, svg",
        ],
    );
}

#[test]
fn nothing_to_draw_is_said() {
    let text = fs::read_to_string("tests/data/result-earlier.json").unwrap();
    let mut result: Value = serde_json::from_str(&text).unwrap();
    result["variants"] = Value::Array(Vec::new());
    let bed = TestBed::new().file("old/result.json", result.to_string());
    bed.args(["report", "old", "--format", "svg"]).run().expect(
        2,
        &["error: old has nothing to draw: no window was measured"],
    );
}

#[test]
fn an_interrupted_run_has_a_page_of_what_was_measured() {
    let scenario = gateway_scenario("60s", &device_request("cars"));
    let running = TestBed::new().scenario(&scenario).start();
    running.wait_for_rows(3);
    running.signal(Signal::INT);
    let run = running.wait().expect(130, &[]);
    let page = run.read("report.html");
    for words in [
        "<h1 class=\"doubt\">Interrupted: the run was ended before its time; until then ",
        "The run was interrupted: what was measured until then is here",
        "exit code 130",
        "id=\"chart-0-1\"",
    ] {
        assert!(page.contains(words), "no {words:?}");
    }
}

#[test]
fn each_launch_has_charts_of_its_own() {
    let scenario = format!(
        "rounds = 2\n{}",
        gateway_scenario("300ms", &device_request("cars"))
    );
    let run = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let page = run.read("report.html");
    assert!(page.contains("<h3>load, launch 2</h3>") && page.contains("id=\"chart-1-0\""));
    assert!(
        !page.contains("Missing:"),
        "of each there is a series and a log"
    );
}
