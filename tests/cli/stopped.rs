//! A generator that is stopped in the middle of a load: what that adds is called its own, and not the target's.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::bed::{Outcome, TestBed};
use crate::hostile::{Behaviour, OK, Server};

const STOP: Duration = Duration::from_millis(1_000);

/// A run whose process is stopped for a second once it loads.
fn stopped(server: &Server, load: &str) -> Outcome {
    let address = server.addr;
    let scenario = format!(
        "name = \"test\"\ninterval = \"100ms\"\ntarget.url = \"http://{address}\"\n[load]\n{load}\n[[request]]\nname = \"get\"\npath = \"/\"\n"
    );
    let running = TestBed::new().scenario(&scenario).start();
    running.wait_for_rows(2);
    running.signal(Signal::STOP);
    thread::sleep(STOP);
    running.signal(Signal::CONT);
    running.wait()
}

#[test]
fn the_time_of_a_stop_is_dispatch_lag_and_no_queue_wait() {
    let server = Server::start(Behaviour::Canned(OK));
    let load = "model = \"open\"\nrate = \"500/s\"\nconnections = 10\nduration = \"3s\"\ntimeout = \"500ms\"";
    let outcome = stopped(&server, load).expect(0, &[]);
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["ok"], 1_500, "{phase:#}");
    let us = |of: &str, point: &str| phase[of][point].as_f64().unwrap();
    // A third of all requests was due in it.
    assert!(us("dispatch_lag_us", "p90") > 500e3, "{phase:#}");
    assert!(us("latency_us", "p90") > 500e3, "{phase:#}");
    // What follows is a burst, which finds all connections busy for a moment.
    assert!(us("queue_wait_us", "max") < 500e3, "{phase:#}");
    assert_eq!(phase["trust"]["level"], "suspect", "{phase:#}");
}

#[test]
fn an_answer_that_came_during_a_stop_is_no_timeout() {
    let server = Server::start(Behaviour::Slow(OK, Duration::from_millis(1)));
    let load = "model = \"closed\"\nconnections = 4\nduration = \"3s\"\ntimeout = \"500ms\"";
    let outcome = stopped(&server, load).expect(0, &[]);
    let phase = outcome.only_phase();
    assert_eq!(phase["requests"]["failed"], 0, "{phase:#}");
    assert!(
        phase["service_time_us"]["max"].as_f64().unwrap() > 900e3,
        "{phase:#}"
    );
}
