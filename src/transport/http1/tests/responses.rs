//! Tables of responses and what they decode to.

use super::*;

/// Rows of `response => expectation`. In a response `|` is CRLF, `$` is LF, and `OK` and `CHUNKED` begin one.
fn rows(table: &str) -> impl Iterator<Item = (String, &str)> {
    table.lines().filter(|line| !line.is_empty()).map(|line| {
        let (raw, expected) = line.split_once("=>").expect("a row has an expectation");
        let raw = raw
            .trim()
            .replace("CHUNKED", "OK|Transfer-Encoding: chunked||")
            .replace("OK|", "HTTP/1.1 200 OK|")
            .replace('|', "\r\n")
            .replace('$', "\n");
        (raw, expected.trim())
    })
}

#[test]
fn valid_responses_are_decoded_however_they_arrive() {
    let table = "
OK|Content-Length: 5||hello => 200 kept hello
OK|Content-Length: 0|| => 200 kept
HTTP/1.1 200|Content-Length: 0|| => 200 kept
HTTP/1.1 200 $Content-Length: 2$$hi => 200 kept hi
OK|Content-Length: 2$|hi => 200 kept hi
HTTP/1.1 404 X|cONTENT-lENGTH:\t 2 |CONNECTION: Close||hi => 404 closed hi
OK|Content-Length: 2|Content-Length: 02, 2||hi => 200 kept hi
OK|Connection: foo, close|Content-Length: 2||hi => 200 closed hi
OK|Connection: keep-alive|Connection: close|Content-Length: 0|| => 200 closed
HTTP/1.0 200 X|Content-Length: 2||hi => 200 closed hi
HTTP/1.0 200 X|Connection: Keep-Alive|Content-Length: 2||hi => 200 kept hi
HTTP/1.0 200 X|Connection: keep-alive|Transfer-Encoding: chunked||2|hi|0|| => 200 closed hi
OK|Connection: keep-alive||hello => 200 closed hello
OK|| => 200 closed
HTTP/1.1 204 No Content|| => 204 kept
HTTP/1.1 304 Not Modified|Content-Length: 9|| => 304 kept
HTTP/1.1 204 No Content|Transfer-Encoding: chunked|| => 204 kept
CHUNKED5|hello|1|!|0|| => 200 kept hello!
OK|Transfer-Encoding: CHUNKed||A|0123456789|00|| => 200 kept 0123456789
CHUNKED2 ;a=\"b;c\";d|hi|0;e|| => 200 kept hi
CHUNKED2|hi|0|X-Sum: 1|Y:$| => 200 kept hi
CHUNKED0000000000000000000002|hi|0|| => 200 kept hi
OK|Transfer-Encoding: gzip,|Transfer-Encoding: , chunked||2|zz|0|| => 200 kept zz
OK|Transfer-Encoding: identity||zz => 200 closed zz
HTTP/1.1 599 ?|Content-Length: 0|| => 599 kept
HTTP/1.1 999 ?|Content-Length: 0|| => 999 kept
";
    for (raw, expected) in rows(table) {
        let mut words = expected.splitn(3, ' ');
        let status = words.next().and_then(|word| word.parse().ok());
        let keep_alive = words.next() == Some("kept");
        let body = words.next().unwrap_or_default().replace('|', "\r\n");
        let expected = response(
            status.expect("a row has a status"),
            keep_alive,
            header_block_len(raw.as_bytes()),
            body.len(),
        );
        let seen = Case::default().decode_every_way(raw.as_bytes());
        let quirks = seen.result.map_or(Quirks::NONE, |response| response.quirks);
        let expected = Response { quirks, ..expected };
        assert_eq!(seen.result, Ok(expected), "{raw}");
        assert_eq!(seen.body, body.as_bytes(), "{raw}");
    }
}

#[test]
fn what_browsers_and_curl_read_is_read_and_named() {
    let table = "
HTTP/1.1 200|Content-Length: 2||hi => 200 kept status_line hi
HTTP/1.1  200 OK|Content-Length: 2||hi => 200 kept status_line hi
HTTP/1.1 200OK|Content-Length: 2||hi => 200 kept status_line hi
HTTP/1.1 200 \0|Content-Length: 2||hi => 200 kept status_line hi
http/1.1 200 OK|Content-Length: 2||hi => 200 kept status_line hi
HTTP/2 200 OK|Content-Length: 2||hi => 200 kept status_line hi
Http/2.0 200|Content-Length: 2||hi => 200 kept status_line hi
HTTP/1.1 200 $Content-Length: 2$$hi => 200 kept bare_line_feed hi
OK|Content-Length: 2$|hi => 200 kept bare_line_feed hi
OK|X : y|Content-Length: 2||hi => 200 kept space_before_colon hi
OK|X: a|  b|\tc|Content-Length: 2||hi => 200 kept folded_header hi
OK|X:| |Content-Length: 2||hi => 200 kept folded_header hi
OK|X: a| Content-Length: 3| b|Content-Length: 2||hi => 200 kept folded_header hi
OK|X: \x01\x7f|Content-Length: 2||hi => 200 kept control_character hi
OK|X: a\rb|Content-Length: 2||hi => 200 kept control_character hi
OK|no colon|Content-Length: 2||hi => 200 kept no_header hi
OK|bad name: x|Content-Length: 2||hi => 200 kept no_header hi
OK|: x|Content-Length: 2||hi => 200 kept no_header hi
OK| X: y|Content-Length: 2||hi => 200 kept no_header hi
OK|caf\u{e9}: x|no colon| more|Content-Length: 2||hi => 200 kept folded_header,no_header hi
HTTP/1.1 200|X : y\x01$Z|Content-Length: 2||hi => 200 kept status_line,bare_line_feed,space_before_colon,control_character,no_header hi
OK|X : y|Transfer-Encoding: chunked||2|hi|0|| => 200 kept space_before_colon hi
OK|Content-Length: 9|Transfer-Encoding: chunked||2|hi|0|| => 200 closed length_and_chunks hi
OK|Transfer-Encoding: chunked, chunked||2|hi|0|| => 200 closed chunked_twice hi
OK|Transfer-Encoding: chunked|Transfer-Encoding: Chunked||2|hi|0|| => 200 closed chunked_twice hi
OK|Transfer-Encoding: gzip, chunked, chunked||2|hi|0|| => 200 closed chunked_twice hi
CHUNKED2$hi$0$$ => 200 kept bare_line_feed hi
CHUNKED2;a$hi|0|| => 200 kept bare_line_feed hi
CHUNKED1 |h$1|i|0|| => 200 kept bare_line_feed hi
CHUNKED2|hi|0|X: y| z|| => 200 kept folded_header hi
CHUNKED2|hi|0|: x|no colon|also|none|| => 200 kept no_header hi
CHUNKED2|hi|0|X : y|| => 200 kept no_header hi
CHUNKED2|hi|0|x: \0|x: y\rz|| => 200 kept control_character hi
CHUNKED2|hi|0|x$ y$$ => 200 kept folded_header,no_header hi
OK|Transfer-Encoding: identity|Content-Length: 2||hi => 200 kept - hi
OK|Transfer-Encoding: identity, chunked||2|hi|0|| => 200 kept - hi
OK|Transfer-Encoding: identity||hi => 200 closed - hi
OK|Content-Length: 2||hi! => 200 closed surplus hi
OK|Content-Length: 0||| => 200 closed surplus 
CHUNKED0||0|| => 200 closed surplus 
HTTP/1.1 204 No Content|Content-Length: 2||hi => 204 closed surplus 
HTTP/1.1 304 Not Modified||hi => 304 closed surplus 
";
    for (raw, expected) in rows(table) {
        let words: Vec<&str> = expected.splitn(4, ' ').collect();
        let seen = Case::default().decode_every_way(raw.as_bytes());
        let response = seen.result.expect("it can be read");
        let names: Vec<&str> = response.quirks.iter().map(Quirk::name).collect();
        let names = if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(",")
        };
        let kept = if response.keep_alive {
            "kept"
        } else {
            "closed"
        };
        let body = String::from_utf8(seen.body).expect("it is text");
        let shown = format!("{} {kept} {names} {body}", response.status);
        assert_eq!(
            shown.trim(),
            words.join(" ").trim(),
            "{}",
            raw.escape_default()
        );
    }
}

#[test]
fn headers_of_a_bad_block_are_found_all_the_same() {
    let raw = b"HTTP/1.1 200 OK\r\n Lost: 1\r\nX-A : one\r\nX-B: two\r\n three\nbad name: 4\r\nX-C: five\r\nContent-Length: 0\r\n\r\n";
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 0);
    feed(&mut decoder, raw).progress.expect("it can be read");
    let head = decoder.head().expect("a complete response");
    for (name, value) in [
        ("x-a", Some("one")),
        ("x-b", Some("two   three")),
        ("x-c", Some("five")),
        ("lost", None),
        ("bad name", None),
    ] {
        assert_eq!(head.get(name), value.map(str::as_bytes), "{name}");
    }
    for (quirk, quote) in [
        (Quirk::SpaceBeforeColon, "X-A : one"),
        (Quirk::FoldedHeader, "X-B: two   three"),
        (Quirk::NoHeader, " Lost: 1"),
        (Quirk::BareLineFeed, "X-B: two   three"),
    ] {
        assert_eq!(decoder.quote(quirk).to_string(), quote, "{quirk:?}");
    }
}

#[test]
fn bytes_that_belong_to_no_answer_do_not_fail_the_next_one() {
    const NEXT: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi";
    for surplus in ["hello", "\r\n", "HTTP", "HHTTP/1", "x\r\n\r\n"] {
        let raw = [surplus.as_bytes(), NEXT].concat();
        for piece in [1, 2, 5, usize::MAX] {
            let mut decoder = Decoder::new(Limits::default());
            decoder.start(ExpectBody::No, 0);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
            feed(&mut decoder, head).progress.expect("a valid response");
            decoder.start(ExpectBody::Yes, 9);
            let mut rest = &raw[..];
            let response = loop {
                let fed = feed(&mut decoder, &rest[..piece.min(rest.len())]);
                rest = &rest[fed.taken..];
                if let Progress::Done(response) = fed.progress.expect("it can be read") {
                    break response;
                }
            };
            assert_eq!((response.status, response.keep_alive), (201, false));
            assert_eq!(response.quirks, Quirks::from_iter([Quirk::Surplus]));
            assert_eq!(decoder.body(), b"hi", "{surplus:?}");
            assert!(surplus.starts_with(
                std::str::from_utf8(&decoder.quote(Quirk::Surplus).bytes()[..1]).expect("ASCII")
            ));
        }
    }
    // Nothing but surplus is no answer.
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::No, 0);
    feed(&mut decoder, b"HTTP/1.1 200 OK\r\n\r\n")
        .progress
        .expect("a valid response");
    decoder.start(ExpectBody::Yes, 0);
    assert_eq!(
        feed(&mut decoder, b"hello").progress,
        Ok(Progress::NeedMore)
    );
    assert!(decoder.is_silent());
    assert_eq!(decoder.eof(), Err(Malformed::ClosedBeforeResponse));
}

#[test]
fn a_long_header_block_of_any_number_of_lines_is_read_and_its_room_given_back() {
    let lines = "X-Header: value\r\n".repeat(15_000);
    let raw = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nhi");
    assert!(raw.len() > 256 * 1024 - 20_000);
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 9);
    let mut rest = raw.as_bytes();
    while !rest.is_empty() {
        let fed = feed(&mut decoder, &rest[..rest.len().min(1_400)]);
        fed.progress.expect("it can be read");
        rest = &rest[fed.taken..];
    }
    assert_eq!(decoder.head().map(|head| head.iter().count()), Some(15_001));
    assert!(decoder.buffer.capacity() > 200_000);
    decoder.relax();
    assert_eq!(decoder.buffer.capacity(), 0);
    decoder.start(ExpectBody::Yes, 9);
    let fed = feed(&mut decoder, b"HTTP/1.1 204 No Content\r\n\r\n");
    assert!(matches!(fed.progress, Ok(Progress::Done(_))));
    assert_eq!(decoder.buffer.capacity(), FIRST_READ);
}

fn header_block_len(raw: &[u8]) -> usize {
    match head::find_end(raw, 0) {
        End::At(end) => end,
        End::Beyond(_) => panic!("no header block: {}", raw.escape_ascii()),
    }
}

#[test]
fn head_has_no_body_whatever_its_headers_say() {
    let case = Case {
        expects: ExpectBody::No,
        ..Case::default()
    };
    for headers in ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y"] {
        let raw = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        let seen = case.decode_every_way(raw.as_bytes());
        assert_eq!(
            seen.result,
            Ok(response(200, true, raw.len(), 0)),
            "{headers}"
        );
        let seen = case.decode_every_way(format!("{raw}hello").as_bytes());
        let mut surplus = response(200, false, raw.len(), 0);
        surplus.quirks.add(Quirk::Surplus);
        assert_eq!(seen.result, Ok(surplus), "{headers}");
    }
}

#[test]
fn interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n";
    let last = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n";
    let seen = Case::default().decode_every_way(format!("{interim}{last}hi").as_bytes());
    assert_eq!(
        seen.result,
        Ok(response(201, true, interim.len() + last.len(), 2))
    );
    let cut = Case::default().decode_every_way(interim.as_bytes());
    assert_eq!(cut.result, Err(Malformed::ClosedInHead));
    let limits = Limits {
        header_block: 900,
        ..Limits::default()
    };
    let case = Case {
        limits,
        ..Case::default()
    };
    // Of 18 bytes each.
    for (times, error) in [(50, None), (51, Some(Malformed::TooManyInterim))] {
        let many = "HTTP/1.1 102 P\r\n\r\n".repeat(times) + last + "hi";
        assert_eq!(case.decode_every_way(many.as_bytes()).result.err(), error);
    }
}

#[test]
fn malformed_responses_are_named_however_they_arrive() {
    let table = "
=> ClosedBeforeResponse
HTTP => ClosedInHead
OK|Content-Length: 5| => ClosedInHead
OK|A B: 5|X: y => ClosedInHead
OK|Content-Length: 5||hell => ClosedInBody
|OK|| => NotHttp1
\x15\x03\x01\0\x02\x02 => Tls
PRI * HTTP/2.0|| => NotHttp1
\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d => Http2
SSH-2.0-OpenSSH_9.6| => NotHttp1
HTTP/3 200 X|| => NotHttp1
HTTP/2.1 200 X|| => StatusLine
HTTP/1.2 200 X|| => StatusLine
HTTP/1.1 20 X|| => StatusLine
HTTP/1.1 2000 X|| => StatusLine
HTTP/1.1 099 X|| => StatusLine
HTTP/1.1 2 00 X|| => StatusLine
HTTP/1.1 2000 X| => StatusLine
HTTP/1.2 200 X|Transfer-Encoding: chunked| x|| => StatusLine
OK|Content-Length : 2||hi => HeaderLine
OK|Content-Length: 2| ||hi => HeaderLine
OK|Content-Length:| 2||hi => HeaderLine
OK| Content-Length: 2||hi => HeaderLine
OK|Content-Length\x0b: 2||hi => HeaderLine
OK|Content-Length: 2\0||hi => HeaderLine
OK|X: y|Content-Length||hi => HeaderLine
OK|\x0bTransfer-Encoding: chunked||hi => HeaderLine
OK|Transfer-Encoding : chunked||0|| => HeaderLine
OK|Transfer-Encoding:| chunked||0|| => HeaderLine
OK|X : y|Content-Length: 1|Content-Length: 2|| => ConflictingLengths
OK|Transfer-Encoding: chunked, gzip||0|| => TransferEncoding
OK|Transfer-Encoding: chunked|Transfer-Encoding: gzip||0|| => TransferEncoding
OK|Content-Length: 1|Content-Length: 2|Transfer-Encoding: chunked||0|| => ConflictingLengths
HTTP/1.1 101 Switching Protocols|Upgrade: h2c|| => SwitchingProtocols
OK|Content-Length: -1|| => ContentLength
OK|Content-Length: +1|| => ContentLength
OK|Content-Length: 0x1|| => ContentLength
OK|Content-Length: 1 1|| => ContentLength
OK|Content-Length:|| => ContentLength
OK|Content-Length: 1,||x => ContentLength
OK|Content-Length: 18446744073709551616|| => ContentLength
OK|Content-Length: 18446744073709551615|| => ClosedInBody
OK|Content-Length: 1|Content-Length: 2|| => ConflictingLengths
OK|Content-Length: 1, 2|| => ConflictingLengths
OK|Transfer-Encoding: gzip|Content-Length: 1|| => LengthAndEncoding
OK|Transfer-Encoding:|| => TransferEncoding
OK|Transfer-Encoding: ,|| => TransferEncoding
OK|Transfer-Encoding: chunked, gzip, chunked|| => TransferEncoding
OK|Transfer-Encoding: chunked;q=1|| => TransferEncoding
";
    check_malformed(table);
}

fn check_malformed(table: &str) {
    for (raw, kind) in rows(table) {
        let seen = Case::default().decode_every_way(raw.as_bytes());
        let found = seen.result.map_err(|kind| format!("{kind:?}"));
        assert_eq!(found, Err(kind.to_owned()), "{}", raw.escape_default());
    }
}

#[test]
fn malformed_chunks_are_named_however_they_arrive() {
    let table = "
CHUNKED => ClosedInBody
CHUNKED|| => ChunkSize
CHUNKED;ext| => ChunkSize
CHUNKED 1|x|0|| => ChunkSize
CHUNKED-1| => ChunkSize
CHUNKED0x1| => ChunkSize
CHUNKED1 1| => ChunkSize
CHUNKED1\rx|0|| => ChunkSize
CHUNKED10000000000000000| => ChunkOverflow
CHUNKED1|x|ffffffffffffffff| => ChunkOverflow
CHUNKEDffffffffffffffff| => ClosedInBody
CHUNKED1|xy|0|| => ChunkEnd
CHUNKED1|x\rx => ChunkEnd
CHUNKED0|HTTP/1.1 404 Not Found|| => TrailerLine
CHUNKED0|\rx => TrailerLine
CHUNKED0|x: y| => ClosedInBody
CHUNKED0| => ClosedInBody
";
    check_malformed(table);
}

#[test]
fn a_chunk_line_has_a_longest_length() {
    let extension = |len: usize| "e".repeat(len - "1;\r\n".len());
    let cases = [
        (format!("1;{}|x|0||", extension(MAX_CHUNK_LINE)), None),
        (
            format!("1;{}|x|0||", extension(MAX_CHUNK_LINE + 1)),
            Some(Malformed::ChunkLineTooLong),
        ),
        (
            format!("{}||", "0".repeat(MAX_CHUNK_LINE)),
            Some(Malformed::ChunkLineTooLong),
        ),
    ];
    for (chunks, kind) in cases {
        let raw = format!("OK|Transfer-Encoding: chunked||{chunks}=>");
        for (raw, _) in rows(&raw) {
            let seen = Case::default().decode_every_way(raw.as_bytes());
            assert_eq!(seen.result.err(), kind, "{raw}");
        }
    }
}

#[test]
fn limits_hold_however_the_bytes_arrive() {
    use Malformed as M;
    let limits = Limits {
        header_block: 100,
        body: 4,
    };
    let case = Case {
        limits,
        ..Case::default()
    };
    let head = |len: usize| {
        let start = "HTTP/1.1 204 No Content\r\nX: ";
        format!("{start}{}\r\n\r\n", "y".repeat(len - start.len() - 4))
    };
    let trailers = |len: usize| {
        let body = format!("0\r\nX:{}\r\n\r\n", "y".repeat(len - 6));
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let cases: &[(String, Option<M>)] = &[
        (head(100), None),
        (head(101), Some(M::HeadTooLong)),
        (head(5000), Some(M::HeadTooLong)),
        (
            "HTTP/1.1 200 ".to_owned() + &"x".repeat(5000),
            Some(M::HeadTooLong),
        ),
        (trailers(100), None),
        (trailers(101), Some(M::TrailersTooLong)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody".to_owned(),
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_owned(),
            Some(M::BodyTooLong),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nbody".to_owned(), None),
        (
            "HTTP/1.1 200 OK\r\n\r\nbody5".to_owned(),
            Some(M::BodyTooLong),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
                .to_owned(),
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n2\r\n".to_owned(),
            Some(M::BodyTooLong),
        ),
    ];
    for (raw, kind) in cases {
        assert_eq!(
            case.decode_every_way(raw.as_bytes()).result.err(),
            *kind,
            "{raw}"
        );
    }
}

#[test]
fn a_long_header_block_is_taken_byte_by_byte() {
    let limits = Limits::default();
    let start = "HTTP/1.1 204 No Content\r\nX: ";
    let raw = format!(
        "{start}{}\r\n\r\n",
        "y".repeat(limits.header_block - start.len() - 4)
    );
    let seen = Case::default().decode(raw.as_bytes(), || 1);
    assert_eq!(seen.result, Ok(response(204, true, limits.header_block, 0)));
    let seen = Case::default().decode(raw.replace(": y", ": yy").as_bytes(), || 1);
    assert_eq!(seen.result, Err(Malformed::HeadTooLong));
}
