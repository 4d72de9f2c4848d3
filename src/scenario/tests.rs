//! What a scenario or flag that cannot be meant is answered with.

use std::time::Duration;

use super::*;
use crate::units::Rate;

const BASE: &str = r#"
name = "x"
[target]
command = "x {port}"
[load]
model = "closed"
connections = 1
duration = "1s"
[profile]
cpu = "pprof"
url = "http://127.0.0.1:{port}/debug/pprof/profile"
[[request]]
name = "get"
path = "/"
"#;

fn plan(more: &str, overrides: &Overrides) -> Result<Plan, String> {
    parse(
        "x.toml",
        &format!("{BASE}{more}"),
        Path::new("."),
        overrides,
    )
    .map_err(|error| error.to_string())
}

#[test]
fn cpu_of_a_request_is_refused_and_its_latency_is_not() {
    for (expr, is_known) in [
        ("latency.p99 < 1s", true),
        ("throughput > 1/s", true),
        ("errors.rate < 1%", true),
        ("cpu_per_request < 1ms", false),
        ("share('x') < 5%", false),
        ("cost('x') < 5us", false),
    ] {
        let expr = expr.replace('\'', "\\\"");
        let answer = plan(
            &format!("[[threshold]]\nexpr = \"{expr}\"\nrequest = \"get\"\n"),
            &Overrides::default(),
        );
        match answer {
            Ok(_) => assert!(is_known, "{expr}"),
            Err(error) => assert!(
                !is_known && error.contains("leave `request` out"),
                "{expr}: {error}"
            ),
        }
    }
}

#[test]
fn a_duration_flag_of_any_length_leaves_a_profile_that_can_be_taken() {
    for (flag_ms, seconds) in [(500, 1), (2_000, 2), (3_600_000, 300)] {
        let overrides = Overrides {
            duration: Some(Duration::from_millis(flag_ms)),
            ..Overrides::default()
        };
        let plan = plan("", &overrides).unwrap();
        let profile = plan.variants[0].profile.as_ref().unwrap();
        assert_eq!(profile.duration, Duration::from_secs(seconds), "{flag_ms}");
    }
}

#[test]
fn a_process_is_named_only_where_telemload_does_not_start_it() {
    let overrides = Overrides {
        pid: Some(1),
        ..Overrides::default()
    };
    let error = plan("", &overrides).unwrap_err();
    assert!(error.contains("--pid: telemload knows"), "{error}");
}

#[test]
fn credentials_that_are_written_out_are_not_stored() {
    let scenario = r#"
name = "x"
[target]
url = "http://127.0.0.1:1"
metrics = "http://ann:hush@127.0.0.1:2/metrics"
[load]
model = "closed"
connections = 1
duration = "1s"
[profile]
cpu = "pprof"
url = "http://ann:hush@127.0.0.1:{port}/debug/pprof/profile"
[fleet.cars]
devices = 1
[[request]]
name = "get"
path = "/"
fleet = "cars"
headers = { Authorization = "Bearer hush", X-Api-Key = "hush-{{seq}}", X-Token = "Bearer {{device.secret}}", Proxy-Authorization = "Basic {{base64 'ann:hush'}}" }
"#;
    let plan = parse("x.toml", scenario, Path::new("."), &Overrides::default()).unwrap();
    assert!(!plan.text.contains("hush"), "{}", plan.text);
    assert!(
        plan.text.contains("Bearer {{device.secret}}"),
        "{}",
        plan.text
    );
    assert_eq!(
        plan.variants[0].requests[0].sensitive,
        [true, true, false, true]
    );
}

#[test]
fn a_flag_at_fault_is_named_and_not_the_line_that_it_replaces() {
    let none = Overrides::default;
    for (flag, overrides) in [
        (
            "-c",
            Overrides {
                connections: Some(0),
                ..none()
            },
        ),
        (
            "-n",
            Overrides {
                requests: Some(0),
                ..none()
            },
        ),
        (
            "-d",
            Overrides {
                duration: Some(Duration::ZERO),
                ..none()
            },
        ),
        (
            "-T",
            Overrides {
                timeout: Some(Duration::ZERO),
                ..none()
            },
        ),
    ] {
        let error = plan("", &overrides).unwrap_err();
        assert!(error.starts_with(&format!("x.toml: {flag}: ")), "{error}");
    }
}

const STAGED: &str = r#"
name = "x"
[target]
url = "http://127.0.0.1:1"
[load]
model = "open"
rate = "100/s"
stages = [{ to = "2000/s", over = "30s" }, { hold = "1m" }]
connections = 1
warmup = "1s"
[[request]]
name = "get"
path = "/"
"#;

fn staged(from: &str, to: &str, overrides: &Overrides) -> Result<Load, String> {
    assert!(STAGED.contains(from), "{from}");
    let text = STAGED.replacen(from, to, 1);
    parse("x.toml", &text, Path::new("."), overrides)
        .map(|plan| plan.variants[0].phases[0].load.clone())
        .map_err(|error| error.to_string())
}

#[test]
fn stages_are_the_window_and_hold_what_came_before() {
    let load = staged("", "", &Overrides::default()).unwrap();
    assert_eq!(load.duration, Duration::from_secs(90));
    let stage = |seconds| Stage {
        to: 2_000.0,
        over: Duration::from_secs(seconds),
    };
    let pace = Pace::Staged {
        begin: 100.0,
        stages: [stage(30), stage(60)].into(),
    };
    assert_eq!(
        load.model,
        LoadModel::Open {
            pace,
            arrivals: Arrivals::Constant
        }
    );
}

#[test]
fn a_rate_flag_takes_the_place_of_stages_for_as_long_as_they_last() {
    let rate = Rate::new(7.0).unwrap();
    for (duration, seconds) in [(None, 90), (Some(Duration::from_secs(5)), 5)] {
        let overrides = Overrides {
            rate: Some(rate),
            duration,
            ..Overrides::default()
        };
        // Without a rate to begin with a warm-up could not be held; the flag brings one.
        let load = staged("rate = \"100/s\"\n", "", &overrides).unwrap();
        assert_eq!(load.duration, Duration::from_secs(seconds));
        let pace = Pace::Constant(rate);
        let arrivals = Arrivals::Constant;
        assert_eq!(load.model, LoadModel::Open { pace, arrivals });
    }
}

/// A change of the staged scenario, where its refusal says that the fault is, and what else it says.
const REFUSED_STAGES: &[(&str, &str, &str, &str)] = &[
    (
        "warmup = \"1s\"",
        "duration = \"9s\"",
        "10:12: load.duration: ",
        "remove the `duration`",
    ),
    (
        "rate = \"100/s\"\n",
        "",
        "9:10: load.warmup: ",
        "give a `rate` above it",
    ),
    (
        "{ hold = \"1m\" }",
        "{ hold = \"1m\", over = \"1s\" }",
        "load.stages: ",
        "{ hold = \"60s\" }",
    ),
    ("{ hold = \"1m\" }", "{}", "load.stages: ", "a stage is"),
    (
        "\"2000/s\"",
        "\"2000\"",
        "8:18: load.stages.to: ",
        "\"20000/s\"",
    ),
    (
        "\"2000/s\"",
        "2000",
        "8:18: load.stages.to: ",
        "\"20000/s\"",
    ),
    (
        "over = \"30s\"",
        "over = 30",
        "load.stages.over: ",
        "a number with a unit",
    ),
    (
        "hold = \"1m\"",
        "keep = \"1m\"",
        "load.stages.keep: ",
        "`hold`",
    ),
    (
        "{ to = \"2000/s\", over = \"30s\" }, { hold = \"1m\" }",
        "",
        "load.stages: ",
        "add one",
    ),
    (
        "rate = \"100/s\"\nstages = [{ to = \"2000/s\", over = \"30s\" }",
        "stages = [{ to = \"0/s\", over = \"30s\" }",
        "load.stages: ",
        "less than one request",
    ),
    ("\"30s\"", "\"720h\"", "load.stages: ", "30 days in all"),
    (
        "model = \"open\"",
        "model = \"closed\"",
        "7:8: load: ",
        "neither `rate`, `stages` nor `arrivals`",
    ),
    (
        "warmup = \"1s\"",
        "arrivals = \"even\"",
        "10:12: load.arrivals: ",
        "{ burst = 100 }",
    ),
    (
        "warmup = \"1s\"",
        "arrivals = { burst = 0 }",
        "10:12: load.arrivals: ",
        "1 to 100000",
    ),
    (
        "warmup = \"1s\"",
        "arrivals = { bursts = 5 }",
        "load.arrivals",
        "{ burst = 100 }",
    ),
    (
        "warmup = \"1s\"",
        "arrivals = 5",
        "load.arrivals",
        "{ burst = 100 }",
    ),
];

#[test]
fn stages_and_bursts_that_cannot_be_meant_are_refused_with_a_remedy() {
    let none = Overrides::default;
    for (from, to, at, says) in REFUSED_STAGES {
        let error = staged(from, to, &none()).unwrap_err();
        assert!(error.contains(at) && error.contains(says), "{to}: {error}");
    }
    let longer = Overrides {
        duration: Some(Duration::from_secs(5)),
        ..none()
    };
    let error = staged("", "", &longer).unwrap_err();
    assert!(
        error.contains("x.toml: -d: ") && error.contains("give -R too"),
        "{error}"
    );
    let load = staged("warmup = \"1s\"", "arrivals = { burst = 5 }", &none()).unwrap();
    assert!(
        matches!(load.model, LoadModel::Open { arrivals: Arrivals::Burst(size), .. } if size.get() == 5)
    );
}

#[test]
fn a_fleet_has_the_seed_of_the_scenario_unless_it_has_its_own() {
    let more = "[fleet.a]\ndevices = 1\n[fleet.b]\ndevices = 1\nseed = 5\n";
    let seeds = |head: &str| {
        let text = format!("{head}{BASE}{more}");
        let plan = parse("x.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        let fleets = plan.variants[0].fleets.iter().map(|fleet| fleet.seed);
        (plan.seed, fleets.collect::<Vec<_>>())
    };
    assert_eq!(seeds(""), (0, vec![0, 5]));
    assert_eq!(seeds("seed = 7\n"), (7, vec![7, 5]));
}

#[test]
fn what_is_not_trusted_is_judged_where_scenario_threshold_or_flag_say_so() {
    let thresholds = |own: Option<bool>, scenario: bool, flag: bool| {
        let own = own.map_or(String::new(), |own| format!("allow_untrusted = {own}"));
        let text = format!(
            "allow_untrusted = {scenario}{BASE}[[threshold]]\nexpr = \"throughput > 1/s\"\n{own}\n"
        );
        let overrides = Overrides {
            allow_untrusted: flag,
            ..Overrides::default()
        };
        let plan = parse("x.toml", &text, Path::new("."), &overrides).unwrap();
        let thresholds = plan.thresholds.iter().map(|of| of.allow_untrusted);
        // Its own, and the built-in one on errors; and that of comparisons.
        (thresholds.collect::<Vec<_>>(), plan.allow_untrusted)
    };
    for (own, scenario, flag, expected) in [
        (None, false, false, ([false, false], false)),
        (Some(true), false, false, ([true, false], false)),
        (None, true, false, ([true, true], true)),
        (Some(false), true, false, ([false, true], true)),
        (Some(false), false, true, ([true, true], true)),
    ] {
        let found = thresholds(own, scenario, flag);
        assert_eq!((found.0.as_slice(), found.1), (&expected.0[..], expected.1));
    }
}

#[test]
fn a_variant_leaves_a_header_out() {
    let variants = |header: &str| {
        let more = format!(
            "headers = {{ X-Device-Id = \"d\", Accept = \"*/*\" }}\n[[variant]]\nname = \"all\"\n[[variant]]\nname = \"less\"\nrequest.get.headers.{header} = false\n"
        );
        plan(&more, &Overrides::default())
    };
    let found = variants("X-Device-Id").unwrap();
    let names = |at: usize| -> Vec<&str> {
        let headers = found.variants[at].requests[0].headers.iter();
        headers.map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!(
        (names(0), names(1)),
        (vec!["X-Device-Id", "Accept"], vec!["Accept"])
    );
    let error = variants("X-Device").unwrap_err();
    assert!(
        error.contains("there is no such header to leave out; there is"),
        "{error}"
    );
    assert!(error.contains("X-Device-Id"), "{error}");
}

/// Nobody has to ask for turns, and nobody who has not asked is refused.
#[test]
fn variants_that_can_take_turns_do_unless_the_scenario_says_otherwise() {
    let two = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n";
    let slower = "load.connections = 2\n";
    let third = "[[variant]]\nname = \"c\"\n";
    for (order, more, pairs) in [
        ("", "", 1),
        ("", slower, 0),
        // `a` is compared with both.
        ("", third, 0),
        ("order = \"one-by-one\"", "", 0),
        ("order = \"turns\"", "", 1),
    ] {
        let text = format!("{order}\n{BASE}{two}{more}");
        let plan = parse("x.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        assert_eq!(plan.turns.len(), pairs, "{order} {more}");
    }
}
