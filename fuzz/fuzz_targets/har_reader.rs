//! Whatever an archive holds, reading it gives a sample whose scenario can be written, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::import::{Choice, Options, draft, read};

fuzz_target!(|entries: &[u8]| {
    let mut archive = br#"{"log":{"version":"1.2","entries":["#.to_vec();
    archive.extend_from_slice(entries);
    archive.extend_from_slice(b"]}}");
    for bytes in [&archive[..], entries] {
        if let Ok(mut sample) = read("fuzz.har", bytes, &Options::default()) {
            let _ = draft(&mut sample, &Choice::default());
        }
    }
});
