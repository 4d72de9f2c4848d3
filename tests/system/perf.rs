//! Sampling by the system's perf: what it measures, alone and under load, and what is left of it after a signal.
//!
//! Needs a kernel that lets this user sample, and a C compiler.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{
    TestBed, all_end, data, descendants, device_request, gateway_scenario, processes, until,
};

/// Starts `tests/data/shares`, which spends three tenths of its CPU time in one function, and waits until it does.
fn busy_with_known_shares(home: &Path) -> std::process::Child {
    let program = home.join("shares");
    let built = Command::new("cc")
        .args(["-O1", "-fno-omit-frame-pointer", "-o"])
        .arg(&program)
        .arg(data("shares/main.c"))
        .status()
        .expect("a C compiler, as scripts/test says");
    assert!(built.success());
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    let output = child.stdout.as_mut().unwrap();
    output.read_exact(&mut ready).unwrap();
    child
}

#[test]
fn perf_measures_a_known_share_within_its_interval() {
    let home = tempfile::tempdir().unwrap();
    let mut busy = busy_with_known_shares(home.path());
    let pid = busy.id().to_string();
    let captured = TestBed::new()
        .args(["flame", "capture", "--pid", &pid, "-d", "4s", "--hz", "199"])
        .args(["-o", "out/shares.pb.gz"])
        .run();
    // It ends with its input.
    drop(busy.stdin.take());
    assert!(busy.wait().unwrap().success());
    let stored = captured.expect(0, &["samples in "]);
    let path = stored.dir().join("shares.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", path.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert!(top["samples"].as_u64().unwrap() >= 30, "{top}");
    let functions = top["functions"].as_array().unwrap();
    for (name, truth) in [("three_tenths", 0.3), ("seven_tenths", 0.7)] {
        let found = functions.iter().find(|of| of["function"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}: {top}"));
        let [share, low, high] = ["total_share", "total_share_low", "total_share_high"]
            .map(|key| found[key].as_f64().unwrap());
        // An interval of 95 % misses once in twenty; at two and a half times its width, five standard errors, once in two million.
        let (low, high) = (share - 2.55 * (share - low), share + 2.55 * (high - share));
        assert!((low..high).contains(&truth), "{found}");
    }
}

#[test]
fn instances_without_an_endpoint_are_profiled_under_load_by_perf() {
    let more = "[profile]\ncpu = \"perf\"\nhz = 199\nduration = \"3s\"\nalso = [\"off-cpu\"]\n";
    let scenario = gateway_scenario("300ms", &(device_request("cars") + more)).replace(
        "auth = \"singleflight\", bcrypt_cost = 4",
        "auth = \"naive\", bcrypt_cost = 8",
    );
    let scenario = scenario.replace("[target]\n", "[target]\ninstances = 2\n");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let profile = &outcome.only_phase()["profile"];
    assert!(profile["samples"].as_u64().unwrap() >= 50, "{profile}");
    assert_eq!(profile["slices"], 3, "{profile}");
    let ratio = profile["capture_ratio"].as_f64().unwrap();
    assert!((0.7..1.3).contains(&ratio), "{profile}");
    assert!(profile["target_us_per_request"].as_f64().unwrap() > 0.0);
    let functions = profile["top"].as_array().unwrap();
    let bcrypt = functions.iter().find(|of| {
        let name = of["function"].as_str().unwrap();
        name.contains("bcrypt") || name.contains("blowfish")
    });
    let bcrypt = bcrypt.unwrap_or_else(|| panic!("no bcrypt: {profile}"));
    assert!(bcrypt["total_share"].as_f64().unwrap() > 0.5, "{bcrypt}");
    // Threads of both instances that are on no CPU meanwhile.
    let waits = &profile["also"][0];
    assert_eq!(
        (&waits["kind"], &waits["slices"]),
        (&"off-cpu".into(), &3.into())
    );
    let [low, mean, high] = ["per_request_low", "per_request", "per_request_high"]
        .map(|key| waits[key].as_f64().unwrap());
    assert!(low < mean && mean < high && mean > 0.0, "{waits}");
    let path = outcome.dir().join("default/load/off-cpu.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", path.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!(top["samples"], waits["samples"], "{top}");
    assert_eq!(top["sample_type"], "off-cpu");
    assert!(outcome.dir().join("default/load/flame.svg").exists());
    let stored = outcome.dir().join("default/load/profile.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", stored.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!(top["samples"], profile["samples"]);
}

#[test]
fn perf_ends_with_the_run_that_it_samples_for() {
    for how in [Signal::INT, Signal::KILL] {
        let profile = "[profile]\ncpu = \"perf\"\nduration = \"60s\"\n";
        let bed = TestBed::new().file("tmp/kept", "");
        let temporary = bed.path("tmp");
        let running = bed
            .scenario(&gateway_scenario(
                "100ms",
                &(device_request("cars") + profile),
            ))
            .env("TMPDIR", temporary.to_str().unwrap())
            .start();
        // What perf waits for: it is started once samples are taken. The first perf is the one that is tried before the load.
        running.wait_for_rows(1);
        until("perf and its cat", || {
            let below = descendants(running.pid());
            below
                .iter()
                .any(|of| of.cmdline.trim() == "cat")
                .then_some(())
        });
        let below = processes(running.pid(), 4);
        running.signal(how);
        let outcome = running.wait();
        all_end(&below);
        if how == Signal::INT {
            let outcome = outcome.expect(130, &["interrupted"]);
            assert!(outcome.only_phase()["requests"]["ok"].as_u64().unwrap() > 0);
            let left = std::fs::read_dir(&temporary).unwrap().count();
            assert_eq!(left, 1, "of {}", temporary.display());
        }
    }
}

#[test]
fn a_recording_that_is_asked_to_end_is_kept() {
    let bed = TestBed::new().file("tmp/kept", "");
    let temporary = bed.path("tmp");
    // Not this process: what runs below it comes and goes with the other tests.
    let mut busy = std::process::Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .spawn()
        .unwrap();
    let pid = busy.id().to_string();
    let running = bed
        .args([
            "flame",
            "capture",
            "--pid",
            &pid,
            "-d",
            "60s",
            "-o",
            "out/kept.pb.gz",
        ])
        .env("TMPDIR", temporary.to_str().unwrap())
        .start();
    running.wait_for_stderr("capturing 60s of process");
    let below = processes(running.pid(), 2);
    // A recording without a sample is none: it must have run for a while.
    let begun = cpu_ticks(&pid);
    until("two seconds of CPU", || {
        (cpu_ticks(&pid) >= begun + 200).then_some(())
    });
    running.signal(Signal::INT);
    let outcome = running.wait();
    busy.kill().unwrap();
    busy.wait().unwrap();
    let outcome = outcome.expect(130, &["interrupted: "]);
    all_end(&below);
    assert!(outcome.dir().join("kept.pb.gz").exists());
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 1, "of {}", temporary.display());
}

/// `flame capture` of a process for a second.
fn captured(pid: u32, more: &[&str]) -> (crate::bed::Outcome, Value) {
    let outcome = TestBed::new()
        .args(["flame", "capture", "-d", "1s", "-o", "out/it.pb.gz"])
        .args(["--pid", &pid.to_string()])
        .args(more.iter().copied())
        .run()
        .expect(0, &["capturing 1s of process"]);
    let path = outcome.dir().join("it.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", path.to_str().unwrap(), "--json"])
        .run()
        .expect(0, &[]);
    (outcome, serde_json::from_str(&top.stdout).unwrap())
}

#[test]
fn a_tree_that_starts_and_ends_processes_is_sampled() {
    let mut forking = Command::new("sh")
        .args(["-c", "while :; do /bin/true; (:) ; done"])
        .spawn()
        .unwrap();
    for _ in 0..5 {
        let (outcome, top) = captured(forking.id(), &["--hz", "999"]);
        assert!(top["samples"].as_u64().unwrap() > 0, "{top}");
        // What lives shorter than a millisecond has a sample now and then.
        outcome.expect(0, &["perf does not see processes that live shorter"]);
    }
    forking.kill().unwrap();
    forking.wait().unwrap();
}

#[test]
fn where_a_process_waits_is_measured_in_time() {
    // Of each 60 ms it sleeps for 50 in one function and for 10 in another.
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("waits.c");
    let code = "#include <time.h>\n#define NOINLINE __attribute__((noinline))\n\
        static NOINLINE void nap(long ms) { struct timespec t = {0, ms * 1000000}; nanosleep(&t, 0); __asm__ volatile(\"\"); }\n\
        NOINLINE void long_nap(void) { nap(50); __asm__ volatile(\"\"); }\n\
        NOINLINE void short_nap(void) { nap(10); __asm__ volatile(\"\"); }\n\
        int main(void) { for (;;) { long_nap(); short_nap(); } }\n";
    std::fs::write(&source, code).unwrap();
    let program = home.path().join("waits");
    let built = Command::new("cc")
        .args([
            "-O1",
            "-fno-omit-frame-pointer",
            "-fno-optimize-sibling-calls",
            "-o",
        ])
        .args([&program, &source])
        .status()
        .expect("a C compiler, as scripts/test says");
    assert!(built.success());
    let mut waiting = Command::new(&program).spawn().unwrap();
    let (_, top) = captured(waiting.id(), &["--off-cpu", "--call-graph", "dwarf"]);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!(
        (&top["sample_type"], &top["unit"]),
        (&"off-cpu".into(), &"nanoseconds".into()),
        "{top}"
    );
    let functions = top["functions"].as_array().unwrap();
    let share = |name: &str| {
        let of = functions.iter().find(|of| of["function"] == name);
        of.unwrap_or_else(|| panic!("no {name}: {top}"))["total_share"]
            .as_f64()
            .unwrap()
    };
    // A busy machine adds a wait for a CPU to each.
    assert!((0.6..0.9).contains(&share("long_nap")), "{top}");
    assert!((0.1..0.4).contains(&share("short_nap")), "{top}");
}

/// CPU time of a process in user mode, in hundredths of a second.
fn cpu_ticks(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    let field = behind_name.split(' ').nth(11).unwrap();
    field.parse().unwrap()
}

#[test]
fn a_recording_of_what_ends_meanwhile_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let mut busy = busy_with_known_shares(home.path());
    let pid = busy.id().to_string();
    let running = TestBed::new()
        .args(["flame", "capture", "--pid", &pid, "-d", "60s"])
        .args(["-o", "out/it.pb.gz"])
        .start();
    running.wait_for_stderr("capturing 60s of process");
    // It works until there is something to record, and ends with its input.
    let before = cpu_ticks(&pid);
    while cpu_ticks(&pid) < before + 300 {
        std::thread::yield_now();
    }
    drop(busy.stdin.take());
    assert!(busy.wait().unwrap().success());
    let outcome = running.wait().expect(0, &["slice"]);
    assert!(outcome.dir().join("it.pb.gz").exists());
}
