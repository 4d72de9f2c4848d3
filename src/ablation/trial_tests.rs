//! What is tried of a scenario.

use std::path::Path;

use super::*;
use crate::scenario::{Overrides, parse};

fn plan(more: &str) -> Plan {
    let text = format!(
        "name = \"t\"\ntarget.command = \"./service --port {{port}}\"\n[fleet.cars]\ndevices = 3\n[load]\nmodel = \"open\"\nrate = \"100/s\"\nconnections = 4\nduration = \"9s\"\n[[request]]\nname = \"r\"\nfleet = \"cars\"\n{more}"
    );
    parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap()
}

const TWO: &str = r#"path = "/"
headers = { Accept = "a" }
[[variant]]
name = "local"
[[variant]]
name = "production"
request.r.headers = { X-Id = "{{device.id}}", X-Token = "{{device.secret}}" }
[[compare]]
base = "local"
head = "production"
"#;

/// Variants that differ in everything that is a factor, and in some things that are none.
const MUCH: &str = r#"method = "POST"
path = "/v?page=1&q=a"
headers = { Accept = "a", Cookie = "theme=dark; lang=en" }
body = '{"speed":{{int 0 9}},"unit":"km"}'
[[variant]]
name = "local"
load.keep_alive = false
load.connections = 2
fleet.cars.devices = 1
[[variant]]
name = "production"
request.r = { path = "/v?page=1&q=b&sort=up", body = '{"speed":{{int 0 9}},"unit":"mi","vin":"{{device.id}}"}', headers = { Accept = "b", Cookie = "sid={{device.id}}; theme=dark; lang=de", Content-Type = "application/json" } }
[[compare]]
base = "local"
head = "production"
"#;

fn choice() -> Choice {
    Choice {
        window: Duration::from_secs(3),
        blocks: 2,
        most_blocks: 8,
        ..Choice::default()
    }
}

fn factors(of: &Trials) -> Vec<String> {
    of.factors.iter().map(ToString::to_string).collect()
}

fn trial(factors: &[usize], direction: Direction) -> Trial {
    Trial {
        factors: factors.to_vec(),
        direction,
    }
}

/// Names of the headers of each variant's only request.
fn headers(plan: &Plan) -> Vec<(&str, Vec<&str>)> {
    let variants = plan.variants.iter().map(|variant| {
        let request = &variant.requests[0];
        assert_eq!(request.headers.len(), request.sensitive.len());
        let headers = request.headers.iter().map(|(name, _)| name.as_str());
        (variant.name.as_str(), headers.collect())
    });
    variants.collect()
}

/// What the only request of a variant writes as it stands.
fn holds(variant: &Variant, text: &str) -> bool {
    let request = &variant.requests[0];
    let headers = request.headers.iter().map(|(_, value)| value);
    let mut all = headers.chain([&request.path]).chain(&request.body);
    all.any(|template| template.holds(text.as_bytes()))
}

#[test]
fn what_local_lacks_is_tried_both_ways() {
    let trials = trials(&plan(TWO), &choice()).unwrap();
    assert_eq!(
        (&*trials.local, &*trials.production),
        ("local", "production")
    );
    let whole = trials.planned(&[trials.whole()], Profiles::Asked);
    assert_eq!(
        headers(&whole),
        [
            ("1-without", vec!["Accept"]),
            ("1-with", vec!["Accept", "X-Id", "X-Token"])
        ]
    );
    let both = [
        trial(&[0], Direction::Dropped),
        trial(&[0], Direction::Added),
        trial(&[0, 1], Direction::Added),
    ];
    let single = trials.planned(&both, Profiles::Left);
    assert_eq!(
        headers(&single),
        [
            ("1-without", vec!["Accept", "X-Token"]),
            ("1-with", vec!["Accept", "X-Id", "X-Token"]),
            ("2-without", vec!["Accept"]),
            ("2-with", vec!["Accept", "X-Id"]),
            ("3-without", vec!["Accept"]),
            ("3-with", vec!["Accept", "X-Id", "X-Token"]),
        ]
    );
    let load = &single.variants[0].phases[0].load;
    assert_eq!(
        (&load.model, load.duration),
        (&LoadModel::Closed, Duration::from_secs(3))
    );
    assert_eq!((single.turns.len(), single.rounds), (3, 2));
}

#[test]
fn whatever_two_variants_differ_in_is_a_factor_or_is_said_to_be_none() {
    let trials = trials(&plan(MUCH), &choice()).unwrap();
    assert_eq!(
        factors(&trials),
        [
            "Accept",
            "cookie:sid",
            "cookie:lang",
            "query:q",
            "query:sort",
            "field:unit",
            "field:vin",
            "keep-alive",
            "devices"
        ]
    );
    assert_eq!(
        trials.aside,
        [
            "header content-type of `r` differs",
            "the number of connections differs; trials use 4"
        ]
    );
    let without = |at: usize| {
        let plan = trials.planned(&[trial(&[at], Direction::Dropped)], Profiles::Left);
        assert_eq!(plan.turns.len(), 1, "{at}");
        plan.variants[0].clone()
    };
    // What the other one does otherwise takes the place of production's.
    for (at, has, lacks) in [
        (2, "theme=dark; lang=en", "lang=de"),
        (3, "?page=1&q=a&sort=up", "q=b"),
        (4, "?page=1&q=b", "sort"),
        (5, "\"unit\":\"km\",\"vin\"", "\"mi\""),
        (6, "\"unit\":\"mi\"}", "vin"),
    ] {
        let variant = without(at);
        assert!(
            holds(&variant, has) && !holds(&variant, lacks),
            "{at}: {:?}",
            variant.requests
        );
    }
    assert!(!holds(&without(1), "sid=") && holds(&without(0), "sid="));
    assert!(!without(7).phases[0].load.keep_alive && without(6).phases[0].load.keep_alive);
    assert_eq!(
        (without(8).fleets[0].devices, without(7).fleets[0].devices),
        (1, 3)
    );
}

#[test]
fn one_variant_is_explained_by_all_that_it_sends() {
    let one =
        plan("path = \"/?p=1\"\nheaders = { X-A = \"1\", Content-Type = \"a/b\", x-b = \"2\" }\n");
    let found = trials(&one, &choice()).unwrap();
    assert_eq!(factors(&found), ["X-A", "x-b", "query:p"]);
    let chosen = Choice {
        factors: vec!["X-B".to_owned()],
        ..choice()
    };
    let found = trials(&one, &chosen).unwrap();
    assert_eq!(factors(&found), ["x-b"]);
    // What is chosen is tried though the other variant has it alike.
    let chosen = Choice {
        factors: vec!["accept".to_owned()],
        ..choice()
    };
    let found = trials(&plan(TWO), &chosen).unwrap();
    let whole = found.planned(&[found.whole()], Profiles::Left);
    assert_eq!(headers(&whole)[0].1, ["X-Id", "X-Token"]);
}

#[test]
fn requests_to_other_hosts_keep_their_headers() {
    let more = "[[request]]\nname = \"login\"\nurl = \"http://127.0.0.1:9/login\"\nheaders = { X-Key = \"1\", X-A = \"1\" }\n";
    let plan = plan(&format!(
        "path = \"/\"\nheaders = {{ X-A = \"1\" }}\n{more}"
    ));
    let found = trials(&plan, &choice()).unwrap();
    assert_eq!(factors(&found), ["X-A"]);
    let whole = found.planned(&[found.whole()], Profiles::Left);
    let login = &whole.variants[0].requests[1];
    assert_eq!((login.name.as_str(), login.headers.len()), ("login", 2));
}

#[test]
fn what_cannot_be_tried_is_said() {
    let refused = |plan: &Plan, choice: Choice| trials(plan, &choice).unwrap_err().to_string();
    let two = plan(TWO);
    let of = |production: &str, local: &str, factor: &str| {
        let known = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Choice {
            production: known(production),
            local: known(local),
            factors: known(factor).into_iter().collect(),
            ..choice()
        }
    };
    assert_eq!(
        refused(&two, of("night", "", "")),
        "there is no variant `night`; the scenario has `local`, `production`"
    );
    assert_eq!(
        refused(&two, of("", "", "X-No")),
        "there is no factor `X-No` of variant `production`; it has X-Id, X-Token, Accept"
    );
    let alike = "path = \"/\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nload.connections = 2\n";
    assert_eq!(
        refused(&plan(alike), of("a", "b", "")),
        "variant `a` has nothing to try that b does not have alike; what differs is no factor: the number of connections differs; trials use 4"
    );
    assert_eq!(
        refused(&plan("path = \"/\"\n"), choice()),
        "variant `default` has nothing to try"
    );
}
