//! What an audit says of sides that are alike, and of sides that differ in one thing.

use super::*;
use crate::import::{Bodies, Headers, Holds, Times};
use crate::parity::{Field, Key, Print, Record, Value};

struct Maker {
    key: Key,
}

impl Maker {
    fn new() -> Self {
        Self {
            key: Key::of([7; 32]),
        }
    }

    fn print(&self, text: &str) -> Value {
        Value::Print(self.key.print(text.as_bytes()))
    }

    fn client(&self, text: &str) -> Print {
        self.key.print(text.as_bytes())
    }

    /// A request to `/v1/telemetry` with headers `Name=value`.
    fn record(&self, at_ms: i64, headers: &[&str]) -> Record {
        Record {
            at_us: Some(at_ms * 1_000),
            method: "POST".to_owned(),
            route: "/v1/telemetry".to_owned(),
            headers: (headers.iter())
                .map(|header| {
                    let (name, value) = header.split_once('=').unwrap();
                    Field(name.to_owned(), self.print(value))
                })
                .collect(),
            body: Some(self.client("{}")),
            ..Record::default()
        }
    }
}

fn side(records: Vec<Record>, is_recorded: bool) -> Side {
    Side {
        name: "side".to_owned(),
        holds: Holds {
            headers: Headers::AllBut(Vec::new()),
            order: true,
            body: Bodies::Sizes,
            time: Times::Fine,
            host: false,
            client: true,
            connection: true,
            status: false,
        },
        arrivals: records.iter().filter_map(|record| record.at_us).collect(),
        records,
        connections: if is_recorded {
            Connections::Recorded
        } else {
            Connections::Kept(16)
        },
        notes: Vec::new(),
    }
}

#[track_caller]
fn found<'a>(audit: &'a Audit, attribute: &str, subject: &str) -> &'a Finding {
    let mut findings = audit.findings.iter();
    let finding = findings.find(|of| of.attribute == attribute && of.subject.starts_with(subject));
    finding.unwrap_or_else(|| panic!("no {attribute} {subject}: {:#?}", audit.findings))
}

fn audited(production: Vec<Record>, scenario: Vec<Record>, choice: &Choice) -> Audit {
    audit(side(production, true), side(scenario, false), choice)
}

#[test]
fn a_header_that_is_missing_comes_first_and_fails() {
    let maker = Maker::new();
    let production = (0..100).map(|n| {
        let id = format!("X-Device-Id=car-{n}");
        let rare = if n == 0 { "X-Rare=1" } else { "Accept=a" };
        maker.record(n, &["User-Agent=app", &id, rare])
    });
    let scenario = (0..100).map(|n| maker.record(n, &["User-Agent=app"]));
    let (production, scenario): (Vec<_>, Vec<_>) = (production.collect(), scenario.collect());
    let audit = audited(production.clone(), scenario.clone(), &Choice::default());
    let missing: Vec<&str> = audit.missing().map(|of| of.subject.as_str()).collect();
    assert_eq!(missing, ["X-Device-Id", "Accept", "X-Rare"]);
    assert_eq!(audit.findings[0].subject, "X-Device-Id");
    assert_eq!(audit.findings[0].words, "all of production, none here");
    assert_eq!(found(&audit, "header", "User-Agent").verdict, Verdict::Same);
    let choice = Choice {
        allowed: vec![
            "x-device-*".to_owned(),
            "Accept".to_owned(),
            "X-RARE".to_owned(),
        ],
        ..Choice::default()
    };
    assert_eq!(audited(production, scenario, &choice).missing().count(), 0);
}

#[test]
fn what_fewer_than_one_in_a_hundred_carry_is_told_and_does_not_fail() {
    let maker = Maker::new();
    let production =
        (0..1_000).map(|n| maker.record(n, if n < 9 { &["X-Rare=1"] } else { &["Accept=a"] }));
    let scenario = (0..1_000).map(|n| maker.record(n, &["Accept=a"]));
    let audit = audited(production.collect(), scenario.collect(), &Choice::default());
    let rare = found(&audit, "header", "X-Rare");
    assert_eq!((rare.verdict, rare.fails), (Verdict::Missing, false));
    assert!(
        rare.words
            .starts_with("0.90 % (0.41 to 1.70) of production"),
        "{}",
        rare.words
    );
}

#[test]
fn a_header_that_one_route_lacks_is_missing_there() {
    let maker = Maker::new();
    let mut production: Vec<Record> = (0..40).map(|n| maker.record(n, &["X-Id=1"])).collect();
    let mut scenario = production.clone();
    let other = |with: &[&str]| Record {
        route: "/login".to_owned(),
        ..maker.record(50, with)
    };
    production.extend((0..40).map(|_| other(&["X-Id=1"])));
    scenario.extend((0..40).map(|_| other(&["Accept=a"])));
    let audit = audited(production, scenario, &Choice::default());
    let missing: Vec<&str> = audit.missing().map(|of| of.subject.as_str()).collect();
    assert_eq!(missing, ["X-Id on POST /login"]);
    assert_eq!(found(&audit, "header", "Accept").verdict, Verdict::Extra);
}

#[test]
fn a_log_that_holds_two_headers_judges_those_alone() {
    let maker = Maker::new();
    let records: Vec<Record> = (0..50)
        .map(|n| maker.record(n, &["User-Agent=a"]))
        .collect();
    let scenario = (0..50).map(|n| maker.record(n, &["User-Agent=a", "X-Device-Id=1"]));
    let mut production = side(records, true);
    production.holds.headers = Headers::Only(vec!["User-Agent".to_owned()]);
    let audit = audit(
        production,
        side(scenario.collect(), false),
        &Choice::default(),
    );
    assert_eq!(audit.missing().count(), 0);
    assert!(audit.doubt.is_some());
    let hidden = found(&audit, "header", "X-Device-Id");
    assert_eq!(hidden.verdict, Verdict::Unjudged);
    assert!(audit.remedy.is_some());
}

#[test]
fn values_that_are_constant_here_and_new_there_differ() {
    let maker = Maker::new();
    let of = |n: i64, trace: i64, device: i64| {
        let (trace, device) = (
            format!("X-Trace=trace-{trace:04}"),
            format!("X-Device=car-{device:03}"),
        );
        Record {
            client: Some(maker.client(&device)),
            ..maker.record(n, &[&trace, &device, "X-Same=yes"])
        }
    };
    let production = (0..400).map(|n| of(n, n, n % 50)).collect();
    let scenario = (0..400).map(|n| of(n, 7, n % 50)).collect();
    let audit = audited(production, scenario, &Choice::default());
    let trace = found(&audit, "header value", "x-trace");
    assert_eq!(trace.verdict, Verdict::Different);
    assert_eq!(
        trace.words,
        "a new value in almost each request there (400 in 400 requests), constant here (1)"
    );
    let device = found(&audit, "header value", "x-device");
    assert_eq!(device.verdict, Verdict::Same);
    assert!(
        device.words.starts_with("a value for each client"),
        "{}",
        device.words
    );
    assert_eq!(
        found(&audit, "header value", "x-same").verdict,
        Verdict::Same
    );
}

#[test]
fn equal_sides_differ_in_nothing() {
    let maker = Maker::new();
    let records = || -> Vec<Record> {
        let requests = (0..2_000).map(|n| {
            let id = format!("X-Device-Id=car-{}", n % 37);
            Record {
                client: Some(maker.client(&id)),
                connection: Some(n as u64 % 4),
                ..maker.record(n * 10, &["Accept=a", &id])
            }
        });
        requests.collect()
    };
    let audit = audited(records(), records(), &Choice::default());
    let unlike: Vec<_> = (audit.findings.iter())
        .filter(|of| !matches!(of.verdict, Verdict::Same | Verdict::Unjudged))
        .collect();
    assert!(unlike.is_empty(), "{unlike:#?}");
}

#[test]
fn order_sizes_routes_clients_and_connections_are_compared() {
    let maker = Maker::new();
    let production = (0..600).map(|n| Record {
        body: Some(Print {
            bytes: 2_000,
            ..maker.client("body")
        }),
        route: if n % 2 == 0 {
            "/a".to_owned()
        } else {
            "/b".to_owned()
        },
        client: Some(maker.client(&format!("client-{n}"))),
        connection: Some(n as u64 / 2),
        ..maker.record(n * 100, &["X-A=1", "X-B=1"])
    });
    let scenario = (0..600).map(|n| Record {
        body: Some(Print {
            bytes: 100,
            ..maker.client("body")
        }),
        route: "/a".to_owned(),
        client: Some(maker.client("one")),
        ..maker.record(n, &["X-B=1", "X-A=1"])
    });
    let audit = audited(production.collect(), scenario.collect(), &Choice::default());
    for (attribute, subject, words) in [
        (
            "headers",
            "order on POST /a",
            "x-a, x-b there; x-b, x-a here",
        ),
        (
            "size",
            "body",
            "median 2000 and p99 2000 bytes there, 100 and 100 here",
        ),
        (
            "mix",
            "methods and routes",
            "POST /a 50.0 % of production, 100.0 % here",
        ),
        ("clients", "distinct", "600 in 600 requests there"),
        (
            "connections",
            "requests",
            "2.0 there (600 requests over 300 connections)",
        ),
        ("arrivals", "rate", "10.0/s there, 1000/s here"),
    ] {
        let finding = found(&audit, attribute, subject);
        assert_eq!(finding.verdict, Verdict::Different, "{finding:?}");
        assert!(finding.words.contains(words), "{finding:?}");
    }
}

/// Three requests of two routes on one connection: a mix of 2 to 1, and a rate that two gaps tell.
#[test]
fn what_chance_explains_of_a_few_requests_is_no_difference() {
    let maker = Maker::new();
    let record = |at_ms, route: &str| Record {
        route: route.to_owned(),
        connection: Some(1),
        ..maker.record(at_ms, &["Accept=a"])
    };
    let few = vec![record(0, "/a"), record(900, "/a"), record(1_000, "/b")];
    let many = (0..200).map(|n| record(n * 200, if n % 2 == 0 { "/a" } else { "/b" }));
    let audit = audited(few, many.collect(), &Choice::default());
    for (attribute, subject, verdict) in [
        ("mix", "methods and routes", Verdict::Same),
        ("arrivals", "rate", Verdict::Unjudged),
        ("connections", "requests per connection", Verdict::Same),
    ] {
        let finding = found(&audit, attribute, subject);
        assert_eq!(finding.verdict, verdict, "{finding:?}");
    }
}

/// The last second of a log that writes whole ones counts whole, and one moment has no rate.
#[test]
fn a_rate_is_that_of_the_time_a_source_covers() {
    let maker = Maker::new();
    let every = |apart_ms: i64| (0..40).map(move |n| n * apart_ms);
    for (times, held, verdict) in [
        (
            (0..40).map(|n| n / 20 * 1_000).collect::<Vec<_>>(),
            Times::Seconds,
            Verdict::Same,
        ),
        (vec![0; 40], Times::Seconds, Verdict::Different),
        (vec![0; 40], Times::Fine, Verdict::Unjudged),
    ] {
        let records = |times: Vec<i64>| -> Vec<Record> {
            let record = |at_ms: i64| maker.record(at_ms, &["Accept=a"]);
            times.into_iter().map(record).collect()
        };
        let mut production = side(records(times), true);
        production.holds.time = held;
        let scenario = side(records(every(50).collect()), false);
        let audit = audit(production, scenario, &Choice::default());
        let rate = found(&audit, "arrivals", "rate");
        assert_eq!(rate.verdict, verdict, "{rate:?}");
        assert!(!rate.words.contains("000000/s"), "{rate:?}");
    }
}

/// A median between two frequent lengths is the one or the other by chance, and what was recorded has its values in runs.
#[test]
fn what_is_drawn_from_a_sample_is_like_the_sample() {
    let maker = Maker::new();
    let records = |count: usize, value: &dyn Fn(usize) -> String| -> Vec<Record> {
        let record = |n| maker.record(n as i64 * 100, &[value(n).as_str()]);
        (0..count).map(record).collect()
    };
    let agent = |long: usize| {
        move |n: usize| {
            format!(
                "User-Agent={}",
                "u".repeat(if n % 20 < long { 104 } else { 72 })
            )
        }
    };
    let audit = audited(
        records(200, &agent(11)),
        records(300, &agent(9)),
        &Choice::default(),
    );
    let bytes = found(&audit, "header value", "user-agent");
    assert_eq!(bytes.verdict, Verdict::Same, "{bytes:?}");
    let audit = audited(
        records(200, &agent(16)),
        records(300, &agent(4)),
        &Choice::default(),
    );
    let bytes = found(&audit, "header value", "user-agent");
    assert!(
        bytes.words.contains("104 bytes there, 72 here (medians)"),
        "{bytes:?}"
    );

    let audit = audited(
        records(100, &|n| format!("X-Page=page-{:03}", n / 5)),
        records(30, &|n| format!("X-Page=page-{:03}", n * 7 % 20)),
        &Choice::default(),
    );
    let distinct = found(&audit, "header value", "x-page");
    assert_eq!(distinct.verdict, Verdict::Same, "{distinct:?}");
    for (there, here, verdict) in [
        (13, 10, Verdict::Same),
        (20, 8, Verdict::Different),
        (3, 1, Verdict::Different),
    ] {
        let values = |of: usize| records(24, &move |n| format!("X-Name=name-{:03}", n % of));
        let audit = audited(values(there), values(here), &Choice::default());
        let name = found(&audit, "header value", "x-name");
        assert_eq!(name.verdict, verdict, "{name:?}");
    }
}

#[test]
fn sides_without_a_route_in_common_prove_nothing() {
    let maker = Maker::new();
    let production = (0..50).map(|n| maker.record(n, &["Accept=a"]));
    let scenario = (0..50).map(|n| Record {
        route: "/other".to_owned(),
        ..maker.record(n, &["Accept=a"])
    });
    let audit = audited(production.collect(), scenario.collect(), &Choice::default());
    assert_eq!(audit.missing().count(), 0);
    assert!(
        audit
            .doubt
            .unwrap()
            .contains("no method and route in common")
    );
}
