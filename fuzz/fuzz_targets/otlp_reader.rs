//! OTLP profiles: the input is the message of one profile, or the tables that profiles share.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::profile::{Choice, FunctionTable, read};

/// A field of bytes, with its number and length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 128 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fuzz_target!(|bytes: &[u8]| {
    let strings: Vec<u8> = ["", "samples", "count", "f", "main"]
        .iter()
        .flat_map(|text| field(5, text.as_bytes()))
        .collect();
    let of_profile = |profile: &[u8]| field(1, &field(2, &field(2, profile)));
    let sampled = field(1, &[8, 1, 16, 2]);
    for file in [
        [of_profile(bytes), field(2, &strings)].concat(),
        [of_profile(&sampled), field(2, &[&strings, bytes].concat())].concat(),
        bytes.to_vec(),
    ] {
        if let Ok(profile) = read(&file, Choice::default()) {
            let table = FunctionTable::of(&profile);
            let leaves: u64 = table.functions.iter().map(|row| row.self_samples).sum();
            assert_eq!(leaves, profile.samples());
        }
    }
});
