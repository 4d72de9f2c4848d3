//! What an untrusted phase does to verdicts and exit codes.

use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::bed::{Outcome, TestBed};
use crate::hostile::{self, Behaviour, Server};

/// Loops without end; they are gone with the test.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start(count: usize) -> Self {
        let one = |_| {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]);
            command.stdin(Stdio::null()).spawn().unwrap()
        };
        Self((0..count).map(one).collect())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

/// Runs a closed loop that cannot be trusted: on one CPU, behind loops of a higher priority, its worker waits for most of
/// the window. Were there nothing to wait for, it would use all of the CPU.
fn untrusted(keys: &str, threshold: &str, flags: &[&str]) -> Outcome {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let scenario = format!(
        "name = \"crowded\"\n{keys}\n[target]\nurl = \"http://{}\"\n[load]\nmodel = \"closed\"\nconnections = 4\nduration = \"1s\"\ntimeout = \"50s\"\n[[request]]\nname = \"r\"\npath = \"/\"\n[[threshold]]\n{threshold}\n",
        server.addr
    );
    let bed = TestBed::new().scenario(&scenario).args(flags);
    // Children inherit what holds for the thread that starts them, and no other test shall have it.
    let crowded = thread::spawn(|| {
        let own = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| own.is_set(*cpu)).unwrap());
        sched_setaffinity(None, &one).unwrap();
        let hogs = Hogs::start(2);
        setpriority_process(None, 5).unwrap();
        (bed.start(), hogs)
    });
    let (running, _hogs) = crowded.join().unwrap();
    let outcome = running.wait();
    let level = &outcome.only_phase()["trust"]["level"];
    assert_ne!(level, "trusted", "{}", outcome.stdout);
    outcome
}

#[test]
fn a_threshold_that_fails_in_an_untrusted_phase_is_inconclusive() {
    let failing = "expr = \"latency.p99 < 1us\"";
    let outcome = untrusted("", failing, &[]).expect(3, &["a threshold could not be judged"]);
    for words in [
        "inconclusive latency.p99 < 1us",
        "not judged: the phase is ",
        "which can make latency higher than the target's",
        "`allow_untrusted = true`",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    let judged = &outcome.result()["variants"][0]["thresholds"][0];
    assert_eq!(judged["verdict"], "inconclusive");
    assert!(!judged["doubts"].as_array().unwrap().is_empty());
}

#[test]
fn a_threshold_that_holds_in_an_untrusted_phase_passes() {
    let outcome = untrusted("", "expr = \"latency.p99 < 40s\"", &[]).expect(0, &[]);
    let judged = &outcome.result()["variants"][0]["thresholds"][0];
    assert_eq!(judged["verdict"], "pass");
}

#[test]
fn what_is_allowed_untrusted_is_judged_and_said() {
    let failing = "expr = \"latency.p99 < 1us\"";
    let allowed = format!("{failing}\nallow_untrusted = true");
    for (keys, threshold, flags) in [
        ("", allowed.as_str(), &[][..]),
        ("allow_untrusted = true", failing, &[]),
        ("", failing, &["--allow-untrusted"]),
    ] {
        let outcome = untrusted(keys, threshold, flags).expect(1, &["a threshold failed"]);
        let says = "judged by `allow_untrusted` although the phase is ";
        assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    }
}
