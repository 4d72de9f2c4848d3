//! Targets that are slower than the load: what waited is in the figures as it was.

use std::time::Duration;

use telemload::engine::{Engine, now_ns};
use telemload::metrics::{latency_quantiles, value_at};
use telemload::transport::stream::{Endpoint, Place};

use crate::drive::{GET, collect, drive as plan, run};
use crate::hostile::{Behaviour, OK, Server};
use crate::{MS, ok};

#[test]
fn a_rate_beyond_the_generators_reach_neither_starves_nor_hides_anything() {
    let server = ok();
    let load = "model = \"open\"\nrate = \"1000000/s\"\nconnections = 2\nworkers = 1\nduration = \"100ms\"\ntimeout = \"100ms\"";
    let report = run(server.addr, load, GET);
    assert_eq!(report.total.due, 100_000, "{report:?}");
    assert!(
        report.total.ok > 0 && report.total.not_sent > 0,
        "{report:?}"
    );
    assert_eq!(server.request_count() as u64, report.total.sent);
}

#[test]
fn a_stall_is_reported_as_it_is() {
    const RATE: f64 = 500.0;
    let server = Server::start(Behaviour::Stall {
        stall: Duration::from_millis(150),
        every: Duration::from_secs(1),
        answer: OK,
    });
    let load = format!(
        "model = \"open\"\nrate = \"{RATE}/s\"\nconnections = 2\nworkers = 1\nduration = \"4s\""
    );
    let report = run(server.addr, &load, GET);
    let total = &report.total;
    assert_eq!((total.due, total.ok), (2_000, 2_000));
    // S - (1 - q) T (1 - rho); rho, the rate over the capacity of the two connections, is left out: below 0.1.
    for (quantile, expected_ms) in [(0.95, 100.0), (0.99, 140.0)] {
        let latency = value_at(&total.latency, quantile) / 1e3;
        let waited = value_at(&total.queue_wait, quantile) / 1e3;
        assert!(
            (latency - expected_ms).abs() < 15.0,
            "{quantile}: {latency} ms"
        );
        assert!(
            (waited - expected_ms).abs() < 15.0,
            "{quantile}: {waited} ms waited"
        );
    }
    // Only what was on the way when a stall began saw it: 2 of each 500.
    let served = value_at(&total.service_time, 0.98) / 1e3;
    assert!(served < 40.0, "{served} ms");
}

#[test]
fn requests_that_an_overloaded_server_never_got_are_in_the_tail() {
    // 26 bytes, one a millisecond: some 70 answers a second over two connections.
    let server = Server::start(Behaviour::Slow(
        b"HTTP/1.1 204 No Cont\r\n\r\n",
        Duration::from_millis(1),
    ));
    let load = "model = \"open\"\nrate = \"500/s\"\nconnections = 2\nworkers = 1\nduration = \"300ms\"\ntimeout = \"200ms\"";
    let report = run(server.addr, load, GET);
    let total = &report.total;
    assert_eq!((total.due, total.failed), (150, 0), "{report:?}");
    assert!(total.ok > 2 && total.not_sent > 50, "{report:?}");
    assert_eq!(server.request_count() as u64, total.sent);
    assert!(
        total.sent > total.sent_in_window,
        "the backlog is drained after the window"
    );
    let (latency, exact_below) = latency_quantiles([total]);
    assert!(exact_below > 0.0 && exact_below < 0.7, "{exact_below}");
    assert_eq!(latency.len(), 150);
    // Each waited from its intended start to the end of the drain, which is 200 ms after the last was due.
    assert!(total.censored.min() >= 199 * MS, "{report:?}");
    assert!(total.censored.max() >= 250 * MS, "{report:?}");
    assert!(
        now_ns() < report.end().window.end + 5_000 * MS,
        "the run ends with the drain"
    );
}

#[test]
fn a_stalled_instance_keeps_its_own_requests_waiting_and_no_others() {
    let quick = ok();
    let slow = Server::start(Behaviour::Slow(OK, Duration::from_millis(2)));
    let load =
        "model = \"open\"\nrate = \"200/s\"\nconnections = 4\nduration = \"1s\"\ntimeout = \"10s\"";
    let mut plan = plan(quick.addr, load, GET);
    plan.endpoints = [quick.addr, slow.addr]
        .map(|address| Endpoint {
            place: Place::Tcp(address),
            tls: None,
        })
        .to_vec();
    let report = collect(Engine::start(&plan).expect("threads can be started"));
    // It pauses after each byte, so that two connections answer its 100 requests or so in 4 s.
    let total = &report.total;
    assert_eq!(total.due, 200);
    let latency = |quantile| total.latency.value_at_quantile(quantile) / 1_000_000;
    assert!(latency(0.3) < 500, "{} ms", latency(0.3));
    assert!(latency(0.9) > 2_000, "{} ms", latency(0.9));
}

#[test]
fn a_number_of_requests_ends_the_load_of_all_instances() {
    let servers = [0; 3].map(|_| ok());
    for (model, connections) in [
        ("model = \"closed\"", 3),
        ("model = \"open\"\nrate = \"500/s\"", 6),
    ] {
        let load = format!("{model}\nconnections = {connections}\nrequests = 60");
        let mut plan = plan(servers[0].addr, &load, GET);
        plan.endpoints = servers
            .iter()
            .map(|server| Endpoint {
                place: Place::Tcp(server.addr),
                tls: None,
            })
            .collect();
        let report = collect(Engine::start(&plan).expect("threads can be started"));
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{model}");
    }
    assert!(servers.iter().all(|server| server.request_count() > 10));
}
