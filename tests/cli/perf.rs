//! Sampling by the system's perf: what is said where it cannot.

use crate::bed::{TestBed, url_scenario};
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
