//! Whatever a body is said to be encoded with: no panic, and never more than the bound. The first byte of an input chooses the
//! encodings, the rest is the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::traffic::content::{Undecoded, decode};

const MOST: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let [choice, body @ ..] = input else {
        return;
    };
    let encodings = [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "zstd, gzip",
        "deflate, br",
        "identity",
    ];
    let encodings = encodings[usize::from(*choice) % encodings.len()].as_bytes();
    let mut content = vec![1; 3];
    let ended = decode(encodings, body, MOST, &mut content);
    assert!(content.len() <= MOST);
    // A bound that is not reached changes nothing.
    if ended != Err(Undecoded::TooLong) {
        let mut again = Vec::new();
        assert_eq!(decode(encodings, body, 2 * MOST, &mut again).is_ok(), ended.is_ok());
        if ended.is_ok() {
            assert_eq!(again, content);
        }
    }
});
