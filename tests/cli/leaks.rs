//! What a target says of itself, and what a scenario holds in clear, is kept without credentials: on the terminal, in JSON
//! and in every file, whatever its kind and wherever it stands.

use std::fs;

use crate::bed::{Outcome, TestBed, command_scenario, url_scenario};
use crate::scripted::Scripted;

/// Credentials that nothing but their name or their shape tells from other text.
const SECRETS: [&str; 4] = [
    "hunter2hunter2",
    "5e884898da28047151d0e56f8dc6292773603d0d",
    "Zm9vYmFyYmF6cXV1eA==",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
];

/// Fails if a piece of the secret is anywhere.
#[track_caller]
fn keeps(outcome: &Outcome, secret: &str, case: &str) {
    let piece = &secret[..10];
    let check = |place: &str, text: &str| {
        assert!(!text.contains(piece), "{case}: {secret} in {place}: {text}");
    };
    check("stdout", &outcome.stdout);
    check("stderr", &outcome.stderr);
    for file in outcome.files() {
        let bytes = fs::read(&file).unwrap();
        check(
            &file.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        );
    }
}

/// Runs as people read it, and for one of the secrets as scripts do, who read what `result.json` holds: that is looked at each time.
fn runs(secret: &str, bed: impl Fn() -> TestBed, check: impl Fn(Outcome)) {
    check(bed().args(["-n", "2"]).run());
    if secret == SECRETS[0] {
        check(bed().args(["-n", "2", "--json"]).run());
    }
}

/// An answer of this status with a header line, which may be empty, and a body.
fn answer(status: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

#[test]
fn secrets_of_answers_are_kept_nowhere() {
    // Status, header line, body, and what the scenario expects.
    let places = [
        (
            "401 Unauthorized",
            "",
            "{\"error\":\"old\",\"access_token\":\"{}\"}",
            "",
        ),
        (
            "401 Unauthorized",
            "",
            "{\"session\":{\"id\":[\"{}\"]}}",
            "",
        ),
        ("401 Unauthorized", "", "error=old&refresh_token={}&x=1", ""),
        (
            "401 Unauthorized",
            "",
            "<error><password>{}</password></error>",
            "",
        ),
        (
            "401 Unauthorized",
            "",
            "no such user for Authorization: Bearer {}",
            "",
        ),
        (
            "401 Unauthorized",
            "Set-Cookie: sid={}; Path=/\r\n",
            "your session {} is over",
            "",
        ),
        (
            "401 Unauthorized",
            "X-Auth-Token: {}\r\n",
            "{} has expired",
            "",
        ),
        (
            "302 Found",
            "Location: https://h.test/cb?code={}&n=1\r\n",
            "",
            "",
        ),
        ("302 Found", "Location: https://ann:{}@h.test/\r\n", "", ""),
        (
            "200 OK",
            "Set-Cookie: sid={}; Path=/\r\n",
            "",
            "expect.headers.Set-Cookie = \"none\"\n",
        ),
        (
            "200 OK",
            "X-Seen: sid={}\r\n",
            "",
            "expect.headers.X-Seen = \"none\"\n",
        ),
        (
            "200 OK",
            "",
            "{\"token\":\"{}\"}",
            "expect.body.json = { \"/token\" = \"none\" }\n",
        ),
        (
            "200 OK",
            "",
            "{\"token\":\"{}\"}",
            "expect.body.contains = \"never\"\n",
        ),
        (
            "200 OK",
            "",
            "token={}",
            "expect.body.json = { \"/x\" = 1 }\n",
        ),
        (
            "200 OK",
            "Set-Cookie: sid={}; Path=/\r\nContent-Length: x\r\n",
            "",
            "",
        ),
    ];
    for secret in SECRETS {
        for (status, header, body, expect) in places {
            let (header, body) = (header.replace("{}", secret), body.replace("{}", secret));
            let case = format!("{status} {header} {body}");
            let said = answer(status, &header, &body);
            let server = Scripted::start(move |_| said.clone());
            let scenario = url_scenario(server.addr, "100ms", expect);
            runs(
                secret,
                || TestBed::new().scenario(&scenario),
                |outcome| {
                    let outcome = outcome.expect(4, &[]);
                    keeps(&outcome, secret, &case);
                    let errors = &outcome.only_phase()["errors"];
                    assert!(errors.as_object().unwrap().len() == 1, "{errors}");
                },
            );
        }
    }
}

#[test]
fn secrets_of_a_scenario_are_kept_nowhere_even_if_the_target_says_them() {
    let places = [
        "path = \"/v1?user=ann&api_key={}&n=1\"\n",
        "path = \"/\"\nbody = '{\"user\":\"ann\",\"password\":\"{}\"}'\n",
        "path = \"/\"\nbody = \"user=ann&client_secret={}\"\n",
        "path = \"/\"\nheaders = { X-Session-Id = \"{}\" }\n",
        "path = \"/\"\nheaders = { Cookie = \"a=b; sid={}\" }\n",
        "path = \"/\"\nheaders = { X-Any = \"Bearer {}\" }\n",
        "path = \"/\"\nbody_file = \"login.json\"\n",
    ];
    for secret in SECRETS {
        for place in places {
            let text = place.replace("{}", secret);
            let said = secret.to_owned();
            // Without a name beside it, and with what came around it.
            let server = Scripted::start(move |asked| {
                let body = String::from_utf8_lossy(&asked.body).into_owned();
                let request = format!("{} {} {body}", asked.path, asked.head);
                answer(
                    "400 Bad Request",
                    "",
                    &format!("not good: {said}. {request}"),
                )
            });
            let scenario = url_scenario(server.addr, "100ms", "");
            let scenario = replaced(&scenario, "path = \"/\"\n", &text);
            let login = format!("{{\"user\":\"ann\",\"password\":\"{secret}\"}}");
            let bed = || {
                TestBed::new()
                    .file("login.json", login.clone())
                    .scenario(&scenario)
            };
            runs(secret, bed, |outcome| {
                let outcome = outcome.expect(4, &[]);
                let stored = outcome.read("scenario.toml");
                assert!(!stored.contains(&secret[..10]), "{stored}");
                keeps(&outcome, secret, &text);
            });
            let dry = bed().args(["--dry-run"]).run().expect(0, &[]);
            assert!(dry.stdout.contains("[redacted]"), "{}", dry.stdout);
            assert!(!dry.stdout.contains(&secret[..10]), "{}", dry.stdout);
            let shown = bed()
                .args(["--dry-run", "--show-secrets"])
                .run()
                .expect(0, &[]);
            assert!(shown.stdout.contains(secret), "{}", shown.stdout);
        }
    }
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1)
}

#[test]
fn a_target_that_says_what_others_sent_does_not_spread_it() {
    let rows: String = (0..200)
        .map(|row| format!("user{row:03},pw-{row:03}-rowsecret\n"))
        .collect();
    // Names rows and devices that other requests belong to, and one of them in part.
    let server = Scripted::start(|_| {
        answer(
            "409 Conflict",
            "",
            "taken by user117 (pw-117-rowsecret), then by user042 (pw-042-rowse",
        )
    });
    let scenario = url_scenario(
        server.addr,
        "100ms",
        "headers = { X-User = \"{{users.name}}\" }\nbody = \"{{users.word}}\"\n",
    ) + "[feed.users]\nfile = \"users.csv\"\n";
    runs(
        SECRETS[0],
        || {
            TestBed::new()
                .file("users.csv", format!("name,word\n{rows}"))
                .scenario(&scenario)
        },
        |outcome| {
            let outcome = outcome.expect(4, &[]);
            for text in [&outcome.stdout, &outcome.read("result.json")] {
                assert!(
                    !text.contains("user117") && !text.contains("pw-0") && !text.contains("pw-1"),
                    "{text}"
                );
            }
        },
    );
}

#[test]
fn an_error_in_a_scenario_quotes_no_credential_of_a_query_or_body() {
    let good = url_scenario("127.0.0.1:1".parse().unwrap(), "200ms", "");
    for secret in SECRETS {
        for line in [
            "path = \"/?sid={}&x={{nope}}\"\n",
            "path = \"/\"\nbody = '{\"pwd\":\"{}\",\"x\":\"{{nope}}\"}'\n",
            "path = \"/\"\nheaders = { X-Session-Id = \"{}\", X-Other = 5 }\n",
        ] {
            let scenario = replaced(&good, "path = \"/\"\n", &line.replace("{}", secret));
            let outcome = TestBed::new()
                .scenario(&scenario)
                .run()
                .expect(2, &["scenario.toml:"]);
            assert!(
                !outcome.stderr.contains(&secret[..10]),
                "{}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn the_log_of_a_target_that_dies_is_quoted_without_credentials() {
    for secret in SECRETS {
        let line = format!("cannot log in with password={secret} at http://ann:{secret}@db/");
        let command = format!("sh -c 'cat said.txt; exit 3' --port {{port}} --api-key {secret}");
        let scenario = command_scenario(&command, "");
        let outcome = TestBed::new()
            .file("said.txt", line)
            .scenario(&scenario)
            .run()
            .expect(
                4,
                &["its last lines", "cannot log in with password=[redacted]"],
            );
        for text in [
            &outcome.stdout,
            &outcome.stderr,
            &outcome.read("result.json"),
            &outcome.read("scenario.toml"),
        ] {
            assert!(!text.contains(&secret[..10]), "{text}");
        }
    }
}

#[test]
fn flags_are_stored_without_the_credentials_within_them() {
    let server = Scripted::start(|_| answer("403 Forbidden", "", "no"));
    for secret in SECRETS {
        let url = format!("http://{}/x?token={secret}&n=1", server.addr);
        let outcome = TestBed::new()
            .args(["run", "--out", "out", "-n", "4", "-c", "1", &url])
            .args([
                "-H",
                &format!("X-Session-Id: {secret}"),
                "-H",
                &format!("X-Any: Bearer {secret}"),
            ])
            .args(["--body", &format!("{{\"password\":\"{secret}\"}}")])
            .run()
            .expect(4, &[]);
        keeps(&outcome, secret, "flags");
        let stored = outcome.read("scenario.toml");
        assert!(stored.contains("/x?token=[redacted]&n=1"), "{stored}");
    }
}
