//! Lines of every format, sound and broken.

use proptest::prelude::*;

use super::*;
use crate::import::sample::Exchange;
use crate::import::sample::{Body, Headers, Times};

fn first(text: &str, format: Option<&str>) -> Exchange {
    read("a.log", text, format)
        .expect("it is a log")
        .exchanges
        .remove(0)
}

fn shown(exchange: &Exchange) -> String {
    let query = exchange
        .query
        .as_ref()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let headers: Vec<String> = exchange
        .headers
        .iter()
        .map(|header| {
            format!(
                "{}={}",
                header.name,
                header.value.as_deref().unwrap_or("hidden")
            )
        })
        .collect();
    format!(
        "{} {}{}{query} {} {} [{}]",
        exchange.method,
        exchange.host.as_deref().unwrap_or_default(),
        exchange.path,
        exchange.status.unwrap_or_default(),
        exchange.at_us.unwrap_or_default() / 1000,
        headers.join("; ")
    )
}

#[test]
fn known_formats_are_told_by_their_lines() {
    for (text, expected) in [
        (
            r#"198.18.0.1 - - [22/Jan/2019:03:56:14 +0330] "GET /a|b%20c HTTP/1.1" 200 30577 "-" "Moz \"x\" (y)" "-""#,
            r#"GET /a|b%20c 200 1548116774000 [User-Agent=Moz "x" (y)]"#,
        ),
        (
            r#"198.18.0.1 - ann [22/Jan/2019:00:26:14 +0000] "POST /a?b=1 HTTP/1.0" 404 - "https://r.test/" "-""#,
            "POST /a?b=1 404 1548116774000 [Referer=https://r.test/]",
        ),
        (
            r#"198.18.0.1 - - [22/Jan/2019:00:26:14 +0000] "GET / HTTP/1.1" 200 1"#,
            "GET / 200 1548116774000 []",
        ),
        (
            r#"198.18.0.1 - - [22/Jan/2019 00:26:14] "GET /python HTTP/1.1" 200 -"#,
            "GET /python 200 1548116774000 []",
        ),
        (
            r#"a.test 198.18.0.1 - - [22/Jan/2019:00:26:14 +0000] "GET / HTTP/1.1" 200 1 "-" "x""#,
            "GET a.test/ 200 1548116774000 [User-Agent=x]",
        ),
        (
            r#"[2019-01-22T00:26:14.250Z] "POST /api/v1 HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0" "locations" "tcp://10.0.2.1:80""#,
            "POST locations/api/v1 204 1548116774250 [X-Forwarded-For=10.0.35.28; User-Agent=nsq2http; X-Request-Id=cc21d9b0]",
        ),
        (
            r#"[2019-01-22T00:26:14.250Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 5 1 0 "-" "curl/8" "id" "a.test" "10.0.0.1:80""#,
            "GET a.test/a 200 1548116774250 [User-Agent=curl/8; X-Request-Id=id]",
        ),
        (
            r#"h2 2019-01-22T00:26:14.250000Z app/x/1 198.18.0.1:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET https://a.test:443/x?y HTTP/2.0" "curl/7.46.0" ECDHE TLSv1.2 arn "Root=1""#,
            "GET a.test/x?y 200 1548116774250 [User-Agent=curl/7.46.0]",
        ),
        (
            "Jan 22 00:26:14 lb haproxy[14389]: 198.18.0.1:33317 [22/Jan/2019:00:26:14.250] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} \"GET /index.html HTTP/1.1\"",
            "GET /index.html 200 1548116774250 []",
        ),
        (
            "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)\n2019-01-22 00:26:14 198.18.0.1 GET /x.jpg a=1 200 Mozilla/4.0+(x)",
            "GET /x.jpg?a=1 200 1548116774000 [User-Agent=Mozilla/4.0 (x)]",
        ),
        (
            "<134>1 2019-01-22T00:26:14.250Z lb haproxy 14389 - - 198.18.0.1:33317 [22/Jan/2019:00:26:14.250] http-in~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET /a HTTP/1.1\"",
            "GET /a 200 1548116774250 []",
        ),
        (
            r#"2019-01-22T00:26:14.250000Z my-elb 198.18.0.1:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://a.test:80/x HTTP/1.1" "curl/7" - -"#,
            "GET a.test/x 200 1548116774250 [User-Agent=curl/7]",
        ),
        (
            "#Fields: date time x-edge-location c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent) cs(Cookie) x-host-header cs-protocol time-taken\n2019-01-22\t00:26:14\tLAX1\t198.18.0.1\tGET\td1.cdn.test\t/x%20y\t200\tMoz/5.0%2520(x;%20y+z)\ta=1;%20b=%257B\ta.test\thttps\t0.001",
            "GET a.test/x%20y 200 1548116774000 [User-Agent=Moz/5.0 (x; y+z); Cookie=a=1; b=%7B]",
        ),
        (
            "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tmethod\thost\turi\tuser_agent\trequest_body_len\tstatus_code\n1548116774.250000\tC1\t198.18.0.1\tPOST\ta.test\t/x\tcurl\t7\t200",
            "POST a.test/x 200 1548116774250 [User-Agent=curl]",
        ),
    ] {
        assert_eq!(shown(&first(text, None)), expected, "{text}");
    }
}

/// What is in front of a time may be anything, and a wrong host is one that others would be loaded with.
#[test]
fn a_client_or_a_collector_is_no_host() {
    let end = r#"[22/Jan/2019:00:26:14 +0000] "GET /a HTTP/1.1" 200 1 "-" "x""#;
    for (before, host, client) in [
        ("198.18.0.1 - John Smith", None, "198.18.0.1"),
        ("198.18.0.1, 198.18.0.2 - -", None, "198.18.0.1"),
        ("198.18.0.1 198.18.0.2 - -", None, "198.18.0.2"),
        ("web-1  | 198.18.0.1 - -", None, "198.18.0.1"),
        (
            "Jan 22 00:26:14 web nginx[123]: 198.18.0.1 - -",
            None,
            "198.18.0.1",
        ),
        (
            "<190>Jan 22 00:26:14 web nginx: 198.18.0.1 - ann",
            None,
            "198.18.0.1",
        ),
        (
            "2019-01-22T00:26:14.1Z stdout F 198.18.0.1 - -",
            None,
            "198.18.0.1",
        ),
        ("web.test apache: 198.18.0.1 - -", None, "198.18.0.1"),
        ("[pod/web/nginx] 2001:db8::1 - -", None, "2001:db8::1"),
        ("- 198.18.0.1 - -", None, "198.18.0.1"),
        (
            "a.test 198.18.0.1 - John Smith",
            Some("a.test"),
            "198.18.0.1",
        ),
        ("a.test:8080 c.test - -", Some("a.test:8080"), "c.test"),
        (
            "127.0.1.1:80 198.18.0.1 - -",
            Some("127.0.1.1"),
            "198.18.0.1",
        ),
    ] {
        let read = first(&format!("{before} {end}"), None);
        let found = (read.host.as_deref(), read.client.as_deref());
        assert_eq!(found, (host, Some(client)), "{before}");
        assert_eq!(read.path, "/a", "{before}");
    }
    let tls = first(&format!("a.test:443 198.18.0.1 - - {end}"), None);
    assert_eq!(
        (tls.scheme.as_deref(), tls.host.as_deref()),
        (Some("https"), Some("a.test"))
    );
}

#[test]
fn a_format_line_says_what_a_log_holds() {
    for (format, line, expected) in [
        (
            r#"$remote_addr [$time_iso8601] "$request" $status $msec "$http_x_device_id" $request_time"#,
            r#"::1 [2019-01-22T00:26:14+00:00] "GET /a\x22 HTTP/1.1" 200 1548116774.250 "d-17" 0.5"#,
            "GET /a\" 200 1548116774250 [X-Device-Id=d-17]",
        ),
        (
            r#"%h %{usec}t \"%r\" %>s %{X-Tag}i %D"#,
            r#"::1 1548116774250000 "GET /a HTTP/1.1" 200 t 1500"#,
            "GET /a 200 1548116774250 [X-Tag=t]",
        ),
        (
            r#"%REQ(:METHOD)% %REQ(:PATH)% %REQ(X-DEVICE-ID)% %START_TIME%"#,
            "GET /a?b d-17 2019-01-22T00:26:14.250Z",
            "GET /a?b 0 1548116774250 [X-Device-Id=d-17]",
        ),
        (
            "combined",
            r#"::1 - - [22/Jan/2019:00:26:14 +0000] "GET / HTTP/1.1" 200 1 "-" "x""#,
            "GET / 200 1548116774000 [User-Agent=x]",
        ),
    ] {
        assert_eq!(shown(&first(line, Some(format))), expected, "{format}");
    }
    for (format, words) in [
        ("$status", "names no request"),
        ("$request$status", "nothing between them"),
        ("nginx", "names no request"),
        ("%{x %r", "never closed"),
        ("%", "ends with"),
    ] {
        let error = read("a.log", "x", Some(format)).expect_err(format);
        assert!(error.contains(words), "{format}: {error}");
    }
    let error = read("a.log", "a b c", Some("combined")).expect_err("no line fits");
    assert!(error.contains("none of its 1 lines"), "{error}");
}

#[test]
fn what_is_no_request_is_counted() {
    let log = concat!(
        "198.18.0.1 - - [22/Jan/2019:00:26:14 +0000] \"-\" 400 0 \"-\" \"-\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"\\x16\\x03\\x01\" 400 0 \"-\" \"-\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"GET / HTTP/1.1\" 200 0 \"-\" \"Googlebot\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"CONNECT a.test:443 HTTP/1.1\" 200 0 \"-\" \"-\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"OPTIONS * HTTP/1.0\" 200 0 \"-\" \"-\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"GET /ws HTTP/1.1\" 101 0 \"-\" \"-\"\n",
        "198.18.0.1 - - [22/Jan/2019:00:26:15 +0000] \"GET /cut off",
    );
    let sample = read("a.log", log, None).expect("it is a log");
    let counts: Vec<_> = sample
        .skipped
        .iter()
        .map(|(why, count)| (why.words().0, *count))
        .collect();
    assert_eq!(
        counts,
        [
            ("websocket", 1),
            ("connect", 1),
            ("no_request", 2),
            ("unreadable", 1),
            ("unsendable", 1)
        ]
    );
    assert_eq!(sample.exchanges.len(), 1);
    assert!(
        sample.notes[0].contains("1 of 1 requests are of crawlers"),
        "{:?}",
        sample.notes
    );
    let holds = &sample.sources[0].holds;
    assert_eq!(
        (holds.time, holds.headers.clone()),
        (
            Times::Seconds,
            Headers::Only(vec!["Referer".to_owned(), "User-Agent".to_owned()])
        )
    );
}

#[test]
fn logs_in_json_are_told_by_their_fields() {
    let caddy = r#"{"ts":1548116774.25,"request":{"client_ip":"198.18.0.1","method":"POST","host":"a.test:400","uri":"/x?y=1","headers":{"X-A":["1","2"],"Cookie":["REDACTED"],"Authorization":[]}},"bytes_read":7,"status":200}"#;
    let sample = json("a.jsonl", &format!("{caddy}\nno json\n")).expect("Caddy's");
    assert_eq!(
        shown(&sample.exchanges[0]),
        "POST a.test:400/x?y=1 200 1548116774250 [Authorization=hidden; Cookie=hidden; X-A=1; X-A=2]"
    );
    assert_eq!(
        (
            sample.exchanges[0].body.clone(),
            sample.skipped[&Skip::Unreadable]
        ),
        (Body::Size(7), 1)
    );
    let cloudflare = r#"[{"ClientRequestHost":"a.test","ClientRequestMethod":"GET","ClientRequestURI":"/","ClientRequestUserAgent":"x","EdgeStartTimestamp":1548116774250000001,"EdgeResponseStatus":200}]"#;
    assert_eq!(
        shown(&json("a", cloudflare).expect("Cloudflare's").exchanges[0]),
        "GET a.test/ 200 1548116774250 [User-Agent=x]"
    );
    let nginx = r#"{"msec":"1548116774.250","request":"GET /a HTTP/1.1","status":"200","http_user_agent":"x"}"#;
    assert_eq!(
        shown(&json("a", nginx).expect("nginx's").exchanges[0]),
        "GET /a 200 1548116774250 [User-Agent=x]"
    );
    let own = r#"{"a":{"m":"GET","u":"https://a.test/x"},"t":"2019-01-22T00:26:14.25Z","d":"17"}"#;
    let sample = by_pointers(
        "a",
        own,
        "method=/a/m,target=/a/u,time=/t,header.X-Device-Id=/d",
    )
    .expect("pointers");
    assert_eq!(
        shown(&sample.exchanges[0]),
        "GET a.test/x 0 1548116774250 [X-Device-Id=17]"
    );
    for (fields, words) in [
        ("a=/x", "no field `a`"),
        ("method", "NAME=/POINTER"),
        ("method=x", "begins with `/`"),
        ("method=/x", "names no request"),
    ] {
        let error = by_pointers("a", own, fields).expect_err(fields);
        assert!(error.contains(words), "{fields}: {error}");
    }
    for (log, expected) in [
        (
            r#"{"httpRequest":{"requestMethod":"GET","requestUrl":"https://a.test/x?y=1","status":200,"userAgent":"u","remoteIp":"198.18.0.1"},"timestamp":"2019-01-22T00:26:14.250Z"}"#,
            "GET a.test/x?y=1 200 1548116774250 [User-Agent=u]",
        ),
        (
            r#"{"RequestMethod":"GET","RequestPath":"/x","RequestHost":"a.test","RequestAddr":"a.test:8443","RequestScheme":"https","StartUTC":"2019-01-22T00:26:14.25Z","DownstreamStatus":200,"request_X-Device-Id":"d"}"#,
            "GET a.test:8443/x 200 1548116774250 [X-Device-Id=d]",
        ),
        (
            r#"{"level":30,"time":1548116774250,"req":{"method":"GET","url":"/x","headers":{"host":"a.test","x-device-id":"d"}},"res":{"statusCode":200}}"#,
            "GET a.test/x 200 1548116774250 [host=a.test; x-device-id=d]",
        ),
        (
            r#"{"time_iso8601":"2019-01-22T00:26:14+00:00","time":0.013,"request":"GET /x HTTP/1.1","status":200}"#,
            "GET /x 200 1548116774000 []",
        ),
        (
            r#"{"ClientRequestMethod":"GET","ClientRequestURI":"/","EdgeStartTimestamp":1548116774,"EdgeResponseStatus":200,"RequestHeaders":{"x-a/b":"1"}}"#,
            "GET / 200 1548116774000 [X-A/b=1]",
        ),
        (
            r#"{"time":"2019-01-22T00:26:14Z","method":"GET","uri":"/x","status":200,"user_agent":"u","headers":{"User-Agent":"u"}}"#,
            "GET /x 200 1548116774000 [User-Agent=u]",
        ),
    ] {
        assert_eq!(shown(&json("a", log).expect(log).exchanges[0]), expected);
    }
    assert!(
        json("a", "{\"level\":\"info\"}")
            .expect_err("no log")
            .contains("neither a HAR")
    );
}

/// nginx writes a request header as `$http_NAME`, and some loggers leave out a field without a value.
#[test]
fn headers_that_a_log_in_json_names_are_read() {
    let nginx = concat!(
        r#"{"msec":"1548116774.250","remote_addr":"198.18.0.1","request_uri":"/a","request_method":"GET","status":200,"request_id":"own","http_host":"a.test","http_user_agent":"x","http_status":"7"}"#,
        "\n",
        r#"{"msec":"1548116775.250","remote_addr":"198.18.0.1","request_uri":"/a","request_method":"GET","status":200,"http_x_device_id":"d-17","http_user_agent":"x","user_agent":"x"}"#,
    );
    let sample = json("a", nginx).expect("nginx's");
    let all: Vec<String> = sample.exchanges.iter().map(shown).collect();
    assert_eq!(
        all,
        [
            "GET a.test/a 200 1548116774250 [User-Agent=x]",
            "GET /a 200 1548116775250 [User-Agent=x; X-Device-Id=d-17]",
        ]
    );
    assert_eq!(sample.notes.len(), 1, "{:?}", sample.notes);
    assert!(
        sample.notes[0].contains("left out: http_status, request_id; if one is a request header"),
        "{:?}",
        sample.notes
    );
    let Headers::Only(named) = &sample.sources[0].holds.headers else {
        panic!("it names its headers");
    };
    assert!(named.contains(&"X-Device-Id".to_owned()), "{named:?}");
}

proptest! {
    #[test]
    fn any_line_is_read_or_passed_over(line in "[ -~é\\\\\"\\[\\]]{0,80}", format in "[$%a-zA-Z(){}:\" ]{0,40}") {
        for format in [None, Some("combined"), Some("envoy"), Some(format.as_str())] {
            let _ = read("a.log", &line, format);
        }
        for start in ["", "#Fields: cs-method cs-uri-stem\n", "{\"request\":{\"uri\":\"/\"}}\n", "a:1 [x] b c 1/1/1/1/1 200 5 \""] {
            let text = format!("{start}{line}");
            let _ = read("a.log", &text, None);
            let _ = json("a.log", &text);
        }
    }
}

#[test]
fn values_of_a_table_may_stand_in_quotes() {
    let log = concat!(
        "#Fields:   date-local time-local cs-method cs-uri-stem  cs(User-Agent) cs(Referrer) cs(Host) sc-status TimeTakenMS\n",
        "2012-08-15 17:00:00.360 GET /x \"Mo (a; \"\"b+c\"\")\" - \"a.test\" 301 5\n",
        "2012-08-15 17:00:00.660 GET /y Mo+(a) \"http://r/\" - 200 0\n",
        "2012-08-15 17:00:00.660 GET /y \"never closed - - 200 0\n",
    );
    let sample = read("a.log", log, None).expect("a log");
    assert_eq!(sample.skipped.get(&Skip::Unreadable), Some(&1));
    let [first, second] = &sample.exchanges[..] else {
        panic!("{:?}", sample.exchanges);
    };
    assert_eq!(first.header("user-agent"), Some("Mo (a; \"b+c\")"));
    assert_eq!(first.host.as_deref(), Some("a.test"));
    assert_eq!(second.header("user-agent"), Some("Mo (a)"));
    assert_eq!(second.header("referer"), Some("http://r/"));
    assert!(first.at_us.is_some() && first.duration_us == Some(5000));
}
