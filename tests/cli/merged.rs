//! Shards of one run as users start them, and what `merge` makes of what they left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::alive::Gateway;
use crate::bed::{Outcome, TestBed, as_documented};

/// Three shards that have run, and what they left.
struct Shards {
    home: TempDir,
}

impl Shards {
    fn run(scenario: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("scenario.toml");
        fs::write(&file, scenario).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let start = (now.as_secs() + 5).to_string();
        let results = home.path().join("results");
        let running: Vec<_> = (0..3)
            .map(|index| {
                let shard = format!("{index}/3");
                let flags = ["--shard", shard.as_str(), "--start-at", start.as_str()];
                TestBed::new()
                    .args(["run".as_ref(), file.as_os_str(), "--out".as_ref()])
                    .args([results.as_os_str()])
                    .args(flags)
                    .start()
            })
            .collect();
        for shard in running {
            shard.wait().expect(0, &[]);
        }
        Self { home }
    }

    fn directory(&self, index: u32) -> PathBuf {
        self.home.path().join(format!("results/shard-{index}"))
    }

    /// A copy of a shard's directory in which a document was changed.
    fn changed(&self, index: u32, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let copy = self.home.path().join(name);
        let copied = Command::new("cp")
            .args([
                "-r".as_ref(),
                self.directory(index).as_os_str(),
                copy.as_os_str(),
            ])
            .status();
        assert!(copied.unwrap().success());
        let file = copy.join("result.json");
        let mut result: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        change(&mut result);
        fs::write(&file, result.to_string()).unwrap();
        copy
    }

    /// Merges directories into `whole` of the home of a test.
    fn merge(&self, name: &str, directories: &[PathBuf]) -> (Outcome, PathBuf) {
        let out = self.home.path().join(name);
        let outcome = TestBed::new()
            .args(["merge".as_ref(), "--out".as_ref(), out.as_os_str()])
            .args(directories)
            .run();
        (outcome, out)
    }
}

fn result(directory: &Path) -> Value {
    as_documented(
        "result",
        &fs::read_to_string(directory.join("result.json")).unwrap(),
    )
}

/// Codes of the doubts of the only phase.
fn doubts(directory: &Path) -> Vec<String> {
    let result = result(directory);
    let doubts = &result["variants"][0]["phases"][0]["trust"]["doubts"];
    let codes = doubts
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["code"].as_str());
    codes.map(|code| code.unwrap().to_owned()).collect()
}

#[test]
fn shards_are_merged_into_one_run_and_what_is_wrong_with_them_is_named() {
    let target = Gateway::start();
    let shards = Shards::run(&format!(
        "name = \"split\"\nseed = 7\ninterval = \"100ms\"\nallow_untrusted = true\n[target]\nurl = \"http://127.0.0.1:{}\"\n[load]\nmodel = \"open\"\nrate = \"300/s\"\nconnections = 6\nworkers = 1\nduration = \"500ms\"\ntimeout = \"2s\"\n[[request]]\nname = \"health\"\npath = \"/healthz\"\n[[threshold]]\nexpr = \"errors.rate <= 100%\"\njudge = \"value\"\n",
        target.port
    ));
    let all: Vec<PathBuf> = (0..3).map(|index| shards.directory(index)).collect();
    whole(&shards, &all);
    wrong(&shards, &all);
    lost(&shards, &all);
    apart_in_time(&shards, &all);
}

/// All three are one run, with all that a run has.
fn whole(shards: &Shards, all: &[PathBuf]) {
    let (merged, out) = shards.merge("whole", all);
    // A machine that is too busy to send in time makes it 3.
    let merged = merged.expect_one_of(&[0, 3]);
    assert!(merged.stderr.contains("stored in "), "{}", merged.stderr);
    for words in ["shards\n", "throughput", "#due"].map(|words| words.trim_start_matches('#')) {
        assert!(
            merged.stdout.contains(words),
            "{words:?} in {}",
            merged.stdout
        );
    }
    let found = result(&out);
    let of: Vec<&Value> = found["shards"].as_array().unwrap().iter().collect();
    assert_eq!(of.len(), 3, "{found:#}");
    for shard in of {
        assert_eq!(shard["windows"][0]["due"], 50, "{shard:#}");
        assert!(
            shard.get("lost").is_none() && shard["machine"].is_object(),
            "{shard:#}"
        );
    }
    let phase = &found["variants"][0]["phases"][0];
    assert_eq!(phase["requests"]["due"], 150);
    assert_eq!(phase["load"]["workers"], 3);
    assert_eq!(phase["rounds"][0]["window_s"], 0.5);
    assert_eq!(found["variants"][0]["thresholds"][0]["verdict"], "pass");
    let series = fs::read_to_string(out.join("default/load/series.csv")).unwrap();
    assert_eq!(series.lines().count(), 6, "{series}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        page.contains("id=\"shards\"") && page.contains("<svg"),
        "no table of shards"
    );
    let report = |format: &str| {
        let of = [
            "report".as_ref(),
            out.as_os_str(),
            "--format".as_ref(),
            format.as_ref(),
        ];
        TestBed::new().args(of).run().expect(0, &[]).stdout
    };
    // What is read again is what was written.
    let stored = fs::read_to_string(out.join("result.json")).unwrap();
    assert_eq!(report("json"), stored);
    assert!(report("markdown").contains("| shard | phase | due |"));
    let compared = [out.as_os_str(), out.as_os_str()];
    TestBed::new()
        .args(["compare"])
        .args(compared)
        .run()
        .expect(0, &[]);
}

/// What is not of one run is refused with exit code 2, and nothing is written.
fn wrong(shards: &Shards, all: &[PathBuf]) {
    let other = shards.changed(1, "other", |of| of["shard"]["key"] = json!("x\u{1b}[2J"));
    let says = "are not of one run: their key differs (`";
    let (outcome, out) = shards.merge("refused", &[all[0].clone(), other]);
    let outcome = outcome.expect(
        2,
        &[
            says,
            "shard-0",
            "/other ",
            "merge the shards of one run alone",
        ],
    );
    assert!(!outcome.stderr.contains('\u{1b}') && !out.exists());
    let run = shards.changed(1, "run", |of| {
        drop(of.as_object_mut().unwrap().remove("shard"))
    });
    let says = "is the directory of a whole run and not of a shard";
    shards
        .merge("refused", &[all[0].clone(), run])
        .0
        .expect(2, &[says]);
    let nowhere = shards.home.path().join("nowhere");
    shards
        .merge("refused", &[nowhere])
        .0
        .expect(2, &["is no directory"]);
    let empty = shards.home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let says = "there is no shard to merge: ";
    shards
        .merge("refused", std::slice::from_ref(&empty))
        .0
        .expect(2, &[says, "holds no result.json"]);
    shards
        .merge("whole", all)
        .0
        .expect(2, &["holds a result already"]);
}

/// A shard that is lost makes the run invalid, with the number of requests that were its part.
fn lost(shards: &Shards, all: &[PathBuf]) {
    let part = "50 requests were its part and are in no figure";
    let two = [all[0].clone(), all[2].clone()];
    let (outcome, out) = shards.merge("two", &two);
    outcome.expect(
        4,
        &["invalid: incomplete: shard 1 of 3 left nothing; ", part],
    );
    let found = result(&out);
    assert_eq!(found["variants"][0]["phases"][0]["requests"]["due"], 100);
    assert_eq!(found["shards"][1]["lost"]["due"], 50);
    assert_eq!(found["verdict"]["exit_code"], 4);
    // Read again it is as incomplete.
    let of = [
        "report".as_ref(),
        out.as_os_str(),
        "--format".as_ref(),
        "markdown".as_ref(),
    ];
    let report = TestBed::new().args(of).run().expect(0, &[]).stdout;
    assert!(report.contains("lost: in no figure"), "{report}");
    let cut = shards.changed(1, "cut", |_| {});
    let counts = cut.join("default/load/counts.jsonl");
    let bytes = fs::read(&counts).unwrap();
    fs::write(&counts, &bytes[..bytes.len() - 10]).unwrap();
    let says = [
        "shard 1 of 3 did not finish, or was copied in part (",
        "counts.jsonl: line ",
        part,
    ];
    shards
        .merge("with-cut", &[all[0].clone(), cut, all[2].clone()])
        .0
        .expect(4, &says);
    let again = shards.changed(1, "again", |of| of["shard"]["attempt"] = json!("second"));
    let says = [
        "shard 1 of 3 was run more than once, and no attempt is used: ",
        "shard-1 and ",
        "/again",
        part,
    ];
    let both = [all.to_vec(), vec![again.clone()]].concat();
    shards.merge("twice", &both).0.expect(4, &says);
    // The result of one attempt stands beside the counts of another.
    let mixed = [all[0].clone(), again, all[2].clone()];
    let says = ["counts.jsonl: another process wrote it than the result beside it"];
    shards.merge("mixed", &mixed).0.expect(4, &says);
}

/// Beginnings that lie apart are judged by how far they do.
fn apart_in_time(shards: &Shards, all: &[PathBuf]) {
    for (late_ms, is_suspect) in [(0_i64, false), (5, false), (80, true)] {
        let late = shards.changed(2, &format!("late-{late_ms}"), |of| {
            of["shard"]["clock_bound_s"] = json!(0.001);
            let stretch = &mut of["shard"]["stretches"][0];
            let planned: jiff::Timestamp = stretch["begins_at"].as_str().unwrap().parse().unwrap();
            let begun = planned + jiff::SignedDuration::from_millis(late_ms);
            stretch["begun_at"] = json!(begun.to_string());
        });
        let name = format!("apart-{late_ms}");
        let (outcome, out) = shards.merge(&name, &[all[0].clone(), all[1].clone(), late]);
        let outcome = outcome.expect_one_of(&[0, 3]);
        let is_doubted = doubts(&out).contains(&"skewed".to_owned());
        // The first two began when they did.
        assert!(is_doubted || !is_suspect, "{late_ms}: {}", outcome.stdout);
        let error = result(&out)["shards"][2]["windows"][0]["begin_error_s"]
            .as_f64()
            .unwrap();
        assert!((error * 1e3 - late_ms as f64).abs() < 1e-3, "{error}");
    }
}
