//! No secret leaves the requests that carry it: not to stdout, stderr, files or command lines.

use std::fs;

use regex::Regex;
use rustix::process::Signal;

use crate::bed::{
    Outcome, TestBed, descendants, device_request, echo, gateway_scenario, url_scenario,
};

const TOKEN: &str = "tl-env-5dbd1e02a7f94c33";
const KEY: &str = "k-literal-0f3a91c27b";

/// A request with a credential of each kind.
const CREDENTIALS: &str = r#"headers = { Authorization = "Bearer {{env.TL_TEST_TOKEN}}", X-Api-Key = "k-literal-0f3a91c27b", Cookie = "session=k-literal-0f3a91c27b-{{seq}}", X-Token = ["k-literal-0f3a91c27b", "x"], X-Device-Token = "{{device.secret}}" }
fleet = "cars"
[fleet.cars]
devices = 2
seed = 7
"#;

/// The secrets of both devices, as a dry run shows them to who asks.
fn device_secrets(scenario: &str) -> Vec<String> {
    let outcome = TestBed::new()
        .env("TL_TEST_TOKEN", TOKEN)
        .scenario(scenario)
        .args(["--dry-run", "--show-secrets"])
        .run()
        .expect(0, &[]);
    let secret = Regex::new(r"X-Device-Token: (\S+)").unwrap();
    let found: Vec<String> = secret
        .captures_iter(&outcome.stdout)
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(found.len(), 2, "{}", outcome.stdout);
    assert!(found.iter().all(|secret| secret.len() >= 16), "{found:?}");
    found
}

#[track_caller]
fn keeps(outcome: &Outcome, secrets: &[String]) {
    let fixed = [TOKEN.to_owned(), KEY.to_owned()];
    let check = |place: &str, text: &str| {
        for secret in secrets.iter().chain(&fixed) {
            // Pieces count too.
            for piece in [&secret[..12], &secret[secret.len() - 12..]] {
                assert!(!text.contains(piece), "{piece} in {place}: {text}");
            }
        }
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

#[test]
fn a_target_that_echoes_requests_does_not_spread_their_secrets() {
    let answers: [fn(&str) -> String; 4] = [
        |head| head.to_owned(),
        // Cut off in the middle of what is kept to show it.
        |head| format!("{}{head}", "x".repeat(150)),
        |head| head.replace("Bearer ", "token=").replace('\n', " "),
        |head| head.to_ascii_uppercase() + head,
    ];
    for answer in answers {
        let address = echo("400 Bad Request", answer);
        let scenario = url_scenario(address, "200ms", CREDENTIALS);
        let secrets = device_secrets(&scenario);
        for more in [&[][..], &["--json"]] {
            let outcome = TestBed::new()
                .env("TL_TEST_TOKEN", TOKEN)
                .scenario(&scenario)
                .args(more)
                .run()
                .expect(4, &["status 400"]);
            keeps(&outcome, &secrets);
            let stored = outcome.read("scenario.toml");
            assert!(stored.contains("Bearer {{env.TL_TEST_TOKEN}}"), "{stored}");
            assert!(stored.contains("X-Api-Key = \"[redacted]\""), "{stored}");
        }
    }
}

#[test]
fn bytes_that_are_no_http_are_shown_without_secrets() {
    let address = echo("400 Bad Request\r\nContent-Length: x", str::to_owned);
    let scenario = url_scenario(address, "200ms", CREDENTIALS);
    let secrets = device_secrets(&scenario);
    let outcome = TestBed::new()
        .env("TL_TEST_TOKEN", TOKEN)
        .scenario(&scenario)
        .run();
    let outcome = outcome.expect(4, &[" × malformed"]);
    keeps(&outcome, &secrets);
}

#[test]
fn secrets_are_on_no_command_line_and_in_no_file() {
    let scenario =
        gateway_scenario("60s", &device_request("cars")).replace("devices = 4", "devices = 2");
    let secrets = device_secrets(&scenario);
    let running = TestBed::new()
        .env("TL_TEST_TOKEN", TOKEN)
        .scenario(&scenario)
        .start();
    running.wait_for_rows(1);
    let own = fs::read_to_string(format!("/proc/{}/cmdline", running.pid())).unwrap();
    let below = descendants(running.pid());
    assert!(below.len() >= 2, "{below:?}");
    for line in below.iter().map(|process| &process.cmdline).chain([&own]) {
        // A hash of a secret is one to guess it by.
        assert!(!line.contains("$2b$"), "{line}");
        assert!(
            secrets.iter().all(|secret| !line.contains(secret)),
            "{line}"
        );
    }
    running.signal(Signal::INT);
    keeps(&running.wait().expect(130, &[]), &secrets);
}

#[test]
fn a_dry_run_hides_secrets_unless_asked() {
    let scenario = url_scenario("127.0.0.1:1".parse().unwrap(), "200ms", CREDENTIALS);
    let secrets = device_secrets(&scenario);
    let bed = || {
        TestBed::new()
            .env("TL_TEST_TOKEN", TOKEN)
            .scenario(&scenario)
    };
    let hidden = bed().args(["--dry-run"]).run().expect(0, &[]);
    keeps(&hidden, &secrets);
    for line in [
        "Authorization: Bearer [redacted]",
        "X-Api-Key: [redacted]",
        "X-Device-Token: [redacted]",
    ] {
        assert!(hidden.stdout.contains(line), "{line}: {}", hidden.stdout);
    }
    let shown = bed()
        .args(["--dry-run", "--show-secrets"])
        .run()
        .expect(0, &[]);
    for secret in [TOKEN, KEY, &secrets[0]] {
        assert!(shown.stdout.contains(secret));
    }
}

#[test]
fn flags_are_stored_without_their_secrets() {
    let address = echo("403 Forbidden", str::to_owned);
    let outcome = TestBed::new()
        .args(["run", "--out", "out", "-n", "4", "-c", "1"])
        .args([
            "-H",
            &format!("Authorization: Bearer {TOKEN}"),
            "-H",
            &format!("X-Api-Key: {KEY}"),
        ])
        .args([format!("http://{address}/")])
        .run()
        .expect(4, &["4 × status", "status 403"]);
    keeps(&outcome, &[]);
    let stored = outcome.read("scenario.toml");
    assert!(stored.contains("Authorization: [redacted]"), "{stored}");
}

#[test]
fn an_error_quotes_no_secret() {
    let good = url_scenario("127.0.0.1:1".parse().unwrap(), "200ms", "");
    let headers = |headers: &str| format!("{good}headers = {{ {headers} }}\n");
    let user = format!("http://ann:{KEY}@127.0.0.1:1");
    for scenario in [
        headers(&format!("Authorization = \"Bearer {KEY}\", Other = 5")),
        headers(&format!(
            "Authorization = \"Bearer {KEY}\", Other = \"{{{{nope}}}}\""
        )),
        headers(&format!("Authorization = \"Bearer {KEY}")),
        headers(&format!("Authorization = [\"{KEY}\", 5]")),
        good.replace("http://127.0.0.1:1", &user.replace("http", "ftp")),
        good.replace(
            "[load]",
            &format!("metrics = \"{user}/m\"\nnope = 1\n[load]"),
        ),
    ] {
        let outcome = TestBed::new()
            .scenario(&scenario)
            .run()
            .expect(2, &["scenario.toml:"]);
        keeps(&outcome, &[]);
    }
    let outcome = TestBed::new()
        .args([
            "run",
            "http://127.0.0.1:1/",
            "-H",
            &format!("X-Api-Key: {KEY}{{{{int 1}}}}"),
        ])
        .run()
        .expect(2, &["-H X-Api-Key", "unknown placeholder `{{int 1}}`"]);
    keeps(&outcome, &[]);
}

#[test]
fn the_password_of_a_store_is_not_stored() {
    let target =
        format!("[target]\ngateway = {{ cpus = 1, store = \"redis://ann:{KEY}@127.0.0.1:1\" }}\n");
    let scenario = url_scenario("127.0.0.1:1".parse().unwrap(), "200ms", "")
        .replace("[target]\nurl = \"http://127.0.0.1:1\"\n", &target);
    assert!(scenario.contains("redis://"), "{scenario}");
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect(4, &["cannot use the store at redis://127.0.0.1:1"]);
    keeps(&outcome, &[]);
    let stored = outcome.read("scenario.toml");
    assert!(stored.contains("[redacted]"), "{stored}");
}

#[test]
fn credentials_of_control_urls_are_not_stored() {
    let address = echo("200 OK", |_| "ok".to_owned());
    let user = format!("ann:{KEY}@");
    let more = format!(
        "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\nurl = \"http://{user}{address}/pprof\"\n"
    );
    let scenario = url_scenario(address, "200ms", &more).replace(
        "[load]",
        &format!("metrics = \"http://{user}{address}/metrics\"\n[load]"),
    );
    let outcome = TestBed::new().scenario(&scenario).run();
    let outcome = outcome.expect(0, &[]);
    keeps(&outcome, &[]);
    let outcome = TestBed::new()
        .scenario(&scenario)
        .args(["--dry-run"])
        .run()
        .expect(0, &[]);
    keeps(&outcome, &[]);
}

#[test]
fn passwords_of_proxies_and_urls_are_neither_stored_nor_quoted() {
    let good = url_scenario("127.0.0.1:1".parse().unwrap(), "200ms", "");
    let url = "url = \"http://127.0.0.1:1\"\n";
    let with = |line: &str| {
        assert!(good.contains(url));
        good.replace(url, &line.replace("{}", KEY))
    };
    // Nothing listens there: what is stored is looked at.
    for target in [
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:{}@127.0.0.1:1\"\n",
        "url = \"http://127.0.0.1:1\"\nproxy = \"http://ann:x/{}@127.0.0.1:1\"\n",
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:1/{}@127.0.0.1:1\"\n",
        "url = \"http://ann:p@{}@127.0.0.1:1/\"\n",
        "url = 'http://ann:p\" {}@127.0.0.1:1/'\n",
    ] {
        let outcome = TestBed::new().scenario(&with(target)).run();
        let outcome = outcome.expect(4, &[]);
        keeps(&outcome, &[]);
        let stored = outcome.read("scenario.toml");
        assert!(stored.contains("[redacted]"), "{stored}");
    }
    for target in [
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:{}@127.0.0.1\"\n",
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:1/{}@127.0.0.1\"\n",
        "url = \"http://127.0.0.1:1\"\nproxy = ann:{}@127.0.0.1:1\n",
        "url = \"http://127.0.0.1:1\"\nproxy = [\"ann:{}@127.0.0.1:1\"]\n",
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:{}@127.0.0.1:1\n",
        "url = \"http://127.0.0.1:1\"\nproxi = \"ann:{}@127.0.0.1:1\"\n",
        "url = \"http://127.0.0.1:1\"\nproxy = \"ann:\n{}@127.0.0.1:1\"\n",
        "url = \"http://127.0.0.1:1\"\nconnect_to = \"ann:{}@127.0.0.1:1\"\n",
        "\"u\\u0072l\" = \"http://ann:1/{}@127.0.0.1:1\"\n",
        "url = \"http://ann:x/{}@127.0.0.1:1\"\n",
        "url = \"http://ann:1/{}@127.0.0.1:1\"\n",
    ] {
        let outcome = TestBed::new().scenario(&with(target)).run();
        keeps(&outcome.expect(2, &["scenario.toml:"]), &[]);
    }
    for args in [
        vec!["http:ann:{}@127.0.0.1:1/"],
        vec!["--connect-to", "ann:{}@h:1", "http://127.0.0.1:1/"],
        vec!["--proxy", "ann:{}@h", "http://127.0.0.1:1/"],
    ] {
        let args = args.iter().map(|arg| arg.replace("{}", KEY));
        let outcome = TestBed::new().args(["run"]).args(args).run();
        keeps(&outcome.expect(2, &["error: "]), &[]);
    }
    for (flag, value) in [
        ("--proxy", format!("ann:{KEY}@127.0.0.1:1")),
        ("--proxy", format!("http://ann:x/{KEY}@127.0.0.1:1")),
        ("--pprof", format!("http://127.0.0.1:1/p?token={KEY}")),
    ] {
        let run = |more: &[&str]| {
            TestBed::new()
                .args(["run", "-n", "2", "-d", "2s", flag, &value])
                .args(more)
                .args(["http://127.0.0.1:1/"])
                .run()
        };
        keeps(&run(&["--dry-run"]).expect(0, &[]), &[]);
        let outcome = run(&["--out", "out"]);
        keeps(&outcome, &[]);
        let stored = outcome.read("scenario.toml");
        assert!(stored.contains("[redacted]"), "{stored}");
    }
}

#[test]
fn a_target_that_echoes_a_form_does_not_spread_its_fields() {
    let answers: [fn(&str) -> String; 3] = [
        |_| {
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nk-literal-0f3a91c27b\r\n--b--".to_owned()
        },
        |_| {
            r#"{"got":"form-data; name=\"password\"\r\n\r\nk-literal-0f3a91c27b\r\n--b--"}"#
                .to_owned()
        },
        // What was sent is known wherever it is said.
        |_| "nobody knows k-literal-0f3a91c27b".to_owned(),
    ];
    for answer in answers {
        let url = format!("http://{}/", echo("400 Bad Request", answer));
        let form = format!("password={KEY}");
        let args = [
            "run", "--out", "out", "-n", "1", "-c", "1", "-F", "user=ann", "-F",
        ];
        let bed = TestBed::new().args(args).args([form, url]);
        let outcome = bed.run().expect(4, &[]);
        assert!(outcome.stdout.contains("[redacted]"), "{}", outcome.stdout);
        keeps(&outcome, &[]);
    }
}
