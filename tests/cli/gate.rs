//! `telemload gate`: which arms are compared, what is refused, and how it ends.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::bed::{TELEMLOAD, TestBed, until};

/// A scenario whose target is a command: the bundled gateway, as any other program.
pub(super) fn of_command(more: &str) -> String {
    format!(
        "name = \"gated\"
[target]
command = \"{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}\"
ready = \"/healthz\"
ready_within = \"60s\"
[load]
model = \"closed\"
connections = 1
duration = \"1s\"
workers = 1
[[request]]
name = \"get\"
path = \"/healthz\"
{more}"
    )
}

pub(super) const VARIANTS: &str = "name = \"gated\"
[target]
gateway = { auth = \"cached\", bcrypt_cost = 4, cpus = 1 }
[load]
model = \"closed\"
connections = 1
workers = 1
duration = \"1s\"
[[request]]
name = \"get\"
path = \"/v1/telemetry\"
[[variant]]
name = \"a\"
[[variant]]
name = \"b\"
target.gateway.rbac = \"bitmask\"
";

/// A gate of this alone has no turns at a fixed rate, and so needs half the time.
pub(super) const CAPACITY: &str = "[[gate.metric]]\nname = \"capacity\"\n";

pub(super) fn gate(text: &str, args: &[&str]) -> TestBed {
    TestBed::new()
        .file("s.toml", text)
        .args(["gate", "s.toml", "--out", "out"])
        .args(args)
}

#[test]
fn arms_that_cannot_be_compared_are_refused_before_anything_is_started() {
    let command = of_command("");
    let two = of_command("[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n");
    for (text, args, says) in [
        (
            &command,
            &[][..],
            "error: name what is compared: --base COMMAND --head COMMAND",
        ),
        (
            &command,
            &["--base", "x {port}"],
            "error: two commands are compared: name --base COMMAND and --head COMMAND",
        ),
        (
            &command,
            &["--base", "x", "--head", "y {port}"],
            "--base: the command has no `{port}`",
        ),
        (
            &command,
            &["--base", "x {port}", "--head", "y 'z {port}"],
            "--head: a quote is not closed",
        ),
        (
            &command,
            &["--base-variant", "a", "--head-variant", "b"],
            "there is no variant `a`",
        ),
        (&command, &["--base-variant", "a"], "--head-variant"),
        (
            &command,
            &["--base-url", "ftp://h", "--head-url", "http://h"],
            "--base-url: ",
        ),
        (
            &command,
            &["--base", "x", "--base-url", "http://h"],
            "cannot be used with",
        ),
        (&command, &["--build", "make"], "--base-ref"),
        (
            &command,
            &["--budget", "5s", "--prove"],
            "--budget: a gate takes between 20s and 1h",
        ),
        (
            &two,
            &["--base", "x {port}", "--head", "y {port}"],
            "has the variants `a` and `b`: name the one whose requests and load are used with --variant",
        ),
    ] {
        let run = gate(text, args).run().expect(2, &[says]);
        assert!(!run.dir().exists(), "{args:?}");
    }
    let url = VARIANTS.split("[[variant]]").next().unwrap();
    let gateway = "gateway = { auth = \"cached\", bcrypt_cost = 4, cpus = 1 }";
    let url = url.replacen(gateway, "url = \"http://127.0.0.1:1\"", 1);
    let says =
        "error: --prove works beside a target that telemload launches, and this one runs already";
    gate(&url, &["--prove"]).run().expect(2, &[says]);
}

#[test]
fn functions_that_cannot_be_seen_are_refused_before_anything_is_started() {
    let functions = "[[gate.metric]]\nname = 'cost(\"^f$\")'\n";
    let says = "error: gate.metric: `cost(\"^f$\")`: the scenario has no [profile]";
    let commands = ["--base", "x {port}", "--head", "y {port}"];
    let run = gate(&of_command(functions), &commands).run();
    assert!(!run.expect(2, &[says]).dir().exists());
    let says = "`cost(\"^f$\")` is of functions, which are compared side by side alone; leave it out beside --baseline";
    let text = VARIANTS.to_owned() + functions;
    let run = gate(&text, &["--variant", "a", "--baseline", "b.json"]).run();
    assert!(!run.expect(2, &[says]).dir().exists());
}

#[test]
fn phases_that_differ_or_lack_are_refused() {
    let phases = "[[phase]]
name = \"p\"
load = { model = \"closed\", connections = 2, duration = \"1s\" }
[[phase]]
name = \"q\"
load = { model = \"closed\", connections = 2, duration = \"1s\" }
variants = [\"a\"]
";
    let load = "[load]\nmodel = \"closed\"\nconnections = 1\nworkers = 1\nduration = \"1s\"\n";
    let text = VARIANTS.replacen(load, phases, 1) + "[gate]\nphase = \"q\"\n";
    gate(&text, &[]).run().expect(
        2,
        &["error: gate.phase: the variant `b` has no phase `q`; name one that both have"],
    );
    for (other, what) in [
        ("load.connections = 3", "connections or workers"),
        ("load.timeout = \"3s\"", "timeouts"),
        ("load.keep_alive = false", "`keep_alive`"),
    ] {
        let text = VARIANTS.to_owned() + other + "\n";
        let says =
            format!("both arms must be loaded alike, and their phases `load` have other {what}");
        gate(&text, &[]).run().expect(2, &[&says]);
    }
}

#[test]
fn a_head_that_does_not_come_up_has_failed_and_a_base_is_invalid() {
    let good = format!("{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}");
    let broken = "sh -c 'echo no such table; exit 3' {port}";
    let text = of_command("");
    let run = gate(&text, &["--base", &good, "--head", broken]).run();
    let run = run.expect(1, &["block 1: ", "; the head never became ready: "]);
    let says = "✗ FAIL: the head never became ready in 2 of 2 launches: ";
    for says in [says, "no such table", "errors: no request was answered"] {
        assert!(run.stdout.contains(says), "no {says} in {}", run.stdout);
    }
    for wrong in ["pass", "0 of 0", "ended by itself"] {
        assert!(!run.stdout.contains(wrong), "{wrong} in {}", run.stdout);
    }
    let run = gate(&text, &["--base", broken, "--head", &good]).run();
    let run = run.expect(4, &[]);
    let says = "the base never became ready: ";
    assert!(run.stdout.contains(says), "{}", run.stdout);
    assert!(!run.stdout.contains("pass"), "{}", run.stdout);
}

#[test]
fn what_does_not_fit_into_the_budget_is_inconclusive_and_says_so_at_once() {
    let run = gate(VARIANTS, &["--budget", "20s"]).run();
    let run = run.expect(3, &["base a, head b; at most 20s; ", "or more"]);
    assert!(
        run.stdout.contains("fewer than 10 do not tell"),
        "{}",
        run.stdout
    );
    assert!(run.dir().join("launch-1/base/target.log").exists());
}

#[test]
fn work_beside_a_command_ends_with_it_and_as_it_does() {
    let output = |words: &[&str]| {
        let mut command = Command::new(TELEMLOAD);
        command.args(["work-beside", "0.5"]).args(words);
        command.output().unwrap()
    };
    let run = output(&["sh", "-c", "echo said; exit 7"]);
    assert_eq!(run.status.code(), Some(7));
    assert_eq!(run.stdout, b"said\n");
    let run = output(&["/no/such/program"]);
    assert_eq!(run.status.code(), Some(5));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("cannot run /no/such/program"), "{said}");
}

#[test]
fn a_baseline_that_does_not_fit_is_refused_before_anything_is_started() {
    let of = |file: &str, flags: &[&str]| {
        let bed = gate(VARIANTS, &["--variant", "a", "--baseline", "b.json"]);
        bed.file("b.json", file).args(flags).run()
    };
    let machine = r#"{"hostname_hash": null, "cpu_model": "abacus", "logical_cpus": 999, "usable_cpus": 999, "kernel": null, "memory_bytes": null, "cgroup_cpus": 0.5, "governor": null}"#;
    let stored = |figures: &str| {
        format!(
            r#"{{"schema": "telemload.baseline/1", "version": "0", "scenario": {{"name": "gated", "sha256": "0", "variant": "b"}}, "saved_at": "", "machine": {machine}, "metrics": {{"capacity": {figures}}}}}"#
        )
    };
    for (file, says) in [
        (
            "name = 1",
            "--baseline b.json: it is no baseline; write one with --save-baseline",
        ),
        ("{}", "--baseline b.json: it is no baseline"),
        (
            &stored("[0]"),
            "--baseline b.json: a figure is not above zero",
        ),
        (&stored("[1e999]"), "--baseline b.json: it is no baseline"),
        (
            &stored("[1]").replace("baseline/1", "baseline/2"),
            "it is no baseline",
        ),
        (
            &stored("[1]"),
            "it cannot be compared with what is measured here: processor abacus there and ",
        ),
        (
            &stored("[1]"),
            "; the scenario has changed; measure one here with --save-baseline, or set --despite-differences",
        ),
        // Another version may measure otherwise, and another variant is another load.
        (&stored("[1]"), "; telemload 0 there and "),
        (&stored("[1]"), "; variant b there and a here; "),
        (
            &stored("[1]")[..stored("[1]").len() / 2],
            "--baseline b.json: it is no baseline",
        ),
    ] {
        let run = of(file, &[]).expect(2, &[says]);
        assert!(!run.dir().exists(), "{says}");
    }
    let missing = gate(VARIANTS, &["--variant", "a", "--baseline", "gone.json"]);
    missing
        .run()
        .expect(2, &["--baseline: cannot read gone.json: No such file"]);
    // Whoever asks for it gets it, and figures of too few launches are no pass.
    let run = of(
        &stored("[1]"),
        &["--despite-differences", "--budget", "20s"],
    );
    let run = run.expect(3, &["base b.json, head as it is"]);
    assert!(
        run.stdout
            .contains("the baseline or this gate has fewer than 10 launches"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_did_not_pass_is_no_baseline() {
    let flags = [
        "--variant",
        "a",
        "--budget",
        "20s",
        "--save-baseline",
        "b.json",
    ];
    let run = gate(&(VARIANTS.to_owned() + CAPACITY), &flags).run();
    let run = run.expect(
        3,
        &["b.json is not written: only what passed is a baseline"],
    );
    assert!(!run.home().join("b.json").exists());
}

/// A gate that has no time to tell is not a machine that is too noisy.
#[test]
fn why_a_proof_does_not_tell_is_said() {
    let text = VARIANTS.to_owned() + "[[gate.metric]]\nname = \"cpu_per_request\"\n";
    let flags = ["--prove", "--variant", "a", "--budget", "20s"];
    let run = gate(&text, &flags).run().expect(
        3,
        &[
            "the gate does not tell here: 5 % more CPU time was added; it rests on ",
            "and fewer than 10 do not tell; needs a `--budget` of ",
        ],
    );
    assert!(!run.stderr.contains("noisy"), "{}", run.stderr);
}

/// CPU time that a process and its children used, ticks.
fn ticks(pid: u32) -> (u64, u64) {
    let of = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let children = format!("/proc/{pid}/task/{pid}/children");
    let child = fs::read_to_string(children).unwrap();
    (of(&pid.to_string()), of(child.trim()))
}

/// CPU time of the process beside a command that computes, by that of the command.
fn beside(share: &str) -> f64 {
    let mut command = Command::new(TELEMLOAD);
    command.args(["work-beside", share, "sh", "-c", "while :; do :; done"]);
    let mut running = command.spawn().unwrap();
    let pid = running.id();
    // The child is there once it has used time.
    let (own, child) = until("a second of work", || {
        let children = format!("/proc/{pid}/task/{pid}/children");
        let is_there = !fs::read_to_string(children)
            .unwrap_or_default()
            .trim()
            .is_empty();
        let read = is_there.then(|| ticks(pid))?;
        (read.1 >= 100).then_some(read)
    });
    let child_pid: i32 = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    crate::bed::signal(child_pid, Signal::KILL);
    running.wait().unwrap();
    own as f64 / child as f64
}

#[test]
fn work_beside_a_command_is_the_share_that_was_asked_for() {
    // Looking at it takes time without a share, too.
    let (looking, share) = (beside("0"), beside("0.5"));
    let added = share - looking;
    assert!((0.4..0.6).contains(&added), "{share}, {looking} of looking");
}
