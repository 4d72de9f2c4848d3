//! Whatever a server sends: no panic, no more memory than the limits, and the same outcome however the bytes arrive.
//!
//! The first two bytes of an input choose the request and the split, the rest is the response.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::transport::answer::{ExpectBody, Response};
use telemload::transport::http1::{Decoder, Excerpt, Limits, Malformed, Progress};
use telemload::transport::quirk::Quirk;

const LIMITS: Limits = Limits {
    header_block: 4096,
    body: 100_000,
};
const KEEP: usize = 100;

fuzz_target!(|input: &[u8]| {
    let [request, split, raw @ ..] = input else {
        return;
    };
    let expects = if request % 4 == 0 {
        ExpectBody::No
    } else {
        ExpectBody::Yes
    };
    let mut decoder = Decoder::new(LIMITS);
    let whole = decode(&mut decoder, raw, expects, usize::MAX);
    // What a decoder remembers of one response must not change the next.
    let mut again = |expects, piece| decode(&mut decoder, raw, expects, piece);
    assert_eq!(whole, again(expects, usize::from(*split).max(1)));
    assert_eq!(whole, again(expects, 1));
    let other = match expects {
        ExpectBody::No => ExpectBody::Yes,
        ExpectBody::Yes => ExpectBody::No,
    };
    let with_other = again(other, usize::MAX);
    assert_eq!(with_other, decode(&mut Decoder::new(LIMITS), raw, other, 1));
    assert_eq!(whole, again(expects, usize::MAX));
    follows(raw, usize::from(*split).max(1));
});

/// The same bytes where another response came before: whatever they are, they hold no more memory than a header block.
fn follows(raw: &[u8], piece: usize) {
    let mut decoder = Decoder::new(LIMITS);
    decoder.start(ExpectBody::No, KEEP);
    let first = b"HTTP/1.1 200 OK\r\n\r\n";
    decoder.spare()[..first.len()].copy_from_slice(first);
    assert!(matches!(decoder.filled(first.len()), Ok(Progress::Done(_))));
    decoder.start(ExpectBody::Yes, KEEP);
    let mut rest = raw;
    while !rest.is_empty() {
        let spare = decoder.spare();
        assert!(!spare.is_empty() && spare.len() <= LIMITS.header_block + 16 * 1024);
        let taken = piece.min(rest.len()).min(spare.len());
        spare[..taken].copy_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        match decoder.filled(taken) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(_)) => return,
            Err(_) => return,
        }
    }
}

fn decode(
    decoder: &mut Decoder,
    raw: &[u8],
    expects: ExpectBody,
    piece: usize,
) -> (Result<Response, Malformed>, Vec<u8>) {
    decoder.reset();
    decoder.start(expects, KEEP);
    let mut rest = raw;
    let mut complete = None;
    while !rest.is_empty() {
        let spare = decoder.spare();
        assert!(!spare.is_empty() && spare.len() <= LIMITS.header_block + 16 * 1024);
        let taken = piece.min(rest.len()).min(spare.len());
        spare[..taken].copy_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        match decoder.filled(taken) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(response)) => {
                let mut response = response;
                // Bytes behind a response make it what it is if they come with its end.
                if !rest.is_empty() {
                    response.quirks.add(Quirk::Surplus);
                    response.keep_alive = false;
                }
                complete = Some(response);
            }
            Err(kind) => return (Err(kind), Vec::new()),
        }
        let head = decoder.head().map(|head| {
            head.iter()
                .map(|(name, value)| name.len() + value.len())
                .sum()
        });
        assert!(head.unwrap_or(0) <= LIMITS.header_block);
        assert!(decoder.body().len() <= KEEP);
        for quirk in Quirk::ALL {
            assert!(decoder.quote(quirk).bytes().len() <= Excerpt::MAX);
        }
        if complete.is_some() {
            break;
        }
    }
    match complete.map_or_else(|| decoder.eof(), |response| Ok(Progress::Done(response))) {
        Ok(Progress::Done(response)) => (Ok(response), decoder.body().to_vec()),
        Ok(Progress::NeedMore) => panic!("more is needed behind the end"),
        Err(kind) => (Err(kind), Vec::new()),
    }
}
