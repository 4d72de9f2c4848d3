//! Small archives of the shapes that producers write.

use super::*;
use crate::import::sample::{Body, Skip};

fn read_one(text: &str) -> Sample {
    read("a.har", text)
        .expect("it is JSON")
        .expect("it is an archive")
}

fn archive(creator: &str, entries: &str) -> String {
    format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"{creator}","version":"1"}},"entries":[{entries}]}}}}"#
    )
}

fn entry(request: &str, more: &str) -> String {
    format!(
        r#"{{"startedDateTime":"2024-05-26T11:42:52.601Z","request":{request},"response":{{"status":200,"content":{{"size":3,"text":"abc"}}}}{more}}}"#
    )
}

#[test]
fn what_no_server_saw_is_counted_and_not_imported() {
    let get = r#"{"method":"GET","url":"https://a.test/x","httpVersion":"HTTP/1.1","headers":[{"name":"Accept","value":"*/*"}]}"#;
    let unversioned = r#"{"method":"GET","url":"https://a.test/x","httpVersion":"","headers":[]}"#;
    for (entry, why) in [
        (entry(get, r#","_fetchType":"Memory Cache""#), Skip::Cached),
        (entry(get, r#","_fromCache":"disk""#), Skip::Cached),
        (
            entry(get, r#","_fetchedViaServiceWorker":true"#),
            Skip::Cached,
        ),
        (entry(unversioned, r#","timings":{}"#), Skip::Cached),
        (
            entry(get, r#","_resourceType":"websocket""#),
            Skip::WebSocket,
        ),
        (entry(get, r#","_webSocketMessages":[]"#), Skip::WebSocket),
        (entry(&get.replace("https", "wss"), ""), Skip::WebSocket),
        (entry(get, "").replace("200", "101"), Skip::WebSocket),
        (entry(get, "").replace("200", "0"), Skip::NeverSent),
        (
            entry(&get.replace("https://a.test/x", "data:text/css,a"), ""),
            Skip::NeverSent,
        ),
        (entry(&get.replace("GET", "CONNECT"), ""), Skip::Connect),
        (
            entry(&get.replace("https://a.test/x", "https:///x"), ""),
            Skip::Unsendable,
        ),
        ("null".to_owned(), Skip::Unreadable),
        ("{}".to_owned(), Skip::Unreadable),
        (
            "{\"request\":{},\"response\":[1]}".to_owned(),
            Skip::Unreadable,
        ),
    ] {
        let sample = read_one(&archive("x", &entry));
        assert_eq!(sample.exchanges.len(), 0, "{entry}");
        assert_eq!(
            sample.skipped.get(&why),
            Some(&1),
            "{entry}: {:?}",
            sample.skipped
        );
    }
    let sample = read_one(&archive(
        "x",
        &entry(get, r#","_fetchType":"Network Load""#),
    ));
    assert_eq!(sample.exchanges.len(), 1);
}

#[test]
fn headers_come_in_order_and_in_whatever_form() {
    let request = r#"{"method":"GET","url":"https://User:p%40ss@A.test:443/x?a=1#f","httpVersion":"h2","headers":[
        {"name":":authority","value":"a.test"},{"name":"x-b","value":"1"},["X-A","2"],{"name":"cookie","value":"a=1"},
        {"name":"cookie","value":"b=2"},{"name":"empty"},["odd"],7]}"#;
    let sample = read_one(&archive("x", &entry(request, "")));
    let exchange = &sample.exchanges[0];
    let headers: Vec<_> = exchange
        .headers
        .iter()
        .map(|header| {
            format!(
                "{}: {}",
                header.name,
                header.value.as_deref().unwrap_or("?")
            )
        })
        .collect();
    assert_eq!(
        headers,
        [
            "x-b: 1",
            "X-A: 2",
            "cookie: a=1; b=2",
            "empty: ",
            "Authorization: Basic VXNlcjpwQHNz"
        ]
    );
    assert_eq!(exchange.origin().as_deref(), Some("https://a.test"));
    assert_eq!(
        (exchange.path.as_str(), exchange.query.as_deref()),
        ("/x", Some("a=1"))
    );
    assert_eq!(exchange.at_us, Some(1_716_723_772_601_000));
    assert!(
        sample
            .notes
            .iter()
            .any(|note| note.contains("2 of its headers")),
        "{:?}",
        sample.notes
    );
    assert!(
        sample.notes.iter().any(|note| note.contains("HTTP/2")),
        "{:?}",
        sample.notes
    );
}

#[test]
fn an_entry_of_very_many_values_is_passed_over() {
    let entry = |headers: &str| {
        format!(
            r#"{{"request":{{"method":"GET","url":"https://a.test/","headers":[{headers}]}},"response":{{"status":200}}}}"#
        )
    };
    let many = "{\"name\":\"a\",\"value\":\"b\"},".repeat(MOST_VALUES / 2);
    let log = format!(
        r#"{{"log":{{"entries":[{},{}]}}}}"#,
        entry(many.trim_end_matches(',')),
        entry("")
    );
    let sample = read_one(&log);
    assert_eq!(sample.exchanges.len(), 1);
    assert_eq!(sample.skipped.get(&Skip::Unreadable), Some(&1));
    // What stands in a text is one value.
    let log = format!(
        r#"{{"log":{{"entries":[{}]}}}}"#,
        entry(&format!(
            r#"{{"name":"a","value":"{}\""}}"#,
            "[,".repeat(MOST_VALUES)
        ))
    );
    assert_eq!(read_one(&log).exchanges.len(), 1);
}

#[test]
fn parameters_are_found_wherever_they_are_written() {
    let list = r#"[{"name":"a b","value":"1&2"},{"name":"c"}]"#;
    for (url, query, words) in [
        (
            "https://a.test/",
            Some("a%20b=1%262&c="),
            "made the query from the list",
        ),
        ("https://a.test/?a+b=1%262&c", Some("a+b=1%262&c"), ""),
        (
            "https://a.test/?a%20b=1",
            Some("a%20b=1"),
            "entry 1: queryString lists parameters",
        ),
    ] {
        let log = format!(
            r#"{{"log":{{"entries":[{{"request":{{"method":"GET","url":"{url}","headers":[],"queryString":{list}}},"response":{{"status":200}}}}]}}}}"#
        );
        let sample = read_one(&log);
        assert_eq!(sample.exchanges[0].query.as_deref(), query, "{url}");
        let told = sample.notes.join("\n");
        assert_eq!(
            told.contains("queryString") || told.contains("the list"),
            !words.is_empty(),
            "{url}: {told}"
        );
        assert!(told.contains(words), "{url}: {told}");
    }
}

#[test]
fn bodies_are_found_wherever_they_are_written() {
    let form = "application/x-www-form-urlencoded";
    for (data, size, body) in [
        (
            r#"{"mimeType":null,"text":"{\"a\":1}"}"#.to_owned(),
            7,
            Some("{\"a\":1}"),
        ),
        (
            r#"{"mimeType":"x/y","text":"AAEC","encoding":"base64"}"#.to_owned(),
            3,
            Some("\0\u{1}\u{2}"),
        ),
        (
            format!(
                r#"{{"mimeType":"{form}","params":[{{"name":"a b","value":"c&d"}},{{"name":"e","value":"1"}}]}}"#
            ),
            -1,
            Some("a%20b=c%26d&e=1"),
        ),
        (
            r#"{"mimeType":"","params":[{"name":"a","value":"1"}],"text":""}"#.to_owned(),
            3,
            Some("a=1"),
        ),
        (
            format!(
                r#"{{"mimeType":"{form}","text":"old=1&x=2","params":[{{"name":"a","value":"1"}}]}}"#
            ),
            3,
            Some("a=1"),
        ),
        (
            format!(
                r#"{{"mimeType":"{form}","text":"t=1","params":[{{"name":"ab","value":"1"}}]}}"#
            ),
            3,
            Some("t=1"),
        ),
        (
            r#"{"mimeType":"multipart/form-data; boundary=B","params":[{"name":"a","value":"1"}]}"#
                .to_owned(),
            -1,
            Some("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n"),
        ),
        (
            r#"{"mimeType":"multipart/form-data","params":[{"name":"f","fileName":"x.png"}]}"#
                .to_owned(),
            -1,
            None,
        ),
        (
            r#"{"mimeType":"x/y","text":"!","encoding":"base64"}"#.to_owned(),
            3,
            None,
        ),
    ] {
        let request = format!(
            r#"{{"method":"POST","url":"http://a.test/","httpVersion":"HTTP/1.1","headers":[{{"name":"A","value":"b"}}],"bodySize":{size},"postData":{data}}}"#
        );
        let sample = read_one(&archive("x", &entry(&request, "")));
        let expected = body.map_or(Body::Unknown, |body| Body::Bytes(body.into()));
        assert_eq!(sample.exchanges[0].body, expected, "{data}");
    }
}

#[test]
fn what_a_producer_drops_is_said() {
    let get = r#"{"method":"GET","url":"https://a.test/x","httpVersion":"http/2.0","headers":[{"name":"Accept","value":"*/*"}],"cookies":[]}"#;
    let says = |sample: &Sample, words: &str| sample.notes.iter().any(|note| note.contains(words));
    let sample = read_one(&archive("WebInspector", &entry(get, "")));
    assert!(says(&sample, "with sensitive data"), "{:?}", sample.notes);
    let Headers::AllBut(names) = &sample.sources[0].holds.headers else {
        panic!("all but some")
    };
    assert_eq!(names[0], "Cookie");
    let with = get.replace("Accept", "Cookie");
    assert!(!says(
        &read_one(&archive("WebInspector", &entry(&with, ""))),
        "sensitive"
    ));
    let none = r#"{"method":"GET","url":"http://a.test/","headers":[]}"#;
    let sample = read_one(&archive("Insomnia REST Client", &entry(none, "")));
    assert!(
        says(&sample, "records no request headers"),
        "{:?}",
        sample.notes
    );
    assert_eq!(sample.sources[0].holds.headers, Headers::Only(Vec::new()));
    let listed = r#"{"method":"GET","url":"http://a.test/","headers":[],"cookies":[{"name":"a","value":"1"}]}"#;
    let sample = read_one(&archive("x", &entry(listed, "")));
    assert_eq!(sample.exchanges[0].header("cookie"), Some("a=1"));
}

#[test]
fn json_that_is_no_archive_is_told_from_one_that_is_broken() {
    assert!(
        read("a", r#"{"headers":[["Content-Type"]]}"#)
            .expect("JSON")
            .is_none()
    );
    assert!(
        read("a", r#"{"log":{"version":"1.2"}}"#)
            .expect("JSON")
            .is_none()
    );
    let error = read("a", r#"{"log":{"entries":[{"#).expect_err("cut off");
    assert!(error.contains("line 1"), "{error}");
    assert!(read("a", &archive("x", "")).expect("JSON").is_some());
}
