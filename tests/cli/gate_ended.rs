//! `telemload gate`, ended by its user at each stage: nothing is left running, and what is known is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::bed::{
    Outcome, Running, TELEMLOAD, TestBed, all_end, descendant, descendants, processes, until,
};
use crate::gate::{gate, of_command};
use crate::hostile::{self, Behaviour, Server};

const HINT: &str = "another signal ends it at once";

const ALIKE: &str = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n";

/// As a terminal does it.
fn ctrl_c(running: &Running) {
    kill_process_group(Pid::from_raw(running.pid()).unwrap(), Signal::INT).unwrap();
}

/// The verdict of a gate that was ended, on paper and in files.
#[track_caller]
fn is_told(outcome: &Outcome) {
    let says = "interrupted (exit code 130)";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    let stored: serde_json::Value = serde_json::from_str(&outcome.read("gate.json")).unwrap();
    assert_eq!(stored["verdict"]["outcome"], "interrupted", "{stored:#}");
    assert!(outcome.dir().join("report.html").exists());
}

#[test]
fn arms_that_do_not_come_up_are_stopped() {
    let never = "sh -c \"trap '' TERM INT; sleep 641; sleep 642 # $0\" {port}";
    let head = format!("target = {{ command = '''{never}''', ready_within = \"600s\" }}\n");
    let text = of_command(&(ALIKE.to_owned() + &head));
    let running = gate(&text, &[]).start();
    descendant(running.pid(), "sleep 641");
    let below = processes(running.pid(), 4);
    ctrl_c(&running);
    running.wait_for_stderr(HINT);
    ctrl_c(&running);
    let outcome = running.wait().expect(130, &[]);
    all_end(&below);
    is_told(&outcome);
}

#[test]
fn turns_that_are_tried_end_with_the_gate() {
    let servers = [(); 2].map(|()| Server::start(Behaviour::Canned(hostile::OK)));
    let urls = servers.each_ref().map(|of| format!("http://{}", of.addr));
    let readiness = "ready = \"/healthz\"\nready_within = \"60s\"\n";
    let text = of_command("").replacen(readiness, "", 1);
    let arms = ["--base-url", &urls[0], "--head-url", &urls[1]];
    let running = gate(&text, &arms).start();
    servers.iter().for_each(|of| of.wait_for_requests(10));
    running.signal(Signal::INT);
    is_told(&running.wait().expect(130, &[]));
}

#[test]
fn arms_that_are_loaded_are_stopped() {
    let running = gate(&of_command(ALIKE), &[]).start();
    running.wait_for_stderr("block 1: ");
    let below = processes(running.pid(), 4);
    ctrl_c(&running);
    let outcome = running.wait().expect(130, &[]);
    all_end(&below);
    is_told(&outcome);
    for says in ["rests on 1 launch of", "cpu_per_request"] {
        assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    }
}

#[test]
fn arms_that_are_profiled_are_stopped() {
    let functions = "[gate]\nbudget = \"20s\"\n[[gate.metric]]\nname = 'cost(\"^serde\")'\n";
    let command = format!(
        "command = \"{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}\"\nready = \"/healthz\""
    );
    let gateway = "gateway = { auth = \"cached\", bcrypt_cost = 4, cpus = 1 }";
    let text = of_command(&(functions.to_owned() + ALIKE)).replacen(&command, gateway, 1);
    let running = gate(&text, &[]).start();
    running.wait_for_stderr("base · profiled");
    let below = processes(running.pid(), 2);
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &[]);
    all_end(&below);
    is_told(&outcome);
    assert!(
        outcome.stdout.contains("cpu_per_request"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_report_that_nobody_reads_is_left_with_what_is_known() {
    let good = format!("{TELEMLOAD} gateway --listen 127.0.0.1:{{port}}");
    let broken = "sh -c 'exit 3' {port}";
    let bed = gate(
        &of_command(""),
        &["--base", &good, "--head", broken, "--junit", "fifo"],
    );
    let made = Command::new("mkfifo").arg(bed.path("fifo")).status();
    assert!(made.unwrap().success());
    let running = bed.start();
    running.wait_for_stderr("waits for a reader of fifo");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130, &["interrupted"]);
    assert!(outcome.stdout.contains("FAIL"), "{}", outcome.stdout);
    let stored = outcome.read("gate.json");
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["verdict"]["outcome"], "fail", "{stored:#}");
}

/// A gate of the working copy against its first commit; a checkout runs `hook`.
fn of_revision(hook: &str, build: &str) -> TestBed {
    let bed = TestBed::new().file("s.toml", of_command(""));
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(bed.path(""));
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        assert!(
            git.args(args).output().unwrap().status.success(),
            "{args:?}"
        );
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    git(&["tag", "old"]);
    let place = bed.path(".git/hooks/post-checkout");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, format!("#!/bin/sh\n{hook}\n")).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    bed.args(["gate", "s.toml", "--base-ref", "old", "--build", build])
}

#[test]
fn a_base_that_is_checked_out_or_built_is_left_at_once() {
    let stubborn = "trap '' TERM INT; sleep 651; sleep 652";
    for (hook, build, again) in [
        ("exec sleep 651", "true", false),
        (stubborn, "true", true),
        ("true", "exec sleep 651", false),
        ("true", stubborn, true),
    ] {
        let bed = of_revision(hook, build);
        let (home, worktrees) = (bed.path("tmp"), bed.path(".git/worktrees"));
        fs::create_dir(&home).unwrap();
        let running = bed.env("TMPDIR", home.to_str().unwrap()).start();
        // Not the shell, whose command line has the words before it has done the first of them.
        until("`sleep 651`", || {
            let below = descendants(running.pid());
            let mut lines = below.iter().map(|process| &process.cmdline);
            lines
                .any(|line| line.starts_with("sleep 651"))
                .then_some(())
        });
        let below = processes(running.pid(), 2);
        ctrl_c(&running);
        if again {
            running.wait_for_stderr(HINT);
            ctrl_c(&running);
        }
        let outcome = running
            .wait()
            .expect(130, &["interrupted: nothing was measured"]);
        all_end(&below);
        let left = |of| fs::read_dir(of).map_or(0, Iterator::count);
        assert_eq!((left(&home), left(&worktrees)), (0, 0), "{hook} {build}");
        drop(outcome);
    }
}
