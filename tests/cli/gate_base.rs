//! `telemload gate --base-ref`: the base of a revision, built in a worktree, and what is said where that cannot be had.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::bed::{TELEMLOAD, TestBed, as_documented};
use crate::gate::{CAPACITY, VARIANTS, gate, of_command};
use crate::junit::Report;

/// Runs git in a directory, as nobody in particular.
fn git(directory: &std::path::Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.arg("-C").arg(directory);
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    let output = git.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// A repository whose first commit is marked `old`, and whose script starts the gateway.
fn repository(bed: &TestBed) {
    repository_of(bed);
    fs::write(bed.path("service/version"), "new\n").unwrap();
}

#[test]
fn a_revision_is_built_and_run_in_a_worktree_that_is_gone_at_the_end() {
    let script = format!(
        "#!/bin/sh\ncat version built >&2\nexec {TELEMLOAD} gateway --listen 127.0.0.1:$1\n"
    );
    let text = of_command(CAPACITY).replace(
        &format!("{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}"),
        "sh service/run {port}",
    );
    let script = script.replace("cat version built", "cd service; cat version built");
    let bed = TestBed::new()
        .file("s.toml", text)
        .file("service/version", "old\n")
        .file("service/built", "in place\n")
        .file("service/run", script);
    repository(&bed);
    let worktrees = bed.path(".git/worktrees");
    let args = [
        "gate",
        "s.toml",
        "--out",
        "out",
        "--base-ref",
        "old",
        "--budget",
        "20s",
    ];
    let run = bed
        .args(args)
        .args(["--build", "echo afresh > service/built"])
        .run();
    let run = run.expect(3, &["building old: echo afresh > service/built"]);
    assert_eq!(
        run.read("launch-1/base/target.log")
            .lines()
            .collect::<Vec<_>>()[..2],
        ["old", "afresh"]
    );
    assert_eq!(
        run.read("launch-1/head/target.log")
            .lines()
            .collect::<Vec<_>>()[..2],
        ["new", "in place"]
    );
    let left = fs::read_dir(worktrees).map_or(0, Iterator::count);
    assert_eq!(left, 0, "a worktree is left");
}

#[test]
fn a_revision_that_is_not_there_or_does_not_build_is_said() {
    let bed = || {
        let bed = TestBed::new()
            .file("s.toml", of_command(""))
            .file("service/version", "old\n");
        repository(&bed);
        bed.args(["gate", "s.toml", "--out", "out"])
    };
    let says = "--base-ref no/such: git knows no such revision here; fetch it first";
    bed()
        .args(["--base-ref", "no/such"])
        .run()
        .expect(2, &[says]);
    let outside = TestBed::new().file("s.toml", of_command(""));
    let run = outside.args(["gate", "s.toml", "--base-ref", "old"]);
    let run = run.env("GIT_DIR", "/no/such/repository").run();
    run.expect(2, &["--base-ref: ", "run the gate in a checkout"]);
    let without_git = bed()
        .args(["--base-ref", "old"])
        .env("PATH", "/no/such/directory");
    let says = "cannot run git, which --base-ref needs";
    without_git.run().expect(2, &[says]);
    let of_parts = TestBed::new()
        .file("s.toml", of_command(""))
        .file(".gitmodules", "")
        .file("service/version", "old\n");
    repository(&of_parts);
    let run = of_parts.args(["gate", "s.toml", "--base-ref", "old", "--build", "false"]);
    let says = "submodules of the base are not checked out; begin --build with `git submodule";
    run.run().expect(5, &[says]);
    // A build that takes long is left when the user does not wait for it.
    let running = bed()
        .args(["--base-ref", "old", "--build", "sleep 600"])
        .start();
    running.wait_for_stderr("building old");
    running.signal(Signal::INT);
    running.wait().expect(130, &["nothing was measured"]);
}

/// A job that shows reports alone has to show it.
#[test]
fn a_base_that_does_not_build_is_an_error_in_all_reports() {
    let bed = TestBed::new()
        .file("s.toml", of_command(""))
        .file("service/version", "old\n")
        // Of the run before this one.
        .file("junit.xml", "<testsuites/>\n");
    repository(&bed);
    let build = "echo cannot find crate; exit 7 # --token=hush-hush-1";
    let flags = ["--junit", "junit.xml", "--code-quality", "quality.json"];
    let run = bed
        .args(["gate", "s.toml", "--out", "out", "--base-ref", "old"])
        .args(["--build", build])
        .args(flags)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .run();
    let run = run.expect(
        5,
        &["error: --build ", " of old failed", "cannot find crate"],
    );
    let read = |name: &str| fs::read_to_string(run.home().join(name)).unwrap();
    let report = Report::read(&read("junit.xml"));
    assert_eq!(report.cases[0].in_short(), ("gate", "gate", "error"));
    let message = &report.cases[0].message;
    assert!(
        message.contains("of old failed") && message.contains("cannot find crate"),
        "{message}"
    );
    let document = as_documented("gate", &run.read("gate.json"));
    assert_eq!(document["verdict"]["outcome"], "error");
    assert_eq!(document["verdict"]["exit_code"], 5);
    let summary = read("summary.md");
    assert!(
        summary.contains("| **invalid** | gate | gate | "),
        "{summary}"
    );
    assert!(read("quality.json").contains("blocker"));
    let commands = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("::error "));
    assert_eq!(commands.count(), 1, "{}", run.stderr);
    for text in [
        &run.stderr,
        &run.stdout,
        &summary,
        message,
        &run.read("gate.json"),
    ] {
        assert!(!text.contains("hush-hush-1"), "{text}");
    }
    let run = run.read("report.html");
    assert!(run.contains("cannot find crate"));
}

/// What is killed leaves no report of an earlier run behind that passes.
#[test]
fn a_report_is_an_error_until_there_is_a_verdict() {
    let bed = TestBed::new()
        .file("s.toml", of_command(""))
        .file("junit.xml", "<testsuites/>\n");
    repository_of(&bed);
    let place = bed.path("junit.xml");
    let running = bed
        .args(["gate", "s.toml", "--out", "out", "--base-ref", "old"])
        .args(["--build", "sleep 600", "--junit", "junit.xml"])
        .start();
    running.wait_for_stderr("building old");
    let report = Report::read(&fs::read_to_string(&place).unwrap());
    assert_eq!(report.cases[0].in_short(), ("gate", "gate", "error"));
    let says = "the gate was not measured to its end";
    assert!(report.cases[0].message.contains(says), "{report:?}");
    running.signal(Signal::INT);
    running.wait().expect(130, &["nothing was measured"]);
}

/// Both arms would run the head's program, and no change would ever fail.
#[test]
fn a_program_of_the_checkout_is_not_named_from_the_root() {
    let refused = |head: &str| {
        let bed = TestBed::new().file("s.toml", of_command(""));
        let bed = bed.file("bin/service", "#!/bin/sh\n");
        repository_of(&bed);
        let head = head.replace("HERE", &bed.path("").display().to_string());
        let args = ["gate", "s.toml", "--out", "out", "--base-ref", "old"];
        bed.args(args).args(["--head", &head])
    };
    let says = "from the root, so that base and head would both run the program of this checkout; name it from this directory: ./bin/service";
    let run = refused("HERE/bin/service {port}").run().expect(2, &[says]);
    assert!(!run.dir().exists());
    // What stands behind the program may be meant so.
    let running = refused("sh HERE/bin/service {port}")
        .args(["--build", "sleep 600"])
        .start();
    running.wait_for_stderr("which base and head share");
    running.wait_for_stderr("building old");
    running.signal(Signal::INT);
    running.wait().expect(130, &[]);
}

/// What others changed meanwhile is not the head's doing.
#[test]
fn a_base_with_commits_that_the_head_lacks_is_noted() {
    let bed = TestBed::new()
        .file("s.toml", of_command(""))
        .file("service/version", "old\n");
    repository(&bed);
    let home = bed.path("");
    git(&home, &["checkout", "--quiet", "-b", "later"]);
    git(&home, &["commit", "--quiet", "-a", "-m", "two"]);
    git(&home, &["checkout", "--quiet", "old"]);
    let running = bed
        .args(["gate", "s.toml", "--out", "out", "--base-ref", "later"])
        .args(["--build", "sleep 600"])
        .start();
    running.wait_for_stderr(
        "note: later has 1 commit that the head lacks, and what they changed is taken for the head's doing; `--base-ref $(git merge-base later HEAD)` leaves them out",
    );
    running.wait_for_stderr("building later");
    running.signal(Signal::INT);
    running.wait().expect(130, &[]);
}

/// Hooks of git have its variables: a worktree that is made with them takes the place of what the user has staged.
#[test]
fn the_index_of_a_hook_stays_what_it_is() {
    let bed = TestBed::new()
        .file("s.toml", of_command(""))
        .file("service/version", "old\n");
    repository(&bed);
    let home = bed.path("");
    git(&home, &["add", "service/version"]);
    let place = |name: &str| home.join(name).display().to_string();
    let build = "git log -1 --format=built-%s-$(cat service/version) >&2; exit 7";
    let run = bed
        .args(["gate", "s.toml", "--out", "out", "--base-ref", "old"])
        .args(["--build", build])
        .env("GIT_DIR", &place(".git"))
        .env("GIT_INDEX_FILE", &place(".git/index"))
        .run();
    let run = run.expect(5, &["built-one-old"]);
    let staged = Command::new("git")
        .arg("-C")
        .arg(run.home())
        .args(["diff", "--cached", "--name-only"])
        .output();
    let staged = String::from_utf8(staged.unwrap().stdout).unwrap();
    assert_eq!(staged, "service/version\n", "what was staged is lost");
}

/// A typing error in CI would be a gate that always passes.
#[test]
fn arms_that_are_one_and_the_same_are_noted() {
    let left = |bed: TestBed, says: &str| {
        let running = bed.start();
        running.wait_for_stderr(says);
        running.signal(Signal::INT);
        running.wait().expect(130, &[]);
    };
    let twice = ["--base-variant", "a", "--head-variant", "a"];
    left(
        gate(VARIANTS, &twice),
        "note: base and head are one and the same",
    );
    // Nobody reads the log of a job that passes.
    let on_github = gate(VARIANTS, &twice).env("GITHUB_ACTIONS", "true");
    left(
        on_github,
        "::warning title=gate::base and head are one and the same",
    );
    let bed = TestBed::new()
        .file("s.toml", of_command(""))
        .file("service/version", "old\n");
    repository(&bed);
    git(&bed.path(""), &["commit", "--quiet", "-a", "-m", "two"]);
    let args = ["gate", "s.toml", "--out", "out", "--base-ref", "HEAD"];
    left(
        bed.args(args),
        "note: HEAD is the revision that is checked out here",
    );
}

/// A repository with nothing to change.
fn repository_of(bed: &TestBed) {
    let home = bed.path("");
    git(&home, &["init", "--quiet"]);
    git(&home, &["add", "."]);
    git(&home, &["commit", "--quiet", "-m", "one"]);
    git(&home, &["tag", "old"]);
}
