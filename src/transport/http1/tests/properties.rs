//! What holds for any response and any bytes.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Valid {
    raw: Vec<u8>,
    head_len: usize,
    body: Vec<u8>,
    status: u16,
    keep_alive: bool,
}

fn valid_response() -> impl Strategy<Value = Valid> {
    let header = "[A-Za-z-]{1,8}: [ -~]{0,20}";
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 0..6);
    let framing = 0..3_u8;
    (
        200..600_u16,
        prop::collection::vec(header, 0..20),
        chunks,
        framing,
        any::<bool>(),
        "(;[a-z=\"]{0,9})?",
    )
        .prop_map(|(status, headers, chunks, framing, close, extension)| {
            let bodiless = matches!(status, 204 | 304);
            let body = if bodiless {
                Vec::new()
            } else {
                chunks.concat()
            };
            let mut head = format!("HTTP/1.1 {status} Some Reason\r\n");
            for header in &headers {
                head += &format!("{header}\r\n");
            }
            if close {
                head += "Connection: close\r\n";
            }
            let mut wire = Vec::new();
            match framing {
                _ if bodiless => {}
                0 => {
                    head += &format!("Content-Length: {}\r\n", body.len());
                    wire.clone_from(&body);
                }
                1 => {
                    head += "Transfer-Encoding: chunked\r\n";
                    for chunk in &chunks {
                        wire.extend(format!("{:X}{extension}\r\n", chunk.len()).bytes());
                        wire.extend(chunk);
                        wire.extend(b"\r\n");
                    }
                    wire.extend(b"0\r\nX-Trailer: yes\r\n\r\n");
                }
                _ => wire.clone_from(&body),
            }
            head += "\r\n";
            let keep_alive = !close && (bodiless || framing < 2);
            Valid {
                head_len: head.len(),
                raw: [head.into_bytes(), wire].concat(),
                body,
                status,
                keep_alive,
            }
        })
}

/// Bytes that get further than noise: pieces of responses in any order.
fn nearly_a_response() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Just(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Just(b"Content-Length: 3\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Connection: close\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"X: y\r\n z\r\n".to_vec()),
        Just(b"X : y\r\n".to_vec()),
        Just(b"no colon\r\n".to_vec()),
        Just(b"Content-Length : 3\r\n".to_vec()),
        Just(b" \r\n".to_vec()),
        Just(b"X: \x01\r\n".to_vec()),
        Just(b"Transfer-Encoding: identity\r\n".to_vec()),
        Just(b"3\r\nabc\r\n".to_vec()),
        Just(b"0\r\n".to_vec()),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        Just(vec![b'y'; 700]),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let start = prop_oneof![3 => Just(b"HTTP/1.1 200 OK\r\n".to_vec()), 1 => Just(Vec::new())];
    (start, prop::collection::vec(piece, 0..12))
        .prop_map(|(start, pieces)| [start, pieces.concat()].concat())
}

fn splits() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..8_usize, 1..5000_usize], 1..20)
}

proptest! {
    #[test]
    fn any_valid_response_decodes_to_what_was_sent(valid in valid_response(), splits in splits(), keep in 0..20_000_usize) {
        let mut sizes = splits.iter().copied().cycle();
        let seen = Case { keep, ..Case::default() }.decode(&valid.raw, || sizes.next().unwrap_or(1));
        let expected = response(valid.status, valid.keep_alive, valid.head_len, valid.body.len());
        prop_assert_eq!(seen.result, Ok(expected));
        prop_assert_eq!(&seen.body, &valid.body[..keep.min(valid.body.len())]);
    }

    #[test]
    fn a_cut_off_response_is_never_taken_for_another(valid in valid_response(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(valid.raw.len());
        let seen = Case::default().whole(&valid.raw[..cut]);
        match seen.result {
            Ok(response) => prop_assert!(!valid.keep_alive && response.status == valid.status && cut >= valid.head_len),
            Err(Malformed::ClosedBeforeResponse) => prop_assert_eq!(cut, 0),
            Err(Malformed::ClosedInHead) => prop_assert!(cut < valid.head_len),
            Err(kind) => prop_assert_eq!(kind, Malformed::ClosedInBody),
        }
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_arrive(
        raw in prop_oneof![nearly_a_response(), prop::collection::vec(any::<u8>(), 0..300)],
        splits in splits(),
        no_body in any::<bool>(),
        header_block in 0..3000_usize,
    ) {
        let expects = if no_body { ExpectBody::No } else { ExpectBody::Yes };
        let case = Case { expects, limits: Limits { header_block, body: 5000 }, keep: 100 };
        let mut sizes = splits.iter().copied().cycle();
        let whole = case.whole(&raw);
        prop_assert_eq!(&whole, &case.decode(&raw, || sizes.next().unwrap_or(1)));
        prop_assert_eq!(&whole, &case.decode(&raw, || 1));
    }

    #[test]
    fn what_was_decoded_before_changes_nothing(
        responses in prop::collection::vec(prop_oneof![valid_response().prop_map(|valid| valid.raw), nearly_a_response()], 1..4),
        turns in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), splits()), 1..8),
    ) {
        let mut decoder = Decoder::new(Limits::default());
        for (index, no_body, splits) in turns {
            let raw = &responses[index.index(responses.len())];
            let case = Case { expects: if no_body { ExpectBody::No } else { ExpectBody::Yes }, ..Case::default() };
            let mut sizes = splits.iter().copied().cycle();
            let pieces = || sizes.next().unwrap_or(1);
            prop_assert_eq!(case.decode_with(&mut decoder, raw, pieces), case.whole(raw));
        }
    }

    #[test]
    fn the_patient_reader_agrees_with_the_fast_one(raw in nearly_a_response(), no_body in any::<bool>()) {
        let expects = if no_body { ExpectBody::No } else { ExpectBody::Yes };
        // The decoder gives neither what begins otherwise.
        if raw.starts_with(b"HTTP/")
            && let End::At(end) = head::find_end(&raw, 0)
            && let Ok(Some(fast)) = head::parse(&raw, expects)
        {
            let mut block = raw[..end].to_vec();
            let patient = lenient::parse(&mut block, expects, &mut lenient::Lines::default());
            prop_assert_eq!(patient, Ok(fast));
            prop_assert_eq!(&block, &raw[..end], "nothing is changed in a good block");
        }
    }

    #[test]
    fn surplus_of_any_bytes_never_holds_memory_nor_panics(surplus in prop::collection::vec(any::<u8>(), 0..5_000), splits in splits()) {
        let mut decoder = Decoder::new(Limits { header_block: 1_000, body: 1_000 });
        decoder.start(ExpectBody::No, 0);
        prop_assert!(matches!(feed(&mut decoder, b"HTTP/1.1 200 OK\r\n\r\n").progress, Ok(Progress::Done(_))));
        decoder.start(ExpectBody::Yes, 0);
        let mut rest = &surplus[..];
        let mut sizes = splits.iter().copied().cycle();
        while !rest.is_empty() {
            let piece = sizes.next().unwrap_or(1).clamp(1, rest.len());
            let fed = feed(&mut decoder, &rest[..piece]);
            rest = &rest[fed.taken..];
            prop_assert!(decoder.buffer.capacity() <= FIRST_READ.max(1_000) + READ);
            if !matches!(fed.progress, Ok(Progress::NeedMore)) {
                break;
            }
        }
    }
}
