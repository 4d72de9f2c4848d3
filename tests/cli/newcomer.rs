//! What a newcomer types first: a scenario to begin with, and what a shell, an editor and `man` know of telemload.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bed::{TELEMLOAD, TestBed};
use crate::hostile::{self, Behaviour, Server};

#[test]
fn a_first_scenario_runs_as_it_stands_and_is_never_overwritten() {
    let first = TestBed::new().args(["init"]).run().expect(
        0,
        &[
            "wrote scenario.toml",
            "telemload run scenario.toml --dry-run",
            "telemload run scenario.toml ",
        ],
    );
    let written = fs::read(first.home().join("scenario.toml")).unwrap();
    let bed = TestBed::new().file("scenario.toml", &written);
    let run = ["run", "scenario.toml", "-d", "500ms", "--out", "out"];
    // A machine that is too busy to tell is not what is tested.
    let outcome = bed.args(run).run().expect_one_of(&[0, 3]);
    assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);

    for name in ["scenario", "scenario.toml"] {
        let again = TestBed::new()
            .file("scenario.toml", "mine")
            .args(["init", name])
            .run();
        let again = again.expect(
            2,
            &["error: scenario.toml exists and stays as it is; name another scenario"],
        );
        assert_eq!(
            fs::read(again.home().join("scenario.toml")).unwrap(),
            b"mine"
        );
    }
}

#[test]
fn a_first_scenario_is_for_the_service_that_is_named() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let url = format!("http://{}/orders?of=\"x\"#top", server.addr);
    let outcome = TestBed::new()
        .args(["init", "load", "--url", &url])
        .run()
        .expect(0, &[]);
    let text = fs::read_to_string(outcome.home().join("load.toml")).unwrap();
    let dry = TestBed::new()
        .file("load.toml", &text)
        .args(["run", "load.toml", "--dry-run"])
        .run();
    let dry = dry.expect(0, &[]);
    assert!(dry.stdout.contains("GET /orders?of="), "{}", dry.stdout);

    let command = "./shop \"it's odd\" --port {port}";
    let outcome = TestBed::new()
        .args(["init", "odd", "--command", command])
        .run()
        .expect(0, &[]);
    let text = fs::read_to_string(outcome.home().join("odd.toml")).unwrap();
    assert!(
        text.contains("name = \"odd\"") && text.contains("telemload run odd.toml"),
        "{text}"
    );

    for (args, words) in [
        (
            &["init", "my shop"][..],
            &["error: `my shop` names no scenario"][..],
        ),
        (&["init", ".."], &["error: `..` names no scenario"]),
        (
            &["init", "x", "--url", "ftp://127.0.0.1/"],
            &["error: nothing was written", "target.url"],
        ),
        (
            &["init", "x", "--url", "http://127.0.0.1/{{nothing}}"],
            &["error: nothing was written"],
        ),
        (
            &["init", "x", "--command", "./x 'open"],
            &["error: nothing was written"],
        ),
    ] {
        let outcome = TestBed::new().args(args).run().expect(2, words);
        assert!(!outcome.home().join("x.toml").exists(), "{args:?}");
    }
    // The directory is made, as the help's example wants it.
    let below = TestBed::new().args(["init", "load/x"]).run();
    let below = below.expect(0, &["wrote load/x.toml"]);
    assert!(below.home().join("load/x.toml").exists());
    let nowhere = TestBed::new()
        .file("load", "a file")
        .args(["init", "load/x"]);
    nowhere
        .run()
        .expect(5, &["error: cannot write load/x.toml"]);
}

/// The lines of the first scenario that are commented out, from `from` to the next empty line.
fn uncommented(text: &str, from: &str) -> String {
    let at = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let end = text[at..].find("\n\n").map_or(text.len(), |end| at + end);
    let block: String = text[at..end]
        .lines()
        .map(|line| {
            format!(
                "{}\n",
                line.strip_prefix("# ")
                    .or(line.strip_prefix('#'))
                    .unwrap_or(line)
            )
        })
        .collect();
    format!("{}{block}{}", &text[..at], &text[end..])
}

#[test]
fn what_a_first_scenario_suggests_is_right_too() {
    let outcome = TestBed::new().args(["init"]).run().expect(0, &[]);
    let text = fs::read_to_string(outcome.home().join("scenario.toml")).unwrap();
    let open = uncommented(&text, "# model = \"open\"").replacen("model = \"closed\"\n", "", 1);
    let posted = uncommented(&text, "# method = \"POST\"");
    let variants = uncommented(&text, "# [[variant]]\n# name = \"few\"");
    let profiled = uncommented(&text, "# [profile]").replace("\"perf\"", "\"pprof\"");
    for (text, words) in [
        (open, "open loop at 200/s"),
        (posted, "POST /v1/telemetry"),
        (variants, "many"),
        (profiled, "profile"),
    ] {
        let dry = TestBed::new()
            .file("s.toml", &text)
            .env("TOKEN", "opensesame");
        let dry = dry
            .args(["run", "s.toml", "--dry-run"])
            .run()
            .expect(0, &[]);
        assert!(dry.stdout.contains(words), "{words}: {}", dry.stdout);
    }
}

#[test]
fn the_schema_is_printed_as_it_is_documented() {
    let printed = TestBed::new().args(["schema"]).run().expect(0, &[]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.schema.json");
    assert_eq!(printed.stdout, fs::read_to_string(path).unwrap());
}

#[test]
fn every_command_has_a_manual_page() {
    let printed = TestBed::new().args(["man"]).run().expect(0, &[]);
    assert!(
        printed.stdout.contains(".TH telemload 1"),
        "{}",
        printed.stdout
    );
    let outcome = TestBed::new()
        .args(["man", "--out", "man/man1"])
        .run()
        .expect(0, &["wrote the manual pages"]);
    let page = |name: &str| fs::read_to_string(outcome.home().join("man/man1").join(name));
    for (name, words) in [
        ("telemload.1", "telemload\\-run(1)"),
        ("telemload-run.1", "\\-\\-connections"),
        ("telemload-flame-top.1", "SYNOPSIS"),
        ("telemload-gateway-verify-sink.1", "\\-\\-acknowledged"),
    ] {
        let text = page(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.contains(words), "{name} has no {words}: {text}");
    }
    assert!(page("telemload-help.1").is_err());
    let documented = include_str!("../../docs/reference/commands.md");
    for entry in fs::read_dir(outcome.home().join("man/man1")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".1").to_owned();
        let has_more = ["telemload", "telemload-flame"].contains(&name.as_str());
        // Only the name of one command has a dash.
        let typed = name.replace('-', " ").replace("verify sink", "verify-sink");
        assert!(
            has_more || documented.contains(&format!("`{typed}`")),
            "docs/reference/commands.md has no `{typed}`"
        );
    }
    let blocked = TestBed::new()
        .file("man", "")
        .args(["man", "--out", "man"])
        .run();
    blocked.expect(5, &["error: cannot create man"]);
}

/// What bash offers for the last of these words.
fn offered(bed: &TestBed, words: &[&str]) -> Vec<String> {
    let script = bed.path("telemload.bash");
    if !script.exists() {
        let printed = TestBed::new()
            .args(["completions", "bash"])
            .run()
            .expect(0, &[]);
        fs::write(&script, printed.stdout).unwrap();
    }
    let last = words[words.len() - 1];
    let asked = format!(
        "source ./telemload.bash; COMP_WORDS=(\"$@\"); COMP_CWORD={}; COMP_TYPE=9; _clap_complete_telemload telemload '{last}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1
    );
    let path = Path::new(TELEMLOAD).parent().unwrap().display().to_string();
    let output = Command::new("bash")
        .args(["-c", &asked, "bash"])
        .args(words)
        .current_dir(bed.path(""))
        .env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_shell_completes_commands_flags_files_and_variants() {
    let bed = TestBed::new()
        .file(
            "shop.toml",
            "name = \"shop\"\n[[variant]]\nname = \"before\"\n[[variant]]\nname = \"after\"\n[[variant]]\nname = \"be\\u001b[2Jware\"\n",
        )
        .file("broken.toml", b"\xff[[variant")
        .file(
            "runs/a/result.json",
            "{\"variants\":[{\"name\":\"before\"},{\"name\":\"after\"}]}",
        );
    for (words, expected) in [
        (&["telemload", "ru"][..], &["run"][..]),
        (
            &["telemload", "run", "--connec"],
            &["--connections", "--connect-to"],
        ),
        (&["telemload", "run", "sho"], &["shop.toml"]),
        (
            &["telemload", "run", "shop.toml", "--variant", ""],
            &["before", "after"],
        ),
        (
            &["telemload", "gate", "shop.toml", "--base-variant", "be"],
            &["before"],
        ),
        (&["telemload", "run", "broken.toml", "--variant", ""], &[""]),
        (&["telemload", "report", "ru"], &["runs/"]),
    ] {
        assert_eq!(offered(&bed, words), expected, "{words:?}");
    }
    // fish leaves the colon in the word.
    let asked = TestBed::new().args(["--", "telemload", "compare", "runs/a:b"]);
    let mut command = asked.command();
    let output = command
        .env("_TELEMLOAD_COMPLETE", "fish")
        .current_dir(bed.path(""))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "runs/a:before"
    );

    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let printed = TestBed::new()
            .args(["completions", shell])
            .run()
            .expect(0, &[]);
        assert!(
            printed.stdout.contains("_TELEMLOAD_COMPLETE"),
            "{shell}: {}",
            printed.stdout
        );
    }
    TestBed::new()
        .args(["completions", "tcsh"])
        .run()
        .expect(2, &["tcsh", "bash"]);
}
