//! What is read, and what is left out of it.

use super::*;

#[test]
fn variables_that_commands_name_are_kept_and_no_secret_takes_their_names() {
    let shown = made(concat!(
        "curl https://a.test/a -H \"X-Session-Token: $TOKEN\"\n",
        "curl 'https://a.test/b?token=hush-4711-hush'\n",
        "curl https://a.test/c -u \"$U:$P\"\n",
        "curl https://a.test/d -u \"$V:$Q\"\n",
        "curl https://a.test/e -H 'Authorization: Bearer hush-0815-hush'",
    ));
    let found = |words: &str| shown.scenario.matches(words).count();
    for (words, count) in [
        ("X-Session-Token = \"{{env.TOKEN}}\"", 1),
        ("token={{env.TOKEN_2}}", 1),
        ("Authorization = \"{{env.AUTHORIZATION}}\"", 1),
        ("Authorization = \"{{env.AUTHORIZATION_2}}\"", 1),
        ("Authorization = \"Bearer {{env.AUTHORIZATION_3}}\"", 1),
    ] {
        assert_eq!(found(words), count, "{words}: {}", shown.scenario);
    }
    // A name that is found within the name of a variable leaves that whole.
    let shown =
        made("curl https://a.test/ -H 'X-Token: MY_SECRET_NAME' -H \"X: $MY_SECRET_NAME_2\"");
    assert!(
        shown.scenario.contains("X = \"{{env.MY_SECRET_NAME_2}}\""),
        "{}",
        shown.scenario
    );
    // What a source hides is asked for under a name that the environment can have.
    let caddy = r#"{"request":{"method":"GET","uri":"/","headers":{"Cookie":["REDACTED"],"X-Cookie":["hush-4711-hush"]}},"status":200}"#;
    let shown = made(caddy);
    assert!(
        shown.scenario.contains("Cookie = \"{{env.COOKIE}}\""),
        "{}",
        shown.scenario
    );
}

#[test]
fn one_entry_that_no_scenario_can_say_spoils_no_other() {
    let mut bad_method = get("https://a.test/x", &[]);
    bad_method["method"] = "GE T\n[evil]".into();
    for bad in [
        bad_method,
        get("https://a.test:99999/x", &[]),
        get("https://[::1/x", &[]),
        get("https://a.test%0d/x", &[]),
        get("https://a.test:x/x", &[]),
        get("https://1.2.3.999/x", &[]),
    ] {
        let shown = made(&archive(&[bad.clone(), get("https://b.test/x", &[])]));
        assert_eq!(
            shown.sample.skipped.get(&Skip::Unsendable),
            Some(&1),
            "{bad}: {:?}",
            shown.sample.skipped
        );
        assert!(
            shown.scenario.contains("https://b.test"),
            "{}",
            shown.scenario
        );
    }
    let shown = made("curl \"https://$HOST/x\"\ncurl \"https://a.$ZONE/x\"\ncurl https://b.test/x");
    assert_eq!(shown.sample.skipped.get(&Skip::Unsendable), Some(&2));
    assert!(
        shown.told.contains("line 1: the host is a variable")
            && shown.told.contains("line 2: the host"),
        "{}",
        shown.told
    );
}

#[test]
fn what_the_environment_fills_in_is_never_a_row_of_a_feed() {
    let shown = made(
        "curl https://a.test/x/$ID -d $A\ncurl https://a.test/x/47 -d b\ncurl https://a.test/x/48 -d c",
    );
    assert!(
        shown.scenario.contains("path = \"/x/{{env.ID}}\""),
        "{}",
        shown.scenario
    );
    assert!(!shown.files.contains("ID"), "{}", shown.files);
    let form = shown.told.contains("{{env.A}} stands in a form");
    assert!(
        form && shown.scenario.contains("body = \"{{env.A}}\""),
        "{} {}",
        shown.told,
        shown.scenario
    );
    let caddy = |id: u32| {
        format!(
            "{{\"request\":{{\"method\":\"GET\",\"uri\":\"/x/{id}\",\"headers\":{{\"Cookie\":[\"REDACTED\"]}}}},\"status\":200}}"
        )
    };
    let shown = made(&format!("{}\n{}", caddy(1), caddy(2)));
    assert_eq!(
        shown.scenario.matches("[[request]]").count(),
        1,
        "{}",
        shown.scenario
    );
}

#[test]
fn a_log_may_begin_with_a_bracket() {
    let envoy_long = r#"[2024-04-15T20:17:00.310Z] "POST /x HTTP/2" 204 - via_upstream - "-" 154 0 226 100 "10.0.35.28" "nsq" "cc21" "locations" "10.0.2.1:80""#;
    let envoy = r#"[2016-04-15T20:17:00.310Z] "POST /x HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq" "cc21" "locations" "tcp://10.0.2.1:80""#;
    let six = r#"[::1] - - [22/Jan/2019:03:56:14 +0000] "GET /x HTTP/1.1" 200 30 "-" "UA""#;
    let own = r#"[22/Jan/2019:03:56:14 +0000] 198.18.0.1 "GET /x HTTP/1.1" 200"#;
    for (line, format) in [
        (envoy_long, None),
        (envoy, None),
        (six, None),
        (envoy_long, Some("envoy")),
        (envoy, Some("envoy")),
        (own, Some(r#"[%t] %h "%r" %>s"#)),
    ] {
        for before in ["", " ", "\n"] {
            let options = Options {
                format,
                ..Options::default()
            };
            let shown = made_with(format!("{before}{line}\n").as_bytes(), &options);
            assert!(shown.scenario.contains("path = \"/x\""), "{line}");
        }
    }
    let own = read("a", own.as_bytes(), &Options::default()).expect_err("its format is not known");
    assert!(own.to_string().contains("--log-format"), "{own}");
    for json in ["[]", "[1,2]", "[\"a\"]", "[[", "[{\"a\":1}]", "[ {", "[{"] {
        let error = read("a", json.as_bytes(), &Options::default()).expect_err(json);
        assert!(
            error.to_string().contains("neither a HAR"),
            "{json}: {error}"
        );
    }
}

#[test]
fn a_file_of_commands_has_an_end() {
    let text = format!("curl http://a.test/\n{}", "#\n".repeat(33 << 20));
    let error = read("a", text.as_bytes(), &Options::default()).expect_err("it is too large");
    assert!(
        error.to_string().contains("commands have at most 64 MiB"),
        "{error}"
    );
}

#[test]
fn a_feed_has_no_name_that_means_something() {
    let run = |query: &str| {
        let mut request = get(&format!("https://a.test/?{query}"), &[]);
        request["method"] = "RUN".into();
        request
    };
    let shown = made(&archive(&[run("x=alpha"), run("x=beta")]));
    assert!(
        shown.scenario.contains("[feed.run-2]"),
        "{}",
        shown.scenario
    );
}

/// As Docker keeps it: each line with where it came from, and perhaps a last one that is cut off.
#[test]
fn what_a_container_wrote_is_read_as_it_was_written() {
    let of = |second: u32| {
        let line = format!(
            "192.0.2.7 - - [30/Nov/2026:10:00:{second:02} +0000] \"GET /a?n={second} HTTP/1.1\" 200 12 \"-\" \"app/1\"\n"
        );
        serde_json::json!({"log": line, "stream": "stdout", "time": "2026-11-30T10:00:00Z"})
    };
    let log = format!("{}\n{}\n{{\"log\":\"192.0", of(1), of(2));
    let sample = read("log", log.as_bytes(), &Options::default()).unwrap();
    assert_eq!(sample.exchanges.len(), 2);
    let json = serde_json::json!({"log": "{\"method\":\"GET\",\"path\":\"/a\",\"status\":200,\"time\":\"2026-11-30T10:00:00Z\"}\n", "stream": "stdout"});
    let sample = read("log", json.to_string().as_bytes(), &Options::default());
    assert_eq!(sample.unwrap().exchanges.len(), 1);
}
