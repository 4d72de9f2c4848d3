//! Sampling by the system's perf: what is said where it cannot.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::bed::{TestBed, until, url_scenario};
use crate::hostile::{Behaviour, Server};

#[test]
fn without_perf_the_remedy_is_said() {
    let empty = tempfile::tempdir().unwrap();
    TestBed::new()
        .args(["flame", "capture", "--pid", "1"])
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(2, &["there is no `perf` on PATH; install it", "pprof"]);
}

#[test]
fn a_machine_that_cannot_sample_is_told_before_anything_is_started() {
    let server = Server::start(Behaviour::Canned(crate::hostile::OK));
    let more = "[profile]\ncpu = \"perf\"\n";
    let own = format!("]\npid = {}\n", std::process::id());
    let scenario = url_scenario(server.addr, "60s", more).replacen(
        "target]\n",
        &("target".to_owned() + &own),
        1,
    );
    let empty = tempfile::tempdir().unwrap();
    let said = "invalid: profile.cpu: there is no `perf` on PATH; install it";
    TestBed::new()
        .scenario(&scenario)
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(4, &[said]);
    // One that is there and does not work.
    std::os::unix::fs::symlink("/bin/false", empty.path().join("perf")).unwrap();
    TestBed::new()
        .scenario(&scenario)
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(
            4,
            &["invalid: profile.cpu: `perf record` failed: exit status: 1"],
        );
    // Where threads wait is asked of perf beside an endpoint, too.
    let url =
        "cpu = \"pprof\"\nurl = \"http://127.0.0.1:1/debug/pprof/profile\"\nalso = [\"off-cpu\"]\n";
    TestBed::new()
        .scenario(&scenario.replace("cpu = \"perf\"\n", url))
        .env("PATH", empty.path().to_str().unwrap())
        .run()
        .expect(
            4,
            &["invalid: profile.also: off-cpu: `perf record` failed: exit status: 1"],
        );
}

#[test]
fn what_perf_cannot_do_is_said_with_the_way_out() {
    use std::os::unix::fs::PermissionsExt;
    let pid = std::process::id().to_string();
    let refused = |says: &str, how: &str, code: i32, expected: &str| {
        let bin = tempfile::tempdir().unwrap();
        let program = bin.path().join("perf");
        std::fs::write(
            &program,
            format!("#!/bin/sh\necho \"{says}\" >&2\nexit 255\n"),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        TestBed::new()
            .args(["flame", "capture", "--pid", &pid, "--call-graph", how])
            .env("PATH", bin.path().to_str().unwrap())
            .run()
            .expect(code, &[expected]);
    };
    refused(
        "cpu-clock: PMU Hardware or event type doesn't support branch stack sampling.",
        "lbr",
        5,
        "this machine records no branches, as virtual machines and most processors but Intel's do not: use `--call-graph dwarf`",
    );
    refused(
        "perf_event_open(..., 0) failed unexpectedly with error 1 (Operation not permitted)",
        "fp",
        5,
        "or give the container CAP_PERFMON and a seccomp profile that allows perf_event_open",
    );
    refused("", "frames", 2, "it is one of fp, dwarf, lbr");
}

/// A perf that does what `record` says, a piece of a shell script, and has no samples.
fn fake_perf(record: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let bin = tempfile::tempdir().unwrap();
    let program = bin.path().join("perf");
    let script = format!(
        "#!/bin/sh\nhome={}\n[ \"$1\" = record ] || exit 0\necho \"$@\" >> $home/asked\n{record}\n",
        bin.path().display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// The lists of processes that it was asked for.
fn asked(bin: &Path) -> Vec<String> {
    let asked = std::fs::read_to_string(bin.join("asked")).unwrap();
    let list = |line: &str| {
        let mut words = line.split(' ').skip_while(|word| *word != "--pid");
        words.nth(1).unwrap().to_owned()
    };
    asked.lines().map(list).collect()
}

fn capture(pid: u32, bin: &Path, more: &[&str]) -> TestBed {
    let search = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    TestBed::new()
        .args(["flame", "capture", "-d", "1s", "-o", "out/it.pb.gz"])
        .args(["--pid", &pid.to_string()])
        .args(more.iter().copied())
        .env("PATH", &search)
}

/// A shell with a child that stays, whose input keeps both.
fn family() -> Child {
    let child = Command::new("sh")
        .args(["-c", "cat; :"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let list = format!("/proc/{0}/task/{0}/children", child.id());
    until("the child", || {
        let children = std::fs::read_to_string(&list).ok()?;
        (!children.trim().is_empty()).then_some(())
    });
    child
}

#[test]
fn processes_that_end_while_perf_lists_them_cost_no_recording() {
    let gone = "echo \"Couldn't create thread/CPU maps: No such process\" >&2; exit 244";
    let mut family = family();
    // The second time it works.
    let bin = fake_perf(&format!(
        "[ $(wc -l < $home/asked) -gt 1 ] || {{ {gone}; }}\ncat"
    ));
    let says = "invalid: the profile has no samples, and nothing is stored: the target used no CPU; put it under load, or capture for longer (-d)";
    let outcome = capture(family.id(), bin.path(), &[]).run();
    let outcome = outcome.expect(4, &["capturing 1s of process", says]);
    assert!(!outcome.home().join("out/it.pb.gz").exists());
    assert_eq!(asked(bin.path()).len(), 2);
    // It never does: that is said, and the way out.
    let bin = fake_perf(gone);
    capture(family.id(), bin.path(), &[]).run().expect(
        5,
        &["the processes come and go too fast for `perf record` to list them; sample one that stays"],
    );
    let lists = asked(bin.path());
    assert_eq!(lists.len(), 5, "{lists:?}");
    drop(family.stdin.take());
    assert!(family.wait().unwrap().success());
}

#[test]
fn a_recording_of_what_has_ended_is_kept() {
    let mut family = family();
    // perf ends so when all that it samples has ended.
    let bin = fake_perf("head -n 1; kill -TERM $$");
    capture(family.id(), bin.path(), &[])
        .run()
        .expect(4, &["the profile has no samples"]);
    // It may have ended before the first sample.
    let bin = fake_perf("kill -TERM $$");
    capture(family.id(), bin.path(), &[])
        .run()
        .expect(5, &["the processes come and go too fast"]);
    drop(family.stdin.take());
    family.wait().unwrap();
}

#[test]
fn a_process_that_comes_and_goes_is_left_out_in_the_end() {
    // Each time it is asked for, the shell has another child: it ends one when it is told to.
    let home = tempfile::tempdir().unwrap();
    let orders = home.path().join("orders");
    assert!(
        Command::new("mkfifo")
            .arg(&orders)
            .status()
            .unwrap()
            .success()
    );
    let serve = "while read -r _; do [ -z \"$kid\" ] || { kill $kid; wait $kid; }; sleep 60 & kid=$!; echo $kid > \"$0\".now; done; kill $kid";
    let mut parent = Command::new("sh")
        .args(["-c", serve])
        .arg(&orders)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let bin = fake_perf(&format!(
        "case $(wc -l < $home/asked) in 5) exec cat ;; esac\nrm -f {0}.now\necho > /proc/{1}/fd/0\nwhile [ ! -s {0}.now ]; do sleep 0.01; done\necho 'No such process' >&2; exit 244",
        orders.display(),
        parent.id()
    ));
    let outcome = capture(parent.id(), bin.path(), &[]).run();
    drop(parent.stdin.take());
    parent.wait().unwrap();
    outcome.expect(
        4,
        &["note: processes come and go too fast for perf to list them: of 2 that ran it samples the 1 that stay, with what they start from now on"],
    );
    let lists = asked(bin.path());
    let root = parent.id().to_string();
    assert_eq!(lists.last(), Some(&root), "{lists:?}");
    assert!(lists[1].contains(','), "{lists:?}");
}

#[test]
fn cpu_time_without_samples_is_said() {
    let none = "invalid: the profile has no samples, and nothing is stored: perf took none of the CPU time";
    let short = "perf does not see processes that live shorter";
    let lost = "perf's timer begins anew in each thread that starts";
    let child = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done";
    for (script, why, other) in [
        ("while :; do :; done".to_owned(), lost, short),
        (format!("while :; do sh -c '{child}'; done"), short, lost),
    ] {
        let mut busy = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        let bin = fake_perf("cat");
        let outcome = capture(busy.id(), bin.path(), &["--hz", "999"]).run();
        busy.kill().unwrap();
        busy.wait().unwrap();
        let outcome = outcome.expect(4, &["note: 0 of about ", why, none]);
        // Only what has ended can have been too short.
        assert!(!outcome.stderr.contains(other), "{}", outcome.stderr);
    }
}

#[test]
fn waits_are_asked_for_switch_by_switch() {
    let mut family = family();
    let bin = fake_perf("cat");
    let outcome = capture(family.id(), bin.path(), &["--off-cpu"]).run();
    capture(
        family.id(),
        bin.path(),
        &["--off-cpu", "--call-graph", "lbr"],
    )
    .run()
    .expect(
        2,
        &["--call-graph lbr is of code that runs; with --off-cpu name fp or dwarf"],
    );
    capture(family.id(), bin.path(), &["--off-cpu", "--hz", "99"])
        .run()
        .expect(2, &["cannot be used with"]);
    drop(family.stdin.take());
    family.wait().unwrap();
    outcome.expect(4, &["no thread left its CPU"]);
    let asked = std::fs::read_to_string(bin.path().join("asked")).unwrap();
    assert!(asked.contains("--event context-switches"), "{asked}");
    assert!(asked.contains("--count 1 --switch-events"), "{asked}");
}
