//! Comparisons, thresholds and gates that could not judge.

use std::path::Path;

use telemload::scenario::{self, Overrides};

use super::{GOOD, LOAD, PHASE, appended, replaced};

#[test]
fn comparisons_and_thresholds() {
    let variants = "there is no variant `c`; there is `a` and `b`";
    appended(
        "[[compare]]\nbase = \"a\"\nhead = \"c\"\n",
        "22:8: compare.head: ",
        &[variants],
    );
    appended(
        "[[compare]]\nbase = \"a\"\nhead = \"a\"\n",
        "22:8: compare.head: ",
        &["name another one"],
    );
    let threshold = |more: &str| format!("[[threshold]]\nexpr = \"errors.rate < 1%\"\n{more}\n");
    appended(
        &threshold("variant = \"c\""),
        "22:11: threshold.variant: ",
        &[variants],
    );
    appended(
        &threshold("phase = \"c\""),
        "22:9: threshold.phase: ",
        &["there is `load`"],
    );
    appended(
        &threshold("request = \"c\""),
        "22:11: threshold.request: ",
        &["there is `get`"],
    );
    replaced(
        LOAD,
        &PHASE.replace("load =", "variants = [\"a\", \"c\"]\nload ="),
        "8:18: phase.p.variants: ",
        &[variants],
    );
    for (expr, says) in [
        ("latncy.p99 < 50ms", "known are latency.pN"),
        ("latency.p99 < 50", "write a number with a unit"),
        ("latency.p99 = 50ms", "one of <, <=, >, >= and =="),
        ("share('(') < 5%", "share(\"PATTERN\")"),
    ] {
        appended(
            &format!("[[threshold]]\nexpr = \"{expr}\"\n"),
            "21:8: threshold.expr: ",
            &[says],
        );
    }
    appended(
        "[[threshold]]\nexpr = 'share(\"(\") < 5%'\n",
        "21:8: threshold.expr: ",
        &["not a regular expression: unclosed group\n"],
    );
    appended(
        "[[threshold]]\nexpr = \"latency.p99 < 1s\"\nallow_absent = true\n",
        "22:16: threshold.allow_absent: ",
        &["only share(…) and cost(…)", "leave it out"],
    );
    for (expr, says) in [
        (
            "errors.rate > 1%",
            "write `errors.rate < 1%`, or set `allow_worse = true`",
        ),
        ("throughput < 10/s", "write `throughput > 10/s`, or set"),
        (
            "latency.p99 >= 1s",
            "`latency.p99 >= 1s` holds where the service is worse",
        ),
    ] {
        let text = format!("[[threshold]]\nexpr = \"{expr}\"\n");
        appended(&text, "21:8: threshold.expr: ", &[says]);
        if says.contains("204") {
            continue;
        }
        let allowed = format!("{GOOD}{text}allow_worse = true\n");
        scenario::parse("s.toml", &allowed, Path::new("."), &Overrides::default()).unwrap();
    }
    appended(
        &threshold("allow_worse = true"),
        "22:15: threshold.allow_worse: ",
        &["does not ask for anything worse; leave it out"],
    );
    for (keys, place, says) in [
        (
            "for = \"1s\"",
            "22:7: threshold.for: ",
            "`for` goes with `abort_on_fail = true`",
        ),
        (
            "delay = \"1s\"\nabort_on_fail = false",
            "22:9: threshold.delay: ",
            "`delay` goes with `abort_on_fail = true`",
        ),
        (
            "abort_on_fail = { after = \"100ms\" }\ndelay = \"100ms\"",
            "22:17: threshold.abort_on_fail: ",
            "`delay` and `after` say the same",
        ),
        (
            "abort_on_fail = true\ndelay = \"200ms\"\nfor = \"200ms\"",
            "22:17: threshold.abort_on_fail: ",
            "it would end no run: it waits for 400ms and the longest window that it looks at has 400ms",
        ),
        (
            "abort_on_fail = \"yes\"",
            "22:17: threshold",
            "use true, false or { after = \"10s\" }",
        ),
    ] {
        appended(&threshold(keys), place, &[says]);
    }
    appended(
        "[[threshold]]\nexpr = \"cpu_per_request < 1ms\"\nabort_on_fail = true\n",
        "22:17: threshold.abort_on_fail: ",
        &["is known when the load is over; leave `abort_on_fail` out"],
    );
    replaced(
        "duration = \"400ms\"",
        "duration = \"400ms\"\nstop_when = { silent_for = \"0s\" }",
        "10:13: load.stop_when.silent_for: ",
        &["use a time above 0s"],
    );
    appended(
        &threshold("judge = \"mean\""),
        "22:9: threshold.judge: ",
        &["`mean` is not \"interval\" or \"value\""],
    );
}

#[test]
fn a_gate_that_cannot_judge_is_refused() {
    for (table, place, says) in [
        (
            "budget = \"5s\"",
            "21:10: gate.budget: ",
            "between 20s and 1h",
        ),
        ("rate = \"0/s\"", "21:8: gate.rate: ", "more than 0/s"),
        (
            "relaunch = 0",
            "21:12: gate.relaunch: ",
            "1 to 20, or \"never\"",
        ),
        (
            "relaunch = \"often\"",
            "21:12: gate.relaunch: ",
            "or \"never\"",
        ),
        (
            "on_inconclusive = \"shrug\"",
            "21:19: gate.on_inconclusive: ",
            "`shrug` is not \"exit\" or \"pass\" or \"fail\"",
        ),
        (
            "answers = \"any\"",
            "21:11: gate.answers: ",
            "`any` is not \"alike\" or \"may-differ\"",
        ),
        (
            "phase = \"steady\"",
            "21:9: gate.phase: ",
            "there is no phase `steady`; there is `load`",
        ),
        ("colour = 1", "21:1: gate.colour: ", "unknown"),
    ] {
        appended(&format!("[gate]\n{table}\n"), place, &[says]);
    }
    for (table, place, says) in [
        (
            "name = \"speed\"",
            "21:8: gate.metric.name: ",
            "there is no metric `speed`; use cpu_per_request, capacity",
        ),
        (
            "name = \"latency.p100\"",
            "21:8: gate.metric.name: ",
            "there is no metric",
        ),
        (
            "name = \"latency.pNaN\"",
            "21:8: gate.metric.name: ",
            "there is no metric",
        ),
        (
            "name = \"latency.p1e1\"",
            "21:8: gate.metric.name: ",
            "there is no metric",
        ),
        (
            "name = \"capacity\"\ncatch = \"100%\"",
            "22:9: gate.metric.catch: ",
            "below 100%",
        ),
        (
            "name = \"capacity\"\ncatch = \"0%\"",
            "22:9: gate.metric.catch: ",
            "above 0%",
        ),
        (
            "name = \"capacity\"\ncatch = \"2%\"\ntolerate = \"2%\"",
            "23:12: gate.metric.tolerate: ",
            "below `catch`, which is 2 %",
        ),
        (
            "name = \"capacity\"\ntolerate = \"0%\"",
            "22:12: gate.metric.tolerate: ",
            "above 0%",
        ),
        (
            "name = \"capacity\"\n[[gate.metric]]\nname = \"capacity\"",
            "23:8: gate.metric.name: ",
            "`capacity` is there twice",
        ),
        (
            "name = 'cost(\"f\")'\n[[gate.metric]]\nname = 'cost(\"f\")'",
            "23:8: gate.metric.name: ",
            "`cost(\"f\")` is there twice",
        ),
        (
            "name = 'share(\"a(\")'",
            "21:8: gate.metric.name: ",
            "the pattern \"a(\" is not a regular expression: unclosed group",
        ),
        (
            "name = 'cost(f)'",
            "21:8: gate.metric.name: ",
            "unknown metric `cost(f)`",
        ),
        (
            "name = 'cost(\"f\")'\ncatch = \"0%\"",
            "22:9: gate.metric.catch: ",
            "above 0%",
        ),
    ] {
        appended(&format!("[[gate.metric]]\n{table}\n"), place, &[says]);
    }
}
