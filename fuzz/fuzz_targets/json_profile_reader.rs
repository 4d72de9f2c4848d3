//! JSON of the Firefox profiler, speedscope and V8, whatever stands behind the keys that tell which it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::profile::{Choice, FunctionTable, read};

/// The keys by which each reader knows its files; what follows is the input's.
const HEADS: [&str; 4] = [
    "{",
    "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",",
    "{\"startTime\":1,\"endTime\":2,\"nodes\":",
    "{\"meta\":{\"preprocessedProfileVersion\":48,\"interval\":1},\"threads\":",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first() else {
        return;
    };
    let head = HEADS[usize::from(*head) % HEADS.len()];
    let text = [head.as_bytes(), rest].concat();
    for profile in [None, Some("main")] {
        let choice = Choice {
            profile,
            ..Choice::default()
        };
        if let Ok(profile) = read(&text, choice) {
            let table = FunctionTable::of(&profile);
            let leaves: u64 = table.functions.iter().map(|row| row.self_samples).sum();
            assert_eq!(leaves, profile.samples());
        }
    }
});
