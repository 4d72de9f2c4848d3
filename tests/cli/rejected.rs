//! What cannot be run is refused before anything is started: with file, line, column, key and remedy.

use std::path::Path;

use telemload::scenario::{self, Overrides};

use crate::bed::TestBed;

const GOOD: &str = r#"name = "test"
[target]
gateway = { auth = "naive", bcrypt_cost = 4, cpus = 1 }
[fleet.cars]
devices = 4
[load]
model = "closed"
connections = 2
duration = "400ms"
[[request]]
name = "get"
fleet = "cars"
path = "/v1/telemetry"
headers = { X-Device-Id = "{{device.id}}" }
[[variant]]
name = "a"
[[variant]]
name = "b"
target.gateway.auth = "cached"
"#;

/// A phase that takes the place of `[load]`.
const PHASE: &str =
    "[[phase]]\nname = \"p\"\nload = { model = \"closed\", connections = 1, duration = \"1s\" }\n";

const LOAD: &str = "[load]\nmodel = \"closed\"\nconnections = 2\nduration = \"400ms\"\n";
const GATEWAY: &str = "gateway = { auth = \"naive\", bcrypt_cost = 4, cpus = 1 }\n";

/// What is said of a scenario; files that it names are sought in `directory`.
#[track_caller]
pub(crate) fn rejected_in(directory: &Path, text: &str, place: &str, says: &[&str]) {
    let outcome = scenario::parse("s.toml", text, directory, &Overrides::default());
    let said = outcome.expect_err(text).to_string();
    assert!(said.starts_with(&format!("s.toml:{place}")), "{said}");
    for words in says {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[track_caller]
pub(crate) fn rejected(text: impl AsRef<str>, place: &str, says: &[&str]) {
    rejected_in(Path::new("/nowhere"), text.as_ref(), place, says);
}

/// The good scenario with one text replaced.
#[track_caller]
fn replaced(from: &str, to: &str, place: &str, says: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    rejected(GOOD.replacen(from, to, 1), place, says);
}

/// The good scenario with something at its end.
#[track_caller]
fn appended(more: &str, place: &str, says: &[&str]) {
    rejected(GOOD.to_owned() + more, place, says);
}

#[test]
fn the_scenario_that_the_others_are_made_of_is_good() {
    TestBed::new()
        .file("s.toml", GOOD)
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
}

#[test]
fn a_refusal_is_an_exit_code_and_a_message_before_anything_is_started() {
    let text = GOOD.replacen("connections = 2", "connexions = 2", 1);
    let outcome = TestBed::new()
        .file("s.toml", text)
        .args(["run", "s.toml"])
        .run();
    let says = [
        "error: s.toml:8:1: load.connexions: unknown key `connexions`",
        "8 | connexions = 2",
    ];
    let outcome = outcome.expect(2, &says);
    assert_eq!(outcome.stdout, "");
    assert!(!outcome.home().join("runs").exists(), "{}", outcome.stderr);
}

#[test]
fn keys_and_types() {
    replaced(
        "connections = 2",
        "connexions = 2",
        "8:1: load.connexions: ",
        &[
            "unknown key `connexions`",
            "`connections`",
            "8 | connexions = 2",
        ],
    );
    replaced(
        "cpus = 1",
        "cpu = 1",
        "3:46: target.gateway.cpu: ",
        &["unknown key `cpu`", "`cpus`"],
    );
    appended(
        "[foo]\n",
        "20:2: foo: ",
        &["unknown key `foo`", "`threshold`"],
    );
    replaced(
        "connections = 2",
        "connections = \"two\"",
        "8:15: load.connections: ",
        &["expected a whole number"],
    );
    replaced(
        "connections = 2",
        "connections = -2",
        "8:15: load.connections: ",
        &["expected a whole number of 0 or more"],
    );
    replaced(
        "connections = 2",
        "connections = 2\nconnections = 3",
        "9:1: ",
        &["`connections` is given twice; remove one"],
    );
    replaced("devices = 4", "devices = = 4", "5:11: ", &["="]);
    replaced(
        "name = \"test\"\n",
        "",
        "1:1: ",
        &["missing key `name`; add it"],
    );
    replaced(
        "path = \"/v1/telemetry\"\n",
        "",
        "11:8: request.get.path: ",
        &["a request has a `path`, or the `url` of another host than the target's; add one"],
    );
    replaced(
        "\"naive\"",
        "\"none\"",
        "3:20: target.gateway.auth: ",
        &[
            "unknown value `none`",
            "`naive`, `cached`, `singleflight`, `token`, `shielded`",
        ],
    );
    replaced(
        "[[variant]]\nname = \"a\"\n[[variant]]",
        "[variant]",
        "15:1: variant: ",
        &["write [[variant]]"],
    );
}

#[test]
fn units() {
    let duration = "write a number with a unit, such as \"250ms\"";
    replaced(
        "\"400ms\"",
        "\"400 parsecs\"",
        "9:12: load.duration: ",
        &["parsecs", duration],
    );
    replaced(
        "\"400ms\"",
        "\"400ms\"\ninterval = \"1s\"",
        "10:1: load.interval: ",
        &["unknown key `interval`"],
    );
    replaced("\"400ms\"", "400", "9:12: load.duration: ", &[duration]);
    replaced(
        "cpus = 1",
        "cpus = 1, cache_ttl = \"soon\"",
        "3:68: target.gateway.cache_ttl: ",
        &["\"soon\" is not a duration", duration],
    );
    replaced(
        "model = \"closed\"",
        "model = \"open\"\nrate = \"5 per s\"",
        "8:8: load.rate: ",
        &["\"20000/s\""],
    );
    replaced(
        "model = \"closed\"",
        "model = \"open\"\nrate = 5",
        "8:8: load.rate: ",
        &["\"20000/s\""],
    );
    replaced("\"400ms\"", "\"40ms\"", "9:12: load.duration: ", &["100ms"]);
}

#[test]
fn the_gateways_keys() {
    let check = |given: &str, place: &str, says: &[&str]| {
        let place = format!("3:{place}: ");
        replaced("cpus = 1", &format!("cpus = 1, {given}"), &place, says);
    };
    check(
        "drain = \"1s\"",
        "56: target.gateway.drain",
        &["unknown key `drain`", "`drain_requests`, `drain_payloads`"],
    );
    check(
        "idle_timeout = 5",
        "71: target.gateway.idle_timeout",
        &["write a number with a unit, such as \"250ms\""],
    );
    check(
        "batch_age = 100",
        "68: target.gateway.batch_age",
        &["write a number with a unit, such as \"250ms\""],
    );
    check(
        "drain_requests = \"1h\"",
        "73: target.gateway.drain_requests",
        &["drain_requests = \"1h\" is out of range, use \"0s\" to \"10m\""],
    );
    check(
        "token_ttl = \"1500ms\"",
        "68: target.gateway.token_ttl",
        &["tokens count whole seconds; use one such as \"5m\""],
    );
    check(
        "local_ttl = \"1s\"",
        "68: target.gateway.local_ttl",
        &["the memory store is local already"],
    );
    check(
        "store = \"rediss://h\"",
        "64: target.gateway.store",
        &["unknown store `rediss`, use \"memory\" or \"redis://HOST:PORT\""],
    );
    let key = format!("token_key = \"{}\"", "01".repeat(32));
    check(
        &key,
        "68: target.gateway.token_key",
        &["a key is a secret and does not belong in a scenario; leave it out"],
    );
}

#[test]
fn templates_and_headers() {
    let at = "14:28: request.get.headers.X-Device-Id: ";
    replaced(
        "{{device.id}}",
        "{{device.idd}}",
        at,
        &["`{{device.idd}}`", "device.id, device.secret"],
    );
    replaced(
        "{{device.id}}",
        "é {{device.id",
        "14:30: request.get.headers.X-Device-Id: ",
        &["`{{` without `}}`"],
    );
    replaced("{{device.id}}", "{{int 5 1}}", at, &["A <= B"]);
    replaced(
        "{{device.id}}",
        "{{env.TL_NEVER_SET}}",
        at,
        &["TL_NEVER_SET is not set; export it"],
    );
    replaced(
        "fleet = \"cars\"\n",
        "",
        "13:28: request.get.headers.X-Device-Id: ",
        &["add `fleet"],
    );
    replaced(
        "{{device.id}}",
        "a\\r\\nX-Admin: 1",
        "14:13: request.get.headers.X-Device-Id: ",
        &["no line breaks"],
    );
    replaced(
        "X-Device-Id =",
        "\"X Device\" =",
        "14:13: request.get.headers.X Device: ",
        &["not a header name; use letters"],
    );
    replaced(
        "X-Device-Id =",
        "Content-Length =",
        "14:13: request.get.headers.Content-Length: ",
        &["leave it out"],
    );
    replaced(
        "/v1/telemetry",
        "v1 telemetry",
        "13:8: request.get.path: ",
        &["starts with `/`"],
    );
    replaced(
        "path =",
        "method = \"GE T\"\npath =",
        "13:10: request.get.method: ",
        &["not an HTTP method"],
    );
    replaced(
        "path =",
        "body_file = \"none.json\"\npath =",
        "13:13: request.get.body_file: ",
        &["none.json", "No such file", "beside the scenario"],
    );
    replaced(
        "path =",
        "body_file = \"/dev/zero\"\npath =",
        "13:13: request.get.body_file: ",
        &["/dev/zero", "limit"],
    );
}

#[test]
fn names() {
    let own = "give each its own name";
    replaced(
        "name = \"b\"",
        "name = \"a\"",
        "18:8: variant.name: ",
        &["two variants are named `a`", own],
    );
    replaced(
        LOAD,
        &PHASE.repeat(2),
        "10:8: phase.name: ",
        &["two phases are named `p`", own],
    );
    appended(
        "[[request]]\nname = \"get\"\npath = \"/\"\n",
        "21:8: request.name: ",
        &["two requests are named `get`", own],
    );
    replaced(
        "name = \"test\"",
        "name = \"../test\"",
        "1:8: name: ",
        &["letters, digits"],
    );
    replaced(
        "name = \"get\"",
        "name = \"../get\"",
        "11:8: request.name: ",
        &["letters, digits"],
    );
    replaced(
        "name = \"b\"",
        "name = \"b/../..\"",
        "18:8: variant.name: ",
        &["letters, digits"],
    );
    replaced(
        "fleet = \"cars\"",
        "fleet = \"trucks\"",
        "12:9: request.get.fleet: ",
        &["no fleet `trucks`; there is `cars`"],
    );
}

#[test]
fn overrides() {
    appended(
        "request.nope.path = \"/\"\n",
        "20:9: variant.b.request.nope: ",
        &["nothing of this name exists to override; there is `get`"],
    );
    appended(
        "phase.nope.load.duration = \"1s\"\n",
        "20:1: variant.b.phase: ",
        &["no `phase` to override", "add it"],
    );
    appended(
        "fleet.nope.devices = 3\n",
        "20:7: variant.b.fleet.nope: ",
        &["there is `cars`"],
    );
    appended(
        "rounds = 3\n",
        "20:1: variant.b.rounds: ",
        &["cannot override `rounds`; it can override target, fleet"],
    );
    appended(
        "target.gateway.auht = \"cached\"\n",
        "20:16: target.gateway.auht: ",
        &["unknown key `auht`", "`auth`"],
    );
    appended(
        "target.gateway.bcrypt_cost = 20\n",
        "20:30: target.gateway.bcrypt_cost: ",
        &["use 4 to 14"],
    );
    appended(
        "target.url = \"http://127.0.0.1:1\"\n",
        "20:14: target: ",
        &["exactly one of", "there is `gateway` and `url`"],
    );
    appended("load = 5\n", "20:8: load: ", &["expected a table"]);
}

#[test]
fn targets_loads_and_fleets() {
    replaced(
        "[fleet",
        "url = \"http://127.0.0.1:1\"\n[fleet",
        "4:7: target: ",
        &["there is `gateway` and `url`"],
    );
    rejected(
        GOOD.replace(GATEWAY, "")
            .replace("target.gateway.auth = \"cached\"\n", ""),
        "2:1: target: ",
        &["exactly one of", "there is none"],
    );
    rejected(
        &GOOD[..GOOD.find("[[request]]").unwrap()],
        "2:1: request: ",
        &["add a [[request]]"],
    );
    replaced(LOAD, "", "2:1: phase: ", &["add [load] or [[phase]]"]);
    appended(PHASE, "6:1: load: ", &["does not go with [[phase]]"]);
    replaced(
        "connections = 2",
        "connections = 2\nrate = \"5/s\"",
        "9:8: load: ",
        &["a closed loop has neither `rate`", "use model = \"open\""],
    );
    replaced(
        "\"closed\"",
        "\"open\"",
        "7:9: load.rate: ",
        &["needs a `rate`, such as"],
    );
    replaced(
        "\"closed\"",
        "\"half\"",
        "7:9: load.model: ",
        &["use \"closed\" or \"open\""],
    );
    replaced(
        "connections = 2",
        "connections = 0",
        "8:15: load.connections: ",
        &["use 1 to 100000"],
    );
    replaced(
        "devices = 4",
        "devices = 0",
        "5:11: fleet.cars.devices: ",
        &["1 to 1000000 devices"],
    );
    replaced(
        "devices = 4",
        "devices = 4\nsecrets = 5",
        "6:11: fleet.cars.secrets: ",
        &["use 1 to 4"],
    );
    replaced(
        "devices = 4",
        "devices = 4\norder = \"random\"",
        "6:9: fleet.cars.order: ",
        &["\"round-robin\", \"uniform\""],
    );
    replaced(
        "bcrypt_cost = 4",
        "bcrypt_cost = 3",
        "3:43: target.gateway.bcrypt_cost: ",
        &["bcrypt_cost = 3 is out of range, use 4 to 14"],
    );
    replaced(
        "cpus = 1",
        "cpus = 0",
        "3:53: target.gateway.cpus: ",
        &["use 1 to"],
    );
    let url = GOOD
        .replace(GATEWAY, "url = \"http://127.0.0.1:1\"\n")
        .replace("target.gateway.auth = \"cached\"\n", "");
    rejected(
        format!("{url}[profile]\ncpu = \"pprof\"\n"),
        "20:7: profile.url: ",
        &["give the target's, such as"],
    );
    rejected(
        url.replace(":1\"", ":1/api\""),
        "3:7: target.url: ",
        &["the path belongs to the request"],
    );
    rejected(
        url.replace("http:", "ftp:"),
        "3:7: target.url: ",
        &["use http:// or https://"],
    );
    rejected(
        url.replace("http://", ""),
        "3:7: target.url: ",
        &["such as \"http://127.0.0.1:8080\""],
    );
    appended(
        "[profile]\ncpu = \"gprof\"\n",
        "21:7: profile.cpu: ",
        &["use \"pprof\", or \"perf\""],
    );
    appended(
        "[profile]\ncpu = \"perf\"\nurl = \"http://127.0.0.1:1/\"\n",
        "22:7: profile.url: ",
        &["perf needs no endpoint; leave `url` out"],
    );
    rejected(
        format!("{url}[profile]\ncpu = \"perf\"\n"),
        "20:7: target.pid: ",
        &["perf samples local processes; name the target's with `pid`"],
    );
}

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
fn files_that_are_no_scenarios() {
    rejected("", "1:1: ", &["missing key `name`"]);
    for (text, says) in [
        (b"name = \"\xff\"".to_vec(), "not UTF-8 text"),
        (vec![b'#'; (1 << 20) + 1], "more than 1048576 bytes"),
    ] {
        TestBed::new()
            .file("s.toml", text)
            .args(["run", "s.toml"])
            .run()
            .expect(2, &["error: s.toml: ", says]);
    }
    for (path, says) in [
        (
            "none.toml",
            "error: none.toml: cannot read the scenario: No such file",
        ),
        (
            "/dev/zero",
            "error: /dev/zero: cannot read the scenario: it has more than",
        ),
        ("127.0.0.1:8080/v1", "a URL begins with http://"),
        (".", "cannot read the scenario: Is a directory"),
    ] {
        TestBed::new().args(["run", path]).run().expect(2, &[says]);
    }
}

#[test]
fn an_unknown_variant_is_refused() {
    for verb in [["run", "--dry-run"], ["gateway", "--listen=127.0.0.1:1"]] {
        TestBed::new()
            .file("s.toml", GOOD)
            .args([verb[0], "s.toml", verb[1], "--variant", "c"])
            .run()
            .expect(
                2,
                &["--variant: there is no variant `c`; there is `a` and `b`"],
            );
    }
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
