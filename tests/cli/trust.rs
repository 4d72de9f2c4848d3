//! What an untrusted phase does to verdicts and exit codes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use serde_json::{Value, json};

use crate::bed::data;
use crate::bed::{Outcome, TestBed, as_documented};
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

/// A result that was written before trust had codes and loads were read as a whole.
pub(crate) fn earlier() -> Value {
    let text = fs::read_to_string(data("result-suspect.json")).unwrap();
    as_documented("result", &text)
}

/// The same phase, trusted, with twice the throughput.
fn later() -> Value {
    let mut result = earlier();
    let phase = &mut result["variants"][0]["phases"][0];
    phase["trust"] = json!({"level": "trusted", "reasons": [], "doubts": []});
    let throughput = &mut phase["rounds"][0]["throughput_rps"];
    *throughput = (2.0 * throughput.as_f64().unwrap()).into();
    result
}

fn compared(base: &Value, head: &Value, flags: &[&str]) -> String {
    let bed = TestBed::new()
        .file("base/result.json", base.to_string())
        .file("head/result.json", head.to_string())
        .args(["compare", "base", "head"])
        .args(flags);
    bed.run().expect(0, &[]).stdout
}

#[test]
fn a_stored_result_is_compared_with_all_that_speaks_against_it() {
    let (base, head) = (earlier(), later());
    let text = compared(&base, &head, &[]);
    for words in [
        "base · load is suspect: a worker of the generator waited for a CPU for 21 % of the window",
        "not judged: ×2.0 (95 %: ",
        "it may come from the base's unstated",
    ] {
        assert!(text.contains(words), "no {words:?}: {text}");
    }
    let text = compared(&base, &head, &["--allow-untrusted"]);
    for words in ["judged all the same by `allow_untrusted`", "better: ×2"] {
        assert!(text.contains(words), "no {words:?}: {text}");
    }
    let text = compared(&base, &head, &["--json"]);
    let document = as_documented("compare", &text);
    let throughput = &document["phases"][0]["metrics"][0];
    assert_eq!(throughput["finding"], "not judged");
    let doubt = json!([{"side": "base", "code": "unstated"}]);
    assert_eq!(throughput["doubts"], doubt);
}

#[test]
fn phases_of_two_names_that_are_alone_are_compared_and_that_is_said() {
    let (base, mut head) = (earlier(), later());
    let phase = &mut head["variants"][0]["phases"][0];
    phase["name"] = "steady".into();
    phase["load"]["burst"] = 1000.into();
    phase["load"]["timeout_s"] = 10.into();
    let text = compared(&base, &head, &[]);
    for says in [
        "load of base is compared with steady of head, for each is alone",
        "the loads differ in arrivals (bursts of 10; bursts of 1000) and timeout (3s; 10s)",
    ] {
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn profiles_have_no_trust_to_allow() {
    TestBed::new()
        .file("a.folded", "main 10\n")
        .args(["compare", "a.folded", "a.folded", "--allow-untrusted"])
        .run()
        .expect(2, &["--allow-untrusted goes with runs"]);
}

#[test]
fn a_stored_load_that_cannot_be_is_refused() {
    let (base, mut head) = (earlier(), later());
    head["variants"][0]["phases"][0]["load"]["burst"] = Value::Null;
    TestBed::new()
        .file("base/result.json", base.to_string())
        .file("head/result.json", head.to_string())
        .args(["compare", "base", "head"])
        .run()
        .expect(
            2,
            &["head/result.json: ", "a load in bursts without `burst`"],
        );
}
