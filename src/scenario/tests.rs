//! What a scenario or flag that cannot be meant is answered with.

use super::*;

const BASE: &str = r#"
name = "x"
[target]
gateway = { auth = "cached", bcrypt_cost = 4, cpus = 1 }
[load]
model = "closed"
connections = 1
duration = "1s"
[profile]
cpu = "pprof"
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
