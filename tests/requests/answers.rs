//! What answers are held against, what is taken from them, and what is said of them.

use telemload::metrics::ErrorKind::{self, Body, Prerequisite, Status};

use crate::drive::run;
use crate::scripted::{Asked, Scripted, say};
use crate::{SESSION, closed, errors, gatekeeper};

#[test]
fn values_that_would_change_a_request_are_not_sent() {
    let body_use = "path = \"/telemetry\"\nbody = '{\"t\":\"{{token}}\"}'";
    let path_use = "path = \"/telemetry?t={{token}}\"";
    let header_use = "path = \"/telemetry\"\nheaders = { X-T = \"{{token}}\" }";
    let long = format!("\"{}\"", "x".repeat(8_193));
    let quoted = r#""a\"b""#;
    let injected = r#""a\r\nX-Admin: 1""#;
    let cases = [
        (header_use, injected, Some("control characters")),
        (body_use, injected, Some("control characters")),
        (path_use, injected, Some("control characters")),
        (body_use, quoted, Some("which would end the text")),
        (body_use, r#""a\\b""#, Some("which would end the text")),
        (path_use, "\"a b\"", Some("which would end the text")),
        (header_use, &long, Some("longer than 8192 bytes")),
        (header_use, "\"\"", Some("empty")),
        (
            header_use,
            "{}",
            Some("neither a text, a number nor true or false"),
        ),
        (header_use, "null", Some("neither a text")),
        (header_use, quoted, None),
        (header_use, "\"a b\"", None),
        (body_use, "\"a b\"", None),
        (path_use, "12.5", None),
        (path_use, "true", None),
    ];
    for (usage, value, says) in cases {
        let requests = format!(
            "[[request]]\nname = \"login\"\nfleet = \"cars\"\nweight = 0\npath = \"/login\"\nextract = {{ token = \"json:/token\" }}\n[[request]]\nname = \"telemetry\"\nfleet = \"cars\"\n{usage}\n"
        );
        let body = format!("{{\"token\":{value}}}");
        let server = Scripted::start(move |_| say("200 OK", "", &body));
        let report = run(server.addr, &closed(3, 1, 1), &requests);
        let case = format!("{usage} {value}: {report:?}");
        match says {
            Some(says) => {
                assert_eq!(
                    errors(&report),
                    [(Body, 3), (Prerequisite, 3)].into(),
                    "{case}"
                );
                assert!(report.exemplars[&Body].contains(says), "{case}");
                assert!(server.asked().iter().all(|asked| asked.path == "/login"));
            }
            None => assert_eq!((report.total.ok, report.total.failed), (4, 0), "{case}"),
        }
    }
}

/// What is expected; status, headers and body of the answer; what is said of it, if anything.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    Option<(ErrorKind, &'a str)>,
);

/// What a server answers.
type Script = Box<dyn Fn(&Asked) -> Vec<u8> + Send + Sync>;

#[test]
fn an_answer_is_held_against_what_is_expected() {
    let json = "{\"ok\":true,\"n\":3.0,\"list\":[1,{\"a\":\"b\"}],\"none\":null}";
    let cases: [Case<'_>; 18] = [
        ("status = 201", "201 Made", "", "", None),
        ("status = [200, 404]", "404 No", "", "", None),
        (
            "status = [200, 404]",
            "201 Made",
            "",
            "x",
            Some((Status, "status 201 instead of 200 or 404: x")),
        ),
        (
            "status = 404",
            "200 OK",
            "",
            "x",
            Some((Status, "status 200 instead of 404: x")),
        ),
        (
            "headers = { content-type = \"text/plain\" }",
            "200 OK",
            "Content-Type: text/plain\r\n",
            "",
            None,
        ),
        (
            "headers = { Content-Type = \"text/plain\" }",
            "200 OK",
            "Content-Type: text/html\r\n",
            "",
            Some((
                Body,
                "header Content-Type is `text/html` instead of `text/plain`",
            )),
        ),
        (
            "headers = { X-A = { matches = \"^v[0-9]+$\" } }",
            "200 OK",
            "X-A: v12\r\n",
            "",
            None,
        ),
        (
            "headers = { X-A = { matches = \"^v[0-9]+$\" } }",
            "200 OK",
            "",
            "",
            Some((
                Body,
                "there is no header X-A, which should be a match of `^v[0-9]+$`",
            )),
        ),
        (
            "headers = { X-Token = \"a\" }",
            "200 OK",
            "X-Token: hush\r\n",
            "",
            Some((Body, "header X-Token is [redacted] instead of [redacted]")),
        ),
        ("body.contains = \"ok\"", "200 OK", "", "it is ok", None),
        (
            "body.contains = \"ok\"",
            "200 OK",
            "",
            "it is not",
            Some((Body, "the body does not hold `ok`: it is not")),
        ),
        (
            "body.matches = \"^[0-9]+$\"",
            "200 OK",
            "",
            "12a",
            Some((Body, "the body has no match of `^[0-9]+$`: 12a")),
        ),
        (
            "body = { json = { \"/ok\" = true, \"/n\" = 3, \"/list/1/a\" = \"b\", \"/list\" = [1, { a = \"b\" }] } }",
            "200 OK",
            "",
            json,
            None,
        ),
        (
            "body.json.\"/ok\" = false",
            "200 OK",
            "",
            json,
            Some((Body, "/ok is true instead of false")),
        ),
        (
            "body.json.\"/n\" = 4",
            "200 OK",
            "",
            json,
            Some((Body, "/n is 3.0 instead of 4")),
        ),
        (
            "body.json.\"/nope\" = 4",
            "200 OK",
            "",
            "{}",
            Some((Body, "/nope is missing and should be 4: {}")),
        ),
        (
            "body.json.\"/ok\" = true",
            "200 OK",
            "",
            "<html>",
            Some((Body, "the body is not JSON: <html>")),
        ),
        (
            "body.contains = \"ok\"",
            "200 OK",
            "",
            "HUGE",
            Some((
                Body,
                "the body has 1048577 bytes, and at most 1048576 are looked at",
            )),
        ),
    ];
    for (expect, status, headers, body, unmet) in cases {
        let body = if body == "HUGE" {
            "x".repeat((1 << 20) + 1)
        } else {
            body.to_owned()
        };
        let answer = say(status, headers, body);
        let server = Scripted::start(move |_| answer.clone());
        let requests = format!("[[request]]\nname = \"r\"\npath = \"/\"\nexpect.{expect}\n");
        let report = run(server.addr, &closed(4, 2, 1), &requests);
        let case = format!("{expect}: {report:?}");
        match unmet {
            None => assert_eq!(report.total.ok, 4, "{case}"),
            Some((kind, words)) => {
                assert_eq!(report.errors(), [(kind, 4)], "{case}");
                assert_eq!(report.exemplars[&kind], words, "{case}");
                assert_eq!(report.total.status.values().sum::<u64>(), 4, "{case}");
            }
        }
    }
}

#[test]
fn what_was_extracted_is_in_no_words() {
    let echo = |asked: &Asked| say("500 No", "", &asked.head);
    let wrong = |body: &'static str| move |_: &Asked| say("202 Taken", "", body);
    let login = SESSION.replace("extract", "expect = { status = 200 }\nextract");
    let answers: [(&str, Script); 6] = [
        (
            "echoed",
            Box::new(move |asked| {
                if asked.path == "/login" {
                    gatekeeper(asked)
                } else {
                    echo(asked)
                }
            }),
        ),
        (
            "unexpected",
            Box::new(wrong("{\"token\":\"secret-of-nobody\",\"why\":\"x\"}")),
        ),
        (
            "escaped",
            Box::new(wrong("{\"token\":\"secret-of\\u002dnobody\"}")),
        ),
        (
            "broken",
            Box::new(wrong("{\"token\":\"secret-of-nobody\"]")),
        ),
        (
            "surplus",
            Box::new(|_| {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{\"token\":\"secret-of-nobody\"}"
                    .to_vec()
            }),
        ),
        (
            "control",
            Box::new(wrong("{\"token\":\"secret-of-nobody\\n\"}")),
        ),
    ];
    for (case, answer) in answers {
        let server = Scripted::start(answer);
        let report = run(server.addr, &closed(8, 2, 1), &login);
        assert!(report.total.failed >= 8, "{case}: {report:?}");
        for (kind, words) in &report.exemplars {
            assert!(
                !words.contains("secret-of") && !words.contains("nobody"),
                "{case} {kind}: {words}"
            );
        }
    }
}

#[test]
fn what_would_be_extracted_is_hidden_wherever_a_failure_says_it() {
    let cases: [(&str, &str, &str, &str, &str); 6] = [
        (
            "token = \"json:/token\"",
            "500 No",
            "",
            r#"{"token":"s3cr3t-of-nobody","session":{"access":"s3cr3t-of-nobody"},"url":"/x?t=s3cr3t-of-nobody"}"#,
            r#"status 500: {"session":[redacted],"token":"[redacted]","url":"/x?t=[redacted]"}"#,
        ),
        (
            "token = \"header:X-T\"",
            "500 No",
            "X-T: s3cr3t-of-nobody\r\n",
            "t=s3cr3t-of-nobody.",
            "status 500: t=[redacted].",
        ),
        (
            "token = \"json:/token\"",
            "302 Found",
            "Location: /x?t=s3cr3t-of-nobody\r\n",
            r#"{"token":"s3cr3t-of-nobody"}"#,
            "status 302: redirected to /x?t=[redacted], which telemload does not follow; load that address itself",
        ),
        (
            "token = \"json:/token\"",
            "500 No",
            "",
            r#"{"token":"s3\"cr3t","also":"s3\"cr3t"}"#,
            r#"status 500: {"also":"[redacted]","token":"[redacted]"}"#,
        ),
        (
            "token = \"json:/token\"",
            "500 No",
            "",
            r#"{"token":{"value":"s3cr3t-of-nobody","ok":true},"also":["s3cr3t-of-nobody",true]}"#,
            r#"status 500: {"also":["[redacted]",true],"token":"[redacted]"}"#,
        ),
        // What is sent and what would be extracted overlap.
        (
            "token = \"json:/token\"",
            "500 No",
            "",
            r#"{"token":"LITERAL1-nobody","also":"s3cr3t-LITERAL1"}"#,
            r#"status 500: {"also":"[redacted]","token":"[redacted]"}"#,
        ),
    ];
    for (extract, status, headers, body, words) in cases {
        let answer = say(status, headers, body);
        let server = Scripted::start(move |_| answer.clone());
        let requests = format!(
            "[[request]]\nname = \"login\"\nfleet = \"cars\"\npath = \"/\"\nheaders = {{ X-Password = \"s3cr3t-LITERAL1\" }}\nextract = {{ {extract} }}\n"
        );
        let report = run(server.addr, &closed(2, 1, 1), &requests);
        assert_eq!(report.errors(), [(Status, 2)], "{report:?}");
        assert_eq!(report.exemplars[&Status], words);
    }
}
