//! Printed jobs: Kubernetes' own schemas take the manifest, and what its container runs is a shard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::{TestBed, as_documented, echo};

/// An environment of Python with the schemas of the last versions.
static PYTHON: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    let run = |program: PathBuf, args: &[&str]| {
        let ran = Command::new(&program).args(args).output().unwrap();
        assert!(ran.status.success(), "{program:?}: {ran:?}");
    };
    let venv = home.path().join("venv");
    run("python3".into(), &["-m", "venv", venv.to_str().unwrap()]);
    let install = ["install", "-q", "kubernetes-validate==1.37.0"];
    run(venv.join("bin/pip"), &install);
    (home, venv.join("bin"))
});

const VERSIONS: [&str; 5] = ["1.33", "1.34", "1.35", "1.36", "1.37"];

/// Nothing is wrong with a manifest.
#[track_caller]
fn is_valid(manifest: &Path) {
    for version in VERSIONS {
        let checked = Command::new(PYTHON.1.join("kubernetes-validate"))
            .args(["--strict", "-k", version])
            .arg(manifest)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{version}: {said} {checked:?}");
    }
}

/// The documents of a file, as a reader of YAML sees them.
fn documents(manifest: &Path) -> Vec<Value> {
    let read =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let read = Command::new(PYTHON.1.join("python"))
        .args(["-c", read])
        .arg(manifest)
        .output()
        .unwrap();
    serde_json::from_slice(&read.stdout).unwrap_or_else(|error| panic!("{error}: {read:?}"))
}

fn scenario(address: &str, more: &str) -> String {
    format!(
        "name = \"Big_one\"\n# {more}\n[target]\nurl = \"http://{address}\"\n[load]\nmodel = \"open\"\nrate = \"60/s\"\nconnections = 3\nduration = \"500ms\"\ntimeout = \"500ms\"\n[[request]]\nname = \"get\"\npath = \"/{{{{seq}}}}\"\nheaders = {{ X-Token = \"{{{{env.SHARD_TOKEN}}}}\" }}\n"
    )
}

#[test]
fn the_manifest_is_valid_and_says_what_it_is_to_say() {
    let address = echo("200 OK", |_| String::new()).to_string();
    // Longer than a reader of YAML may take to install.
    let start = in_seconds(3_600);
    for more in [
        "plain",
        "a: b 'c' \"d\" {{x}} %YAML --- |",
        "tab\there, \u{e9}\u{1f600} \u{85} \u{2028}\u{feff}",
    ] {
        let text = scenario(&address, more);
        let args = "shards kubernetes -n 3 --shard-workers 1 --claim results".split(' ');
        let bed = TestBed::new()
            .file("s.toml", &text)
            .env("SHARD_TOKEN", "hush")
            .args(args)
            .args([
                "--image",
                "r.example/t:1 # \"x\"",
                "--start-at",
                &start,
                "s.toml",
            ]);
        let home = bed.home().to_owned();
        let outcome = bed.run().expect(0, &[]);
        assert!(!outcome.stdout.contains("hush"), "{}", outcome.stdout);
        let manifest = home.join("job.yaml");
        fs::write(&manifest, &outcome.stdout).unwrap();
        is_valid(&manifest);
        let all = documents(&manifest);
        let [map, job] = &all[..] else {
            panic!("{all:#?}")
        };
        assert_eq!(map["data"]["scenario.toml"], text);
        assert_eq!(map["metadata"]["name"], "telemload-big-one");
        let spec = &job["spec"];
        for (key, expected) in [
            ("completions", Value::from(3)),
            ("parallelism", 3.into()),
            ("completionMode", "Indexed".into()),
            ("backoffLimitPerIndex", 0.into()),
            ("maxFailedIndexes", 3.into()),
            ("podReplacementPolicy", "Failed".into()),
        ] {
            assert_eq!(spec[key], expected, "{key}");
        }
        assert!(spec["activeDeadlineSeconds"].as_u64().unwrap() > 600);
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never");
        let container = &pod["containers"][0];
        assert_eq!(container["image"], "r.example/t:1 # \"x\"");
        let env = container["env"].as_array().unwrap();
        assert_eq!(env[0]["value"], "3");
        assert_eq!(env[1]["valueFrom"]["secretKeyRef"]["key"], "SHARD_TOKEN");
        if more == "plain" {
            runs(container, &text, &start);
        }
    }
}

fn in_seconds(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.to_string()
}

/// The container's own command line, as a cluster would run it three times, but for an earlier start.
fn runs(container: &Value, text: &str, start: &str) {
    let home = tempfile::tempdir().unwrap();
    let (scenario, results) = (home.path().join("scenario"), home.path().join("results"));
    fs::create_dir(&scenario).unwrap();
    fs::write(scenario.join("scenario.toml"), text).unwrap();
    let soon = in_seconds(8);
    let args = container["args"].as_array().unwrap().iter();
    let args: Vec<String> = args
        .map(|arg| {
            let arg = arg.as_str().unwrap().replace(start, &soon);
            let arg = arg.replace("/scenario/", &format!("{}/", scenario.display()));
            arg.replace("/results/", &format!("{}/", results.display()))
        })
        .collect();
    let started = ["0", "1", "2"].map(|index| {
        let bed = TestBed::new().args(&args);
        bed.env("JOB_COMPLETION_INDEX", index)
            .env("TELEMLOAD_SHARDS", "3")
            .env("SHARD_TOKEN", "hush")
            .start()
    });
    let mut due = 0;
    for running in started {
        running.wait().expect(0, &[]);
    }
    let run = fs::read_dir(&results).unwrap().next().unwrap().unwrap();
    for index in 0..3 {
        let file = run.path().join(format!("shard-{index}/result.json"));
        let result = as_documented("result", &fs::read_to_string(file).unwrap());
        assert_eq!(result["shard"]["index"], index);
        let phase = &result["variants"][0]["phases"][0];
        due += phase["requests"]["due"].as_u64().unwrap();
    }
    assert_eq!(due, 30);
}
