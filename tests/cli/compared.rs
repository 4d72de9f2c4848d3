//! What a script gets from `telemload compare`: exit codes, and figures that say why nothing follows from them.

use serde_json::{Value, json};

use crate::bed::{Outcome, TestBed, as_documented};
use crate::trust::earlier;

/// A stored run of one trusted phase whose figures are known to 1 %, after a change.
fn stored(change: impl FnOnce(&mut Value)) -> Value {
    let mut result = earlier();
    let phase = &mut result["variants"][0]["phases"][0];
    phase["trust"] = json!({"level": "trusted", "reasons": [], "doubts": []});
    phase["rounds"][0] = json!({
        "window_s": 1.0,
        "throughput_rps": 1000.0,
        "target_us_per_request": 100.0,
        "latency_p50_us": 1000.0,
        "latency_p99_us": 2000.0,
        "relative_error": {
            "throughput_rps": 0.005,
            "target_us_per_request": 0.005,
            "latency_p50_us": 0.005,
            "latency_p99_us": 0.005
        },
        "latency_p50_interval_us": [990.0, 1010.0],
        "latency_p99_interval_us": [1980.0, 2020.0]
    });
    change(phase);
    result
}

/// The same with a figure that is so many times as large.
fn times(figure: &str, factor: f64) -> Value {
    stored(|phase| {
        let round = &mut phase["rounds"][0];
        round[figure] = (round[figure].as_f64().unwrap() * factor).into();
        let interval = figure.replace("_us", "_interval_us");
        if let Some(ends) = round.get_mut(&interval).and_then(Value::as_array_mut) {
            for end in ends {
                *end = (end.as_f64().unwrap() * factor).into();
            }
        }
    })
}

fn compare(base: &Value, head: &Value, flags: &[&str]) -> TestBed {
    TestBed::new()
        .file("base/result.json", base.to_string())
        .file("head/result.json", head.to_string())
        .args(["compare", "base", "head"])
        .args(flags)
}

#[track_caller]
fn ends(base: &Value, head: &Value, fail_on: &str, code: i32, says: &[&str]) -> Outcome {
    let flags = ["--fail-on", fail_on];
    compare(base, head, &flags).run().expect(code, says)
}

#[test]
fn a_script_learns_what_became_worse_from_the_exit_code() {
    let (base, same) = (stored(|_| {}), stored(|_| {}));
    let worse = times("target_us_per_request", 2.0);
    let better = times("target_us_per_request", 0.5);
    let says = ["worse: load · CPU per request"];
    // Nobody asked.
    compare(&base, &worse, &[]).run().expect(0, &[]);
    ends(&base, &worse, "worse", 1, &says);
    ends(
        &base,
        &worse,
        "changed",
        1,
        &["changed: load · CPU per request"],
    );
    ends(&base, &better, "worse", 0, &[]);
    ends(
        &base,
        &better,
        "changed",
        1,
        &["changed: load · CPU per request"],
    );
    ends(&base, &same, "worse", 0, &[]);
    ends(&base, &same, "changed", 0, &[]);
    // Less throughput is worse, and so is a higher rate of errors.
    let slower = times("throughput_rps", 0.5);
    ends(&base, &slower, "worse", 1, &["worse: load · throughput"]);
    ends(&slower, &base, "worse", 0, &[]);
    let failing = stored(|phase| {
        phase["requests"]["ok"] = 50.into();
        phase["requests"]["failed"] = 50.into();
        phase["errors"] = json!({"status": 50});
        phase["per_request"]["r"]["requests"] = phase["requests"].clone();
        phase["per_request"]["r"]["errors"] = phase["errors"].clone();
    });
    ends(&base, &failing, "worse", 1, &["worse: load · error rate"]);
    // What is printed stays what it was.
    let flags = ["--fail-on", "worse", "--json"];
    let outcome = compare(&base, &worse, &flags).run().expect(1, &says);
    as_documented("compare", &outcome.stdout);
}

#[test]
fn what_could_not_be_judged_is_no_pass() {
    let base = stored(|_| {});
    let doubted = stored(|phase| {
        phase["trust"] = json!({"level": "suspect", "reasons": ["a neighbour"]});
    });
    let says = ["not judged: load · throughput"];
    let slower = |mut of: Value| {
        of["variants"][0]["phases"][0]["rounds"][0]["throughput_rps"] = 100.0.into();
        of
    };
    ends(&base, &slower(doubted), "worse", 3, &says);
    // What failed counts more than what could not be judged.
    let both = stored(|phase| {
        phase["rounds"][0]["target_us_per_request"] = 300.0.into();
        phase["rounds"][0]["latency_p99_us"] = Value::Null;
        phase["rounds"][0]["latency_p99_interval_us"] = Value::Null;
    });
    let says = [
        "worse: load · CPU per request",
        "not judged: load · latency p99",
    ];
    ends(&base, &both, "worse", 1, &says);
    // A phase that is gone is not one that is as good as before.
    let mut gone = stored(|_| {});
    let phases = gone["variants"][0]["phases"].as_array_mut().unwrap();
    let mut other = phases[0].clone();
    other["name"] = "other".into();
    phases.push(other);
    ends(&gone, &base, "worse", 3, &["not judged: other · phase"]);
    // Without the flag nothing changes.
    compare(&gone, &base, &[]).run().expect(0, &[]);
}

#[test]
fn profiles_have_a_worse_where_they_have_a_unit() {
    let bed = |args: &[&str]| {
        TestBed::new()
            .file("a", "main;a 3000\nmain;b 7000\n")
            .file("b", "main;a 6000\nmain;b 7000\n")
            .file("same-as-a", "main;a 3000\nmain;b 7000\n")
            .file("few", "main;a 1\nmain;b 1\n")
            .file("as-few", "main;a 1\nmain;b 1\n")
            .args(["compare"])
            .args(args)
    };
    bed(&["a", "b", "--fail-on", "worse"])
        .run()
        .expect(2, &["--fail-on worse", "--base-cost", "--fail-on changed"]);
    let costs = ["--base-cost", "100us", "--head-cost", "200us"];
    let with_costs = |fail_on| {
        let args = [&["a", "b", "--fail-on", fail_on][..], &costs].concat();
        bed(&args).run()
    };
    with_costs("worse").expect(1, &["worse: profile · CPU per request"]);
    with_costs("changed").expect(1, &["changed: profile · functions: a"]);
    bed(&["a", "b", "--fail-on", "changed"])
        .run()
        .expect(1, &["changed: profile · functions"]);
    bed(&["a", "same-as-a", "--fail-on", "changed"])
        .run()
        .expect(0, &[]);
    // Too few samples to judge any function are no pass.
    bed(&["few", "as-few", "--fail-on", "changed"])
        .run()
        .expect(3, &["not judged: profile · functions"]);
}

#[test]
fn of_other_loads_only_costs_are_judged() {
    let base = stored(|_| {});
    let mut head = times("throughput_rps", 2.0);
    let phase = &mut head["variants"][0]["phases"][0];
    phase["load"]["rate"] = 200.0.into();
    phase["rounds"][0]["target_us_per_request"] = 300.0.into();
    for flags in [&[][..], &["--allow-untrusted"]] {
        let text = compare(&base, &head, flags).run().expect(0, &[]).stdout;
        assert!(
            text.contains("only costs per request can be compared"),
            "{text}"
        );
        assert!(!text.contains("better"), "{text}");
        assert!(text.contains("not judged: the loads differ"), "{text}");
        assert!(text.contains("worse: ×3"), "{text}");
    }
    let outcome = compare(&base, &head, &["--json"]).run().expect(0, &[]);
    let document = as_documented("compare", &outcome.stdout);
    let metrics = document["phases"][0]["metrics"].as_array().unwrap();
    for metric in metrics {
        let of_costs = metric["metric"] == "target_us_per_request";
        let finding = if of_costs { "worse" } else { "not judged" };
        assert_eq!(metric["finding"], finding, "{metric:#}");
        let why = if of_costs {
            Value::Null
        } else {
            "loads_differ".into()
        };
        assert_eq!(metric["not_judged"], why, "{metric:#}");
    }
    let errors = &document["phases"][0]["errors"];
    assert_eq!(errors["finding"], "not judged");
    assert_eq!(errors["not_judged"], "loads_differ");
    // Costs are judged as if they were alone.
    let cost = metrics.iter().find(|of| of["finding"] == "worse").unwrap();
    assert_eq!(cost["judged_together"], 1);
    ends(&base, &head, "worse", 1, &["worse: load · CPU per request"]);
    // Their length alone is no other load.
    let longer = stored(|phase| phase["load"]["duration_s"] = 2.0.into());
    ends(&base, &longer, "changed", 0, &[]);
}

#[test]
fn what_one_side_did_not_measure_is_null_and_said() {
    let base = stored(|_| {});
    let head = stored(|phase| {
        let round = &mut phase["rounds"][0];
        for figure in ["target_us_per_request", "latency_p50_us", "latency_p99_us"] {
            round[figure] = Value::Null;
        }
    });
    let text = compare(&base, &head, &[]).run().expect(0, &[]).stdout;
    assert!(text.contains("not judged: the head has none"), "{text}");
    let outcome = compare(&head, &base, &["--json"]).run().expect(0, &[]);
    let document = as_documented("compare", &outcome.stdout);
    let metrics = document["phases"][0]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 4, "{metrics:#?}");
    for metric in &metrics[1..] {
        assert_eq!(metric["finding"], "not judged", "{metric:#}");
        assert_eq!(metric["not_judged"], "not_measured", "{metric:#}");
        assert!(metric["base"].is_null(), "{metric:#}");
        assert!(metric["head"].as_f64().unwrap() > 0.0, "{metric:#}");
        for key in ["ratio", "ratio_low", "ratio_high", "p", "basis"] {
            assert!(metric[key].is_null(), "{metric:#}");
        }
    }
    let markdown = compare(&base, &head, &["--markdown"]).run().stdout;
    assert!(
        markdown.contains("| latency p99 | 2 ms | – | not judged: the head has none"),
        "{markdown}"
    );
}

#[test]
fn a_percentile_of_few_requests_says_how_many_tell() {
    let base = stored(|_| {});
    let head = stored(|phase| {
        let round = &mut phase["rounds"][0];
        round["latency_p99_us"] = 502_000.0.into();
        round["latency_p99_interval_us"] = Value::Null;
        round["relative_error"]["latency_p99_us"] = Value::Null;
        phase["requests"] = json!({
            "due": 10, "sent": 10, "ok": 10, "failed": 0, "timed_out": 0,
            "in_flight_at_end": 0, "not_sent": 0
        });
        phase["status"] = json!({"200": 10});
        phase["sent_rps"] = 10.into();
        for key in ["requests", "status"] {
            phase["per_request"]["r"][key] = phase[key].clone();
        }
    });
    let text = compare(&base, &head, &[]).run().expect(0, &[]).stdout;
    let says = "not judged: the head's 10 requests are too few to tell it, 368 or more do";
    assert!(text.contains(says), "{text}");
    let outcome = compare(&base, &head, &["--json"]).run().expect(0, &[]);
    let document = as_documented("compare", &outcome.stdout);
    assert_eq!(
        document["phases"][0]["metrics"][3]["not_judged"],
        "few_requests"
    );
}

/// Nothing differs from itself: in CI that is a typing error, and would be a pass.
#[test]
fn nothing_is_judged_against_itself() {
    let base = stored(|_| ()).to_string();
    let bed = |args: &[&str]| {
        TestBed::new()
            .file("base/result.json", &base)
            .file("a", "main;a 1\n")
            .args(["compare"])
            .args(args)
            .run()
    };
    let says = "base and head are one and the same";
    bed(&["base", "./base", "--fail-on", "worse"]).expect(2, &[says]);
    bed(&["a", "a", "--fail-on", "changed"]).expect(2, &[says]);
    bed(&["base", "base"]).expect(0, &[]);
    let says = "error: nope: there is no such run directory or profile";
    bed(&["nope", "base"]).expect(2, &[says]);
    bed(&["base", "nope"]).expect(2, &[says]);
}

#[test]
fn the_page_says_what_could_not_be_judged() {
    let head = stored(|phase| {
        phase["rounds"][0]["latency_p99_us"] = Value::Null;
    });
    let flags = ["--fail-on", "worse", "--out", "out"];
    let outcome = compare(&stored(|_| ()), &head, &flags).run().expect(3, &[]);
    let page = outcome.read("report.html");
    let says = "No difference detected in what could be judged; not judged: latency p99</h1>";
    assert!(page.contains(says), "{page}");
}

#[test]
fn a_change_that_nothing_could_have_hidden_is_null() {
    // No function has samples enough to be judged.
    let outcome = TestBed::new()
        .file("a", "main;a 1\n")
        .args(["compare", "a", "a", "--json"])
        .run()
        .expect(0, &[]);
    let document = as_documented("compare", &outcome.stdout);
    let profile = &document["phases"][0]["profile"];
    assert!(profile["detectable_change"].is_null(), "{profile:#}");
    assert!(profile["detectable_change_in_half"].is_null());
}
