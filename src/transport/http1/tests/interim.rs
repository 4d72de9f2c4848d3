//! Interim responses: what is said of them, and that they are none of the response.

use super::*;

#[test]
fn what_is_odd_about_an_interim_response_is_quoted_from_there() {
    let interim = "HTTP/1.1 103\r\nX-Early : a\r\nX-Both : interim\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nX-Late: b\n\r\n";
    let mut decoder = Decoder::new(Limits::default());
    for _ in 0..2 {
        decoder.start(ExpectBody::No, 0);
        let raw = format!("{interim}{last}");
        decoder.spare()[..raw.len()].copy_from_slice(raw.as_bytes());
        let Ok(Progress::Done(response)) = decoder.filled(raw.len()) else {
            panic!("it is complete");
        };
        let found: Vec<_> = response.quirks.iter().collect();
        let expected = [
            Quirk::StatusLine,
            Quirk::BareLineFeed,
            Quirk::SpaceBeforeColon,
        ];
        assert_eq!(found, expected);
        for (quirk, quote) in [
            (Quirk::StatusLine, "HTTP/1.1 103"),
            (Quirk::BareLineFeed, "X-Late: b"),
            (Quirk::SpaceBeforeColon, "X-Early : a"),
        ] {
            assert_eq!(decoder.quote(quirk).to_string(), quote, "{quirk:?}");
        }
        // The next response on the connection has nothing of that.
        decoder.start(ExpectBody::No, 0);
        let odd = b"HTTP/1.1 204\r\nX-Own : c\r\n\r\n";
        decoder.spare()[..odd.len()].copy_from_slice(odd);
        assert!(matches!(decoder.filled(odd.len()), Ok(Progress::Done(_))));
        let quotes = [Quirk::StatusLine, Quirk::SpaceBeforeColon];
        let quotes = quotes.map(|quirk| decoder.quote(quirk).to_string());
        assert_eq!(quotes, ["HTTP/1.1 204", "X-Own : c"]);
    }
}

#[test]
fn that_the_body_may_come_is_no_beginning_of_the_response() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.start(ExpectBody::Yes, 0);
    let mut feed = |bytes: &[u8]| {
        decoder.spare()[..bytes.len()].copy_from_slice(bytes);
        decoder.filled(bytes.len()).expect("it can be read");
        (
            decoder.has_continued(),
            decoder.has_begun(),
            decoder.is_silent(),
        )
    };
    assert_eq!(feed(b"HTTP/1.1 100 Continue\r\n\r\n"), (true, false, false));
    assert_eq!(feed(b"HTTP/1.1 2"), (true, true, false));
}
