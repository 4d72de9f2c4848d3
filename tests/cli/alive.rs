//! A target that answers no more, and what a closed loop hides of it: words and exit codes.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use rustix::process::{Pid, Signal, kill_process};

use crate::bed::{Outcome, TELEMLOAD, TestBed, free_port, until};
use crate::scripted::Scripted;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BROKEN: &[u8] = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";

/// A gateway that is no child of telemload's run.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) port: u16,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let child = Command::new(TELEMLOAD)
            .args(["gateway", "--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the gateway", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, port }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scenario(port: u16, target: &str, load: &str) -> String {
    format!(
        "name = \"alive\"\ninterval = \"100ms\"\n[target]\nurl = \"http://127.0.0.1:{port}\"\n{target}\n[load]\n{load}\n[[request]]\nname = \"r\"\npath = \"/healthz\"\n"
    )
}

/// Starts a load, and sends a signal to the gateway early in its window, which has time for a busy machine to be late: as soon as so
/// many requests were answered that the few which are under way are less than a hundredth.
fn signalled(target: &str, load: &str, answers: usize, signal: Signal) -> Outcome {
    let gateway = Gateway::start();
    let target = target.replace("PID", &gateway.child.id().to_string());
    let bed = TestBed::new().scenario(&scenario(gateway.port, &target, load));
    let running = bed.start();
    running.wait_for_rows(3);
    running.wait_for_answers(answers);
    gateway.signal(signal);
    running.wait()
}

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nduration = \"5s\"\ntimeout = \"6s\"";
const MANY: usize = 250;

/// The one phase, whose target was gone in its middle.
#[track_caller]
fn gone(outcome: &Outcome) {
    let phase = outcome.only_phase();
    let answered = phase["answered_s"].as_f64().unwrap();
    let window = phase["rounds"][0]["window_s"].as_f64().unwrap();
    assert!((0.2..0.95 * window).contains(&answered), "{answered}");
    let (all, then) = (&phase["throughput_rps"], &phase["answered_rps"]);
    assert!(then.as_f64() > all.as_f64(), "{all} {then}");
    let codes: Vec<_> = phase["trust"]["doubts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|doubt| doubt["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"gone"), "{codes:?}");
    assert!(
        outcome.stdout.contains(" s in which it answered)"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_target_that_is_killed_is_invalid() {
    let words = ["invalid: default, load: nothing answered from ", "s on; "];
    gone(&signalled("", CLOSED, MANY, Signal::KILL).expect(4, &words));
    let open =
        "model = \"open\"\nrate = \"50/s\"\nconnections = 4\nduration = \"3s\"\ntimeout = \"1s\"";
    gone(&signalled("", open, 20, Signal::KILL).expect(4, &words));
}

/// The target answers for the first quarter, and again in the drain.
#[test]
fn an_open_loop_that_waits_for_most_of_its_window_is_invalid() {
    static LATER: AtomicBool = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let server = Scripted::start(move |_| {
        let is_quick = answered.fetch_add(1, Ordering::Relaxed) < 20;
        while !is_quick && !LATER.load(Ordering::Relaxed) {
            thread::park_timeout(std::time::Duration::from_millis(5));
        }
        OK.to_vec()
    });
    let load =
        "model = \"open\"\nrate = \"20/s\"\nconnections = 90\nduration = \"4s\"\ntimeout = \"20s\"";
    let text = scenario(server.addr.port(), "", load);
    let running = TestBed::new().scenario(&text).start();
    // The last row ends with the window.
    running.wait_for_rows(40);
    LATER.store(true, Ordering::Relaxed);
    let words = ["invalid: default, load: nothing answered from "];
    gone(&running.wait().expect(4, &words));
}

#[test]
fn a_target_that_is_frozen_is_invalid() {
    let words = ["invalid: default, load: nothing answered from "];
    let outcome = signalled("pid = PID", CLOSED, MANY, Signal::STOP).expect(4, &words);
    gone(&outcome);
    // Both connections waited for what had no answer.
    let lost = outcome.only_phase()["lost_time_share"].as_f64().unwrap();
    assert!(lost > 0.2, "{lost}");
}

#[test]
fn a_process_that_ends_is_named() {
    let words = ["the target's process ended in the window (seen last at "];
    gone(&signalled("pid = PID", CLOSED, MANY, Signal::KILL).expect(4, &words));
}

#[test]
fn a_load_that_is_meant_to_be_too_much_tells_it_as_a_finding() {
    let overload = format!("{CLOSED}\noverload = true");
    // So many that two failures among them are surely few.
    let outcome = signalled("", &overload, 4 * MANY, Signal::STOP).expect(0, &[]);
    assert!(
        outcome.stdout.contains("behind nothing answered from "),
        "{}",
        outcome.stdout
    );
    let phase = outcome.only_phase();
    assert!(
        phase["gone"]
            .as_str()
            .unwrap()
            .starts_with("nothing answered")
    );
}

#[test]
fn answers_with_errors_alone_are_no_answers() {
    let answered = AtomicUsize::new(0);
    let server = Scripted::start(move |_| match answered.fetch_add(1, Ordering::Relaxed) {
        0..250 => OK.to_vec(),
        _ => BROKEN.to_vec(),
    });
    let load =
        "model = \"open\"\nrate = \"500/s\"\nconnections = 4\nduration = \"2s\"\ntimeout = \"1s\"";
    let text = scenario(server.addr.port(), "", load);
    let words = [
        "invalid: default, load: no OK answer came from ",
        "status 500",
    ];
    TestBed::new().scenario(&text).run().expect(4, &words);
}

#[test]
fn a_kind_of_request_that_never_succeeds_is_a_reason_of_doubt() {
    let server = Scripted::start(|asked| match asked.path.as_str() {
        "/login" => BROKEN.to_vec(),
        _ => OK.to_vec(),
    });
    let load =
        "model = \"open\"\nrate = \"500/s\"\nconnections = 4\nduration = \"2s\"\ntimeout = \"1s\"";
    let text = scenario(server.addr.port(), "", load)
        + "weight = 49\n[[request]]\nname = \"login\"\npath = \"/login\"\nweight = 1\n[[threshold]]\nexpr = \"errors.rate < 5%\"\n";
    let words = ["(request_gone)", "no OK answer came to `login`"];
    let outcome = TestBed::new().scenario(&text).run().expect(3, &[]);
    for words in words {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
}

/// Answers the first `served` connections that ask, each time a little later, and the others when `later` says so.
fn starving(served: usize, later: &'static AtomicBool) -> Scripted {
    let known: Mutex<BTreeSet<String>> = Mutex::default();
    let of = |id: ThreadId| format!("{id:?}");
    Scripted::start(move |_| {
        let is_served = {
            let mut known = known.lock().unwrap();
            let has_room = known.len() < served;
            let id = of(thread::current().id());
            known.contains(&id) || (has_room && known.insert(id))
        };
        loop {
            thread::park_timeout(std::time::Duration::from_millis(5));
            if is_served || later.load(Ordering::Relaxed) {
                return OK.to_vec();
            }
        }
    })
}

#[test]
fn connections_that_are_never_served_are_told_by_their_time() {
    static LATER: AtomicBool = AtomicBool::new(false);
    let server = starving(2, &LATER);
    let load = "model = \"closed\"\nconnections = 20\nduration = \"2s\"\ntimeout = \"500ms\"";
    let text = scenario(server.addr.port(), "", load);
    let words = [
        "requests without an OK answer in the window took ",
        " of the time of 20 connections",
    ];
    let outcome = TestBed::new().scenario(&text).run();
    // Lets the server's threads end.
    LATER.store(true, Ordering::Relaxed);
    let outcome = outcome.expect(4, &words);
    assert!(outcome.stdout.contains("(lost_time)"), "{}", outcome.stdout);
}

#[test]
fn a_target_that_is_slow_or_asked_rarely_is_alive() {
    let server = Scripted::start(|asked| {
        if asked.path == "/healthz" {
            thread::park_timeout(std::time::Duration::from_millis(700));
        }
        OK.to_vec()
    });
    for load in [
        // Each answer takes a third of the window, and the last ones come behind it.
        "model = \"closed\"\nconnections = 2\nduration = \"2s\"\ntimeout = \"9s\"",
        "model = \"closed\"\nconnections = 1\nduration = \"300ms\"\ntimeout = \"9s\"",
        "model = \"open\"\nrate = \"1/s\"\nconnections = 2\nduration = \"2500ms\"\ntimeout = \"9s\"",
    ] {
        let text = scenario(server.addr.port(), "", load);
        let outcome = TestBed::new().scenario(&text).run().expect(0, &[]);
        let phase = outcome.only_phase();
        assert_eq!(phase.get("gone"), None);
        assert_eq!(phase["answered_s"], phase["rounds"][0]["window_s"]);
        for code in ["(gone)", "(lost_time)", "(stalled)"] {
            assert!(!outcome.stdout.contains(code), "{load}: {}", outcome.stdout);
        }
    }
}
