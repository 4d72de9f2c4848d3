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
