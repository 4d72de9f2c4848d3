//! A Redis beside the target: the gateway's store, measured apart and never left behind.

use rustix::process::Signal;
use serde_json::Value;

use crate::bed::{
    REDIS, TestBed, all_end, descendant, descendants, device_request, gateway_scenario, service,
};
use crate::shortened::number;

#[test]
fn a_gateway_finds_its_store_beside_it_and_its_cpu_is_reported_apart() {
    let scenario = gateway_scenario("500ms", &device_request("cars")).replace(
        "cpus = 1,",
        "cpus = 1, store = \"redis://127.0.0.1:{redis.port}\",",
    );
    let outcome = TestBed::new()
        .scenario(&(scenario + &service("redis", REDIS)))
        .run()
        .expect(0, &[]);
    let phase = outcome.only_phase();
    let redis = &phase["services"][0];
    assert!(redis["cores"].is_number(), "{phase:#}");
    assert_eq!(redis["name"], "redis");
    // Each request asks the store.
    assert!(number(redis, &["cores"]) > 0.0, "{redis:#}");
    assert!(number(redis, &["us_per_request"]) > 1.0, "{redis:#}");
    assert!(number(redis, &["peak_bytes"]) > 1e6, "{redis:#}");
    assert_eq!(phase["cpu"]["service_cores"], redis["cores"]);
    assert_eq!(phase["warnings"].to_string().matches("store").count(), 0);
    assert!(
        number(&phase, &["gateway", "cache_hits"]) > 0.0,
        "{phase:#}"
    );
    let log = outcome.read("default/service-redis.log");
    assert!(log.contains("Ready to accept connections"), "{log}");
    let line = outcome
        .stdout
        .lines()
        .find(|line| line.contains("services"));
    let line = line.unwrap_or_else(|| panic!("{}", outcome.stdout));
    for words in ["redis 0.", "cores", "per request", "peak memory"] {
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn services_do_not_outlive_telemload() {
    for how in [Signal::KILL, Signal::INT] {
        let more = device_request("cars") + &service("redis", REDIS);
        let running = TestBed::new()
            .scenario(&gateway_scenario("60s", &more))
            .start();
        running.wait_for_rows(2);
        let below: Vec<i32> = descendants(running.pid()).iter().map(|of| of.pid).collect();
        descendant(running.pid(), "redis-server");
        assert!(below.len() >= 4, "{below:?}");
        running.signal(how);
        running.wait();
        all_end(&below);
    }
}

#[test]
fn two_gateways_behind_one_store_share_the_load_and_their_sums_stay() {
    let scenario = gateway_scenario("1s", &(device_request("cars") + &service("redis", REDIS)))
        .replace("[target]", "[target]\ninstances = 2")
        .replace(
            "cpus = 1,",
            "cpus = 1, store = \"redis://127.0.0.1:{redis.port}\",",
        );
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let phase = outcome.only_phase();
    let both = phase["instances"].as_array().unwrap();
    assert_eq!(both.len(), 2, "{phase:#}");
    assert_ne!(both[0]["address"], both[1]["address"]);
    let sum = |pick: &dyn Fn(&Value) -> f64| both.iter().map(pick).sum::<f64>();
    assert_eq!(
        sum(&|of| number(of, &["requests", "ok"])),
        number(&phase, &["requests", "ok"])
    );
    for counter in ["bcrypt", "cache_hits", "cache_misses"] {
        let total = number(&phase, &["gateway", counter]);
        assert_eq!(
            sum(&|of| number(of, &["gateway", counter])),
            total,
            "{counter}"
        );
    }
    let cores = number(&phase, &["cpu", "target_cores"]);
    assert!(
        (sum(&|of| number(of, &["cores"])) / cores - 1.0).abs() < 0.01,
        "{phase:#}"
    );
    for of in both {
        // One connection each.
        assert!(number(of, &["requests", "ok"]) > 10.0, "{of:#}");
        assert!(number(of, &["us_per_request"]) > 0.0 && number(of, &["peak_bytes"]) > 1e6);
        // Each computes at most once for each of the four devices and the one that no registry has.
        assert!(number(of, &["gateway", "bcrypt"]) <= 4.0, "{of:#}");
    }
    // Four devices in 30 s, by one of two or by both.
    assert!((number(&phase, &["expected_bcrypt_rps"]) - 4.0 / 30.0).abs() < 1e-9);
    assert!((number(&phase, &["expected_bcrypt_rps_most"]) - 8.0 / 30.0).abs() < 1e-9);
    assert_eq!(phase["cpu"]["target_utilisation"], cores / 2.0);
    let lines = outcome.stdout.lines();
    assert_eq!(
        lines
            .filter(|line| line.trim_start().starts_with("instance "))
            .count(),
        2
    );
    for words in [
        "2 instances of bundled gateway",
        "expected of the fleet: 0.13 to 0.27/s",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    for log in ["default/target-1.log", "default/target-2.log"] {
        outcome.read(log);
    }
}
