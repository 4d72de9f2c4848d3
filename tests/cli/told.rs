//! What is printed of the text of others: no command of a CI runner, nothing invisible, no second line; and no secret, however
//! it is written.

use std::process::Command;

use serde_json::Value;

use crate::bed::{Outcome, TestBed, echo, url_scenario};

const NAME: &str =
    "a ##vso[task.setvariable variable=x]1 ##[error]x \u{202e}\u{2066}\u{200b}\u{ad}z";

#[track_caller]
fn harmless(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        for line in text.lines() {
            let is_command = line.contains("##vso[")
                || line.contains("##[")
                || line.trim_start().starts_with("::");
            assert!(!is_command, "{line:?}");
        }
        let hidden = [
            '\u{202e}', '\u{2066}', '\u{200b}', '\u{ad}', '\u{85}', '\u{1b}', '\r',
        ];
        assert!(!text.contains(hidden), "{text:?}");
    }
}

#[test]
fn names_of_profiles_order_nothing() {
    let stacks = format!("main;{NAME} 30\nmain;::error::f 20\nmain;b\rc 9\n");
    let other = format!("main;{NAME} 300\nmain;::error::f 2\nmain;b 9\n");
    let both = ["a.folded", "b.folded"];
    for args in [
        &["flame", "top", "a.folded"][..],
        &["flame", "top", "a.folded", "--csv"],
        &["flame", "top", "a.folded", "--json"],
        &["compare", both[0], both[1]],
        &["compare", both[0], both[1], "--csv"],
        &["compare", both[0], both[1], "--json"],
        &["compare", both[0], both[1], "--markdown"],
        &["flame", "render", "a.folded", "-o", "a.svg"],
    ] {
        let outcome = TestBed::new()
            .file("a.folded", &stacks)
            .file("b.folded", &other)
            .args(args)
            .run()
            .expect(0, &[]);
        harmless(&outcome);
        if args.contains(&"--json") {
            let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
            assert!(document.to_string().contains("vso["), "{document}");
        }
    }
}

#[test]
fn what_targets_say_orders_nothing() {
    let answer = |_: &str| format!("{NAME}\n::error::x\n  ::warning::y\u{85}");
    let address = echo("500 ##vso[task.complete]", answer);
    let more = "expect.body.contains = \"never\"\n";
    for json in [false, true] {
        let bed = TestBed::new().scenario(&url_scenario(address, "200ms", more));
        let bed = if json { bed.args(["--json"]) } else { bed };
        let outcome = bed.run().expect(4, &[]);
        harmless(&outcome);
    }
    let url = format!("http://{address}/debug/pprof/profile");
    let args = ["flame", "capture", "--url", &url, "-d", "1s", "-o", "x"];
    harmless(&TestBed::new().args(args).run().expect(4, &["answers 500"]));
}

#[test]
fn what_is_typed_orders_nothing() {
    for args in [
        &["run", NAME][..],
        &["run", "--out", NAME, "none.toml"],
        &["::error::x"],
        &[NAME],
        &["flame", "top", NAME],
        &["flame", "top", "--where", NAME, "x"],
        &["compare", NAME, "::error::"],
    ] {
        harmless(&TestBed::new().args(args).run().expect(2, &[]));
    }
    let scenario =
        format!("name = \"x\"\n[target]\nurl = {NAME:?}\n[[request]]\nname = {NAME:?}\n");
    let outcome = TestBed::new().scenario(&scenario).run().expect(2, &[]);
    harmless(&outcome);
}

#[test]
fn what_an_endpoint_says_back_of_a_header_is_hidden() {
    let address = echo("404 Not Found", |head| {
        let value = head.lines().find_map(|line| line.strip_prefix("x-any: "));
        let value = value.unwrap_or_default();
        format!("{value} {} x", value.replace('/', "%2F"))
    });
    let url = format!("http://{address}/profile");
    let args = [
        "flame",
        "capture",
        "--url",
        &url,
        "-d",
        "1s",
        "-H",
        "X-Any: hush/4711/xyz",
    ];
    let outcome = TestBed::new().args(args).run().expect(4, &["[redacted]"]);
    assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("4711"), "{}", outcome.stderr);
}

#[test]
fn a_secret_that_is_said_in_another_form_is_hidden() {
    let answer = |head: &str| {
        let key = head.lines().find_map(|line| line.strip_prefix("X-Key: "));
        let key = key.unwrap_or_default();
        let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
        // Of "me:hush-4711+é"; encoded beside a name that is no secret.
        let base64 = "bWU6aHVzaC00NzExK8OpISE=";
        let encoded = key.replace('+', "%2B").replace('é', "%C3%A9");
        format!("{key} {hex} {base64} {encoded}")
    };
    let address = echo("500 No", answer);
    let more = "headers = { X-Key = \"{{env.TOLD_KEY}}\" }\n";
    let outcome = TestBed::new()
        .scenario(&url_scenario(address, "200ms", more))
        .env("TOLD_KEY", "hush-4711+é!!")
        .run()
        .expect(4, &["[redacted]"]);
    let kept = outcome.read("result.json");
    for said in [
        "hush",
        "4711",
        "687573682d34373131",
        "aHVzaC00NzEx",
        "%2B%C3",
        "2B%C3",
    ] {
        assert!(!kept.contains(said), "{said}: {kept}");
        assert!(!outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
    }
}

#[test]
fn a_password_of_a_command_is_not_stored() {
    let scenario = r#"name = "test"
[target]
command = "sh -c 'exec python3 -m http.server $0 --bind 127.0.0.1' {port} -u ann:hush-1 --pass 'hush 2' -p hush-3 --requirepass hush-4 --token=hush-5"
[load]
model = "closed"
connections = 1
duration = "200ms"
[[request]]
name = "get"
path = "/"
"#;
    let outcome = TestBed::new().scenario(scenario).run().expect(0, &[]);
    for name in ["scenario.toml", "result.json"] {
        let kept = outcome.read(name);
        assert!(!kept.contains("hush"), "{name}: {kept}");
        assert!(kept.contains("[redacted]"), "{name}: {kept}");
    }
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn a_fifo_that_nobody_writes_to_is_refused_in_a_scenario() {
    let feed = "[feed.rows]\nfile = \"rows.csv\"\n";
    let address = "127.0.0.1:9".parse().unwrap();
    let bed = TestBed::new().scenario(
        &url_scenario(address, "200ms", "path = \"/{{rows.a}}\"\n")
            .replace("path = \"/\"\n", "")
            .replace("[[request]]", &format!("{feed}[[request]]")),
    );
    let made = Command::new("mkfifo").arg(bed.path("rows.csv")).status();
    assert!(made.unwrap().success());
    bed.run().expect(2, &["it is a FIFO that nobody writes to"]);
}
