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

/// A service that ends with status 3 at its request of this number, if that is above 0, or as soon as there is a file `die`.
const SERVICE: &str = r#"
import os, socket, sys, threading
number, lock = [0], threading.Lock()
def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    read = b""
    while True:
        more = connection.recv(65536)
        if not more:
            return
        read += more
        while b"\r\n\r\n" in read:
            read = read.split(b"\r\n\r\n", 1)[1]
            with lock:
                number[0] += 1
                if str(number[0]) == sys.argv[2] or sys.argv[2] == "file" and os.path.exists("die"):
                    os._exit(3)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

/// Variants `old` and `new` of that service in turns, in two phases; `new` is started by other words, and `keys` stand above all tables.
fn services(new: &str, keys: &str, warmup: &str) -> TestBed {
    let phase = |name: &str, warmup: &str| {
        format!(
            "[[phase]]\nname = \"{name}\"\nload = {{ model = \"closed\", connections = 2, duration = \"400ms\", warmup = \"{warmup}\" }}\n"
        )
    };
    let scenario = format!(
        "name = \"t\"\norder = \"turns\"\n{keys}\n[target]\ncommand = \"python3 service.py {{port}} 0\"\n{}{}[[request]]\nname = \"get\"\npath = \"/\"\n[[variant]]\nname = \"old\"\n[[variant]]\nname = \"new\"\ntarget = {{ command = \"{new}\" }}\n",
        phase("a", warmup),
        phase("b", "0s"),
    );
    TestBed::new()
        .scenario(&scenario)
        .file("service.py", SERVICE)
}

/// The codes of what a reader should know of a phase.
fn codes(phase: &Value) -> Vec<String> {
    let notes = phase["notes"].as_array().unwrap().iter();
    notes
        .map(|note| note["code"].as_str().unwrap().to_owned())
        .collect()
}

/// One that was loaded alone, because the other one died.
#[track_caller]
fn is_measured_alone(phase: &Value) {
    assert!(phase.get("turns").is_none(), "{phase:#}");
    assert!(number(&phase["throughput_rps"]) > 0.0, "{phase:#}");
    let notes = phase["notes"].to_string();
    let says = "it was loaded alone and not in turns with new: the target ended in the middle of the load: it ended with status 3";
    assert!(notes.contains(says), "{notes}");
}

#[test]
fn who_dies_while_turns_are_tried_costs_the_other_one_nothing() {
    let bed = services("python3 service.py {port} 5", "", "0s");
    let outcome = bed.run().expect(4, &[]);
    let dead = outcome.phase("new", "a");
    let died = dead["ended"].as_str().unwrap_or_default();
    assert!(died.contains("it ended with status 3"), "{dead:#}");
    let phases = outcome.result()["variants"][1]["phases"].clone();
    assert_eq!(phases.as_array().map(Vec::len), Some(1), "{phases:#}");
    for phase in ["a", "b"] {
        is_measured_alone(&outcome.phase("old", phase));
    }
}

#[test]
fn who_dies_in_a_warm_up_costs_the_other_one_nothing() {
    let bed = services("python3 service.py {port} file", "", "2s");
    let die = bed.path("die");
    let running = bed.start();
    running.wait_for_stderr("in turns with new");
    std::fs::write(die, "").unwrap();
    let outcome = running.wait().expect(4, &[]);
    for phase in ["a", "b"] {
        is_measured_alone(&outcome.phase("old", phase));
    }
}

#[test]
fn launches_in_turns_are_not_pooled_with_others() {
    let once = "sh -c 'test -e once && exit 5; touch once; exec python3 service.py $0 0' {port}";
    let outcome = services(once, "rounds = 3", "0s").run().expect(4, &[]);
    for phase in ["a", "b"].map(|phase| outcome.phase("old", phase)) {
        assert_eq!(phase["turns"]["with"], "new", "{phase:#}");
        assert_eq!(phase["rounds"].as_array().unwrap().len(), 1, "{phase:#}");
        let left_out = codes(&phase);
        let left_out = left_out.iter().filter(|code| *code == "launches_left_out");
        assert_eq!(left_out.count(), 1, "{phase:#}");
        assert!(!codes(&phase).contains(&"not_in_turns".to_owned()));
    }
}

#[test]
fn a_run_that_is_hopeless_with_one_variant_drives_no_other() {
    let load = "{ model = \"closed\", connections = 2, duration = \"60s\", stop_when = { silent_for = \"50s\" } }";
    let alone = format!(
        "[[phase]]\nname = \"slow\"\nload = {load}\n[[threshold]]\nexpr = \"latency.p50 < 1us\"\nphase = \"slow\"\nabort_on_fail = true\ndelay = \"200ms\"\nfor = \"300ms\"\n"
    );
    let scenario = two("order = \"turns\"", "400ms", &alone);
    let load = &scenario[scenario.find("[load]").unwrap()..scenario.find("\n[[request]]").unwrap()];
    let closed = "[[phase]]\nname = \"fast\"\nload = { model = \"closed\", connections = 2, duration = \"400ms\" }";
    let outcome = TestBed::new()
        .scenario(&scenario.replace(load, closed))
        .run();
    let outcome = outcome.expect_one_of(&[1, 3]);
    assert!(codes(&outcome.phase("one", "slow")).contains(&"aborted".to_owned()));
    let phases = outcome.result()["variants"][1]["phases"].clone();
    assert_eq!(phases.as_array().map(Vec::len), Some(1), "{phases:#}");
    assert_eq!(phases[0]["name"], "fast");
}
