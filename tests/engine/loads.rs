//! How many requests a load makes due, when, and how it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use telemload::engine::{Engine, now_ns};
use telemload::pacer::{Pacer, Schedule};
use telemload::scenario::LoadModel;
use telemload::shard::Lane;

use crate::drive::{GET, Report, TELEMETRY, collect, drive as plan, run};
use crate::hostile::{Behaviour, OK, Server};
use crate::{MS, deaf, ok};

#[test]
fn a_number_of_requests_is_sent_exactly() {
    for (connections, workers, warmup) in [(1, 1, 0), (8, 1, 0), (5, 2, 0), (4, 1, 60), (4, 2, 60)]
    {
        let server = ok();
        let load = format!(
            "model = \"closed\"\nrequests = 203\nconnections = {connections}\nworkers = {workers}\nwarmup = \"{warmup}ms\""
        );
        let report = run(server.addr, &load, GET);
        let case = format!("{load}\n{report:?}");
        assert_eq!((report.total.due, report.total.ok), (203, 203), "{case}");
        if warmup == 0 {
            assert_eq!(server.request_count(), 203, "{case}");
        } else {
            assert!(server.request_count() > 203, "{case}");
        }
        assert_eq!(server.connections(), connections, "{case}");
        assert_eq!(report.end().opening.count(), connections as u64);
        // The window ends with the last of them, long before the hour that is the default.
        assert!(report.end().window.seconds() < 60.0, "{case}");
        // What was under way at the window's start completed in it.
        let more = report.total.completed_ok - 203;
        assert!(
            more <= connections as u64 && (warmup > 0 || more == 0),
            "{case}"
        );
    }
}

#[test]
fn a_closed_loop_fills_its_window() {
    for workers in [1, 2] {
        let server = ok();
        let load = format!(
            "model = \"closed\"\nconnections = 4\nworkers = {workers}\nduration = \"420ms\""
        );
        let report = run(server.addr, &load, GET);
        let total = &report.total;
        assert_eq!(total.due, server.request_count() as u64, "{report:?}");
        assert_eq!(total.ok, total.due);
        assert!(total.sent_in_window + 4 >= total.due);
        assert!(total.completed_ok <= total.ok && total.completed_ok + 4 >= total.ok);
        assert_eq!(total.queue_wait.max(), 0);
        assert_eq!(report.end().window.seconds(), 0.42);
        // Nine intervals of the window and one for what ended after it, of each worker; one that a busy machine kept
        // from running leaves some out.
        assert_eq!(report.completed.last_key_value(), Some((&9, &0)));
        assert!(report.completed.values().filter(|&&n| n > 0).count() >= 3);
        assert!((3 * workers..=10 * workers).contains(&report.intervals));
        assert_eq!(report.completed.values().sum::<u64>(), total.completed_ok);
        // Each worker needs one to fill and one on its way; the rest is slack.
        assert!(report.places.len() <= 4 * workers, "{report:?}");
        assert!(report.end().generator_cores > 0.0);
        assert!(report.end().busiest_worker <= report.end().generator_cores);
    }
}

#[test]
fn a_window_without_the_wanted_number_of_requests_is_not_shortened() {
    // Each answer takes twice as long as the window.
    let server = Server::start(Behaviour::Slow(OK, Duration::from_millis(10)));
    let load = "model = \"closed\"\nconnections = 2\nrequests = 1000000\nduration = \"200ms\"";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.ok, report.total.completed_ok), (2, 0));
    assert_eq!(report.end().window.seconds(), 0.2);
}

#[test]
fn an_open_loop_sends_what_its_schedule_says() {
    for (rate, connections, workers, warmup) in [
        (500, 4, 1, 0),
        (500, 4, 2, 0),
        (1_000, 64, 1, 100),
        (20, 1, 1, 0),
    ] {
        let server = ok();
        let load = format!(
            "model = \"open\"\nrate = \"{rate}/s\"\nconnections = {connections}\nworkers = {workers}\nduration = \"400ms\"\nwarmup = \"{warmup}ms\""
        );
        let report = run(server.addr, &load, GET);
        let expected = rate * 400 / 1_000;
        assert_eq!(
            (report.total.due, report.total.ok),
            (expected, expected),
            "{report:?}"
        );
        assert_eq!(
            server.request_count() as u64,
            expected + rate * warmup / 1_000
        );
        assert!(report.end().opening.count() <= connections);
        assert!(
            now_ns() >= report.end().window.end,
            "a window lasts as long as planned"
        );
        assert_eq!(report.end().window.seconds(), 0.4);
    }
}

#[test]
fn an_open_loop_ends_with_its_number_of_requests() {
    let server = ok();
    let load = "model = \"open\"\nrate = \"500/s\"\nrequests = 51\nconnections = 4\nworkers = 2";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.due, report.total.ok), (51, 51), "{report:?}");
    assert_eq!(server.request_count(), 51);
    assert!(report.end().window.seconds() < 60.0, "{report:?}");
}

#[test]
fn independent_arrivals_follow_their_seed() {
    let load = "model = \"open\"\nrate = \"400/s\"\narrivals = \"poisson\"\nconnections = 16\nworkers = 2\nduration = \"300ms\"";
    let server = ok();
    let drive = plan(server.addr, load, GET);
    let LoadModel::Open { pace, arrivals } = &drive.load.model else {
        panic!("the load is open");
    };
    let schedule = Schedule::new(pace, drive.load.warmup);
    let of_worker = |worker| {
        let mut pacer = Pacer::new(
            schedule.clone(),
            *arrivals,
            drive.seed,
            Lane::new(worker, 2),
        );
        std::iter::from_fn(|| Some(pacer.take()))
            .take_while(|due| due.offset_ns < 300 * MS)
            .count()
    };
    let due = of_worker(0) + of_worker(1);
    for _ in 0..2 {
        let report = run(server.addr, load, GET);
        assert_eq!(
            (report.total.due, report.total.ok),
            (due as u64, due as u64)
        );
    }
}

#[test]
fn stages_send_what_they_planned() {
    for (arrivals, workers) in [
        ("\"constant\"", 1),
        ("\"constant\"", 2),
        ("{ burst = 10 }", 2),
    ] {
        let server = ok();
        let load = format!(
            "model = \"open\"\nrate = \"200/s\"\narrivals = {arrivals}\nconnections = 32\nworkers = {workers}\nwarmup = \"100ms\"\n\
             stages = [{{ to = \"1000/s\", over = \"200ms\" }}, {{ hold = \"100ms\" }}, {{ to = \"0/s\", over = \"100ms\" }}]"
        );
        let report = run(server.addr, &load, GET);
        let total = &report.total;
        assert_eq!((total.due, total.ok), (120 + 100 + 50, 270), "{report:?}");
        assert_eq!(server.request_count(), 290, "{report:?}");
        assert_eq!(report.end().window.seconds(), 0.4);
    }
}

#[test]
fn a_few_requests_say_nothing_of_the_workers_cpu_and_end_every_worker() {
    let server = ok();
    let load = "model = \"closed\"\nrequests = 3\nconnections = 2\nworkers = 2";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.ok, report.ended), (3, 2), "{report:?}");
    let end = report.end();
    assert_eq!(
        (end.busiest_worker, end.worker_wait),
        (0.0, None),
        "{end:?}"
    );
}

#[test]
fn a_mix_is_counted_by_request() {
    let server = ok();
    let mix = format!("{GET}weight = 3\n{TELEMETRY}");
    let load = "model = \"closed\"\nrequests = 400\nconnections = 4\nworkers = 1";
    let report = run(server.addr, load, &mix);
    let posts = server
        .requests()
        .iter()
        .filter(|request| request.head.starts_with("POST"))
        .count() as u64;
    assert_eq!(report.due_by_request, [400 - posts, posts]);
    assert!((60..140).contains(&posts), "{posts}");
    // A load's own weights go before those of the requests.
    let load = format!("{load}\nweights = {{ get = 0 }}");
    assert_eq!(run(server.addr, &load, &mix).due_by_request, [0, 400]);
}

#[test]
fn stopping_ends_the_run_and_its_window() {
    let closed = "model = \"closed\"\nconnections = 3\nworkers = 1\nduration = \"60s\"";
    let open =
        "model = \"open\"\nrate = \"400/s\"\nconnections = 3\nworkers = 1\nduration = \"60s\"";
    for (load, behaviour) in [
        (closed, Behaviour::Silent),
        (open, Behaviour::Silent),
        (closed, Behaviour::Canned(OK)),
        (open, Behaviour::Canned(OK)),
    ] {
        let case = format!("{load} {behaviour:?}");
        let silent = matches!(behaviour, Behaviour::Silent);
        let server = Server::start(behaviour);
        let engine = Engine::start(&plan(server.addr, load, GET)).expect("threads can be started");
        server.wait_for_requests(3);
        engine.stop();
        let report: Report = collect(engine);
        assert!(report.end().window.seconds() < 30.0, "{case}");
        assert_eq!(report.total.failed, 0, "{case}: {report:?}");
        if silent {
            assert_eq!(
                (report.total.ok, report.total.in_flight_at_end),
                (0, 3),
                "{case}"
            );
        } else {
            assert!(report.total.ok > 0, "{case}");
            assert!(report.total.in_flight_at_end <= 3, "{case}");
        }
    }
    // A target that is down, and a run that has not yet begun to count.
    let (_socket, address) = deaf();
    for load in [closed, open] {
        let load = format!("{load}\nwarmup = \"60s\"");
        let engine = Engine::start(&plan(address, &load, GET)).expect("threads can be started");
        engine.stop();
        let report = collect(engine);
        assert_eq!((report.total.due, report.end().window.seconds()), (0, 0.0));
    }
}

#[test]
fn request_n_has_the_same_bytes_whoever_sends_it() {
    let mut first = None;
    for (connections, workers) in [(1, 1), (8, 1), (6, 3)] {
        let server = ok();
        let requests = TELEMETRY.replace("headers = {", "headers = { Host = \"target\", ");
        let load = format!(
            "model = \"closed\"\nrequests = 90\nconnections = {connections}\nworkers = {workers}"
        );
        run(server.addr, &load, &requests);
        let received: BTreeSet<(String, Vec<u8>)> = server
            .requests()
            .into_iter()
            .map(|request| (request.head, request.body))
            .collect();
        assert_eq!(received.len(), 90);
        let first = first.get_or_insert_with(|| received.clone());
        assert!(
            *first == received,
            "{connections} connections, {workers} workers"
        );
    }
}
