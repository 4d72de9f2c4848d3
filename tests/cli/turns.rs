//! Variants that take turns: both are up at once, and figures, rows and silences of each are by the time of its own turns.

use serde_json::Value;

use crate::bed::{Outcome, TestBed, device_request, gateway_scenario};

/// Two variants of one gateway; `keys` stand above all tables.
fn two(keys: &str, duration: &str, more: &str) -> String {
    let variants = "[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n";
    let tables = format!("{}{variants}{more}", device_request("cars"));
    gateway_scenario(duration, &tables)
        .replacen("[target]", &format!("{keys}\n[target]"), 1)
        // One connection: generator and gateway work one after the other.
        .replace("connections = 2", "connections = 1")
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value:#}"))
}

/// Measured one by one or in turns, a pair of variants has such phases.
fn phases(outcome: &Outcome) -> [Value; 2] {
    ["one", "two"].map(|variant| outcome.phase(variant, "load"))
}

#[test]
fn what_takes_turns_is_measured_in_its_own_time() {
    let scenario = two("order = \"turns\"\nrounds = 3", "800ms", "");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let (both, result) = (phases(&outcome), outcome.result());
    for (phase, with) in both.iter().zip(["two", "one"]) {
        let turns = &phase["turns"];
        assert_eq!(turns["with"], with);
        let own = number(&turns["turn_s"]) * number(&turns["count"]);
        assert!((own - 0.8).abs() < 1e-6, "{turns:#}");
        let rounds = phase["rounds"].as_array().unwrap();
        assert_eq!(rounds.len(), 3);
        for round in rounds {
            assert!((number(&round["window_s"]) - 0.8).abs() < 1e-6, "{round:#}");
            assert!(number(&round["target_us_per_request"]) > 0.0, "{round:#}");
            let answering = &round["answering"]["whole"];
            assert!(
                (number(&answering["window"]) - 0.8).abs() < 1e-6,
                "{round:#}"
            );
        }
        assert!(phase["rounds"][0]["ratio_error"].is_object(), "{phase:#}");
        assert_eq!(phase["requests"]["failed"], 0);
    }
    for variant in ["one", "two"] {
        for round in 1..=3 {
            let rows = outcome.series(&format!("{variant}/load/round-{round}"));
            assert!(rows.len() >= 4, "{rows:?}");
            let last: f64 = rows.last().unwrap()["t_ms"];
            assert!(last < 800.0, "{rows:?}");
        }
    }
    for metric in result["comparisons"][0]["metrics"].as_array().unwrap() {
        assert_eq!(metric["basis"], "rounds", "{metric:#}");
    }
    let says = " in turns of ";
    assert!(outcome.stdout.contains(says), "{}", outcome.stdout);
}

#[test]
fn one_launch_of_each_is_compared_by_what_their_ratio_differs_by() {
    let scenario = two("order = \"turns\"", "1600ms", "");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    let result = outcome.result();
    for metric in result["comparisons"][0]["metrics"].as_array().unwrap() {
        assert_eq!(metric["basis"], "turns", "{metric:#}");
    }
    let run = outcome.dir().display().to_string();
    let sides = ["one", "two"].map(|variant| format!("{run}:{variant}"));
    let stored = TestBed::new().args(["compare", "--json"]).args(sides);
    let stored = stored.run().expect(0, &[]);
    let found: Value = serde_json::from_str(&stored.stdout).unwrap();
    let metrics = found["phases"][0]["metrics"].as_array().unwrap();
    assert!(metrics.iter().all(|metric| metric["basis"] == "turns"));
}

#[test]
fn one_by_one_stays_what_it_was() {
    let scenario = two("order = \"one-by-one\"", "400ms", "");
    let outcome = TestBed::new().scenario(&scenario).run().expect(0, &[]);
    for phase in phases(&outcome) {
        assert!(phase.get("turns").is_none(), "{phase:#}");
        assert!((number(&phase["rounds"][0]["window_s"]) - 0.4).abs() < 0.05);
    }
}

#[test]
fn phases_that_cannot_be_in_turns_are_loaded_while_the_other_variant_is_idle() {
    let phases = "[[phase]]\nname = \"capacity\"\nload = { model = \"closed\", connections = 2, duration = \"400ms\" }\n[[phase]]\nname = \"steady\"\nvariants = [\"two\"]\nload = { model = \"open\", rate = \"200/s\", connections = 8, duration = \"400ms\" }\n";
    let scenario = two("order = \"turns\"", "400ms", phases);
    let load = &scenario[scenario.find("[load]").unwrap()..scenario.find("\n[[request]]").unwrap()];
    let scenario = scenario.replace(load, "");
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect_one_of(&[0, 3, 4]);
    assert_eq!(outcome.phase("one", "capacity")["turns"]["with"], "two");
    let steady = outcome.phase("two", "steady");
    assert!(steady.get("turns").is_none(), "{steady:#}");
    assert!((number(&steady["rounds"][0]["window_s"]) - 0.4).abs() < 0.05);
}

#[test]
fn what_cannot_take_turns_is_refused_with_the_reason() {
    let check = |scenario: &str, says: &[&str]| {
        TestBed::new().scenario(scenario).run().expect(2, says);
    };
    let turns = "order = \"turns\"";
    let open = two(turns, "400ms", "").replace("\"closed\"", "\"open\"\nrate = \"100/s\"");
    check(
        &open,
        &[
            "scenario.toml:3:9: order: `one` and `two` cannot take turns: phase `load`: turns are those of a closed loop, and its load is at a rate",
        ],
    );
    let port = two(turns, "400ms", "").replace("[target]", "[target]\nport = 18080");
    check(&port, &["both are to listen at port 18080"]);
    let differ = "[[variant]]\nname = \"three\"\n";
    check(
        &two(turns, "400ms", differ),
        &["`one` is in several comparisons"],
    );
    check(
        &two("order = \"both\"", "400ms", ""),
        &["order: `both` is not \"turns\" or \"one-by-one\""],
    );
}
