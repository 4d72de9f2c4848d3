//! Profiles of several launches: what is stored of each and of all, that a stored run has the figures of the live one, and that a launch
//! without a profile is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::bed::{TestBed, as_documented, data, device_request, gateway_scenario, url_scenario};
use crate::captures::{go_answer, go_scenario};
use crate::scripted::{Asked, Scripted, say};

/// Two variants of the gateway that take turns, and are profiled in each of two rounds.
fn in_turns() -> String {
    let variants = "[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\ntarget.gateway.auth = \"naive\"\n";
    let profile = "[profile]\ncpu = \"pprof\"\nhz = 199\nduration = \"1s\"\n";
    let tables = format!("{}{profile}{variants}", device_request("cars"));
    let keys = "order = \"turns\"\nrounds = 2\n[target]";
    gateway_scenario("400ms", &tables).replacen("[target]", keys, 1)
}

fn numbers(launches: &Value) -> Vec<u64> {
    let all = launches.as_array().unwrap().iter();
    all.map(|of| of["round"].as_u64().unwrap()).collect()
}

#[test]
fn each_round_is_profiled_and_a_stored_run_says_the_same() {
    let outcome = TestBed::new().scenario(&in_turns()).run();
    let outcome = outcome.expect_one_of(&[0, 3]);
    for variant in ["one", "two"] {
        let profile = &outcome.phase(variant, "load")["profile"];
        let launches = &profile["launches"];
        assert_eq!(numbers(launches), [1, 2], "{profile:#}");
        // On a busy machine the CPU of a launch may not be known.
        let mean = |key: &str| -> f64 {
            let all = launches.as_array().unwrap().iter();
            let known: Vec<f64> = all.filter_map(|of| of[key].as_f64()).collect();
            known.iter().sum::<f64>() / known.len() as f64
        };
        let is_mean = |of: &str, factor: f64| {
            let (all, mean) = (profile[of].as_f64().unwrap(), factor * mean(of));
            assert!((all - mean).abs() < 1e-6 * mean, "{profile:#}");
        };
        is_mean("samples", 2.0);
        is_mean("target_us_per_request", 1.0);
        for file in [
            "round-1/profile.pb.gz",
            "round-2/profile.pb.gz",
            "profile.pb.gz",
            "flame.svg",
        ] {
            let path = outcome.dir().join(format!("{variant}/load/{file}"));
            assert!(path.exists(), "{}", path.display());
        }
    }
    assert!(
        outcome.stdout.contains(" samples of 2 launches at 199 Hz"),
        "{}",
        outcome.stdout
    );
    let live = &outcome.result()["comparisons"][0];
    let run = outcome.dir().display().to_string();
    let sides = ["one", "two"].map(|variant| format!("{run}:{variant}"));
    let stored = TestBed::new().args(["compare", "--json"]).args(&sides);
    let stored = as_documented("compare", &stored.run().expect(0, &[]).stdout);
    let found = &stored["phases"][0]["profile"];
    assert!(found["assumed_launch_spread"].as_f64().unwrap() >= 0.03);
    let of_live = live["functions"].as_array().unwrap();
    assert!(of_live.len() > 3, "{live:#}");
    for function in of_live {
        let all = found["functions"].as_array().unwrap();
        let same = all
            .iter()
            .find(|of| of["function"] == function["function"])
            .unwrap();
        for (ours, theirs) in [
            ("delta_total_us", "change"),
            ("delta_total_low_us", "change_low"),
            ("delta_total_high_us", "change_high"),
        ] {
            assert_eq!(function[ours], same[theirs], "{function:#} {same:#}");
        }
    }
    let text = TestBed::new()
        .args(["compare"])
        .args(&sides)
        .run()
        .expect(0, &[])
        .stdout;
    let says = "between launches, which each function shows with 1 degree of freedom (`rounds = 5` measures it)";
    assert!(text.contains(says), "{text}");
    // Without the profile of all launches that of the last one is not taken for it.
    std::fs::remove_file(outcome.dir().join("one/load/profile.pb.gz")).unwrap();
    let gone = TestBed::new()
        .args(["compare"])
        .args(&sides)
        .run()
        .expect(0, &[]);
    assert!(
        gone.stdout.contains("its profile.pb.gz is gone"),
        "{}",
        gone.stdout
    );
}

#[test]
fn a_round_without_a_profile_is_told_and_the_others_are_kept() {
    let (asked, cpu) = (
        AtomicUsize::new(0),
        std::fs::read(data("go.pb.gz")).unwrap(),
    );
    let service = Scripted::start(move |of: &Asked| {
        if !of.path.starts_with("/debug/pprof/profile?") {
            std::thread::sleep(std::time::Duration::from_millis(2));
            return say("200 OK", "", "fine");
        }
        match asked.fetch_add(1, Ordering::SeqCst) {
            1 => say(
                "500 Internal Server Error",
                "",
                "another profile is under way",
            ),
            _ => say("200 OK", "", &cpu),
        }
    });
    let url = format!("http://{}/debug/pprof/profile", service.addr);
    let profile = format!("[profile]\ncpu = \"pprof\"\nurl = \"{url}\"\nduration = \"1s\"\n");
    let scenario = url_scenario(service.addr, "200ms", &profile);
    let scenario = scenario.replacen("[target]", "rounds = 3\n[target]", 1);
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let says = "note in round 2: no profile: ";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
    let phase = outcome.only_phase();
    assert_eq!(numbers(&phase["profile"]["launches"]), [1, 3], "{phase:#}");
    assert_eq!(phase["profile"]["samples"], 2 * 370);
    let notes = phase["notes"].as_array().unwrap();
    let note = notes.iter().find(|of| of["code"] == "no_profile").unwrap();
    assert!(
        note["words"]
            .as_str()
            .unwrap()
            .contains("another profile is under way"),
        "{note:#}"
    );
    let there = |round: u32| {
        let file = format!("default/load/round-{round}/profile.pb.gz");
        outcome.dir().join(file).exists()
    };
    assert_eq!([1, 2, 3].map(there), [true, false, true]);
    // The profile of both is a profile like any other, and a page draws it.
    let all = outcome.dir().join("default/load/profile.pb.gz");
    let top = TestBed::new()
        .args(["flame", "top", "--json"])
        .args([&all])
        .run()
        .expect(0, &[]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!(top["samples"], 2 * 370);
    TestBed::new()
        .args(["report"])
        .args([outcome.dir()])
        .run()
        .expect(0, &[]);
}

#[test]
fn what_is_captured_beside_the_cpu_and_costs_of_requests_are_of_all_rounds() {
    let service = Scripted::start(go_answer);
    let keys = "also = [\"block\", \"heap\", \"goroutine\"]\nrequest_label = \"endpoint\"";
    let scenario = format!("rounds = 2\n{}", go_scenario(&service, keys));
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let profile = &outcome.phase("before", "load")["profile"];
    let by_request = profile["by_request"].as_array().unwrap();
    let samples = by_request.iter().map(|of| of["samples"].as_u64().unwrap());
    assert_eq!(
        samples.collect::<Vec<_>>(),
        [1_200, 600, 200],
        "{profile:#}"
    );
    let also = profile["also"].as_array().unwrap();
    assert_eq!(also.len(), 3);
    for of in also {
        assert_eq!(numbers(&of["launches"]), [1, 2], "{of:#}");
        let each = of["launches"].as_array().unwrap().iter();
        let sum: f64 = each.map(|of| of["per_request"].as_f64().unwrap()).sum();
        let all = of["per_request"].as_f64().unwrap();
        assert!((all / sum - 0.5).abs() < 1e-9, "{of:#}");
        // One slice of one launch shows no spread, two launches do.
        assert!(of["per_request_error"].as_f64().unwrap() > 0.0, "{of:#}");
        let kind = of["kind"].as_str().unwrap();
        let file = outcome.dir().join(format!("before/load/{kind}.pb.gz"));
        assert!(file.exists(), "{}", file.display());
    }
    let run = outcome.dir().display().to_string();
    let sides = ["before", "after"].map(|variant| format!("{run}:{variant}"));
    let compared = |more: &[&str]| {
        let stored = TestBed::new().args(["compare", "--json"]).args(&sides);
        as_documented("compare", &stored.args(more).run().expect(0, &[]).stdout)
    };
    let functions = |profile: &Value, changed: bool| -> Vec<String> {
        let all = profile["functions"].as_array().unwrap().iter();
        let all = all.filter(|of| !changed || of["self_finding"] == "changed");
        all.map(|of| of["function"].as_str().unwrap().to_owned())
            .collect()
    };
    let found = compared(&[]);
    let block = &found["phases"][0]["also"][0];
    assert_eq!(block["kind"], "block");
    assert!(
        functions(&block["profile"], true).contains(&"lockTable".to_owned()),
        "{block:#}"
    );
    // Labels are in what the target sent in each round.
    let slow = compared(&["--where", "endpoint=/slow"]);
    let mut names = functions(&slow["phases"][0]["profile"], false);
    names.sort();
    assert_eq!(names, ["main", "render"]);
}
