//! What the generator adds is never the target's: whatever the size of the fleet, the number of workers and the kind of template, a
//! server that answers at once makes nobody wait.

use telemload::engine::Engine;
use telemload::scenario::LoadModel;

use crate::drive::{GET, Report, TELEMETRY, collect, drive as plan, run};
use crate::{MS, ok};

/// A mix in which one request in a million needs three values that each of many devices is given.
fn given(devices: u32) -> String {
    format!(
        "{}weight = 1000000\n[fleet.vans]\ndevices = {devices}\nsecrets = 1\n[[request]]\nname = \"given\"\nfleet = \"vans\"\nweight = 0\npath = \"/g\"\n\
         extract = {{ a = \"header:A\", b = \"header:B\", c = \"header:C\" }}\n\
         [[request]]\nname = \"needs\"\nfleet = \"vans\"\npath = \"/{{{{a}}}}/{{{{b}}}}/{{{{c}}}}\"\n",
        GET
    )
}

#[test]
fn in_a_closed_loop_nothing_waits() {
    for workers in [1, 3] {
        for requests in [GET.to_owned(), TELEMETRY.to_owned(), given(200_000)] {
            let server = ok();
            let load =
                format!("model = \"closed\"\nconnections = 6\nworkers = {workers}\nrequests = 300");
            let report = run(server.addr, &load, &requests);
            assert_eq!(report.total.ok, 300, "{report:?}");
            assert_eq!(report.total.queue_wait.max(), 0, "{report:?}");
        }
    }
}

/// Only a request that finds all open connections busy waits, for one more to be opened; and no longer than that takes.
fn holds_nobody_up(report: &Report) {
    let (waits, opening) = (&report.total.queue_wait, &report.end().opening);
    // Below a millisecond the generator's own lateness is not told apart.
    let waited = waits.count_between(2 * MS, u64::MAX);
    assert!(waited <= opening.count(), "{waited} waited: {report:?}");
    // The generator itself is late by less than a tick, or that is lag.
    let longest = opening.histogram().max() + 2 * 10 * MS;
    assert!(waits.max() <= longest, "{} ns: {report:?}", waits.max());
}

#[test]
fn an_open_loop_begins_when_its_workers_are_ready() {
    for (workers, requests) in [
        (1, GET.to_owned()),
        (1, given(500_000)),
        (3, given(500_000)),
        (2, TELEMETRY.to_owned()),
    ] {
        let server = ok();
        let load = format!(
            "model = \"open\"\nrate = \"300/s\"\nconnections = 150\nworkers = {workers}\nduration = \"300ms\""
        );
        let report = run(server.addr, &load, &requests);
        assert_eq!((report.total.due, report.total.ok), (90, 90), "{report:?}");
        holds_nobody_up(&report);
    }
}

#[test]
fn a_closed_loop_begins_with_its_connections_open() {
    let server = ok();
    let load = "model = \"closed\"\nconnections = 40\nworkers = 2\nduration = \"60s\"";
    let engine = Engine::start(&plan(server.addr, load, GET)).expect("threads can be started");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let window = runtime.block_on(engine.ready());
    assert!(window.start > telemload::engine::now_ns() - 10_000 * MS);
    // The server accepts them one after the other.
    server.wait_for_connections(40);
    engine.stop();
    let report = collect(engine);
    assert_eq!(report.end().window.start, window.start);
    assert_eq!(report.end().opening.count(), 40);
}

#[test]
fn a_closed_loop_begins_without_a_target_too() {
    let (_socket, address) = crate::deaf();
    let load = "model = \"closed\"\nconnections = 4\nduration = \"100ms\"\nworkers = 2";
    let report = run(address, load, GET);
    assert_eq!(report.end().window.seconds(), 0.1);
    assert!(report.total.failed > 0 && report.total.failed == report.total.due);
}

#[test]
fn intervals_that_nobody_takes_in_time_are_joined_and_nothing_is_lost() {
    let server = ok();
    let load = "model = \"closed\"\nconnections = 2\nworkers = 2\nduration = \"500ms\"";
    let mut drive = plan(server.addr, load, GET);
    drive.interval = std::time::Duration::from_millis(2);
    assert_eq!(drive.load.model, LoadModel::Closed);
    let engine = Engine::start(&drive).expect("threads can be started");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let window = runtime.block_on(engine.ready());
    while telemload::engine::now_ns() < window.end + 100 * MS {
        std::thread::yield_now();
    }
    let report = collect(engine);
    assert_eq!(
        report.total.due,
        server.request_count() as u64,
        "{report:?}"
    );
    // 64 of each worker, and those that the last ones hold as well.
    assert_eq!(report.intervals, 128, "{report:?}");
    assert_eq!(
        report.intervals as u64 + report.joined,
        2 * 251,
        "{report:?}"
    );
}
