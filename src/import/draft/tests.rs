//! Samples of the shapes that traffic has, and what their scenarios say.

use super::*;
use crate::import::sample::{Body, Header};

fn exchange(at: i64, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query.to_owned())));
    Exchange {
        at_us: Some(1_700_000_000_000_000 + at),
        method: method.to_owned(),
        scheme: Some("http".to_owned()),
        host: Some("a.test".to_owned()),
        path: path.to_owned(),
        query,
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            })
            .collect(),
        body: if body.is_empty() {
            Body::Absent
        } else {
            Body::Bytes(body.into())
        },
        status: Some(200),
        ..Exchange::default()
    }
}

fn made(exchanges: Vec<Exchange>, choice: impl FnOnce(&mut Choice)) -> Draft {
    let mut sample = Sample {
        exchanges,
        ..Sample::default()
    };
    let mut chosen = Choice {
        name: "x".to_owned(),
        folder: "x-files".to_owned(),
        ..Choice::default()
    };
    choice(&mut chosen);
    draft(&mut sample, &chosen).expect("there is something to send")
}

fn text(draft: &Draft, file: &str) -> String {
    String::from_utf8(draft.files[file].clone()).expect("text")
}

#[test]
fn what_differs_comes_from_a_feed_and_what_does_not_stands_there() {
    let draft = made(
        vec![
            exchange(
                0,
                "GET",
                "/items/4711?page=1&q={{x",
                &[("Accept", "*/*"), ("X-N", "a")],
                "",
            ),
            exchange(
                500_000,
                "GET",
                "/items/4712?page=2&q={{x",
                &[("Accept", "*/*"), ("X-N", "b")],
                "",
            ),
            exchange(
                1_000_000,
                "GET",
                "/items/4711?page=1&q={{x",
                &[("Accept", "*/*"), ("X-N", "a")],
                "",
            ),
            exchange(
                1_500_000,
                "POST",
                "/items",
                &[
                    ("Connection", "keep-alive"),
                    ("Content-Length", "9"),
                    ("Host", "a.test"),
                ],
                "{\"n\":{{1}",
            ),
        ],
        |_| {},
    );
    assert!(
        draft.scenario.contains("url = \"http://a.test\""),
        "{}",
        draft.scenario
    );
    assert!(
        draft.scenario.contains(
            r#"path = "/items/{{get-items-x.items}}?page={{get-items-x.page}}&q={{\"{{\"}}x""#
        ),
        "{}",
        draft.scenario
    );
    assert!(draft.scenario.contains("weight = 3"), "{}", draft.scenario);
    assert!(
        draft.scenario.contains(r#"body = "{\"n\":{{\"{{\"}}1}""#),
        "{}",
        draft.scenario
    );
    assert!(
        !draft.scenario.contains("Content-Length"),
        "{}",
        draft.scenario
    );
    assert_eq!(text(&draft, "get-items-x.jsonl").lines().count(), 3);
    assert_eq!((draft.requests, draft.exchanges), (2, 4));
}

#[test]
fn a_header_that_is_there_sometimes_makes_two_requests() {
    let draft = made(
        vec![
            exchange(
                0,
                "GET",
                "/",
                &[("A", "1"), ("X-Tag", "a"), ("X-Tag", "b")],
                "",
            ),
            exchange(1_000_000, "GET", "/", &[("A", "1")], ""),
        ],
        |_| {},
    );
    assert_eq!(draft.requests, 2);
    assert!(
        draft.scenario.contains("X-Tag = [\"a\", \"b\"]"),
        "{}",
        draft.scenario
    );
}

#[test]
fn secrets_are_asked_for_or_generated_and_kept_only_in_their_own_file() {
    let tokens = ["hush-0001", "hush-0002", "hush-0001"];
    let mut exchanges: Vec<Exchange> = (tokens.iter().enumerate())
        .map(|(at, token)| {
            let id = format!("device-{token}-x").replace("hush-", "");
            exchange(
                at as i64 * 1_000_000,
                "POST",
                "/v1/telemetry",
                &[("X-Device-Id", &id), ("X-Device-Token", token)],
                "{\"n\":1}",
            )
        })
        .collect();
    exchanges.push(exchange(
        4_000_000,
        "GET",
        "/me",
        &[("Authorization", "Bearer hush-alone-4711")],
        "",
    ));
    let draft = made(exchanges.clone(), |_| {});
    let all = format!(
        "{}{}",
        draft.scenario,
        text(&draft, "post-v1-telemetry.jsonl")
    );
    assert!(!all.contains("hush"), "{all}");
    assert!(all.contains("Bearer {{env.AUTHORIZATION}}"), "{all}");
    assert_eq!(
        draft.variables.iter().collect::<Vec<_>>(),
        ["AUTHORIZATION"]
    );
    assert!(draft.secrets.is_none());
    let kept = made(exchanges, |choice| {
        choice.secrets = Some("hushed.jsonl".to_owned())
    });
    let rest: String = kept
        .files
        .values()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert!(
        !format!("{}{rest}", kept.scenario).contains("hush-"),
        "{}{rest}",
        kept.scenario
    );
    assert!(kept.variables.is_empty());
    let secret = String::from_utf8(kept.secrets.clone().expect("they are kept")).expect("text");
    assert!(
        secret.contains("hush-0002") && secret.contains("hush-alone-4711"),
        "{secret}"
    );
    // Row by row, the token of each device.
    let devices = text(&kept, "post-v1-telemetry.jsonl");
    for (device, secret) in devices.lines().zip(secret.lines()) {
        let number = if device.contains("0001") {
            "hush-0001"
        } else {
            "hush-0002"
        };
        assert!(secret.contains(number), "{device} {secret}");
    }
}

#[test]
fn the_origin_is_the_most_frequent_or_the_one_that_is_named() {
    let mut exchanges = vec![
        exchange(0, "GET", "/a", &[], ""),
        exchange(1, "GET", "/b", &[], ""),
        exchange(2, "GET", "/c", &[], ""),
    ];
    exchanges[2].host = Some("b.test".to_owned());
    let draft = made(exchanges.clone(), |_| {});
    assert_eq!(
        (draft.origin.as_deref(), draft.exchanges),
        (Some("http://a.test"), 2)
    );
    let other = made(exchanges.clone(), |choice| {
        choice.origin = Some("http://b.test:80/".to_owned());
        choice.target = Some("http://127.0.0.1:9".to_owned());
    });
    assert_eq!(
        (other.target.as_str(), other.exchanges),
        ("http://127.0.0.1:9", 1)
    );
    assert!(
        other.scenario.contains("Host = \"b.test\""),
        "{}",
        other.scenario
    );
    let mut sample = Sample {
        exchanges,
        ..Sample::default()
    };
    let choice = Choice {
        origin: Some("c.test".to_owned()),
        ..Choice::default()
    };
    let error = super::draft(&mut sample, &choice).expect_err("nothing went there");
    assert!(error.contains("http://a.test, http://b.test"), "{error}");
}

#[test]
fn times_become_a_rate_or_a_schedule() {
    let at = |ms: i64| exchange(ms * 1000, "GET", "/", &[], "");
    let regular: Vec<Exchange> = (0..101).map(|n| at(n * 200)).collect();
    let draft = made(regular.clone(), |_| {});
    assert!(
        draft.scenario.contains("arrivals = \"constant\""),
        "{}",
        draft.scenario
    );
    assert!(
        draft.scenario.contains("rate = \"5.05/s\""),
        "{}",
        draft.scenario
    );
    let fast = made(regular, |choice| choice.pace.speed = 10.0);
    assert!(
        fast.scenario.contains("rate = \"50.5/s\""),
        "{}",
        fast.scenario
    );
    let bursts: Vec<Exchange> = (0..100).map(|n| at(n / 25 * 10_000 + n % 25)).collect();
    let bursty = made(bursts.clone(), |_| {});
    assert!(
        bursty.notes.iter().any(|note| note.contains("--timing")),
        "{:?}",
        bursty.notes
    );
    let kept = made(bursts, |choice| {
        choice.pace = Pace {
            keeps_times: true,
            speed: 2.0,
        }
    });
    assert!(
        kept.scenario.contains("rate = \"500/s\""),
        "{}",
        kept.scenario
    );
    assert!(
        kept.scenario.contains(
            "{ hold = \"50ms\" },\n  { to = \"0/s\", over = \"0s\" },\n  { hold = \"4950ms\" }"
        ),
        "{}",
        kept.scenario
    );
    let mut timeless = exchange(0, "GET", "/", &[], "");
    timeless.at_us = None;
    let closed = made(vec![timeless], |_| {});
    assert!(
        closed.scenario.contains("model = \"closed\""),
        "{}",
        closed.scenario
    );
}

/// A log of whole seconds: what is within one is not known, so it is no burst.
#[test]
fn whole_seconds_are_no_bursts() {
    let notes_of = |second: &dyn Fn(usize) -> usize| {
        let line = |n| {
            let second = second(n);
            format!(
                "198.18.0.1 - - [22/Jan/2019:00:26:{second:02} +0000] \"GET / HTTP/1.1\" 200 1\n"
            )
        };
        let text: String = (0..90).map(line).collect();
        let mut sample = crate::import::log::read("a.log", &text, None).expect("it is a log");
        let chosen = Choice {
            name: "x".to_owned(),
            folder: "x-files".to_owned(),
            ..Choice::default()
        };
        let draft = draft(&mut sample, &chosen).expect("there is something to send");
        draft.notes.join("\n")
    };
    for seconds in [1, 4, 9] {
        let notes = notes_of(&|n| n % seconds);
        assert!(!notes.contains("burstier"), "{seconds}: {notes}");
    }
    let notes = notes_of(&|n| if n < 80 { 3 } else { n - 80 });
    assert!(notes.contains("burstier"), "{notes}");
}

/// What comes behind the first million seconds is no burst.
#[test]
fn a_log_of_a_month_is_as_even_as_it_is() {
    let at = |n: i64| exchange(n * 600_000_000, "GET", "/", &[], "");
    let draft = made((0..4_320).map(at).collect(), |_| {});
    let notes = draft.notes.join("\n");
    assert!(!notes.contains("burstier"), "{notes}");
}

#[test]
fn a_mean_rate_over_a_pause_is_noted() {
    let at = |second: i64| exchange(second * 1_000_000, "GET", "/", &[], "");
    let two_days = (0..40).map(|n| at(n + n / 20 * 7_200)).collect();
    let notes = made(two_days, |_| {}).notes.join("\n");
    let says = "nothing came for 120m 1s of the 120m 39s from the first request to the last";
    assert!(notes.contains(says), "{notes}");
    let notes = made((0..40).map(at).collect(), |_| {}).notes.join("\n");
    assert!(!notes.contains("nothing came"), "{notes}");
}

#[test]
fn why_times_are_not_used_is_said() {
    let at = |at| exchange(at, "GET", "/", &[], "");
    let mut timeless = at(0);
    timeless.at_us = None;
    for (exchanges, words) in [
        (
            vec![timeless.clone(), timeless.clone()],
            "times are not recorded: ",
        ),
        (
            vec![at(0), at(5), timeless],
            "1 of 3 requests have no time: ",
        ),
        (vec![at(7), at(7)], "all requests are of one moment: "),
    ] {
        let notes = made(exchanges, |_| {}).notes;
        assert!(
            notes.iter().any(|note| note.starts_with(words)),
            "{notes:?}"
        );
    }
}

#[test]
fn identifiers_and_times_of_requests_are_drawn_anew() {
    let id = |n: u8| format!("7f3c9a52-0a1b-4c3d-9e8f-0011223344{n:02}");
    let draft = made(
        (0..3)
            .map(|n| {
                let path = format!("/a?_={}", 1_700_000_000_000 + i64::from(n) * 1000);
                exchange(
                    i64::from(n) * 1_000_000,
                    "GET",
                    &path,
                    &[("X-Request-Id", &id(n))],
                    "",
                )
            })
            .collect(),
        |_| {},
    );
    assert!(
        draft.scenario.contains("X-Request-Id = \"{{uuid}}\""),
        "{}",
        draft.scenario
    );
    assert!(
        draft.scenario.contains("path = \"/a?_={{now unix_ms}}\""),
        "{}",
        draft.scenario
    );
    assert!(draft.files.is_empty());
}

#[test]
fn a_host_that_is_not_the_urls_is_sent() {
    let hosts =
        |host: &str| made(vec![exchange(0, "GET", "/", &[("Host", host)], "")], |_| {}).scenario;
    assert!(hosts("b.test").contains("Host = \"b.test\""));
    assert!(!hosts("A.test").contains("Host ="));
}

#[test]
fn what_was_answered_is_expected() {
    let mut moved = exchange(0, "GET", "/", &[], "");
    moved.status = Some(304);
    let draft = made(
        vec![moved, exchange(1_000_000, "GET", "/x", &[], "")],
        |_| {},
    );
    assert!(
        draft.scenario.contains("expect = { status = [200, 304] }"),
        "{}",
        draft.scenario
    );
    assert_eq!(draft.scenario.matches("expect").count(), 1);
}

/// A target that answers nothing else would pass.
#[test]
fn failures_that_were_recorded_are_told() {
    let answered = |statuses: &[u16]| {
        let sent = (0..).zip(statuses).map(|(at, status)| Exchange {
            status: Some(*status),
            ..exchange(at * 1_000_000, "GET", "/", &[], "")
        });
        let draft = made(sent.collect(), |_| {});
        (draft.scenario, draft.notes.join("\n"))
    };
    let (scenario, notes) = answered(&[200, 500, 503]);
    assert!(!scenario.contains("expect"), "{scenario}");
    let says = "answers of 5xx that were recorded: 2; no request expects them";
    assert!(notes.contains(says), "{notes}");
    let (scenario, notes) = answered(&[200, 401, 200, 502]);
    assert!(scenario.contains("[200, 401]"), "{scenario}");
    let says = "as they were recorded: 1 (`get`: 200, 401); a target that answers with 4xx alone";
    assert!(notes.contains(says), "{notes}");
    let (scenario, notes) = answered(&[404, 404]);
    assert!(scenario.contains("[404]"), "{scenario}");
    assert!(!notes.contains("4xx"), "{notes}");
}

#[test]
fn a_header_with_a_control_character_is_left_out_also_where_it_is_secret() {
    let with = |at, token: &str| exchange(at, "GET", "/a", &[("X-Api-Key", token)], "");
    let draft = made(
        vec![with(0, "hush4711\u{1b}abcdef"), with(1, "hush4712\nabcdef")],
        |_| {},
    );
    assert!(!draft.scenario.contains("X-Api-Key"), "{}", draft.scenario);
    let note = "`X-Api-Key` has a control character in some requests and is left out there";
    assert!(
        draft.notes.iter().any(|said| said == note),
        "{:?}",
        draft.notes
    );
}
