//! A decoder over many responses: reuse, what is kept, what is shown.

use super::*;

#[test]
fn only_the_asked_prefix_of_a_body_is_kept() {
    let plain = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n{}",
        "ab".repeat(25_000)
    );
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "a\r\nababababab\r\n".repeat(5000)
    );
    for raw in [plain, chunked] {
        for (keep, kept) in [(0, 0), (3, 3), (30_001, 30_001), (60_000, 50_000)] {
            let seen = Case {
                keep,
                ..Case::default()
            }
            .whole(raw.as_bytes());
            assert_eq!(seen.result.map(|response| response.body_bytes), Ok(50_000));
            assert_eq!(seen.body, &"ab".repeat(25_000).as_bytes()[..kept]);
        }
    }
}

#[test]
fn headers_are_found_by_name_until_the_next_request() {
    let raw = b"HTTP/1.1 429 Slow: down\r\nRetry-After: \t30 \r\nX-Empty:\nSet-Cookie: a=1\r\nset-cookie: b:2\r\nContent-Length: 4\r\n\r\nbody";
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 0);
    assert!(decoder.head().is_none());
    feed(&mut decoder, raw).progress.expect("a valid response");
    let head = decoder.head().expect("a complete response");
    assert_eq!(head.status(), 429);
    let cases: &[(&str, Option<&str>)] = &[
        ("retry-after", Some("30")),
        ("RETRY-AFTER", Some("30")),
        ("x-empty", Some("")),
        ("set-cookie", Some("a=1")),
        ("HTTP/1.1 429 Slow", None),
        ("body", None),
        ("", None),
    ];
    for (name, value) in cases {
        assert_eq!(head.get(name), value.map(str::as_bytes), "{name}");
    }
    let names: Vec<_> = head
        .iter()
        .map(|(name, value)| (name.escape_ascii().to_string(), value.len()))
        .collect();
    let expected = [
        ("Retry-After", 2),
        ("X-Empty", 0),
        ("Set-Cookie", 3),
        ("set-cookie", 3),
        ("Content-Length", 1),
    ];
    assert_eq!(names, expected.map(|(name, len)| (name.to_owned(), len)));
    decoder.start(ExpectBody::Yes, 0);
    assert!(decoder.head().is_none());
}

#[test]
fn a_decoder_serves_many_responses_without_growing() {
    let small: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let large = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".as_slice(),
        &[b'x'; 100_000],
    ]
    .concat();
    let mut decoder = Decoder::new(Limits::default());
    let mut serve = |raw: &[u8]| {
        decoder.start(ExpectBody::Yes, 100);
        let mut rest = raw;
        loop {
            let fed = feed(&mut decoder, rest);
            rest = &rest[fed.taken..];
            if let Progress::Done(response) = fed.progress.expect("a valid response") {
                assert_eq!(response.status, 200);
                return (
                    decoder.buffer.capacity(),
                    decoder.buffer.as_ptr(),
                    decoder.body.kept.as_ptr(),
                );
            }
        }
    };
    assert_eq!(serve(small).0, FIRST_READ);
    let warm = [serve(&large), serve(&large)][1];
    for _ in 0..100 {
        assert_eq!(serve(small), warm);
        assert_eq!(serve(&large), warm);
    }
}

#[test]
fn bytes_and_closes_between_requests_are_told_apart() {
    let raw = b"HTTP/1.1 204 No Content\r\n\r\n";
    let mut decoder = Decoder::new(Limits::default());
    assert!(decoder.is_idle());
    assert_eq!(
        feed(&mut decoder, b"H").progress,
        Err(Malformed::Unsolicited)
    );
    decoder.reset();
    assert_eq!(decoder.eof(), Err(Malformed::ClosedBeforeResponse));
    decoder.start(ExpectBody::Yes, 0);
    assert!(!decoder.is_idle());
    assert!(matches!(
        feed(&mut decoder, raw).progress,
        Ok(Progress::Done(_))
    ));
    assert!(decoder.is_idle());
    assert_eq!(decoder.filled(0), Err(Malformed::ClosedBeforeResponse));
    decoder.start(ExpectBody::Yes, 0);
    feed(&mut decoder, raw).progress.expect("a valid response");
    assert_eq!(
        feed(&mut decoder, b"HTTP/1.1 408 Request Timeout\r\n\r\n").progress,
        Err(Malformed::Unsolicited)
    );
    assert_eq!(
        decoder.excerpt().to_string(),
        "HTTP/1.1 408 Request Timeout\\r\\n\\r\\n"
    );
}

#[test]
fn a_failure_stays_until_the_next_start() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 0);
    for _ in 0..20 {
        assert_eq!(
            feed(&mut decoder, &[b'x'; 2000]).progress,
            Err(Malformed::NotHttp1)
        );
    }
    assert_eq!(decoder.eof(), Err(Malformed::NotHttp1));
    decoder.start(ExpectBody::Yes, 0);
    let fed = feed(&mut decoder, b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(fed.progress, Ok(Progress::Done(response(204, true, 27, 0))));
}

#[test]
fn an_excerpt_shows_where_it_went_wrong() {
    let cases: &[(&str, &str)] = &[
        ("\x16\x03\x01", r"\x16\x03\x01"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            r"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n",
            r"zz\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
            r"bc\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\nHTTP/1.1 200\r\n",
            r"HTTP/1.1 200\r\n",
        ),
    ];
    for (raw, excerpt) in cases {
        let mut decoder = Decoder::new(Limits::default());
        decoder.start(ExpectBody::Yes, 0);
        feed(&mut decoder, raw.as_bytes())
            .progress
            .expect_err("a malformed response");
        assert_eq!(decoder.excerpt().to_string(), *excerpt);
    }
    assert_eq!(Excerpt::of(&[b'x'; 1000]).bytes().len(), Excerpt::MAX);
}

#[test]
fn debug_output_shows_no_byte_of_a_response() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 100);
    feed(
        &mut decoder,
        b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret",
    )
    .progress
    .expect("a valid response");
    let shown = format!("{decoder:?} {:?}", decoder.head());
    assert!(!shown.contains("s3cret"), "{shown}");
    feed(&mut decoder, b"s3cret")
        .progress
        .expect_err("nobody asked for it");
    let shown = format!("{decoder:?} {:?}", decoder.excerpt());
    assert!(!shown.contains("s3cret"), "{shown}");
}
